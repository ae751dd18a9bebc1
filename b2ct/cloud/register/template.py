"""The VM template that starts from the image: decided, told and put."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from b2ct.cloud import vmtemplates
from b2ct.cloud.register.images import Decision, Family
from b2ct.cloud.register.request import Request
from b2ct.cloud.register.survey import Survey
from b2ct.cloud.vmtemplates import TemplatePlan
from b2ct.core.errors import B2ctError
from b2ct.one.settle import settle
from b2ct.site.workers import MIB

if TYPE_CHECKING:
    from b2ct.one.client import Client


def decide(
    request: Request, there: Survey, versions: Family, decision: Decision
) -> tuple[TemplatePlan | None, list[str]]:
    """The VM template, and what somebody should know about it. Raises B2ctError."""
    about = request.worker
    if about is None:
        return None, []
    if about.worker.disk < request.content.virtual_size:
        raise B2ctError(
            f"the worker {about.worker_name} has a disk of {about.worker.disk // MIB} MiB, the "
            f"image needs {request.content.virtual_mib} MiB",
            hint="enlarge `disk` of the worker in site.yaml",
        )
    owners, missing = vmtemplates.owners_of(there.networks, about.networks, there.me.id)
    notes = [
        f"OpenNebula has no virtual network {name!r}: VMs cannot start until it has (`b2ct apply`)"
        for name in missing
    ]
    image = decision.target
    if not decision.current:
        image = versions.current[-1].image.name
    about = replace(about, image=image, owner=there.me.name, network_owners=owners)
    wanted = vmtemplates.vm_attributes(about)
    name = wanted.text("NAME")
    same = [t for t in there.templates if t.name == name and t.uid == there.me.id]
    if len(same) > 1:
        notes.append(f"there are {len(same)} VM templates {name!r}: the first is used")
    return vmtemplates.plan(wanted, same), notes


def lines(plan: TemplatePlan) -> Iterator[str]:
    """What happens to the VM template."""
    if plan.found is None:
        yield f"register VM template {plan.name}"
    elif plan.nothing:
        yield f"VM template {plan.found.id} ({plan.name}) is as it should be"
    else:
        yield f"update VM template {plan.found.id} ({plan.name})"
        yield from (f"  {change}" for change in plan.changes)


def put(one: Client, wish: TemplatePlan) -> tuple[int, str]:
    """Create or update a VM template; its ID, and what was done."""
    if wish.found is None:
        me = one.me.id
        settled = settle(
            lambda: one.templates.named(wish.name, me),
            lambda: one.templates.allocate(wish.wanted),
            one.templates.delete,
        )
        if settled.made:
            return settled.item.id, "created"
        wish = vmtemplates.plan(wish.wanted, [settled.item])
        assert wish.found is not None  # noqa: S101 - it was given
    if wish.nothing:
        return wish.found.id, "nothing"
    attributes, merge = wish.update
    one.templates.update(wish.found.id, attributes, merge=merge, checked=True)
    return wish.found.id, "updated"
