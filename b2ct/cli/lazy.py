"""Groups of verbs that import a verb's module only when the verb is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

Verbs = Mapping[str, tuple[str, str, str]]
"""Verb -> (module of this package, function, short help), in the order of use."""


class LazyGroup(click.Group):
    """A click group over a table of verbs, so that `--help` and a fast verb import little."""

    def __init__(self, *args: Any, verbs: Verbs, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of the verb and take its command."""
        if cmd_name not in self.verbs:
            return None
        module, function, _ = self.verbs[cmd_name]
        command = getattr(importlib.import_module(f"b2ct.cli.{module}"), function)
        assert isinstance(command, click.Command)  # noqa: S101 - a defect of ours, not input
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Offer the verbs without importing them."""
        fit = [
            CompletionItem(name, help=text)
            for name, (_, _, text) in self.verbs.items()
            if name.startswith(incomplete)
        ]
        return [*fit, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self.verbs.items()])
