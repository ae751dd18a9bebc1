r"""The label of a medium: what it is, and what its boot menus take it for.

An installer finds its stage 2 by the volume ID, and so does GRUB its files. Who renames an image
(`xorriso -volid`, `mkksiso -V`) and leaves its menus alone has an image that does not start. So
the volume ID is what counts, and menus that name another label are mended.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9#+.:=@_-]")
_ARGUMENT = re.compile(r"""hd:LABEL=([^:"'\s]+)""")
_STAGE2 = re.compile(r"""(?:inst\.)?(?:stage2|repo)=["']?hd:LABEL=([^:"'\s]+)""")
_SEARCH = re.compile(
    r"""(?P<head>\s*search(?:\s.{0,200}?)?\s(?:-l|--label|--fs-label)[= ]\s*)"""
    r"""(?P<quote>["']?)(?P<label>[^"']{1,64}?)(?P=quote)(?P<rest>\s.*)?"""
)
_ESCAPED = re.compile(r"(?<!\\)\\+x([0-9A-Fa-f]{2})")
_LONGEST = 2000
"""Characters of a line that is still looked at."""


def udev_escape(label: str) -> str:
    r"""A label as udev names it in /dev/disk/by-label: what is not plain becomes `\xNN`.

    Follows `encode_devnode_name` of systemd's device-nodes.c.
    """
    return "".join(
        char if _PLAIN.fullmatch(char) or not char.isascii() else f"\\x{ord(char):02x}"
        for char in label
    )


def meant(spelled: str) -> str:
    r"""The label that a menu means, whose loader may need one backslash or two for `\x20`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), spelled)


def mended(text: str, label: str, device: str) -> tuple[str, tuple[str, ...]]:
    """A menu in which the medium has the label that it has; and the wrong ones that were there.

    `device` is the label as kernel arguments spell it: `hd:LABEL=...`. Only labels by which the
    menu means the medium itself are touched: those of stage 2, of the packages, of GRUB's search.
    """
    lines = text.split("\n")
    short = [line for line in lines if len(line) <= _LONGEST]
    named = {meant(found) for line in short for found in _STAGE2.findall(line)}
    named |= {found["label"] for line in short if (found := _SEARCH.fullmatch(line))}
    wrong = named - {label, ""}
    if not wrong:
        return text, ()

    def argument(found: re.Match[str]) -> str:
        if meant(found[1]) not in wrong:
            return found[0]
        return device.replace("\\", "\\\\") if "\\\\x" in found[1] else device

    out = []
    for line in lines:
        if len(line) > _LONGEST:
            out.append(line)
        elif (found := _SEARCH.fullmatch(line)) and found["label"] in wrong:
            out.append(f"{found['head']}'{label}'{found['rest'] or ''}")
        else:
            out.append(_ARGUMENT.sub(argument, line))
    return "\n".join(out), tuple(sorted(wrong))
