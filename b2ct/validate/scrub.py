"""Takes secrets out of what a report shows: known ones, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "(not shown)"
_WORD = (
    r"(?<![\w/.-])[\w-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key)s?"
    r"[\"']?\s*[=:]\s*"
)
"""A name that says what follows; not a path such as /etc/passwd."""
_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
)
_PATTERNS = (
    re.compile(r"\$(?:1|2[aby]?|5|6|7|y|gy)\$[^\s:'\"]+"),  # crypt hashes
    re.compile(r"(?<=://)[^/\s@:]+:[^/\s@]+(?=@)"),  # user:password@ of a URL
    re.compile(rf"(?i){_WORD}(?:\"[^\"]*\"|'[^']*'|[^\s,;]+)"),
    # one_auth; `root:oneadmin` is an owner.
    re.compile(r"(?<=oneadmin:)(?!oneadmin\b)[^\s:/]{6,}(?=\s|$)"),  # one_auth
    re.compile(r"(?i)(?<=authorization: )\S+ \S+"),
)
_NAMED = re.compile(rf"(?i)^({_WORD})")


class Scrubber:
    """Removes secrets. `known` may grow while it is used: a password that is read on a node."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        for secret in known:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """A value that must not be shown; one so short that it stands in words is left."""
        if len(secret) >= 6:
            self._known.add(secret)

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = _KEY.sub(HIDDEN, text)
        for pattern in _PATTERNS:
            text = pattern.sub(_hidden, text)
        return text


def _hidden(found: re.Match[str]) -> str:
    named = _NAMED.match(found[0])
    return f"{named[1]}{HIDDEN}" if named else HIDDEN
