"""The boot menu of a key: one GRUB script that BIOS and UEFI share, and a stub for UEFI's GRUB.

Follows the GRUB 2.06 manual. Under BIOS it is read by the host's GRUB, under UEFI by the ISO's own
(2.02 on EL7), so it uses what both know. Arguments follow Anaconda's boot options; EL6's are those
of its loader (`stage2=hd:DEVICE:PATH-OF-IMAGE`, `ks=hd:DEVICE:PATH`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from b2ct.media.bootcfg import InstallEntry
from b2ct.media.bootmenu import Entry, Serial
from b2ct.media.installer import Installer
from b2ct.site.catalogue import RELEASES

PATH = "boot/grub/grub.cfg"
MOST_NODES = 8
"""Nodes in the first menu; more go into submenus."""
GROUP = 20
"""Nodes of one submenu: a console has 25 lines."""


@dataclass(frozen=True)
class Menu:
    """What the menu offers. `timeout` is in seconds; the first entry is the default."""

    label: str
    installer: Installer
    general: tuple[Entry, ...]
    """Entries that serve any machine or any of a role."""
    nodes: tuple[tuple[str, Entry], ...]
    """(name, entry) of each node that has an entry of its own."""
    timeout: int
    serial: Serial | None
    own: tuple[str, ...]
    """Arguments of the ISO's own install entry, such as `quiet`: they are kept."""


def arguments(menu: Menu, kickstart: str | None) -> tuple[str, ...]:
    """The kernel arguments of an entry: what names the key, the ISO's own, the serial console."""
    release = RELEASES[menu.installer.release]
    medium = f"hd:LABEL={menu.label}"
    words = [
        f"inst.stage2={medium}"
        if release.prefixed_arguments
        else f"stage2={medium}:/{menu.installer.stage2}"
    ]
    if kickstart is not None:
        words.append(f"{release.ks_argument}={medium}:{kickstart}")
    own = [word for word in menu.own if word not in words]
    if menu.serial:
        # What was asked to be seen on a serial line is not to be kept quiet.
        own = [word for word in own if word not in {"quiet", "rhgb"}]
        own += [word for word in menu.serial.arguments if word not in own]
    return (*words, *own)


def text(menu: Menu) -> str:
    """The menu."""
    return "\n".join([*_head(menu), *_entries(menu), *_others(menu)]) + "\n"


def stub(menu: Menu, loader: InstallEntry) -> str:
    """What UEFI's GRUB reads: the command words that its release knows, then the shared menu."""
    ramdisk = loader.command.replace("linux", "initrd", 1)
    return (
        f"# UEFI starts here; the menu itself is /{PATH}.\n"
        f"set load_kernel={loader.command}\n"
        f"set load_initrd={ramdisk}\n"
        "insmod all_video\n"
        "set gfxpayload=keep\n"
        f"{_search(menu)}\n"
        f"source ($root)/{PATH}\n"
    )


def _search(menu: Menu) -> str:
    """Find the key by its label; of two with the same label the one that was started from."""
    return f'search --no-floppy --set=root --hint="$root" --label {menu.label}'


def _head(menu: Menu) -> Iterator[str]:
    yield f"# Boot menu of the key {menu.label}, for BIOS and UEFI. Keep its Unix line ends."
    yield "set default=0"
    yield f"set timeout={menu.timeout}"
    yield 'if [ -z "$load_kernel" ]; then'
    yield "  set load_kernel=linux"
    yield "  set load_initrd=initrd"
    yield "fi"
    yield "export load_kernel load_initrd gfxpayload"
    yield _search(menu)
    if menu.serial:
        yield f"if serial --unit={menu.serial.unit} --speed={menu.serial.speed}; then"
        yield "  terminal_input console serial"
        yield "  terminal_output console serial"
        yield "fi"


def _entries(menu: Menu) -> Iterator[str]:
    """The entries that install; hundreds of nodes in submenus of submenus."""
    for entry in menu.general:
        yield from _entry(menu, entry.title, entry.kickstart, "", entry.extra_arguments)
    if len(menu.nodes) <= MOST_NODES:
        yield from _nodes(menu, menu.nodes, "")
        return
    yield f"submenu {_quoted(f'One of {len(menu.nodes)} nodes, by name ...')} {{"
    if len(menu.nodes) <= GROUP:
        yield from _nodes(menu, menu.nodes, "  ")
    else:
        for at in range(0, len(menu.nodes), GROUP):
            group = menu.nodes[at : at + GROUP]
            yield f"  submenu {_quoted(f'{group[0][0]} ... {group[-1][0]}')} {{"
            yield from _nodes(menu, group, "    ")
            yield "  }"
    yield "}"


def _nodes(menu: Menu, nodes: Sequence[tuple[str, Entry]], indent: str) -> Iterator[str]:
    for _, entry in nodes:
        yield from _entry(menu, entry.title, entry.kickstart, indent, entry.extra_arguments)


def _entry(
    menu: Menu, title: str, kickstart: str | None, indent: str, more: Sequence[str] = ()
) -> Iterator[str]:
    words = " ".join((*arguments(menu, kickstart), *more))
    yield f"{indent}menuentry {_quoted(title)} {{"
    yield f"{indent}  echo 'Loading the installer ...'"
    yield f"{indent}  $load_kernel /{menu.installer.kernel} {words}"
    yield f"{indent}  $load_initrd /{menu.installer.initrd}"
    yield f"{indent}}}"


def _others(menu: Menu) -> Iterator[str]:
    """The local disk, and the installer as its ISO would start it."""
    yield "menuentry 'Start from the local disk' {"
    yield '  if [ "$grub_platform" = pc ]; then'
    yield "    # The key is the first disk as long as the machine was started from it."
    yield "    if chainloader (hd1)+1; then boot; fi"
    yield "  fi"
    yield "  exit"
    yield "}"
    yield "submenu 'More ...' {"
    rescue = "inst.rescue" if RELEASES[menu.installer.release].prefixed_arguments else "rescue"
    yield from _entry(menu, "Rescue an installed system", None, "  ", (rescue,))
    yield from _entry(menu, "Install by hand, without a kickstart", None, "  ")
    yield "}"


def _quoted(title: str) -> str:
    return "'" + title.strip().replace("'", "'\\''") + "'"
