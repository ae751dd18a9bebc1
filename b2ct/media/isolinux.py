"""isolinux.cfg of an installer, edited as text: SYSLINUX' menu.txt and syslinux.txt."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from b2ct.media.bootmenu import (
    BEGIN,
    END,
    MORE,
    NOT_INSTALL,
    Menu,
    arguments_of,
    lines_of,
    tokens_of,
)

TITLE = r"(?i)\s*menu\s+(?:label|title)\s+(.+)"


def edit(text: str, menu: Menu) -> str | None:
    """The file with the new entries; None when it has no install entry to make them from."""
    lines = lines_of(text)
    template = template_of(lines)
    if template is None:
        return None
    at = next(i for i, line in enumerate(lines) if re.match(r"(?i)\s*(label|menu\s+begin)\s", line))
    head = [_setting(line, menu) for line in lines[:at]]
    tail = [_setting(line, menu) for line in lines[at:]]
    out = [line for line in head if line is not None]
    if not any(re.match(r"(?i)\s*timeout\s", line) for line in out):
        out.insert(0, f"timeout {(menu.timeout or 0) * 10}")
    if menu.serial:  # has to come before all that prints
        out.insert(0, f"serial {menu.serial.unit} {menu.serial.speed}")
    out += [BEGIN, *_entries(template, menu), END]
    out += [line for line in tail if line is not None]
    return "\n".join(out) + "\n"


def _setting(line: str, menu: Menu) -> str | None:
    """A line of the original with the default and the timeout that we set; None: left out."""
    words = line.lower().split()
    if words[:2] in (["menu", "default"], ["menu", "hidden"]) or words[:1] == ["totaltimeout"]:
        return None
    if words[:1] == ["serial"] and menu.serial:
        return None
    if words[:1] == ["timeout"]:
        return f"timeout {(menu.timeout or 0) * 10}"  # in tenths of a second; 0 waits for ever
    is_label = words[:1] == ["default"] and not (words[1:] and words[1].endswith((".c32", ".cbt")))
    if is_label or words[:1] == ["ontimeout"]:
        return f"{line.split(maxsplit=1)[0]} {_label(menu.default_position())}"
    return line


@dataclass(frozen=True)
class Template:
    """The lines that boot the installer: all but `append`, and its arguments."""

    lines: tuple[str, ...]
    arguments: tuple[str, ...]
    command: str = "kernel"


def template_of(lines: list[str]) -> Template | None:
    """The first entry that installs; one that checks the medium first, if there is no other."""
    blocks: list[list[str]] = []
    for line in lines:
        if re.match(r"(?i)\s*label\s", line):
            blocks.append([])
        elif blocks:
            blocks[-1].append(line)
    found: list[Template] = []
    for block in blocks:
        kernel = [line for line in block if re.match(r"(?i)\s*(kernel|linux|initrd)\s", line)]
        append = [line for line in block if re.match(r"(?i)\s*append\s", line)]
        tokens = tokens_of(append[0])[1:] if append else []
        initrd = any(token.startswith("initrd=") for token in tokens) or len(kernel) > 1
        if kernel and initrd and not any(NOT_INSTALL.match(token) for token in tokens):
            kept = tuple(f"  {line.strip()}" for line in kernel)
            found.append(Template(kept, tuple(tokens)))
    plain = [t for t in found if not any(a.startswith("rd.live.check") for a in t.arguments)]
    return next(iter(plain or found), None)


def _label(number: int) -> str:
    return f"b2ct{number}"


def _title(title: str) -> str:
    """A title in the characters that the menu's font has; a caret would mark a hot key."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return plain.replace("^", "").strip() or "Install"


def _entries(template: Template, menu: Menu) -> list[str]:
    out: list[str] = []
    first, rest = menu.split()
    default = menu.default_position()
    for number, index in enumerate((*first, *rest)):
        entry = menu.entries[index]
        if number == len(first):
            out += ["menu begin b2ctmore", f"  menu label {MORE}", f"  menu title {MORE}"]
        out += [f"label {_label(number)}", f"  menu label {_title(entry.title)}"]
        if number == default:
            out.append("  menu default")
        out += template.lines
        out.append(f"  append {' '.join(arguments_of(template.arguments, entry, menu))}")
    if rest:
        out += ["label b2ctback", "  menu label Back", "  menu exit", "menu end"]
    return [*out, "menu separator"]
