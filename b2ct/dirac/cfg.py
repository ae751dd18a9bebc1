"""DIRAC's configuration text: sections in braces, an option a line; diraccfg reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Union

from b2ct.core.errors import B2ctError

Section = Mapping[str, Union[str, "Section"]]
"""Names to values, or to sections."""
_BAD_NAME = re.compile(r"[\s{}=+#/,]|\A\Z")


def render(section: Section, *, comments: Sequence[str] = ()) -> str:
    """The text, with comments before it.

    Raises B2ctError for a name or a value that DIRAC would read as something else.
    """
    lines = [f"# {_one_line(comment, 'a comment')}" for comment in comments]
    return "\n".join([*lines, *_lines(section, "")]) + "\n"


def _lines(section: Section, indent: str) -> Iterator[str]:
    for name, value in section.items():
        if _BAD_NAME.search(name):
            raise B2ctError(
                f"{name!r} cannot be a name in DIRAC's configuration",
                hint="leave out blanks, braces, '/', '=', '+', '#' and ','",
            )
        if isinstance(value, str):
            yield f"{indent}{name} = {_one_line(value, name)}"
        else:
            yield f"{indent}{name}"
            yield f"{indent}{{"
            yield from _lines(value, indent + "  ")
            yield f"{indent}}}"


def _one_line(value: str, name: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise B2ctError(
            f"the value of {name} cannot stand in DIRAC's configuration",
            hint="it begins or ends with a blank, or holds control characters",
        )
    return value
