"""What a real oned 6.10.5 was asked and answered, from tests/rehearsal/oned/recordings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .servers import answer

FOLDER = Path(__file__).parents[1] / "rehearsal" / "oned" / "recordings"
FILE = FOLDER / "6.10.5-images-and-vms.jsonl"


@dataclass(frozen=True)
class Exchange:
    """One request with its answer."""

    number: int
    method: str
    label: str
    arguments: tuple[Any, ...]
    """Without the credentials."""
    values: tuple[Any, ...]
    """Of the answer; empty for a fault, or what is no XML-RPC at all."""

    @property
    def good(self) -> bool | None:
        """None: there is no answer of OpenNebula's own."""
        return self.values[0] if self.values else None

    @property
    def value(self) -> Any:
        return self.values[1]

    @property
    def code(self) -> int:
        return int(self.values[2])

    @property
    def answer(self) -> bytes:
        """As it goes over the wire."""
        return answer(*self.values)


@cache
def exchanges() -> tuple[Exchange, ...]:
    rows = (json.loads(line) for line in FILE.read_text().splitlines())
    return tuple(
        Exchange(
            row["n"], row["method"], row["label"], tuple(row["args"][1:]),
            tuple(row.get("answer", ())),
        )
        for row in rows
    )  # fmt: skip


def labelled(label: str) -> Exchange:
    """The last exchange of that label."""
    return [one for one in exchanges() if one.label == label][-1]


def numbered(number: int) -> Exchange:
    return next(one for one in exchanges() if one.number == number)
