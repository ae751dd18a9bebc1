"""The whole of `b2ct iso`: site, installer image and wishes in; the image and its account out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from b2ct.core import files
from b2ct.core.console import byte_progress
from b2ct.core.errors import B2ctError
from b2ct.media import medium, remaster
from b2ct.media.installer import Installer, inspect
from b2ct.site.catalogue import Role
from b2ct.site.chosen import Carried
from b2ct.site.model import Site

UNKNOWN = "not known: a dry run looks no secrets up"


@dataclass(frozen=True)
class IsoRequest:
    """What the user asked for."""

    site: Site
    roles: tuple[Role, ...]
    nodes: tuple[str, ...] = ()
    secrets: Carried = field(default_factory=Carried, repr=False)
    output: Path | None = None
    force: bool = False
    serial: str | None = None
    sha256: bool = False
    dry_run: bool = False
    program: bool = False
    """Carry B2CT itself for the control node."""
    offline: bool = False

    def check(self) -> None:
        """Refuse, before anything is downloaded, what cannot work. Raises B2ctError."""
        if not self.roles and not self.nodes:
            raise B2ctError(
                "an installer needs a role or a node",
                hint="name one with --role control|hypervisor|single, or --node NAME",
            )
        if self.output and not self.force:
            files.refuse_existing(self.output)


@dataclass(frozen=True)
class IsoMade:
    """What was done, or with `written` None would be done."""

    installer: Installer
    medium: medium.Medium
    output: Path
    written: remaster.Written | None
    complete: bool = True
    """The kickstarts have their secrets; a dry run looks none up, so that it knows no hash."""
    mended: tuple[str, ...] = ()
    """Labels in the menus of the source that no medium has."""

    def as_json(self) -> dict[str, Any]:
        """The account for programs."""
        image = self.written
        files = self.medium.files if self.complete else {}
        sums = {path: hashlib.sha256(text).hexdigest() for path, text in files.items()}
        return {
            "output": str(self.output),
            "written": image is not None,
            "size": image.size if image else None,
            "sha256": image.sha256 if image else None,
            "media_check_md5": image.md5 if image else None,
            "source": str(self.installer.path),
            "release": self.installer.release,
            "distribution": self.installer.distribution,
            "volume_id": self.installer.volume_id,
            "packages_from": self.medium.source.kind,
            "assumed": list(self.medium.assumed),
            "mended_labels": list(self.mended),
            "carries": self.medium.carries or None,
            "kickstarts": [
                {
                    "path": entry.kickstart,
                    "sha256": sums.get(entry.kickstart or ""),
                    "title": entry.title,
                    "arguments": list(entry.extra_arguments),
                }
                for entry in self.medium.entries
            ],
        }

    def as_text(self) -> str:
        """The account for the person who is about to drive to the machine room."""
        account = self.as_json()
        head = f"wrote {self.output}" if self.written else f"would write {self.output}"
        if self.written:
            head += f" ({self.written.size / 2**20:.0f} MiB, media-check MD5 {self.written.md5})"
        lines = [
            head,
            f"  from      {self.installer.path.name}: {self.installer.distribution}"
            f" {self.installer.version} ({self.installer.release}),"
            f" packages from the {self.medium.source.kind}",
        ]
        lines += [f"  assumed   {what}" for what in self.medium.assumed]
        lines += [
            f"  mended    its menus look for a medium called {wrong!r}; now for "
            f"{self.installer.volume_id!r}, as it is called"
            for wrong in self.mended
        ]
        lines += [f"  carries   {self.medium.carries}"] if self.medium.carries else []
        for index, found in enumerate(account["kickstarts"]):
            mark = "  (default)" if index == 0 else ""
            lines.append(f"  entry     {found['title']}{mark}")
            lines.append(f"            {found['path']}  sha256 {found['sha256'] or UNKNOWN}")
        if self.written and self.written.sha256:
            lines.append(f"  sha256    {self.written.sha256}")
        if self.written:
            lines.append(f"next: b2ct boot {self.output} --all     proves that it boots")
        return "\n".join(lines)


def make_iso(request: IsoRequest, source: Path) -> IsoMade:
    """Remaster the installer image `source` for the request.

    Raises B2ctError for what cannot work; then nothing was written.
    """
    installer = inspect(source)
    prepared, plan = _planned(request, installer, request.secrets.stand_ins, only_say=True)
    output = request.output or Path(_default_name(request, installer))
    replace(request, output=output).check()
    if output.exists() and output.samefile(source):
        raise B2ctError(f"{output} is the installer image itself", hint="name another with -o")
    if request.dry_run:
        complete = not request.secrets
        return IsoMade(installer, prepared, output, None, complete=complete, mended=plan.mended)
    if request.secrets or prepared.carries:
        # Last: what a site.yaml reaches for is not touched when anything is refused.
        files.refuse_unwritable(output)
        prepared, plan = _planned(request, installer, request.secrets.look_up(), only_say=False)
    with byte_progress(f"writing {output.name}", installer.size) as advance:
        # With a hash or a password on it the image is for its maker's eyes.
        mode = 0o600 if request.secrets else 0o644
        written = remaster.write(plan, output, progress=advance, sha256=request.sha256, mode=mode)
    return IsoMade(installer, prepared, output, written, mended=plan.mended)


def _planned(
    request: IsoRequest, installer: Installer, secrets: Mapping[str, str], *, only_say: bool
) -> tuple[medium.Medium, remaster.Plan]:
    prepared = medium.prepare(
        request.site, installer, roles=request.roles, nodes=request.nodes, secrets=secrets
    )
    choice = prepared.site.installer
    prepared = medium.carry_program(
        prepared, wanted=request.program, offline=request.offline, only_say=only_say
    )
    plan = remaster.plan(
        installer,
        files={**prepared.files, **prepared.extra},
        entries=prepared.entries,
        timeout=choice.timeout,
        serial=request.serial or choice.serial_console,
    )
    return prepared, plan


def _default_name(request: IsoRequest, installer: Installer) -> str:
    wanted = [*(role.value for role in dict.fromkeys(request.roles)), *request.nodes]
    return f"{request.site.site.name}-{'-'.join(wanted[:3])}-{installer.release}.iso"
