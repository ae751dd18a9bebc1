"""Something wrong at a place of a file, and the words that findings share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from b2ct.document.redact import Path

_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))

_TIMES = ((86400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True)
class Finding:
    """Something wrong at a place of the file, which is not yet a line and a column.

    The value that stands there is put before `message` by those who know the file. `other` is a
    second place that it is about; `is_key`: the key is meant, not its value; `unknown`: the key
    as it may be shown, where no such key exists; `missing`: a needed key is left out.
    """

    path: Path
    message: str
    hint: str = ""
    other: Path | None = None
    is_key: bool = False
    unknown: str = ""
    missing: bool = False


def size(count: int) -> str:
    """Bytes with the largest unit that needs no fraction, such as `40 GiB`."""
    for unit, name in _UNITS:
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def duration(seconds: int) -> str:
    """Seconds with the largest unit that needs no fraction, such as `3 d`."""
    for unit, name in _TIMES:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return ", ".join(words[:-1]) + (" or " if len(words) > 1 else "") + words[-1]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The nearest of the choices as a hint, empty if none is near."""
    import difflib  # a file without mistakes need not pay for it

    if not 0 < len(word) <= 64:
        return ""
    lower = {choice.lower(): choice for choice in choices}
    typed = word.lower()
    # An abbreviation, or letters that changed places: difflib finds neither in a short word.
    same = [
        c for c in lower if (len(typed) > 1 and c.startswith(typed)) or sorted(c) == sorted(typed)
    ]
    near = same[:1] or difflib.get_close_matches(typed, list(lower), n=1, cutoff=0.7)
    return f"did you mean {lower[near[0]]}?" if near else ""
