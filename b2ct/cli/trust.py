"""The options that say yes beforehand, and the question at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from b2ct.core.console import note

if TYPE_CHECKING:
    from b2ct.core.consent import Consent, Question

SITE = "--trust-site"
IN_CLEAR = "--in-clear"
_SAID = "b2ct.said"
Verb = TypeVar("Verb", bound=Callable[..., Any])


def _flag(name: str, text: str) -> Callable[[Verb], Verb]:
    """An option that `consent` hears of; verbs do not have to pass it on."""

    def heard(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            context.meta.setdefault(_SAID, set()).add(name)

    return click.option(name, is_flag=True, expose_value=False, callback=heard, help=text)


site_option = _flag(
    SITE,
    "Do what the site file says without asking: run its commands, read files outside its folder, "
    "send your credentials to the server that it names.",
)
in_clear_option = _flag(
    IN_CLEAR, "Send the password unencrypted (http) to a server outside of the site's networks."
)


def consent(*, asking: bool = True) -> Consent:
    """Who is asked in this run, and what the command line has said already."""
    from b2ct.core.consent import Consent, folder_of

    context = click.get_current_context(silent=True)
    said = frozenset(context.meta.get(_SAID, ())) if context else frozenset[str]()
    return Consent(_ask if asking else _silent, said, folder_of())


def _silent(_question: Question) -> None:
    """Nobody is asked."""


def _ask(question: Question) -> bool | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    for line in question.told:
        note(line)
    return click.confirm(question.ask, default=False, err=True)
