"""`b2ct completion`: the script by which a shell completes `b2ct` at Tab. click has it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_B2CT_COMPLETE"
"""How the script tells `b2ct` that a line is to be completed."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes `b2ct` at Tab.

    It completes verbs, options, files, and names: nodes and workers of site.yaml, definitions of
    images, sticks. Packages (deb, rpm) bring it. Nothing is written.

    \b
    Examples:
      eval "$(b2ct completion bash)"                                    in ~/.bashrc
      eval "$(b2ct completion zsh)"                                     in ~/.zshrc, after compinit
      b2ct completion fish > ~/.config/fish/completions/b2ct.fish       once
    """
    click.echo(script(shell), nl=False)


def script(shell: str) -> str:
    """The script for bash, zsh or fish."""
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has these three
    made: ShellComplete = found(click.Command("b2ct"), {}, "b2ct", VARIABLE)
    # Not that of bash's own class: it starts bash and tells its version.
    return ShellComplete.source(made)


def asked() -> bool:
    """A shell asks at Tab."""
    return VARIABLE in os.environ


def silence() -> None:
    """Nothing but what is offered reaches the terminal, where somebody is writing a line."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the end of the process
