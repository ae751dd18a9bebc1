"""What differs between an object as it is and as it shall be, for people to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A field that is to change. Secrets are never in it."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        """`GATEWAY: 10.0.0.1 -> 10.0.0.254`."""
        return f"{self.name}: {self.old or '(none)'} -> {self.new or '(none)'}"
