"""What a DIRAC server needs to use a site: its configuration, cloud.auth, and the steps to take."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from b2ct.cloud.access import endpoint_for
from b2ct.core import files
from b2ct.core.console import note
from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError
from b2ct.dirac import cfg, cloudauth, resources, survey, way
from b2ct.dirac.resources import Place, Queue
from b2ct.dirac.survey import Cloud
from b2ct.site.chosen import STAND_IN

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite

CONFIGURATION = "resources.cfg"
AUTHORITY = "b2ct-ca.pem"
STEPS = "STEPS.txt"


@dataclass(frozen=True)
class Wishes:
    """What was asked for."""

    url: str | None = None
    """The cloud as DIRAC reaches it; None: as site.yaml says."""
    ca_file: Path | None = None
    name: str | None = None
    """DIRAC's name of the site."""
    ce: str | None = None
    vo: str = "belle"
    etc: str = "/opt/dirac/etc"
    max_vms: int | None = None
    auth_file: Path | None = None
    """Whose credentials ask the cloud."""
    offline: bool = False
    gateway: bool | None = None
    """Through the site's gateway; None: where site.yaml has one."""
    stock: bool = False
    """With DIRAC's own driver."""
    legacy: bool = False
    output: Path | None = None
    """The folder to write."""
    force: bool = False
    show_password: bool = False


Texts = Mapping[str, tuple[str, int]]
"""File name -> text and mode."""


@dataclass(frozen=True)
class Made:
    """What there is to hand over."""

    shown: Texts
    written: Texts = field(repr=False)
    notes: tuple[str, ...]
    steps: tuple[str, ...]

    output: Path | None
    """The folder that they are written into."""

    @property
    def numbered(self) -> list[str]:
        """The steps, counted."""
        return [f"{i}. {step}" for i, step in enumerate(self.steps, start=1)]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        written = (
            [str(self.output / file) for file in (*self.written, STEPS)] if self.output else []
        )
        return {
            "files": {file: text for file, (text, _) in self.shown.items()},
            "written": written,
            "notes": self.notes,
            "steps": self.steps,
        }

    def as_text(self) -> str:
        """What there is to paste, where it is in no folder."""
        pasted = () if self.output else ("cloud.auth", CONFIGURATION)
        return "".join(self.shown[file][0] for file in pasted if file in self.shown)


def make(chosen: ChosenSite, said: Wishes) -> Made:
    """Gather all of it, and write it into a folder if one was named. Raises B2ctError.

    The cloud is asked for its room, where that is possible; it is noted where it is not.
    """
    user, described = way.diracs_user(chosen), chosen.site
    if said.stock and (said.legacy or said.gateway is False):
        raise B2ctError(
            "DIRAC's own driver cannot see or end VMs without the gateway",
            hint="leave out --no-gateway and --legacy, or leave out --stock",
        )
    place = _place(chosen, user, said)
    cloud = None
    if not said.offline:
        # The gateway lets only DIRAC's user in, who cannot see the hypervisors.
        cloud = _asked(chosen, None if place.gateway else said.url, said, user)
    queues = survey.queues(described, _systems(chosen), cloud, said.max_vms)
    form = _legacy if said.legacy else _modern
    authority = _authority(said.ca_file)
    if said.output is not None:
        names = (*form(place, queues, STAND_IN), *authority)
        _refuse_written(said.output, names, force=said.force)
    # Last, after all that can be refused; who only looks needs no password.
    wanted = said.output or said.show_password
    password = chosen.needed_secret("dirac_password") if wanted else None
    made = Made(
        shown=form(place, queues, password if said.show_password else None),
        written={**form(place, queues, password), **authority},
        notes=resources.notes(place, queues, legacy=said.legacy),
        steps=resources.legacy_steps(place) if said.legacy else resources.steps(place, queues),
        output=said.output,
    )
    if said.output is not None:
        _write(made, said.output)
    return made


