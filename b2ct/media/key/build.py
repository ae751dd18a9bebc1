"""The whole of `b2ct usb image`: a request and an installer in; the key and its account out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from b2ct.core import files
from b2ct.core.console import byte_progress
from b2ct.core.errors import B2ctError
from b2ct.core.program import as_root
from b2ct.firmware.grub import Grub
from b2ct.media.installer import Installer, inspect
from b2ct.media.key import design as plans
from b2ct.media.key import image, loaders
from b2ct.media.key.design import KeyPlan
from b2ct.media.key.kickstarts import Prepared, prepare
from b2ct.media.key.request import KeyRequest
from b2ct.media.layout import read_layout
from b2ct.media.make import UNKNOWN
from b2ct.media.source import Image

_MOST_TOLD = 12


@dataclass(frozen=True)
class KeyMade:
    """What was done, or with `written` None would be done."""

    installer: Installer
    prepared: Prepared
    plan: KeyPlan
    output: Path
    written: image.Written | None
    complete: bool = True
    """The kickstarts have their secrets; a dry run looks none up, so that it knows no hash."""

    def as_json(self) -> dict[str, Any]:
        """The account for programs."""
        done = self.written
        sums = {
            path: hashlib.sha256(data).hexdigest() if self.complete else None
            for path, data in self.prepared.kickstarts.items()
        }
        return {
            "output": str(self.output),
            "written": done is not None,
            "size": self.plan.size,
            "stored": done.stored if done else None,
            "free": self.plan.volume.free,
            "sha256": done.sha256 if done else None,
            "label": self.plan.label,
            "firmware": ["bios", "uefi"] if self.plan.uefi else ["bios"],
            "source": str(self.installer.path),
            "release": self.installer.release,
            "distribution": self.installer.distribution,
            "packages_from": "medium" if self.prepared.packages else "network",
            "assumed": list(self.prepared.assumed),
            "carries": self.prepared.carries or None,
            "left_out": list(self.plan.left_out),
            "kickstarts": [
                {"path": row.kickstart, "sha256": sums[row.kickstart], "title": row.title}
                for row in self.prepared.rows
            ],
        }

    def as_text(self) -> str:
        """The account for the person who is about to drive to the machine room."""
        account = self.as_json()
        made, size, free = self.installer, self.plan.size // 2**20, self.plan.volume.free // 2**20
        lines = [
            f"{'wrote' if self.written else 'would write'} {self.output}"
            f" ({size} MiB, {free} MiB of them free)",
            f"  from      {made.path.name}: {made.distribution} {made.version} ({made.release}),"
            f" packages from the {account['packages_from']}",
            f"  label     {self.plan.label}: the installer finds the key by it",
            f"  boots     {' and '.join(name.upper() for name in account['firmware'])}",
            *(f"  assumed   {what}" for what in self.prepared.assumed),
            *([f"  carries   {self.prepared.carries}"] if self.prepared.carries else []),
            *(f"  left out  {path}: FAT has no links" for path in self.plan.left_out),
        ]
        told = account["kickstarts"][:_MOST_TOLD]
        for index, found in enumerate(told):
            mark = "  (default)" if index == 0 else ""
            lines.append(f"  entry     {found['title']}{mark}")
            lines.append(f"            {found['path']}  sha256 {found['sha256'] or UNKNOWN}")
        if more := len(self.prepared.rows) - len(told):
            lines.append(f"  ... and {more} more, which --json lists")
        if self.written and self.written.sha256:
            lines.append(f"  sha256    {self.written.sha256}")
        if self.written:
            lines.append(f"next: b2ct boot {self.output} --all     proves that it boots")
            lines.append(f"      {as_root()} usb write {self.output} /dev/sdX")
        return "\n".join(lines)


def make_key(request: KeyRequest, source: Path) -> KeyMade:
    """Make the image of a key from the installer ISO `source`.

    Raises B2ctError for what cannot work; then nothing was written.
    """
    with ThreadPoolExecutor(1) as pool:
        grub = pool.submit(loaders.bios)  # half of its time is the host tool's: do not wait for it
        return _make(request, inspect(source), source, grub)


def _make(request: KeyRequest, installer: Installer, source: Path, grub: Future[Grub]) -> KeyMade:
    output = request.output or Path(f"{request.site.site.name}-key-{installer.release}.img")
    replace(request, output=output).check()
    if output.exists() and output.samefile(source):
        raise B2ctError(f"{output} is the installer image itself", hint="name another with -o")
    with Image(source) as iso:
        layout = read_layout(iso)

        def planned(secrets: Mapping[str, str], *, only_say: bool) -> tuple[Prepared, KeyPlan]:
            volume = layout.descriptors.primary
            made = prepare(request, installer, iso, volume, secrets, only_say=only_say)
            return made, plans.plan(
                request, installer, made, iso=iso, layout=layout, name=output.name
            )

        prepared, plan = planned(request.secrets.stand_ins, only_say=True)
        pieces = plan.pieces(grub.result())
        if request.dry_run:
            return KeyMade(installer, prepared, plan, output, None, complete=not request.secrets)
        if request.secrets or prepared.carries:
            # Last: what a site.yaml reaches for is not touched when anything is refused.
            files.refuse_unwritable(output)
            prepared, plan = planned(request.secrets.look_up(), only_say=False)
            pieces = plan.pieces(grub.result())
        total = sum(piece.segment.length for piece in pieces)
        with byte_progress(f"writing {output.name}", total) as advance:
            written = image.write(
                iso,
                pieces,
                plan.size,
                output,
                progress=advance,
                sha256=request.sha256,
                mode=_permissions(request, installer),
            )
    return KeyMade(installer, prepared, plan, output, written)


def _permissions(request: KeyRequest, installer: Installer) -> int:
    """0600 with a hash or password on it, perhaps one taken over from an ISO that is private."""
    private = request.secrets or not installer.path.stat().st_mode & 0o004
    return 0o600 if private else 0o644
