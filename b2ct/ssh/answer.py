"""What a command on a node answered, and the ways in which it may not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from b2ct.core.errors import B2ctError

LARGEST = 1 << 20
"""Bytes of each stream of a command that are kept; what comes after is thrown away."""


@dataclass(frozen=True)
class Answer:
    """A command's exit code and its two streams."""

    code: int
    stdout: bytes
    stderr: bytes
    cut: bool = False
    """There was more than LARGEST."""


class UnreachableError(B2ctError):
    """A node cannot be asked: no connection, no trust, or no permission."""


class NoLineError(UnreachableError):
    """There is no connection; in a moment there may be one."""


class LostError(UnreachableError):
    """The connection broke, and could not be made again."""


class CommandTimeoutError(Exception):
    """A command did not end in its time; it has been killed. The message says which."""


class Asked(Protocol):
    """Somebody who runs commands on a node, as root."""

    name: str
    """Of the node, for messages."""
    lost: str
    """Why it can no longer be asked; empty: it can."""

    def run(self, command: str, seconds: float | None = None) -> Answer:
        """What a shell command answers.

        `seconds` is its time; None: the usual one. Raises LostError, CommandTimeoutError.
        """
        ...

    def close(self) -> None:
        """Give the connection back; safe to call twice, and from another thread."""
        ...
