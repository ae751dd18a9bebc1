"""Image and VM templates: from `templates/opennebula/` to what oned is sent, and compared. Pure.

The Jinja sources are the only place that says what B2CT sends: their text is read back by
`b2ct.one.text.parse`, so that what is written for `oneimage create` and `onetemplate create`
by hand is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import b2ct
from b2ct.cloud import byhand
from b2ct.cloud.byhand import FAMILY
from b2ct.cloud.difference import Change
from b2ct.cloud.register.images import SHA256, names
from b2ct.context.model import VmContext
from b2ct.context.worker import number
from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError
from b2ct.core.quoting import Safe
from b2ct.one import labels, ownership, text
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Template
from b2ct.one.text import Attributes, Item
from b2ct.site.model import Site
from b2ct.site.workers import MIB, Worker

if TYPE_CHECKING:
    import jinja2

OWNED = ("NIC", "DESCRIPTION")
"""Attributes that a worker may lose; all others are there always."""


@dataclass(frozen=True)
class ImageAbout:
    """What is said of an image when it is registered. Empty: not known, and not said."""

    name: str
    path: str
    """Path or URL, as the front-end reads it."""
    sha256: str = ""
    sha1: str = ""
    """Compared by OpenNebula's own driver with what it has copied."""
    title: str = ""
    definition: str = ""
    """The name in the manifest."""
    built: str = ""
    """Date of the build, ISO 8601."""
    site: str = ""
    """The site that it is registered for."""


@dataclass(frozen=True)
class WorkerAbout:
    """A worker of site.yaml, and what its VM template is to name."""

    site: Site
    worker_name: str
    context: VmContext
    image: str
    """The image's name, with its version."""
    family: str
    owner: str
    """Who has the image."""
    name: str = ""
    """Of the template; empty: that of the worker."""
    network_owners: Mapping[str, str] | None = None
    """Network -> user who has it; one that is missing is the image owner's."""

    @property
    def worker(self) -> Worker:
        """As site.yaml describes it."""
        return self.site.described_workers[self.worker_name]

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks that its VMs are on."""
        return self.site.networks_of(self.worker)


def image_text(about: ImageAbout, *, by_hand: bool = False) -> str:
    """The template of an image. Raises TextError for what OpenNebula could not store."""
    marks = {
        SHA256: about.sha256, "B2CT_NAME": about.definition, "B2CT_BUILT": about.built,
        "B2CT_SITE": about.site, "B2CT_VERSION": b2ct.__version__,
    }  # fmt: skip
    return _render(
        "image.one", name=about.name, path=about.path, sha1=about.sha1, description=about.title,
        marks={**labels.marks(), **{k: v for k, v in marks.items() if v}}, by_hand=by_hand,
    )  # fmt: skip


def vm_text(about: WorkerAbout, *, by_hand: bool = False) -> str:
    """The VM template of a worker. Raises TextError for what OpenNebula could not store."""
    from b2ct.context.attributes import opennebula

    worker, owners = about.worker, about.network_owners or {}
    return _render(
        "vm.txt",
        name=about.name or about.worker_name, worker_name=about.worker_name, worker=worker,
        cpu=number(worker.cpu), memory_mib=worker.memory // MIB, disk_mib=worker.disk // MIB,
        image=about.image, owner=about.owner,
        networks=[(name, owners.get(name, about.owner)) for name in about.networks],
        description=f"worker {about.worker_name} of {about.context.site}, made by b2ct",
        marks={
            **labels.marks(), FAMILY: about.family, "B2CT_WORKER": about.worker_name,
            "B2CT_SITE": about.context.site,
        },
        context=opennebula(about.context), by_hand=by_hand,
    )  # fmt: skip


def image_attributes(about: ImageAbout) -> Attributes:
    """What is sent to register an image."""
    return text.parse(image_text(about))


def vm_attributes(about: WorkerAbout) -> Attributes:
    """What is sent to register a VM template."""
    made = text.parse(vm_text(about))
    text.check_context(made)
    return made


def one(value: object) -> Safe:
    """A quoted value of OpenNebula's template syntax. Raises TextError for what cannot be one."""
    return Safe(text.render(Attributes([("X", str(value))])).removeprefix("X=").removesuffix("\n"))


@cache
def _environment() -> jinja2.Environment:
    from b2ct.core import templates

    made = templates.environment(data_folder("templates"))
    made.filters["one"] = one
    return made


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(f"opennebula/{template}.j2").render(values)


