"""What is to be done, as data: what `b2ct plan` prints and `b2ct apply` carries out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from b2ct.cloud.difference import Change


class Action(StrEnum):
    """What is done about an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NOTHING = "nothing"
    LEAVE = "leave"
    """It is not as it should be, and B2CT leaves it so; the step says why."""
    REGISTER = "register"
    """An image that is missing: for `b2ct register-image`, not for `b2ct apply`."""


PENDING = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})
"""What `b2ct apply` does something about."""
SIGNS: Mapping[Action, str] = {
    Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.LEAVE: "!",
    Action.REGISTER: "*", Action.NOTHING: "=",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One object, and what is done about it."""

    kind: str
    name: str
    action: Action
    oid: int = -1
    changes: tuple[Change, ...] = ()
    why: str = ""
    """Why it is left, deleted or kept."""
    hint: str = ""
    found: object = field(default=None, repr=False, compare=False)
    """What the plan found, for its kind to go on with: the object as it is; a template's plan."""

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return self.kind, self.name

    def __str__(self) -> str:
        """`+ host hv01`."""
        why = f": {self.why}" if self.why else ""
        return f"{SIGNS[self.action]} {self.kind} {self.name}{why}"

    def lines(self) -> list[str]:
        """With its changes and the remedy."""
        told = [str(self)]
        if self.action is Action.CREATE:
            told += [f"    {c.name}: {c.new}" for c in self.changes if c.new]
        else:
            told += [f"    {change}" for change in self.changes]
        return told + ([f"    hint: {self.hint}"] if self.hint else [])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "kind": self.kind, "name": self.name, "action": self.action.value,
            "id": self.oid if self.oid >= 0 else None, "why": self.why, "hint": self.hint,
            "changes": [{"name": c.name, "old": c.old, "new": c.new} for c in self.changes],
        }  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Everything that is to be done, in its order."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    by_hand: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind -> names of objects that site.yaml does not have and B2CT did not make."""
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The same of what B2CT made for other sites."""
    ids: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Kind and name -> ID of what is there."""
    begun: frozenset[tuple[str, str]] = frozenset()
    """What an earlier run has noted that it was going to make."""

    @property
    def pending(self) -> tuple[Step, ...]:
        """What there is to do."""
        return tuple(step for step in self.steps if step.action in PENDING)

    def lines(self) -> list[str]:
        """As a person reads it: what is as it should be is only counted."""
        told = [
            f"  {line}"
            for step in self.steps
            if step.action is not Action.NOTHING
            for line in step.lines()
        ]
        told += [f"  note: {text}" for text in (*self.notes, *self._others())]
        return [*told, *([""] if told else []), self.summary()]

    def summary(self) -> str:
        """`2 to create, 1 to update, 7 as they should be`."""
        count = Counter(step.action for step in self.steps)
        words = {
            Action.CREATE: "to create", Action.UPDATE: "to update", Action.DELETE: "to delete",
            Action.REGISTER: "image(s) to register", Action.LEAVE: "left as they are",
            Action.NOTHING: "as they should be",
        }  # fmt: skip
        parts = [f"{count[action]} {text}" for action, text in words.items() if count[action]]
        return ", ".join(parts) or "site.yaml describes nothing that OpenNebula could be told"

    def _others(self) -> Iterator[str]:
        for what, found in (("made by hand", self.by_hand), ("of other sites", self.elsewhere)):
            for kind, names in found.items():
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                yield f"{what} and left alone: {kind} {', '.join(names[:8])}{more}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "pending": len(self.pending),
            "count": dict(Counter(step.action.value for step in self.steps)),
            "steps": [step.as_json() for step in self.steps],
            "notes": list(self.notes),
            "by_hand": {kind: list(names) for kind, names in self.by_hand.items()},
            "other_sites": {kind: list(names) for kind, names in self.elsewhere.items()},
        }  # fmt: skip
