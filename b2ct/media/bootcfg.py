"""Boot loader menus of an installer, edited as text: isolinux and GRUB 2.

New entries go in front, each made from the installer's own install entry of the same file: the
same kernel, the same command word, the same arguments, and the kickstart behind them. What the
file already says stays, except what the default is and how long the menu waits.

Follows the SYSLINUX menu documentation (menu.txt, syslinux.txt) and the GRUB 2.06 manual.
Kickstart arguments follow Anaconda's boot options: `hd:DEVICE:PATH`, the device as in the same
file's own `inst.stage2=`, for what its loader needs to pass that on is what the kickstart needs.
(Red Hat's GRUB passes `\\x20` on as it is, where GRUB of other distributions drops the backslash.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.core.errors import B2ctError

ISOLINUX, GRUB = "isolinux", "grub"
MOST_ENTRIES = 12
"""Entries in the first menu; more go into a submenu, so that the originals stay in sight."""
LONGEST_TITLE = 72
"""Characters that a menu on an 80-column console shows."""
_MORE = "More machines"
_BEGIN = "# --- B2CT: entries made by b2ct iso ---"
_END = "# --- B2CT: end ---"
_ARGUMENT = re.compile(r"[A-Za-z0-9_.,:=@%+/~-]+")
_SERIAL = re.compile(r"ttyS([0-3])(?:,([0-9]{3,6})(?:n8)?)?")
_STAGE2 = re.compile(r"""(["']?)(?:inst\.)?stage2=(["']?)(hd:[^:"'\s]+)""")
_TOKEN = re.compile(r"""(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])+""")
_NOT_INSTALL = re.compile(r"(?:inst\.)?(?:rescue|memtest|nomodeset)\b")
_DROP = re.compile(r"""["']?(?:rd\.live\.check|(?:inst\.)?ks)(?:=.*)?""")
_SOURCE = re.compile(r"""["']?(?:inst\.)?(?:repo|method|stage2)=.*""")
"""Where stage 2 and packages are. Of `repo=cdrom` Anaconda takes both, from optical drives only;
and what stands here outranks the kickstart."""


@dataclass(frozen=True)
class Entry:
    """A boot entry: its title, the kickstart's path in the tree, and further kernel arguments."""

    title: str
    kickstart: str | None = None
    extra_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Serial:
    """A serial console: unit of the port (ttyS0 is 0) and speed in baud."""

    unit: int
    speed: int

    @property
    def arguments(self) -> tuple[str, ...]:
        """The kernel arguments; the last console is the one that the installer talks on."""
        return ("console=tty0", f"console=ttyS{self.unit},{self.speed}")


