"""Values on their way into a template: nothing leaves one unless a filter made it safe.

The Jinja environment (b2ct.core.templates) refuses to print any value that is not `Safe` or an int,
so that a forgotten filter is an error in the tests and never a hole in a medium or a VM.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WORD = re.compile(r"[A-Za-z0-9@%+=:,./_*-]+")


class Safe(str):
    """Text that is quoted for the place where it stands."""

    __slots__ = ()


def _one_line(value: Any) -> str:
    text = str(value)
    if found := _CONTROL.search(text):
        raise ValueError(f"a value with the control character {found[0]!r} reached a template")
    return text


def sh(value: Any) -> Safe:
    """One shell word, whatever the value holds."""
    return Safe(shlex.quote(_one_line(value)))


def ks(value: Any) -> Safe:
    """One word of a kickstart command; pykickstart splits lines by the shell's rules."""
    return sh(value)


def word(value: Any) -> Safe:
    """A bare word for files that know no quoting; anything that would need it is refused."""
    text = _one_line(value)
    if not _WORD.fullmatch(text):
        raise ValueError(f"{text!r} cannot stand unquoted in a configuration file")
    return Safe(text)


def regex(value: Any) -> Safe:
    """A bare word for a POSIX extended regular expression, matching nothing but itself."""
    return Safe(re.sub(r"[.+*]", lambda found: f"[{found[0]}]", word(value)))


def comment(value: Any) -> Safe:
    """Text for a comment that stands behind `# ` on a line of its own."""
    return Safe(_one_line(value))


def literal(value: Any) -> Safe:
    """One line of text for files that take a value as it stands, up to the end of its line."""
    return Safe(_one_line(value))


def script(value: str) -> Safe:
    """A text of several lines that other templates made; it is safe because they are."""
    return Safe(value)


def only_safe(value: Any) -> Any:
    """Jinja's finalize: let through what a filter has quoted, and numbers; refuse the rest."""
    if isinstance(value, Safe) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError(f"a template prints {value!r} without a filter (sh, ks or word)")


def here_document(text: str, target: Safe) -> Safe:
    """Shell lines that write `text` to `target`, which is a quoted shell word.

    Every line is prefixed, so that no line of the text can end the document, nor be taken for the
    `%end` of the kickstart section around it.
    """
    body = "".join(f"|{line}\n" for line in text.splitlines())
    return Safe(f"sed 's/^|//' > {target} <<'B2CT_EOF'\n{body}B2CT_EOF\n")
