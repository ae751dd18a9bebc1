"""What a check is: a small test, and what a tired person needs to know when it fails.

A check is a plain function whose parameters name what it wants to be given (`host`, `node`,
`site`, ...; see `b2ct.validate.given`), and which fails by an assertion, as in pytest:

    @check(
        proves="oned runs",
        why="without oned nothing of the cloud answers, and no VM can be started",
        remedy="systemctl enable --now opennebula",
        roles=CONTROL,
    )
    def test_oned_runs(host: Host) -> None:
        assert host.service("opennebula").is_running, "the service opennebula does not run"

So the same modules also run under plain pytest with testinfra's own `--hosts`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from b2ct.site.catalogue import Role

CONTROL = frozenset({Role.CONTROL, Role.SINGLE})
HYPERVISOR = frozenset({Role.HYPERVISOR, Role.SINGLE})
EVERY = frozenset(Role)

_ATTRIBUTE = "__b2ct_check__"


class Severity(StrEnum):
    """How much a failure hurts."""

    ERROR = "error"
    """Something of the site does not work, or it is open to others."""
    WARNING = "warning"
    """It works, and will hurt later."""


class Subject(StrEnum):
    """What a check is given."""

    NODE = "node"
    """One machine, over ssh: the check runs once for each that it concerns."""
    SITE = "site"
    """The site as a whole: the check runs once."""


class CheckFailedError(AssertionError):
    """A check found something wrong, and knows better than its metadata what mends it."""

    def __init__(self, message: str, remedy: str = "", items: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.items = tuple(items)


class NotApplicableError(Exception):
    """The site does not have what the check is about; the argument says what."""


def fail(message: str, remedy: str = "", items: Sequence[str] = ()) -> NoReturn:
    """End the check: it failed. `remedy` replaces that of the metadata where it is given.

    With `items` the message ends with the first of them, and says how many more there are: the
    report's JSON has all.
    """
    raise CheckFailedError(message + _listed(items), remedy, items)


SHOWN = 5
"""Items of a list that a message names."""


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def not_applicable(reason: str) -> NoReturn:
    """End the check without a verdict, as there is nothing to check."""
    raise NotApplicableError(reason)


@dataclass(frozen=True)
class Check:
    """A function with its metadata. Its texts are sentences without a full stop."""

    name: str
    """Unique; `test_oned_runs` is `oned-runs`."""
    function: Callable[..., object]
    proves: str
    """What is true when it passes."""
    why: str
    """Why that matters to the people of the site."""
    remedy: str
    """A command, or what to do. `{node}`, `{address}`, `{control}` and `{domain}` stand for the
    site's values; see `remedy.filled`."""
    severity: Severity
    subject: Subject
    roles: frozenset[Role]
    """The roles of the nodes that it concerns; of a check of the site: irrelevant."""
    wants: tuple[str, ...]
    """Its parameters."""
    group: str
    """The module that it stands in, in words: `control node`."""
    source: str
    """FILE:LINE."""
    on: str = ""
    """Further condition on the node besides the role, by name: `squid`; empty: none."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "group": self.group,
            "proves": self.proves,
            "why": self.why,
            "remedy": self.remedy,
            "severity": self.severity.value,
            "subject": self.subject.value,
            "roles": sorted(role.value for role in self.roles),
            "on": self.on,
            "source": self.source,
        }


def check(
    *,
    proves: str,
    why: str,
    remedy: str,
    roles: Iterable[Role] = EVERY,
    severity: Severity = Severity.ERROR,
    on: str = "",
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Make a function `test_...` a check of the nodes with these roles.

    `on="squid"` narrows it to the node that runs the site's squid.
    """
    return _marked(
        {
            "proves": proves,
            "why": why,
            "remedy": remedy,
            "roles": frozenset(roles),
            "severity": severity,
            "subject": Subject.NODE,
            "on": on,
        }
    )


def site_check(
    *, proves: str, why: str, remedy: str, severity: Severity = Severity.ERROR
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Make a function `test_...` a check of the site as a whole."""
    return _marked(
        {
            "proves": proves,
            "why": why,
            "remedy": remedy,
            "roles": EVERY,
            "severity": severity,
            "subject": Subject.SITE,
        }
    )


def _marked(values: dict[str, Any]) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def mark(function: Callable[..., object]) -> Callable[..., object]:
        if not function.__name__.startswith("test_"):
            raise TypeError(f"{function.__name__}: the name of a check begins with test_")
        setattr(function, _ATTRIBUTE, values)
        return function

    return mark


def of_function(function: Callable[..., object], group: str) -> Check | None:
    """The check that a function was made, or None."""
    values = getattr(function, _ATTRIBUTE, None)
    if values is None:
        return None
    return Check(
        name=function.__name__.removeprefix("test_").replace("_", "-"),
        function=function,
        wants=tuple(inspect.signature(function).parameters),
        group=group,
        source=f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}",
        **values,
    )
