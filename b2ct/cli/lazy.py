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

    def __init__(
        self, *args: Any, verbs: Verbs, stages: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = verbs
        self.stages = stages or {}
        """Verb -> title of the section of `--help` that begins with it."""

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
        """List the verbs by the stage of the work, without importing them."""
        sections: list[tuple[str, list[tuple[str, str]]]] = []
        width = max(map(len, self.verbs))
        for name, (_, _, text) in self.verbs.items():
            if not sections or name in self.stages:
                sections.append((self.stages.get(name, "Commands"), []))
            sections[-1][1].append((name.ljust(width), text))
        for title, rows in sections:
            with formatter.section(title):
                formatter.write_dl(rows)
