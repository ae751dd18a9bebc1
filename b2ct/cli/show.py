"""What a verb did or found, shown: text for people, one form of JSON for programs."""

from __future__ import annotations

import json
from typing import Any, Protocol

import click


class Result(Protocol):
    """What says itself in both ways."""

    def as_json(self) -> Any:
        """For programs."""

    def as_text(self) -> str:
        """For people."""


def show(result: Result, *, as_json: bool) -> None:
    """Print the result of a verb on stdout."""
    if as_json:
        show_json(result.as_json())
    else:
        click.echo(result.as_text())


def show_json(value: object) -> None:
    """Print a value for programs."""
    click.echo(json_text(value))


def json_text(value: object, *, one_line: bool = False) -> str:
    """A value for programs, in ASCII: they read it in whichever locale."""
    return json.dumps(value, indent=None if one_line else 2)
