"""Which worker of a site a VM template is made from, and what its VMs are told."""

from __future__ import annotations

from b2ct.cloud.vmtemplates import WorkerAbout
from b2ct.context import own, worker
from b2ct.core.console import note
from b2ct.site.chosen import ChosenSite

OWNER = "oneadmin"


def about_worker(
    chosen: ChosenSite,
    wanted: str | None,
    *,
    name: str | None,
    family: str,
    definition: str,
    owner: str = OWNER,
) -> WorkerAbout:
    """What a VM template is made from. Without a name: the worker whose image is `definition`.

    Raises B2ctError where there is no such worker, or several to choose from.
    """
    described = chosen.site.described_workers
    made_from = [key for key, one in described.items() if one.image == definition]
    if wanted is None and len(described) > 1 and len(made_from) == 1:
        wanted = made_from[0]
    key, found = worker.choose(chosen.site, wanted)
    if definition and found.image != definition:
        note(
            f"note: the worker {key} of site.yaml is made from {found.image!r}, this image from "
            f"{definition!r}"
        )
    context = worker.for_worker(chosen.site, key, own=own.read(chosen.site, found, chosen.folder))
    for remark in context.notes:
        note(f"note: {remark}")
    return WorkerAbout(
        chosen.site, key, context, image=family, family=family, owner=owner, name=name or ""
    )
