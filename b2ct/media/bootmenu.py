"""What the boot menus of an installer shall say, and what its dialects share.

Kickstart arguments follow Anaconda's boot options: `hd:DEVICE:PATH`, the device as in the same
file's own `inst.stage2=`, for what its loader needs to pass that on is what the kickstart needs.
(Red Hat's GRUB passes `\\x20` on as it is, where GRUB of other distributions drops the backslash.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.core.errors import B2ctError

MOST_ENTRIES = 12
"""Entries in the first menu; more go into a submenu, so that the originals stay in sight."""
LONGEST_TITLE = 72
"""Characters that a menu on an 80-column console shows."""
MORE = "More machines"
"""Title of the submenu."""
BEGIN = "# --- B2CT: entries made by b2ct iso ---"
END = "# --- B2CT: end ---"
ARGUMENT = re.compile(r"[A-Za-z0-9_.,:=@%+/~-]+")
_SERIAL = re.compile(r"ttyS([0-3])(?:,([0-9]{3,6})(?:n8)?)?")
_STAGE2 = re.compile(r"""(["']?)(?:inst\.)?stage2=(["']?)(hd:[^:"'\s]+)""")
_TOKEN = re.compile(r"""(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])+""")
NOT_INSTALL = re.compile(r"(?:inst\.)?(?:rescue|memtest|nomodeset)\b")
DROP = re.compile(r"""["']?(?:rd\.live\.check|(?:inst\.)?ks)(?:=.*)?""")
SOURCE = re.compile(r"""["']?(?:inst\.)?(?:repo|method|stage2)=.*""")
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
        if not ARGUMENT.fullmatch(argument):
            raise B2ctError(
                f"{argument!r} is not a kernel argument that a boot menu can hold",
                hint="one argument at a time: letters, digits and . , : = @ % + / ~ _ -",
            )


def lines_of(text: str) -> list[str]:
    """The lines of a file, whichever end they have."""
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def tokens_of(line: str) -> list[str]:
    """The words of a line as they are written, quotes and backslashes included."""
    found = _TOKEN.findall(line)
    # An unbalanced quote is no quoting: then a word is what stands between spaces.
    whole = "".join("".join(found).split()) == "".join(line.split())
    return found if whole else line.split()


def without_ours(text: str) -> str:
    """The file as it was before an earlier run of ours put its entries in."""
    kept, ours = list[str](), list[str]()
    for line in text.splitlines(keepends=True):
        mark = line.rstrip("\n")
        if ours or mark == BEGIN:
            ours.append(line)
        else:
            kept.append(line)
        if mark == END:
            ours = []
    return "".join([*kept, *ours])  # a beginning without an end is not ours


def arguments_of(original: Sequence[str], entry: Entry, menu: Menu) -> list[str]:
    """The arguments of a new entry: the original's, then ours."""
    kept = [token for token in original if not DROP.fullmatch(token)]
    ours: list[str] = []
    if menu.stage2_argument:
        kept = [t for t in kept if _STAGE2.match(t) or not SOURCE.fullmatch(t)]
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
