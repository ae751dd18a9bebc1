"""grub.cfg of an installer, edited as text: the GRUB 2.06 manual."""

from __future__ import annotations

import re
from dataclasses import dataclass

from b2ct.media.bootmenu import (
    BEGIN,
    END,
    MORE,
    NOT_INSTALL,
    Entry,
    Menu,
    Serial,
    arguments_of,
    lines_of,
    tokens_of,
)

TITLE = r"""\s*menuentry\s+["']([^"']+)["']"""


def edit(text: str, menu: Menu) -> str | None:
    """The file with the new entries; None when it has no install entry to make them from."""
    lines = lines_of(text)
    template = template_of(lines)
    if template is None:
        return None
    at = next(i for i, line in enumerate(lines) if re.match(r"\s*(menuentry|submenu)\s", line))
    settings = {
        "default": str(menu.default_position()),
        "timeout": str(-1 if menu.timeout is None else menu.timeout),  # -1 waits for ever
        "timeout_style": "menu",
    }
    seen: set[str] = set()
    lines = [_setting(line, settings, seen) for line in lines]
    ours = [f'set {name}="{settings[name]}"' for name in ("default", "timeout") if name not in seen]
    if menu.serial:
        ours += _serial(menu.serial)
    first, rest = menu.split()
    for index in first:
        ours += _entry(template, menu.entries[index], menu, indent="")
    if rest:
        ours.append(f"submenu '{MORE}' {{")
        for index in rest:
            ours += _entry(template, menu.entries[index], menu, indent="\t")
        ours.append("}")
    return "\n".join([*lines[:at], BEGIN, *ours, END, *lines[at:]]) + "\n"


def _setting(line: str, settings: dict[str, str], seen: set[str]) -> str:
    """A `set` line of the original with our value; it stays where it is, maybe inside an `if`."""
    found = re.match(r"(\s*)set\s+(default|timeout|timeout_style)=", line)
    if not found:
        return line
    seen.add(found[2])
    return f'{found[1]}set {found[2]}="{settings[found[2]]}"'


@dataclass(frozen=True)
class Template:
    """An entry that installs: options of its header, its body, and which line loads the kernel."""

    options: str
    body: tuple[str, ...]
    linux: int
    tokens: tuple[str, ...]
    """The command word, the kernel's path, and the arguments."""

    @property
    def command(self) -> str:
        """The word that loads the kernel."""
        return self.tokens[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the kernel, as they are written."""
        return self.tokens[2:]


def template_of(lines: list[str]) -> Template | None:
    """The first entry that installs; one that checks the medium first, if there is no other."""
    found: list[Template] = []
    options, start = "", 0
    for index, line in enumerate(lines):
        if header := re.match(r"""\s*menuentry\s+(?:"[^"]*"|'[^']*')(.*)\{\s*$""", line):
            options, start = header[1], index + 1
        elif start and line.strip() == "}":
            if template := _entry_template(options, lines[start:index]):
                found.append(template)
            start = 0
    plain = [t for t in found if not any(a.startswith("rd.live.check") for a in t.tokens)]
    return next(iter(plain or found), None)


def _entry_template(options: str, body: list[str]) -> Template | None:
    loads = [i for i, line in enumerate(body) if re.match(r"\s*linux(efi|16)?\s", line)]
    initrd = any(re.match(r"\s*initrd(efi|16)?\s", line) for line in body)
    if len(loads) != 1 or not initrd:
        return None
    tokens = tokens_of(body[loads[0]])
    if len(tokens) < 2 or any(NOT_INSTALL.match(token) for token in tokens[2:]):
        return None
    kept = re.sub(r"""\s--(?:id|hotkey)[= ](?:"[^"]*"|'[^']*'|\S+)""", "", options)
    stripped = tuple(line.strip() for line in body)
    return Template(kept.strip(), stripped, loads[0], tuple(tokens))


def _entry(template: Template, entry: Entry, menu: Menu, *, indent: str) -> list[str]:
    title = entry.title.strip().replace("'", "'\\''")
    options = f" {template.options}" if template.options else ""
    arguments = arguments_of(template.arguments, entry, menu)
    linux = " ".join([*template.tokens[:2], *arguments])
    body = [linux if i == template.linux else line for i, line in enumerate(template.body)]
    return [
        f"{indent}menuentry '{title}'{options} {{",
        *(f"{indent}\t{line}" for line in body),
        f"{indent}}}",
    ]


def _serial(serial: Serial) -> list[str]:
    """The menu on screen and on the serial line; where GRUB has no such module it says so."""
    return [
        f"if serial --unit={serial.unit} --speed={serial.speed}; then",
        "  terminal_input console serial",
        "  terminal_output console serial",
        "fi",
    ]
