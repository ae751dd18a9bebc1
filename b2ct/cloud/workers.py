"""The VM templates of the site's workers, and the images that they start from.

Pure, but for `contexts`, which reads the files that workers bring.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from b2ct.cloud import vmtemplates
from b2ct.cloud.byhand import FAMILY
from b2ct.cloud.desired import Desired, Worker
from b2ct.cloud.difference import Change
from b2ct.cloud.live import Live
from b2ct.cloud.register import images
from b2ct.cloud.register.images import Family, Version
from b2ct.cloud.steps import Action, Step
from b2ct.cloud.vmtemplates import WorkerAbout
from b2ct.context.model import VmContext
from b2ct.core.errors import B2ctError
from b2ct.one import labels
from b2ct.one.objects.vm import Template
from b2ct.site.model import Site


def steps(desired: Desired, worker: Worker, live: Live, coming: set[str]) -> Iterator[Step]:
    """About a worker's image and its template; `coming`: networks that will be made before."""
    template = _template(desired, worker, live)
    base = (template.template.text(FAMILY) if template else "") or worker.image
    mine = [image for image in live.images if image.uid == live.me.id]
    versions = images.family(base, mine, live.held_templates)
    version = _version(versions, template)
    yield _image(base, version)
    if version is None:
        why = f"its image {base} is not registered yet"
        yield Step("template", worker.name, Action.LEAVE, why=why)
        return
    try:
        yield _compared(desired, worker, live, (version, template), coming)
    except B2ctError as err:
        yield Step("template", worker.name, Action.LEAVE, why=err.message, hint=err.hint)


def _template(desired: Desired, worker: Worker, live: Live) -> Template | None:
    """The worker's template: the one of its name, else another that was made for it."""
    ours = [
        one
        for one in live.held_templates
        if live.owners.cared_for(one, desired.label)
        and one.template.text("B2CT_WORKER") == worker.name
    ]
    return min(ours, key=lambda one: (one.name != worker.name, one.id), default=None)


def _version(versions: Family, template: Template | None) -> Version | None:
    """The version that the template starts from; else the current one, else the newest."""
    its = [v for v in versions.alive if template and template in v.templates]
    found = its or list(versions.current) or list(versions.alive[-1:])
    return found[0] if found else None


def _image(base: str, version: Version | None) -> Step:
    if version is None:
        return Step(
            "image", base, Action.REGISTER, why="it is not registered",
            hint=f"b2ct image build {base}, then b2ct register-image {base}.qcow2 --name {base}",
        )  # fmt: skip
    image = version.image
    if not image.state.usable and not image.state.locked:
        why = f"{image.name} is in state {image.state.name}"
        hint = "`b2ct status` says why, and what helps"
        return Step("image", base, Action.LEAVE, image.id, why=why, hint=hint)
    why = "" if labels.ours(image) else "made by hand: left alone"
    return Step("image", base, Action.NOTHING, image.id, why=why)


def _compared(
    desired: Desired,
    worker: Worker,
    live: Live,
    found_there: tuple[Version, Template | None],
    coming: set[str],
) -> Step:
    """The template as it is against that of site.yaml. Raises B2ctError where there is none."""
    version, template = found_there
    if isinstance(worker.context, B2ctError):
        raise worker.context
    on = desired.site.networks_of(desired.site.described_workers[worker.name])
    owners, missing = vmtemplates.owners_of(live.held_networks, on, live.me.id)
    # One that is going to be made is ours, whoever else has one of its name.
    if lost := [name for name in missing if name not in coming]:
        raise B2ctError(
            f"there is no network {lost[0]} for it", hint="give it a `bridge` and a `vm_range`"
        )
    about = WorkerAbout(
        desired.site, worker.name, worker.context, version.image.name, version_family(version),
        version.image.owner, name=template.name if template else "",
        network_owners={**owners, **dict.fromkeys(coming.intersection(on), live.me.name)},
    )  # fmt: skip
    wanted = vmtemplates.vm_attributes(about)
    mine = [one for one in live.templates if one.uid == live.me.id and one.name == worker.name]
    found = vmtemplates.plan(wanted, [template] if template else mine)
    if found.found is None:
        new = (
            Change("image", "", version.image.name),
            *(Change(name, "", wanted.text(name)) for name in ("CPU", "VCPU", "MEMORY")),
            Change("networks", "", ", ".join(on)),
        )
        return Step("template", worker.name, Action.CREATE, changes=new, template=found)
    action = Action.UPDATE if found.changes else Action.NOTHING
    return Step("template", found.name, action, found.found.id, found.changes, template=found)


def version_family(version: Version) -> str:
    """The name whose versions it is one of."""
    return images.split(version.image.name)[0]


def contexts(site: Site, folder: Path) -> dict[str, VmContext | B2ctError]:
    """What the VMs of each worker are told, or why that cannot be said.

    `folder` is that of site.yaml: the files that workers bring are read from it.
    """
    from b2ct.context import own, worker

    found: dict[str, VmContext | B2ctError] = {}
    for name, described in site.described_workers.items():
        try:
            texts = own.read(site, described, folder)
            found[name] = worker.for_worker(site, name, own=texts)
        except B2ctError as err:
            found[name] = err
    return found
