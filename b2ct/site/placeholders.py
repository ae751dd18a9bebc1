"""Serial numbers that nobody gave: what boards say whose maker filled in nothing.

Thousands of machines have the same one, so none of these identifies a machine. The kickstart's
%pre knows them by the same rows.
"""

from __future__ import annotations

PLACEHOLDERS = (
    "0123456789", "01234567890123456789", "123456789", "1234567890", "0123456789abcdef",
    "base board serial number", "chassis serial number", "default", "default string", "empty",
    "invalid", "n/a", "na", "no asset information", "none", "not applicable", "not available",
    "not provided", "not specified", "o.e.m.", "oem", "serial", "serial number", "sernum",
    "standard", "system serial number", "unknown",
)  # fmt: skip
"""In lower case, blanks squeezed; besides, whatever begins as PREFIXES or repeats one character."""
PREFIXES = ("to be filled",)


def is_placeholder(serial: str) -> bool:
    """Whether a serial number is none: `Default string`, `To Be Filled By O.E.M.`, `0000`."""
    text = " ".join(serial.lower().split())
    return text in PLACEHOLDERS or text.startswith(PREFIXES) or len(set(text)) <= 1
