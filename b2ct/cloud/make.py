"""Making what is not there: one function for each kind, all of them safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from b2ct.cloud.desired import NONE, Wanted
from b2ct.cloud.diff import guards
from b2ct.cloud.session import NETWORK_DEADLINE, QUOTAS, Run
from b2ct.one import waiting
from b2ct.one.text import Attributes


def make(run: Run, wanted: Wanted) -> None:
    """Make an object as it is wanted, unless somebody just did."""
    _MAKERS[wanted.kind](run, wanted)


def _group(run: Run, wanted: Wanted) -> None:
    run.make(wanted, lambda: run.one.groups.allocate(wanted.name))
    run.mark(wanted)


def _datastore(run: Run, wanted: Wanted) -> None:
    run.make(wanted, lambda: run.one.datastores.allocate(run.new(wanted)))


def _cluster(run: Run, wanted: Wanted) -> None:
    run.make(wanted, lambda: run.one.clusters.allocate(wanted.name))
    run.mark(wanted)
    run.join(wanted, wanted.fields["datastores"].split(", "))


def _host(run: Run, wanted: Wanted) -> None:
    driver, cluster = wanted.fields["driver"], run.cluster(wanted)
    run.make(
        wanted,
        lambda: run.one.hosts.allocate(wanted.name, im=driver, vmm=driver, cluster_id=cluster),
    )
    run.mark(wanted)


def rule_vectors(wanted: Wanted) -> Attributes:
    """The RULE vectors of a security group."""
    return Attributes(("RULE", vector) for vector in wanted.vectors)


def _security_group(run: Run, wanted: Wanted) -> None:
    attributes = run.new(wanted).merged(rule_vectors(wanted))
    run.make(wanted, lambda: run.one.security_groups.allocate(attributes))


def _network(run: Run, wanted: Wanted) -> None:
    groups = ",".join(map(str, run.guards(wanted)))
    more = Attributes([("SECURITY_GROUPS", groups), ("AR", run.address_range(wanted))])
    attributes, cluster = run.new(wanted).merged(more), run.cluster(wanted)
    number = run.make(wanted, lambda: run.one.networks.allocate(attributes, cluster_id=cluster))
    there = waiting.wait_network(run.one, number, deadline=NETWORK_DEADLINE)
    # oned adds its own group, which lets everything pass, to those of a new network.
    if set(guards(there)) != set(run.guards(wanted)):
        run.one.networks.update(number, Attributes.of({"SECURITY_GROUPS": groups}))


def _user(run: Run, wanted: Wanted) -> None:
    group = run.ids["group", wanted.fields["group"]]
    run.make(wanted, lambda: run.one.users.allocate(wanted.name, run.password(), groups=[group]))
    run.mark(wanted)
    if any(wanted.fields[name] != NONE for name in QUOTAS):
        set_quota(run, wanted)


def set_quota(run: Run, wanted: Wanted) -> None:
    """Set all limits of a user; one that is none becomes the server's default."""
    limits = {name: wanted.fields[name] for name in sorted(QUOTAS)}
    sent = {name: "-1" if limit == NONE else limit for name, limit in limits.items()}
    run.one.users.quota(run.ids[wanted.key], Attributes.of({"VM": sent}))


_MAKERS: Mapping[str, Callable[[Run, Wanted], None]] = {
    "group": _group, "datastore": _datastore, "cluster": _cluster, "host": _host,
    "security group": _security_group, "network": _network, "user": _user,
}  # fmt: skip