def owners_of(
    networks: Iterable[VirtualNetwork], wanted: Sequence[str], me: int
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Who has each of the networks: the caller first, else the only one; and which are missing.

    `networks` are those whose owners are trusted: a user may call one as the site does. Raises
    B2ctError where several others have one of that name.
    """
    found: dict[str, str] = {}
    missing = []
    there = list(networks)
    for name in wanted:
        same = [network for network in there if network.name == name]
        mine = [network for network in same if network.uid == me]
        if not same:
            missing.append(name)
        elif len(mine or same) > 1:
            users = ", ".join(sorted(network.owner for network in same))
            raise B2ctError(
                f"several users have a virtual network {name!r}: {users}",
                hint="rename all but one (`onevnet rename`), or register as the one who has it",
            )
        else:
            found[name] = (mine or same)[0].owner
    return found, tuple(missing)


@dataclass(frozen=True)
class TemplatePlan:
    """What is to be done about a VM template."""

    name: str
    wanted: Attributes
    found: Template | None = None
    changes: tuple[Change, ...] = ()
    """Of CONTEXT never the values."""
    gone: tuple[str, ...] = ()
    """Attributes of ours that the worker has no more."""

    @property
    def nothing(self) -> bool:
        """It is there as it should be."""
        return self.found is not None and not self.changes

    @property
    def update(self) -> tuple[Attributes, bool]:
        """What to send, and whether to merge it into what is there."""
        changed = {change.name for change in self.changes}
        if self.found is None or not self.gone:
            return self.wanted.without(*(set(self.wanted) - changed)), True
        return self.found.template.without(*self.gone).merged(self.wanted), False


def plan(wanted: Attributes, same_name: Sequence[Template]) -> TemplatePlan:
    """Compare with the templates of that name and owner. Raises B2ctError for one of others' hand.

    Attributes and parts of attributes that somebody added are left as they are: see `byhand`.
    """
    name = wanted.text("NAME")
    if not same_name:
        return TemplatePlan(name, wanted)
    found = min(same_name, key=lambda template: template.id)
    adopted = found.template.text(ownership.ADOPTED) == "YES"
    if not labels.ours(found) and not adopted:
        raise B2ctError(
            f"the VM template {found.id} ({name}) was not made by b2ct",
            hint="it is left alone: choose another name with --template, or --no-template",
        )
    body = wanted.without("NAME")
    if not labels.ours(found):  # who made it stays known
        body = body.without(*labels.marks())
    body = byhand.kept(body, found.template)
    gone = tuple(n for n in OWNED if n in found.template and n not in body)
    changes = [
        Change(n, *_difference(n, found.template.get(n, ()), body.get(n, ())))
        for n in (*body, *gone)
        if not _same(found.template.get(n, ()), body.get(n, ()))
    ]
    return TemplatePlan(name, body, found, tuple(changes), gone)


def _same(there: Sequence[Item], here: Sequence[Item]) -> bool:
    return [_plain(item) for item in there] == [_plain(item) for item in here]


def _plain(item: Item) -> str | dict[str, str]:
    return item if isinstance(item, str) else dict(item)


def _difference(name: str, there: Sequence[Item], here: Sequence[Item]) -> tuple[str, str]:
    """Old and new, for people; of two vectors only what differs between them."""
    if len(there) == len(here) == 1:
        old, new = there[0], here[0]
        if not isinstance(old, str) and not isinstance(new, str):
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            there, here = [[{key: one[key] for key in keys if key in one}] for one in (old, new)]
    return _shown(name, there), _shown(name, here)


def _shown(name: str, items: Sequence[Item]) -> str:
    if name == "CONTEXT":
        return f"({', '.join(key for item in items if not isinstance(item, str) for key in item)})"
    parts = (
        i if isinstance(i, str) else ", ".join(f"{k}={v}" for k, v in i.items()) for i in items
    )
    return "; ".join(parts)


def with_image(template: Template, old: Image, new: Image) -> Attributes:
    """All disks of a template, those of `old` from `new` instead."""
    disks = []
    for disk in template.template.vectors("DISK"):
        if names(disk, old, template.owner):
            rest = {k: v for k, v in disk.items() if not k.startswith("IMAGE")}
            disks.append({"IMAGE": new.name, "IMAGE_UNAME": new.owner, **rest})
        else:
            disks.append(dict(disk))
    return Attributes(("DISK", disk) for disk in disks)