def _place(chosen: ChosenSite, user: str, said: Wishes) -> Place:
    site, etc = chosen.site, said.etc.rstrip("/")
    by_itself = said.gateway if said.gateway is not None else bool(site.gateway and not said.url)
    through = said.stock or by_itself
    address = way.gateway(chosen, said.url) if through else way.address(chosen, said.url)
    return Place(
        site=resources.site_name(site, said.name), title=f"B2CT-{site.site.name}",
        ce=said.ce or resources.ce_name(site, address), vo=said.vo, url=address, user=user, etc=etc,
        ca_file=f"{etc}/{AUTHORITY}" if said.ca_file else "", cloudinit=said.output is not None,
        gateway=through, stock=said.stock,
    )  # fmt: skip


def _modern(place: Place, queues: Mapping[str, Queue], password: str | None) -> Texts:
    """Without a password: what may be shown."""
    comments = (f"{place.title}, made by b2ct: paste it into DIRAC's configuration",)
    section = cfg.render(resources.resources(place, queues), comments=comments)
    texts = {CONFIGURATION: (section, 0o644)}
    if password is not None:
        auth = cloudauth.text(place.ce, place.user, password)
        template = data_folder("templates") / "dirac" / "cloudinit.template"
        texts["cloud.auth"] = auth, cloudauth.MODE
        texts["b2ct-cloudinit.template"] = template.read_text(), 0o644
    return texts


def _legacy(place: Place, queues: Mapping[str, Queue], password: str | None) -> Texts:
    shown = "(add --show-password)" if password is None else password
    return {CONFIGURATION: (cfg.render(resources.legacy(place, queues, shown)), 0o600)}


def _authority(ca_file: Path | None) -> Texts:
    if ca_file is None:
        return {}
    try:
        return {AUTHORITY: (ca_file.read_text(), 0o644)}
    except (OSError, UnicodeDecodeError):
        raise B2ctError(
            f"{ca_file} cannot be read", hint="name a PEM file with --ca-file"
        ) from None


def _asked(chosen: ChosenSite, url: str | None, said: Wishes, user: str) -> Cloud | None:
    """What the cloud says; None (and why) where it says nothing."""
    try:
        where = endpoint_for(chosen, chosen.consent, url, said.auth_file, said.ca_file)
        from b2ct.one.client import Client

        found = survey.ask(Client(where, deadline=20), user)
    except B2ctError as err:
        if said.auth_file is not None:
            raise  # somebody wanted it to be asked
        note(f"note: the cloud was not asked, so numbers are those of site.yaml: {err.message}")
        return None
    if not found.hosts:
        note(f"note: user {where.user} sees no hypervisors, so their room is not counted")
    return found


def _systems(chosen: ChosenSite) -> dict[str, str]:
    """What DIRAC calls the distribution of each worker's image."""
    from b2ct.image import definitions

    found = {}
    folders = [chosen.folder / "images"]
    for name, worker in chosen.site.described_workers.items():
        system = definitions.load(
            worker.image, folders=[folder for folder in folders if folder.is_dir()]
        ).definition.system
        release = str(system.release)
        enterprise = system.packaging == "rpm"
        word = "EL" if enterprise else system.distribution.capitalize()
        found[name] = f"{word}{release.partition('.')[0] if enterprise else release}"
    return found


def _refuse_written(folder: Path, names: Iterable[str], *, force: bool) -> None:
    if not folder.parent.is_dir():
        missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        raise files.explain(missing, f"make the folder {folder}")
    for file in () if force else (*names, STEPS):
        files.refuse_existing(folder / file)


def _write(made: Made, folder: Path) -> None:
    texts = {**made.written, STEPS: ("\n".join(made.numbered) + "\n", 0o644)}
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as err:
        raise files.explain(err, f"make the folder {folder}") from err
    for file, (text, mode) in texts.items():
        files.write(folder / file, text, mode=mode)
        note(f"{folder / file} written (mode {mode:03o})")
