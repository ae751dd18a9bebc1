"""A key worked out: its files, its boot menu, its file system, and all bytes of its image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.core import clock
from b2ct.core.errors import B2ctError
from b2ct.firmware.grub import SECTOR, Grub
from b2ct.media import bootcfg, bootmenu
from b2ct.media.bootcfg import GRUB, InstallEntry
from b2ct.media.imagewriter import Data
from b2ct.media.installer import Installer
from b2ct.media.key import contents, fat32, loaders, mbr, menu, readme
from b2ct.media.key.fat32 import File, Piece, Volume
from b2ct.media.key.kickstarts import Prepared
from b2ct.media.key.request import KeyRequest
from b2ct.media.layout import Layout
from b2ct.media.source import Image

SLACK = 16 * 2**20
"""Bytes left free on a key for edits, where --size does not say."""
HEAD = mbr.START * SECTOR
"""Bytes before the partition."""


@dataclass(frozen=True)
class KeyPlan:
    """A key that is worked out; nothing is written."""

    label: str
    volume: Volume
    uefi: bool
    left_out: tuple[str, ...]
    """Symbolic links of the ISO, which FAT has not."""
    digest: bytes
    """Of what is on the key."""

    @property
    def size(self) -> int:
        """Bytes of the image."""
        return self.volume.size + HEAD

    def pieces(self, grub: Grub) -> list[Piece]:
        """All of the disk: MBR and GRUB for BIOS, then the volume."""
        sectors = self.volume.geometry.sectors
        head = mbr.head(grub, sectors=sectors, signature=_number(self.digest, 4))
        return [
            Piece(0, Data(head)),
            *(Piece(HEAD + piece.offset, piece.segment) for piece in self.volume.pieces),
        ]


def plan(
    request: KeyRequest,
    installer: Installer,
    prepared: Prepared,
    *,
    iso: Image,
    layout: Layout,
    name: str,
) -> KeyPlan:
    """Work out the key; `name` is what its image will be called.

    Raises B2ctError for what FAT32 cannot hold and for a size that is too small.
    """
    if not installer.stage2:
        raise B2ctError(
            f"{installer.path.name} has no stage 2, without which a key cannot install",
            hint="use the distribution's netinstall, boot or DVD ISO",
        )
    tree = contents.carried(iso, layout.descriptors.primary, installer, packages=prepared.packages)
    starts = _starts(installer)
    files, efi = _with_uefi(list(tree.files), starts.get("efi"), iso, layout)
    choices = menu.Menu(
        label=request.label,
        installer=installer,
        general=prepared.general,
        nodes=prepared.nodes,
        timeout=request.site.installer.timeout,
        serial=request.console,
        own=next((entry.arguments for entry in (efi, starts.get("bios")) if entry), ()),
    )
    own = _own_files(choices, efi, prepared, name)
    files = [
        *(File(path, (Data(data),)) for path, data in own.items()),
        *(file for file in files if file.path not in own),
    ]
    stamp = clock.image_time()
    digest = _digest(request.label, installer, files, stamp)
    volume = fat32.plan(
        files,
        label=request.label,
        serial=_number(digest, 0),
        stamp=stamp,
        hidden=mbr.START,
        size=None if request.size is None else max(0, request.size - HEAD),
        slack=SLACK,
    )
    return KeyPlan(request.label, volume, efi is not None, tree.links, digest)


def _with_uefi(
    files: list[File], efi: InstallEntry | None, iso: Image, layout: Layout
) -> tuple[list[File], InstallEntry | None]:
    """The files with what UEFI starts from, and how its GRUB is talked to; None: there is none.

    EL6's UEFI loader is GRUB 0.97, which has no label to search for: its keys start under BIOS.
    """
    if efi and not loaders.has_uefi(files) and layout.esps:
        files = [*files, *loaders.uefi_from_esp(iso, layout.esps[0])]
    if efi and loaders.has_uefi(files):
        return files, efi
    return [file for file in files if not file.path.upper().startswith("EFI/")], None


def _own_files(
    choices: menu.Menu, efi: InstallEntry | None, prepared: Prepared, name: str
) -> dict[str, bytes]:
    """The files that are not the installer's, by path."""
    for entry in (*choices.general, *(entry for _, entry in choices.nodes)):
        bootmenu.check_entry(entry)
    own = {
        readme.PATH: readme.text(
            choices.installer,
            label=choices.label,
            rows=prepared.rows,
            timeout=choices.timeout,
            uefi=efi is not None,
            packages=prepared.packages,
            image=name,
        ),
        **{path.strip("/"): data for path, data in prepared.files.items()},
        readme.SUMS: readme.sums(prepared.files),
        menu.PATH: menu.text(choices).encode(),
    }
    if efi:
        own |= {path: menu.stub(choices, efi).encode() for path in _stub_paths(choices.installer)}
    return own


def _starts(installer: Installer) -> dict[str, InstallEntry]:
    """How the ISO's menus start the installer, by `efi` and `bios`."""
    found: dict[str, InstallEntry] = {}
    for config in installer.boot_configs:
        entry = bootcfg.install_entry(config.kind, config.text)
        if entry:
            efi = config.kind == GRUB and config.path.upper().startswith("EFI/")
            found.setdefault("efi" if efi else "bios", entry)
    return found


def _stub_paths(installer: Installer) -> tuple[str, ...]:
    """Where this release's GRUB reads its menu under UEFI: grub.cfg, and BOOT.conf if it has it."""
    found = {
        config.path
        for config in installer.boot_configs
        if config.path.upper().startswith("EFI/BOOT/") and config.location == "tree"
    }
    return tuple(sorted(found | {"EFI/BOOT/grub.cfg"}))


def _digest(label: str, installer: Installer, files: Sequence[File], stamp: int) -> bytes:
    """A digest of what is on the key, from which its IDs are made: same inputs, same bytes."""
    digest = hashlib.sha256(f"{label}\n{installer.volume_id}\n{stamp}\n".encode())
    for file in files:
        digest.update(f"{file.path}\n{file.size}\n".encode("utf-8", "surrogateescape"))
        for part in file.parts:
            if isinstance(part, Data):
                digest.update(part.content)
    return digest.digest()


def _number(digest: bytes, at: int) -> int:
    """A 32-bit ID that is not 0."""
    return int.from_bytes(digest[at : at + 4], "little") or 1
