"""How a value of the file is shown in a message: short, on one line, and never a secret."""

from __future__ import annotations

import json
import re

LONGEST = 60
"""Characters of a value that are shown."""
Path = tuple[str | int, ...]
"""A place in the file: keys and list positions from the root."""

_SECRET_KEY = re.compile(r"secrets?$|passw|passphrase|token|credential|private|api_?key", re.I)
_SECRET_VALUE = re.compile(
    r"PRIVATE KEY|b3BlbnNzaC1rZXktdjE"  # OpenSSH and PEM private keys, in whole or in part
    r"|\$(?:1|2[aby]?|5|6|7|y|gy)\$"  # crypt hashes
    r"|://[^/\s]*@"  # user:password@ in a URL
    r"|passw(?:or)?d?\s*[=:]",
    re.I,
)
_HARMLESS = frozenset({"generate", "true", "false"})
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def dotted(path: Path) -> str:
    """`nodes[2].interfaces[0].address`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else quoted(part))
    return text


def quoted(value: str) -> str:
    """A text in double quotes, shortened, with everything unprintable as an escape."""
    cut = value if len(value) <= LONGEST else value[: LONGEST - 3] + "..."
    text = json.dumps(cut, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def is_secret(path: Path, value: str) -> bool:
    """Whether the place or the look of a value says that it is not to be shown."""
    if value in _HARMLESS:
        return False
    return bool(
        any(isinstance(part, str) and _SECRET_KEY.search(part) for part in path)
        or _SECRET_VALUE.search(value)
    )


def shown(path: Path, value: str) -> str:
    """The value as a message may show it."""
    return "(not shown)" if is_secret(path, value) else quoted(value)
