"""VM templates of the site's workers, and the images that they start from.

What a template holds is `cloud.vmtemplates`'; images are registered by `b2ct register-image`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from b2ct.cloud import vmtemplates
from b2ct.cloud.byhand import FAMILY
from b2ct.cloud.difference import Change
from b2ct.cloud.kinds.kind import Need, ObjectKind, Wanted
from b2ct.cloud.kinds.network import NETWORK
from b2ct.cloud.register import images
from b2ct.cloud.register.images import Family, Version
from b2ct.cloud.steps import Action, Step
from b2ct.cloud.vmtemplates import TemplatePlan, WorkerAbout
from b2ct.context.model import VmContext
from b2ct.core.errors import B2ctError
from b2ct.one import labels
from b2ct.one.faults import MissingError
from b2ct.one.kinds import Templates
from b2ct.one.objects.vm import Template
from b2ct.one.settle import once
from b2ct.site.model import Site

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client

WORKER = "B2CT_WORKER"
"""Attribute of a VM template: the worker of site.yaml that it is for."""


@dataclass(frozen=True, kw_only=True)
class WantedTemplate(Wanted):
    """A worker whose VM template shall be there."""

    image: str
    """The name under which its image is registered, when no template says another."""
    networks: tuple[str, ...]
    context: Callable[[], VmContext]
    """What its VMs are told. Reads the files that the worker brings; raises B2ctError."""


class TemplateKind(ObjectKind[WantedTemplate, Template]):
    """One for each of `workers`."""

    name, made, deleted = "template", 80, 10
    per_owner = True

    def pool(self, one: Client) -> Templates:
        """VM templates."""
        return one.templates

    def wanted(self, described: Described) -> Iterator[WantedTemplate]:
        """Each worker with an image."""
        site = described.site
        for name, worker in site.described_workers.items():
            yield WantedTemplate(
                name=name, image=worker.image, networks=site.networks_of(worker),
                context=partial(_context, site, name, described.folder),
            )  # fmt: skip

    def find(self, _wanted: WantedTemplate, _view: View) -> None:
        """`steps` looks for it: it may have another name."""
        return

    def steps(self, view: View) -> Iterator[Step]:
        """About each worker's image and its template."""
        for wanted in view.desired.of(self):
            template = self._template(wanted, view)
            base = (template.template.text(FAMILY) if template else "") or wanted.image
            mine = [image for image in view.live.images if image.uid == view.live.me.id]
            version = _version(images.family(base, mine, view.held(self)), template)
            yield _image(base, version)
            yield self._step(wanted, view, base, version, template)

    def _template(self, wanted: WantedTemplate, view: View) -> Template | None:
        """The worker's template: the one of its name, else another that was made for it."""
        ours = [
            one
            for one in view.held(self)
            if view.owners.cared_for(one, view.label) and one.template.text(WORKER) == wanted.name
        ]
        return min(ours, key=lambda one: (one.name != wanted.name, one.id), default=None)

    def _step(
        self,
        wanted: WantedTemplate,
        view: View,
        base: str,
        version: Version | None,
        template: Template | None,
    ) -> Step:
        if version is None:
            why = f"its image {base} is not registered yet"
            return Step(self.name, wanted.name, Action.LEAVE, why=why)
        try:
            found = self._compared(wanted, view, version, template)
        except B2ctError as err:
            return Step(self.name, wanted.name, Action.LEAVE, why=err.message, hint=err.hint)
        if found.found is None:
            new = (
                Change("image", "", version.image.name),
                *(Change(name, "", found.wanted.text(name)) for name in ("CPU", "VCPU", "MEMORY")),
                Change("networks", "", ", ".join(wanted.networks)),
            )
            return Step(self.name, wanted.name, Action.CREATE, changes=new, found=found)
        action = Action.UPDATE if found.changes else Action.NOTHING
        return Step(self.name, found.name, action, found.found.id, found.changes, found=found)

    def _compared(
        self, wanted: WantedTemplate, view: View, version: Version, template: Template | None
    ) -> TemplatePlan:
        """The template as it is against that of site.yaml. Raises B2ctError where there is none."""
        context, me = wanted.context(), view.live.me
        owners, missing = vmtemplates.owners_of(view.held(NETWORK), wanted.networks, me.id)
        # One that is going to be made is ours, whoever else has one of its name.
        coming = {one.name for one in view.desired.of(NETWORK)} - set(view.there(NETWORK))
        if lost := [name for name in missing if name not in coming]:
            raise B2ctError(
                f"there is no network {lost[0]} for it", hint="give it a `bridge` and a `vm_range`"
            )
        about = WorkerAbout(
            view.desired.site, wanted.name, context, version.image.name,
            images.split(version.image.name)[0], version.image.owner,
            name=template.name if template else "",
            network_owners={**owners, **dict.fromkeys(coming & set(wanted.networks), me.name)},
        )  # fmt: skip
        named = [one for one in view.live.of(self) if one.uid == me.id and one.name == wanted.name]
        return vmtemplates.plan(vmtemplates.vm_attributes(about), [template] if template else named)

    def kept(self, item: Template, view: View) -> bool:
        """`register-image --template` makes further templates for a worker: all stay."""
        return item.template.text(WORKER) in {one.name for one in view.desired.of(self)}

    def needs(self, _step: Step) -> Need:
        """What VMs are told holds what a worker brings."""
        return Need.FILES

    def make(self, _run: Run, wanted: WantedTemplate) -> None:
        """Never by its wanted object alone: `create` takes what the plan found."""
        raise AssertionError(wanted)

    def create(self, run: Run, step: Step) -> None:
        """Make it; `end` looks whether another run made one, too."""
        attributes = cast("TemplatePlan", step.found).wanted
        name, templates, me = attributes.text("NAME"), run.one.templates, run.one.me.id
        run.made[self.name, name] = once(
            lambda: templates.named(name, me), lambda: templates.allocate(attributes)
        )

    def update(self, run: Run, step: Step) -> None:
        """Set what differs."""
        attributes, merge = cast("TemplatePlan", step.found).update
        run.one.templates.update(step.oid, attributes, merge=merge, checked=True)

    def end(self, run: Run) -> None:
        """Of several templates of a name the first stays: see `settle`. One look for all."""
        mine = {name: oid for (kind, name), oid in run.made.items() if kind == self.name}
        if not mine:
            return
        first: dict[str, int] = {}
        for template in run.one.templates.all(run.one.me.id):
            first.setdefault(template.name, template.id)
        for name, number in mine.items():
            if number != first.get(name, number):
                with suppress(MissingError):
                    run.one.templates.delete(number)


def _context(site: Site, name: str, folder: Path) -> VmContext:
    """What the VMs of a worker are told."""
    from b2ct.context import own, worker

    texts = own.read(site, site.described_workers[name], folder)
    return worker.for_worker(site, name, own=texts)


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


TEMPLATE = TemplateKind()
