"""Changing what is there: only the fields that the plan names."""

from __future__ import annotations

from collections.abc import Mapping

from b2ct.cloud.compare import MARKS, TAKEN_OVER
from b2ct.cloud.desired import Wanted, range_of
from b2ct.cloud.diff import our_ranges
from b2ct.cloud.difference import Change
from b2ct.cloud.make import rule_vectors, set_quota
from b2ct.cloud.session import NETWORK_DEADLINE, QUOTAS, Run
from b2ct.cloud.steps import Step
from b2ct.one import ownership, waiting
from b2ct.one.objects.network import AddressRange
from b2ct.one.text import Attributes

_ANSWERED = frozenset({"MAC_END", "IP_END", "USED_LEASES", "LEASES", "ALLOCATED"})
"""Attributes that the server adds to an address range in its answers."""


def change(run: Run, wanted: Wanted, step: Step) -> None:
    """Make the step's changes. Everything sent says what shall be, so that twice is once."""
    names = {change.name: change for change in step.changes}
    if attributes := _attributes(run, wanted, names):
        run.kinds[wanted.kind].update(step.oid, attributes)
    if wanted.kind in ownership.ACCOUNTS and (marks := _marks(run, names)):
        run.say(wanted, marks)
    if "cluster" in names:
        add = {"host": run.one.clusters.add_host, "network": run.one.clusters.add_network}
        add[wanted.kind](run.cluster(wanted), step.oid)
    if "datastores" in names:
        run.join(wanted, _added(names["datastores"]))
    if "range" in names:
        _range(run, wanted, step.oid)
    if wanted.kind == "user":
        _user(run, wanted, names)


def _attributes(run: Run, wanted: Wanted, names: Mapping[str, Change]) -> Attributes:
    sent = {name: text for name, text in run.attributes(wanted).items() if name in names}
    if wanted.kind not in ownership.ACCOUNTS:
        sent |= _marks(run, names)
    if "security groups" in names:
        sent["SECURITY_GROUPS"] = ",".join(map(str, run.guards(wanted)))
    rules = rule_vectors(wanted) if "rules" in names else Attributes()
    return Attributes.of(sent).merged(rules)


def _marks(run: Run, names: Mapping[str, Change]) -> dict[str, str]:
    """The marks among the changes."""
    if MARKS in names:
        return ownership.marks(run.desired.label)
    return ownership.adoption(run.desired.label) if TAKEN_OVER in names else {}


def _user(run: Run, wanted: Wanted, names: Mapping[str, Change]) -> None:
    oid = run.ids[wanted.key]
    if "group" in names:
        run.one.users.primary_group(oid, run.ids["group", wanted.fields["group"]])
    if QUOTAS & set(names):
        set_quota(run, wanted)
    if "password" in names:
        run.one.users.password(oid, run.password())


def _range(run: Run, wanted: Wanted, oid: int) -> None:
    """The old range grows or shrinks, or goes before the new one comes: never both at once."""
    network = waiting.wait_network(run.one, oid, deadline=NETWORK_DEADLINE)
    first, size = range_of(wanted.fields["range"])
    kept: AddressRange | None = None
    for one in our_ranges(network, wanted.fields["range"]):
        if one.ip == first and kept is None:
            kept = one
        else:
            run.one.networks.remove_range(oid, one.id)
    if kept is None:
        run.one.networks.add_range(oid, run.address_range(wanted))
    elif kept.size != size:
        own = {k: v for k, v in kept.attributes.items() if k not in _ANSWERED}
        run.one.networks.update_range(oid, {**own, "AR_ID": str(kept.id), "SIZE": str(size)})


def _added(change: Change) -> list[str]:
    return [name for name in change.new.split(", ") if name not in change.old.split(", ")]
