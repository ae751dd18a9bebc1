"""What is to be done, decided from what is wanted and what there is; no effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from b2ct.cloud.register import delivery, images, rollback, store, template
from b2ct.cloud.register.delivery import Delivery, Upload
from b2ct.cloud.register.images import Choice, Decision, Family
from b2ct.cloud.register.progress import size
from b2ct.cloud.register.request import Request
from b2ct.cloud.register.rollback import Move
from b2ct.cloud.register.survey import Survey
from b2ct.cloud.vmtemplates import TemplatePlan
from b2ct.core.errors import B2ctError
from b2ct.one.endpoint import Endpoint
from b2ct.one.objects.storage import Datastore


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    request: Request
    decision: Decision
    datastore: Datastore
    delivery: Delivery | None
    """None: the content is there already."""
    template: TemplatePlan | None
    moves: tuple[Move, ...] = ()
    """Other VM templates of ours that are to start from the new version."""
    notes: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """All is as it should be."""
        done = self.template is None or self.template.nothing
        return self.decision.nothing and done and not self.moves

    def lines(self) -> Iterator[str]:
        """For people: a line a step."""
        decision, target = self.decision, self.decision.target
        yield from (f"delete image {one.id} ({one.name}), which failed" for one in decision.remove)
        if self.delivery is not None:
            where = self.delivery.path
            if isinstance(self.delivery, Upload):
                amount, account = size(self.request.content.size), self.delivery.target.account
                yield f"copy {amount} to {account}:{where}"
            yield (
                f"register image {decision.made_as} from {where} in datastore "
                f"{self.datastore.name!r} ({self.request.content.virtual_mib} MiB)"
            )
        elif decision.found is not None:
            state = "" if decision.found.state.usable else ", which is being copied"
            yield f"image {decision.found.id} ({decision.found.name}) has this content{state}"
        if decision.replaces:
            yield f"delete image {decision.replaces.id} ({target}), which the new one replaces"
        if decision.replaces or (decision.found and decision.found.name != target):
            name = decision.found.name if decision.found else decision.made_as
            yield f"rename image {name} to {target}"
        if self.template is not None:
            yield from template.lines(self.template)
        for move in self.moves:
            yield (
                f"VM template {move.template.id} ({move.template.name}): start from {target}, no "
                f"longer from {move.old.image.name}"
            )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"nothing": self.nothing, "steps": list(self.lines()), "notes": list(self.notes)}

    def as_text(self) -> str:
        """For people."""
        end = "nothing to do" if self.nothing else "(dry run: nothing was done)"
        return "\n".join([*self.lines(), end])


def plan(request: Request, there: Survey, endpoint: Endpoint) -> Plan:
    """What is to be done. Raises B2ctError for what is not possible, before anything is done."""
    versions = there.family(images.check_base(request.name))
    decision = images.decide(versions, request.content.sha256, request.choice)
    if decision.replaces and not request.wait:
        raise B2ctError(
            "--replace deletes the old image when the new one is whole, and has to wait for that",
            hint="leave out --no-wait, or use --new-version",
        )
    if decision.found is not None:
        known = decision.found.datastore_id
        found = next((d for d in there.datastores if d.id == known), None)
        goes_to = found or store.choose(there.datastores, None)
        way = None
    else:
        goes_to = store.choose(there.datastores, request.datastore)
        way = delivery.plan(
            request.source, endpoint=endpoint, site=request.site, datastore=goes_to,
            name=decision.made_as, sha256=request.content.sha256,
        )  # fmt: skip
    checks = there.checks_room if goes_to.checked is None else goes_to.checked
    notes = [*store.room(goes_to, request.content, checks=checks, thin=request.thin)] if way else []
    if not decision.current:
        notes.append(_not_current(versions, decision))
    wish, more = template.decide(request, there, versions, decision)
    moves = _moves(request, versions, decision, wish)
    return Plan(request, decision, goes_to, way, wish, moves, (*notes, *more))


def _not_current(versions: Family, decision: Decision) -> str:
    current = ", ".join(
        f"{template.name} from {version.image.name}"
        for version in versions.current
        for template in version.templates
    )
    number = images.split(decision.target)[1]
    return (
        f"{decision.target} is not the current version ({current}); "
        f"`b2ct image rollback {versions.base} --to v{number}` makes it that"
    )


def _moves(
    request: Request, versions: Family, decision: Decision, wish: TemplatePlan | None
) -> tuple[Move, ...]:
    """All our VM templates start from the same version, as after a rollback."""
    if request.choice is not Choice.NEW_VERSION or not decision.current:
        return ()
    own = wish.found.id if wish and wish.found else -1
    return tuple(
        Move(one, version)
        for version in versions.versions
        for one in version.templates
        if version.image.name != decision.target and one.id != own and rollback.may_move(one)
    )
