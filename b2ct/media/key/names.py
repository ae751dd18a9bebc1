"""Names on a FAT file system: what they may be, and how a directory spells them.

Follows Microsoft's "FAT32 File System Specification" (fatgen103), sections "FAT Directory
Structure" and "FAT Long Directory Entries".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from b2ct.core.errors import B2ctError
from b2ct.site.model import Site

LONGEST = 255
"""UTF-16 units of a long name."""
LABEL_LENGTH = 11
DEFAULT_LABEL = "B2CT"
_LABEL = re.compile(r"[A-Z0-9_][A-Z0-9_-]{0,10}")
_ILLEGAL = re.compile(r'["*/:<>?\\|\x00-\x1f\x7f]')
_SHORT = re.compile(r"[A-Z0-9!#$%&'()@^_`{}~-]{1,8}(?:\.[A-Z0-9!#$%&'()@^_`{}~-]{1,3})?")
_NOT_SHORT = re.compile(r"[^A-Z0-9!#$%&'()@^_`{}~-]")
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10))}
_FOREIGN_LABELS = {"OEMDRV": "Anaconda takes it for a driver disk and reads /ks.cfg from it"}
_UNITS = 13
"""UTF-16 units of a name in one long entry."""
_LONG = 0x0F


def label(site: Site, wanted: str | None = None) -> str:
    """The label of the key: the one asked for, or the site's name as far as a label can hold it.

    Installers look for `/dev/disk/by-label/LABEL`, so it is upper case and plain throughout.
    Raises B2ctError for a label that FAT or an installer would not take.
    """
    if wanted is None:
        plain = re.sub(r"[^A-Z0-9_-]", "_", site.site.name.upper())[:LABEL_LENGTH].rstrip("-_")
        wanted = plain if _LABEL.fullmatch(plain) else DEFAULT_LABEL
    if not _LABEL.fullmatch(wanted):
        raise B2ctError(
            f"'{wanted}' is not a label for a key",
            hint=f"1 to {LABEL_LENGTH} of A-Z, 0-9, '_' and '-', no small letters: such as B2CT",
        )
    if wanted in _FOREIGN_LABELS:
        raise B2ctError(
            f"'{wanted}' cannot be the label of a key: {_FOREIGN_LABELS[wanted]}",
            hint="choose another with --label",
        )
    return wanted


def check(path: str) -> None:
    """Raises B2ctError for a path that FAT, or Windows on a laptop, cannot hold."""
    for name in path.strip("/").split("/"):
        why = _trouble(name)
        if why:
            raise B2ctError(
                f"/{path.strip('/')} cannot be on a FAT32 key: {why}",
                hint="rename it, or write the ISO that `b2ct iso` makes to the stick instead",
            )


def _trouble(name: str) -> str:
    if name in {"", ".", ".."} or name != name.rstrip(". "):
        return f"'{name}' is empty or ends in a dot or a space"
    if found := _ILLEGAL.search(name):
        return f"'{name}' has the character {found[0]!r}"
    if any("\ud800" <= char <= "\udfff" for char in name):
        return f"{name!r} is not UTF-8"
    if len(name.encode("utf-16-le")) > 2 * LONGEST:
        return f"'{name}' has more than {LONGEST} characters"
    if name.split(".", maxsplit=1)[0].rstrip().upper() in _DEVICES:
        return f"Windows keeps the name '{name}' for a device"
    return ""


def check_collisions(paths: Iterable[str]) -> None:
    """Raises B2ctError where two paths differ in case only: FAT takes them for one."""
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(path.upper(), path)
        if other != path:
            raise B2ctError(
                f"/{other} and /{path} are one and the same file on a FAT32 key",
                hint="rename one of them, or write the ISO that `b2ct iso` makes to the stick",
            )


class ShortNames:
    """Gives out the 8.3 names of one directory, each once, in the order of asking."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def take(self, name: str) -> bytes:
        """The 11 bytes of a short entry: the name in capitals, or cut and numbered."""
        if is_short(name.upper()):
            self._taken.add(name.upper())
            return _packed(name.upper())
        stem, _, extension = name.upper().lstrip(".").rpartition(".")
        stem, extension = (stem, extension) if stem else (extension, "")
        stem = _NOT_SHORT.sub("_", stem.replace(" ", "").replace(".", ""))[:6] or "_"
        extension = _NOT_SHORT.sub("_", extension.replace(" ", ""))[:3]
        number = self._last.get(f"{stem}.{extension}", 0)
        while True:
            number += 1
            tail = f"~{number}"
            short = f"{stem[: 8 - len(tail)]}{tail}" + (f".{extension}" if extension else "")
            if short not in self._taken:
                break
        self._last[f"{stem}.{extension}"] = number
        self._taken.add(short)
        return _packed(short)

    def reserve(self, names: Iterable[str]) -> None:
        """Keep the names that are short in capitals, so that no other gets them."""
        self._taken.update(name.upper() for name in names if is_short(name.upper()))


def is_short(name: str) -> bool:
    """It is an 8.3 name as it stands, and needs no long entries."""
    return bool(_SHORT.fullmatch(name))


def _packed(short: str) -> bytes:
    stem, _, extension = short.partition(".")
    return stem.ljust(8).encode("ascii") + extension.ljust(3).encode("ascii")


def long_entries(name: str, short: bytes) -> bytes:
    """The long entries of a name, last part first, as they stand before its short entry."""
    units = name.encode("utf-16-le")
    if len(units) % (2 * _UNITS):
        units += b"\0\0"
        units += b"\xff" * (-len(units) % (2 * _UNITS))
    total = len(units) // (2 * _UNITS)
    checksum = _checksum(short)
    out = bytearray()
    for order in range(total, 0, -1):
        part = units[(order - 1) * 2 * _UNITS : order * 2 * _UNITS]
        mark = order | (0x40 if order == total else 0)
        out += bytes((mark,)) + part[:10] + bytes((_LONG, 0, checksum))
        out += part[10:22] + b"\0\0" + part[22:]
    return bytes(out)


def _checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = (((total & 1) << 7) + (total >> 1) + byte) & 0xFF
    return total