@dataclass(frozen=True)
class Menu:
    """What the menus shall say. `timeout` is in seconds; None waits for a key for ever."""

    entries: tuple[Entry, ...]
    default: int
    timeout: int | None
    serial: Serial | None
    ks_argument: str
    device: str
    """Where the medium is when a file has no `inst.stage2=`: such as `hd:LABEL=CentOS_6`."""
    stage2_argument: str = ""
    """The argument that names stage 2, where the medium has it and the release knows one."""

    def split(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which entries are in the first menu, the default among them, and which in the other."""
        everyone = range(len(self.entries))
        if len(everyone) <= MOST_ENTRIES:
            return tuple(everyone), ()
        first = {*range(MOST_ENTRIES - 1), max(self.default, MOST_ENTRIES - 1)}
        return tuple(i for i in everyone if i in first), tuple(
            i for i in everyone if i not in first
        )

    def default_position(self) -> int:
        """Where in the first menu the default entry is."""
        return self.split()[0].index(self.default)


def parse_serial(text: str) -> Serial:
    """`ttyS0,115200` or `ttyS1`. Raises B2ctError for anything else."""
    found = _SERIAL.fullmatch(text)
    if not found:
        raise B2ctError(
            f"'{text}' is not a serial console", hint="write it as ttyS0,115200 (ttyS0 ... ttyS3)"
        )
    return Serial(int(found[1]), int(found[2] or 115200))


def check_entry(entry: Entry) -> None:
    """Raises B2ctError for a title or an argument that a boot loader would take apart."""
    title = entry.title
    if not title.strip() or len(title) > LONGEST_TITLE or not title.isprintable():
        raise B2ctError(
            f"{title!r} is not a title for a boot entry",
            hint=f"one line of 1 to {LONGEST_TITLE} printable characters",
        )
    for argument in entry.extra_arguments:
        if not _ARGUMENT.fullmatch(argument):
            raise B2ctError(
                f"{argument!r} is not a kernel argument that a boot menu can hold",
                hint="one argument at a time: letters, digits and . , : = @ % + / ~ _ -",
            )


def edit(kind: str, text: str, menu: Menu) -> str | None:
    """The file with the new entries; None when it has no install entry to make them from."""
    return {ISOLINUX: _edit_isolinux, GRUB: _edit_grub}[kind](_without_ours(text), menu)


def titles(kind: str, text: str) -> list[str]:
    """The titles in a file, as they are written."""
    pattern = {
        ISOLINUX: r"(?i)\s*menu\s+(?:label|title)\s+(.+)",
        GRUB: r"""\s*menuentry\s+["']([^"']+)["']""",
    }[kind]
    # Line by line: over a whole text these patterns would begin anew at each of its blank lines.
    found = (re.match(pattern, line) for line in _lines(text))
    return [title[1].strip().replace("^", "") for title in found if title]


@dataclass(frozen=True)
class InstallEntry:
    """How a menu starts its installer: the word that loads the kernel, and the plain arguments."""

    command: str
    arguments: tuple[str, ...]


def install_entry(kind: str, text: str) -> InstallEntry | None:
    """The file's own install entry, None where it has none.

    Its arguments come without what names the medium (initrd, stage 2, packages, kickstart, media
    check) and
    without those that need a loader's quoting.
    """
    lines = _lines(_without_ours(text))
    if kind == GRUB:
        grub = _grub_template(lines)
        found = (grub.tokens[0], grub.tokens[2:]) if grub else None
    else:
        isolinux = _isolinux_template(lines)
        found = ("kernel", isolinux.append) if isolinux else None
    if found is None:
        return None
    kept = [
        token
        for token in found[1]
        if _ARGUMENT.fullmatch(token)
        and not (_DROP.fullmatch(token) or _SOURCE.fullmatch(token))
        and not token.startswith("initrd=")
    ]
    return InstallEntry(found[0], tuple(kept))


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def _tokens(line: str) -> list[str]:
    """The words of a line as they are written, quotes and backslashes included."""
    found = _TOKEN.findall(line)
    # An unbalanced quote is no quoting: then a word is what stands between spaces.
    whole = "".join("".join(found).split()) == "".join(line.split())
    return found if whole else line.split()


def _without_ours(text: str) -> str:
    """The file as it was before an earlier run of ours put its entries in."""
    kept, ours = list[str](), list[str]()
    for line in text.splitlines(keepends=True):
        mark = line.rstrip("\n")
        if ours or mark == _BEGIN:
            ours.append(line)
        else:
            kept.append(line)
        if mark == _END:
            ours = []
    return "".join([*kept, *ours])  # a beginning without an end is not ours


def _arguments(original: Sequence[str], entry: Entry, menu: Menu) -> list[str]:
    """The arguments of a new entry: the original's, then ours."""
    kept = [token for token in original if not _DROP.fullmatch(token)]
    ours: list[str] = []
    if menu.stage2_argument:
        kept = [t for t in kept if _STAGE2.match(t) or not _SOURCE.fullmatch(t)]
        if not any(_STAGE2.match(token) for token in kept):
            ours.append(f"{menu.stage2_argument}={menu.device}")
    if entry.kickstart is not None:
        ours.append(_kickstart(original, entry.kickstart, menu))
    ours += entry.extra_arguments
    if menu.serial:
        # What was asked to be seen on a serial line is not to be kept quiet.
        kept = [token for token in kept if token not in {"quiet", "rhgb"}]
        ours += [argument for argument in menu.serial.arguments if argument not in kept]
    return kept + ours


def _kickstart(original: Sequence[str], path: str, menu: Menu) -> str:
    for token in original:
        if found := _STAGE2.match(token):
            outer, inner, device = found.groups()
            return f"{outer}{menu.ks_argument}={inner}{device}:{path}{inner}{outer}"
    return f"{menu.ks_argument}={menu.device}:{path}"


# --- isolinux ---------------------------------------------------------------------------------


def _edit_isolinux(text: str, menu: Menu) -> str | None:
    lines = _lines(text)
    template = _isolinux_template(lines)
    if template is None:
        return None
    at = next(i for i, line in enumerate(lines) if re.match(r"(?i)\s*(label|menu\s+begin)\s", line))
    head = [_isolinux_setting(line, menu) for line in lines[:at]]
    tail = [_isolinux_setting(line, menu) for line in lines[at:]]
    out = [line for line in head if line is not None]
    if not any(re.match(r"(?i)\s*timeout\s", line) for line in out):
        out.insert(0, f"timeout {(menu.timeout or 0) * 10}")
    if menu.serial:  # has to come before all that prints
        out.insert(0, f"serial {menu.serial.unit} {menu.serial.speed}")
    out += [_BEGIN, *_isolinux_entries(template, menu), _END]
    out += [line for line in tail if line is not None]
    return "\n".join(out) + "\n"


def _isolinux_setting(line: str, menu: Menu) -> str | None:
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
        return f"{line.split(maxsplit=1)[0]} {_isolinux_label(menu.default_position())}"
    return line


@dataclass(frozen=True)
class _IsolinuxTemplate:
    """The lines that boot the installer: all but `append`, and the arguments of that."""

    lines: tuple[str, ...]
    append: tuple[str, ...]


def _isolinux_template(lines: list[str]) -> _IsolinuxTemplate | None:
    """The first entry that installs; one that checks the medium first, if there is no other."""
    blocks: list[list[str]] = []
    for line in lines:
        if re.match(r"(?i)\s*label\s", line):
            blocks.append([])
        elif blocks:
            blocks[-1].append(line)
    found: list[_IsolinuxTemplate] = []
    for block in blocks:
        kernel = [line for line in block if re.match(r"(?i)\s*(kernel|linux|initrd)\s", line)]
        append = [line for line in block if re.match(r"(?i)\s*append\s", line)]
        tokens = _tokens(append[0])[1:] if append else []
        initrd = any(token.startswith("initrd=") for token in tokens) or len(kernel) > 1
        if kernel and initrd and not any(_NOT_INSTALL.match(token) for token in tokens):
            kept = tuple(f"  {line.strip()}" for line in kernel)
            found.append(_IsolinuxTemplate(kept, tuple(tokens)))
    plain = [t for t in found if not any(a.startswith("rd.live.check") for a in t.append)]
    return next(iter(plain or found), None)


def _isolinux_label(number: int) -> str:
    return f"b2ct{number}"


def _isolinux_title(title: str) -> str:
    """A title in the characters that the menu's font has; a caret would mark a hot key."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return plain.replace("^", "").strip() or "Install"


def _isolinux_entries(template: _IsolinuxTemplate, menu: Menu) -> list[str]:
    out: list[str] = []
    first, rest = menu.split()
    default = menu.default_position()
    for number, index in enumerate((*first, *rest)):
        entry = menu.entries[index]
        if number == len(first):
            out += ["menu begin b2ctmore", f"  menu label {_MORE}", f"  menu title {_MORE}"]
        out += [f"label {_isolinux_label(number)}", f"  menu label {_isolinux_title(entry.title)}"]
        if number == default:
            out.append("  menu default")
        out += template.lines
        out.append(f"  append {' '.join(_arguments(template.append, entry, menu))}")
    if rest:
        out += ["label b2ctback", "  menu label Back", "  menu exit", "menu end"]
    return [*out, "menu separator"]


# --- GRUB 2 -----------------------------------------------------------------------------------


def _edit_grub(text: str, menu: Menu) -> str | None:
    lines = _lines(text)
    template = _grub_template(lines)
    if template is None:
        return None
    at = next(i for i, line in enumerate(lines) if re.match(r"\s*(menuentry|submenu)\s", line))
    settings = {
        "default": str(menu.default_position()),
        "timeout": str(-1 if menu.timeout is None else menu.timeout),  # -1 waits for ever
        "timeout_style": "menu",
    }
    seen: set[str] = set()
    lines = [_grub_setting(line, settings, seen) for line in lines]
    ours = [f'set {name}="{settings[name]}"' for name in ("default", "timeout") if name not in seen]
    if menu.serial:
        ours += _grub_serial(menu.serial)
    first, rest = menu.split()
    for index in first:
        ours += _grub_entry(template, menu.entries[index], menu, indent="")
    if rest:
        ours.append(f"submenu '{_MORE}' {{")
        for index in rest:
            ours += _grub_entry(template, menu.entries[index], menu, indent="\t")
        ours.append("}")
    return "\n".join([*lines[:at], _BEGIN, *ours, _END, *lines[at:]]) + "\n"


def _grub_setting(line: str, settings: dict[str, str], seen: set[str]) -> str:
    """A `set` line of the original with our value; it stays where it is, maybe inside an `if`."""
    found = re.match(r"(\s*)set\s+(default|timeout|timeout_style)=", line)
    if not found:
        return line
    seen.add(found[2])
    return f'{found[1]}set {found[2]}="{settings[found[2]]}"'


@dataclass(frozen=True)
class _GrubTemplate:
    """An entry that installs: options of its header, its body, and which line loads the kernel."""

    options: str
    body: tuple[str, ...]
    linux: int
    tokens: tuple[str, ...]
    """The command word, the kernel's path, and the arguments."""


def _grub_template(lines: list[str]) -> _GrubTemplate | None:
    """The first entry that installs; one that checks the medium first, if there is no other."""
    found: list[_GrubTemplate] = []
    options, start = "", 0
    for index, line in enumerate(lines):
        if header := re.match(r"""\s*menuentry\s+(?:"[^"]*"|'[^']*')(.*)\{\s*$""", line):
            options, start = header[1], index + 1
        elif start and line.strip() == "}":
            if template := _grub_entry_template(options, lines[start:index]):
                found.append(template)
            start = 0
    plain = [t for t in found if not any(a.startswith("rd.live.check") for a in t.tokens)]
    return next(iter(plain or found), None)


def _grub_entry_template(options: str, body: list[str]) -> _GrubTemplate | None:
    loads = [i for i, line in enumerate(body) if re.match(r"\s*linux(efi|16)?\s", line)]
    initrd = any(re.match(r"\s*initrd(efi|16)?\s", line) for line in body)
    if len(loads) != 1 or not initrd:
        return None
    tokens = _tokens(body[loads[0]])
    if len(tokens) < 2 or any(_NOT_INSTALL.match(token) for token in tokens[2:]):
        return None
    kept = re.sub(r"""\s--(?:id|hotkey)[= ](?:"[^"]*"|'[^']*'|\S+)""", "", options)
    stripped = tuple(line.strip() for line in body)
    return _GrubTemplate(kept.strip(), stripped, loads[0], tuple(tokens))


def _grub_entry(template: _GrubTemplate, entry: Entry, menu: Menu, *, indent: str) -> list[str]:
    title = entry.title.strip().replace("'", "'\\''")
    options = f" {template.options}" if template.options else ""
    arguments = _arguments(template.tokens[2:], entry, menu)
    linux = " ".join([*template.tokens[:2], *arguments])
    body = [linux if i == template.linux else line for i, line in enumerate(template.body)]
    return [
        f"{indent}menuentry '{title}'{options} {{",
        *(f"{indent}\t{line}" for line in body),
        f"{indent}}}",
    ]


def _grub_serial(serial: Serial) -> list[str]:
    """The menu on screen and on the serial line; where GRUB has no such module it says so."""
    return [
        f"if serial --unit={serial.unit} --speed={serial.speed}; then",
        "  terminal_input console serial",
        "  terminal_output console serial",
        "fi",
    ]
