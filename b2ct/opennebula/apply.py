"""Carrying out a plan: each step once, in its order, so that a run that ends can be run again.

Nothing here decides: what is wanted comes with the steps. Everything is made by `settle`, so that
two runs at once do not make two of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from b2ct.core.errors import B2ctError, VerdictError
from b2ct.opennebula import labels, ownership, waiting
from b2ct.opennebula.client import Client
from b2ct.opennebula.desired import NONE, Desired, Wanted, WantedRule, range_of
from b2ct.opennebula.diff import Change, guards, our_ranges
from b2ct.opennebula.faults import InUseError, MissingError
from b2ct.opennebula.kind import ALL, Kind
from b2ct.opennebula.objects import AddressRange
from b2ct.opennebula.plan import MARKS, RULES, TAKEN_OVER, recorded, resolve
from b2ct.opennebula.settle import settle
from b2ct.opennebula.steps import Action, Plan, Step
from b2ct.opennebula.text import Attributes

NETWORK_DEADLINE = 60.0
"""Seconds for a new network to take changes."""
_QUOTAS = frozenset({"VMS", "CPU", "MEMORY", "SYSTEM_DISK_SIZE"})


class UnfinishedError(VerdictError):
    """A step failed; those before it are done."""


@dataclass(frozen=True)
class Done:
    """What was carried out, and what could not be deleted because it is in use now."""

    steps: tuple[Step, ...]
    in_use: tuple[tuple[Step, str], ...] = ()


def apply(
    one: Client,
    desired: Desired,
    plan: Plan,
    *,
    password: Callable[[], str],
    told: Callable[[Step], None] = lambda _step: None,
) -> Done:
    """Carry out what is pending in a plan; `told` hears of each step when it is done.

    `password` is asked for the DIRAC user's when it is needed. Raises UnfinishedError when a step
    fails; running it again does the rest. A server that refuses a deletion because of a new use
    is no failure.
    """
    run = _Run(one, desired, plan, password)
    done: list[Step] = []
    in_use: list[tuple[Step, str]] = []
    pending = plan.pending
    run.begin(pending)
    for step in pending:
        try:
            run.step(step)
        except InUseError as err:
            if step.action is not Action.DELETE:
                raise _unfinished(step, err, len(done), len(pending)) from err
            in_use.append((step, err.message))
            continue
        except B2ctError as err:
            raise _unfinished(step, err, len(done), len(pending)) from err
        done.append(step)
        told(step)
    run.end()
    return Done(tuple(done), tuple(in_use))


def _unfinished(step: Step, err: B2ctError, done: int, of: int) -> UnfinishedError:
    """The error with the step that it ended, and how far the run got."""
    state = f"{done} of {of} steps are done: `b2ct apply` again does the rest"
    message, hint = f"{step}: {err.message}", f"{err.hint}; {state}" if err.hint else state
    return UnfinishedError(message, hint=hint)


class _Run:
    """One run: the client, and the IDs of what is there by now."""

    def __init__(
        self, one: Client, desired: Desired, plan: Plan, password: Callable[[], str]
    ) -> None:
        self.one, self.desired, self.plan, self.password = one, desired, plan, password
        self.ids = dict(plan.ids)
        self.wanted = {wanted.key: wanted for wanted in desired.objects}
        self.rules = {rule.name: rule for rule in desired.rules}
        self.begun = plan.begun
        self.kinds: Mapping[str, Kind[Any]] = {
            "group": one.groups, "datastore": one.datastores, "cluster": one.clusters,
            "host": one.hosts, "security group": one.security_groups, "network": one.networks,
            "template": one.templates, "user": one.users,
        }  # fmt: skip

    # The journal

    def begin(self, pending: Iterable[Step]) -> None:
        """Note on the server what is going to be made that takes its marks only afterwards."""
        late = {s.key for s in pending if s.action is Action.CREATE and s.kind in ownership.LATE}
        if late - self.begun:
            self.begun |= late
            self._journal()

    def end(self) -> None:
        """All of it has its marks."""
        if self.begun:
            self.begun = frozenset()
            self._journal()

    def _journal(self) -> None:
        name = ownership.journal_name(self.desired.label)
        text = ownership.journal_text(self.begun)
        self.one.users.update(self.one.me.id, Attributes.of({name: text}))

    # Steps

    def step(self, step: Step) -> None:
        if step.kind == "rule":
            self._rule(step)
        elif step.action is Action.DELETE:
            self._delete(step)
        elif step.kind == "template":
            self._template(step)
        elif step.action is Action.CREATE:
            self._create(self.wanted[step.key])
        else:
            self._update(self.wanted[step.key], step)

    def _create(self, wanted: Wanted) -> None:
        makers = {
            "group": self._make_group, "datastore": self._make_datastore,
            "cluster": self._make_cluster, "host": self._make_host,
            "security group": self._make_security_group, "network": self._make_network,
            "user": self._make_user,
        }  # fmt: skip
        makers[wanted.kind](wanted)

    def _settle(self, wanted: Wanted, make: Callable[[], int]) -> int:
        """Make it once; remember its ID."""
        kind, me = self.kinds[wanted.kind], self.one.me.id
        filtered = wanted.kind in ("network", "security group")
        found = settle(lambda: kind.named(wanted.name, me if filtered else ALL), make, kind.delete)
        self.ids[wanted.key] = found.item.id
        return int(found.item.id)

    def _mark(self, wanted: Wanted, **more: str) -> None:
        marks = {**ownership.marks(self.desired.label), **more}
        self.kinds[wanted.kind].update(self.ids[wanted.key], Attributes.of(marks))

    def _sent(self, wanted: Wanted, *, new: bool) -> dict[str, str]:
        """The attributes among the fields, as they are sent."""
        fields = {n: text for n, text in wanted.fields.items() if n.isupper() and n not in _QUOTAS}
        if new:
            marks = ownership.marks(self.desired.label)
            return {"NAME": wanted.name, **{n: t for n, t in fields.items() if t}, **marks}
        return fields

    def _make_group(self, wanted: Wanted) -> None:
        self._settle(wanted, lambda: self.one.groups.allocate(wanted.name))
        self._mark(wanted)

    def _make_datastore(self, wanted: Wanted) -> None:
        attributes = Attributes.of(self._sent(wanted, new=True))
        self._settle(wanted, lambda: self.one.datastores.allocate(attributes))

    def _make_cluster(self, wanted: Wanted) -> None:
        self._settle(wanted, lambda: self.one.clusters.allocate(wanted.name))
        self._mark(wanted)
        self._add_datastores(wanted, wanted.fields["datastores"].split(", "))

    def _add_datastores(self, wanted: Wanted, names: Iterable[str]) -> None:
        for name in names:
            if (datastore := self.ids.get(("datastore", name))) is not None:
                self.one.clusters.add_datastore(self.ids[wanted.key], datastore)

    def _make_host(self, wanted: Wanted) -> None:
        driver, cluster = wanted.fields["driver"], self._cluster(wanted)
        self._settle(
            wanted,
            lambda: self.one.hosts.allocate(wanted.name, im=driver, vmm=driver, cluster_id=cluster),
        )
        self._mark(wanted)

    def _cluster(self, wanted: Wanted) -> int:
        return self.ids["cluster", wanted.fields["cluster"]]

    def _rule_vectors(self, wanted: Wanted) -> Attributes:
        return Attributes(("RULE", vector) for vector in wanted.vectors)

    def _make_security_group(self, wanted: Wanted) -> None:
        head = Attributes.of(self._sent(wanted, new=True))
        attributes = head.merged(self._rule_vectors(wanted))
        self._settle(wanted, lambda: self.one.security_groups.allocate(attributes))

    def _guards(self, wanted: Wanted) -> tuple[int, ...]:
        names = wanted.fields["security groups"].split(", ")
        return tuple(self.ids["security group", name] for name in names)

    def _range(self, wanted: Wanted) -> dict[str, str]:
        first, size = range_of(wanted.fields["range"])
        marks = ownership.marks(self.desired.label)
        return {"TYPE": "IP4", "IP": first, "SIZE": str(size), labels.MADE: marks[labels.MADE]}

    def _make_network(self, wanted: Wanted) -> None:
        head = Attributes.of(self._sent(wanted, new=True))
        groups = ",".join(map(str, self._guards(wanted)))
        more = Attributes([("SECURITY_GROUPS", groups), ("AR", self._range(wanted))])
        cluster = self._cluster(wanted)
        self._settle(
            wanted,
            lambda: self.one.networks.allocate(head.merged(more), cluster_id=cluster),
        )
        there = waiting.wait_network(self.one, self.ids[wanted.key], deadline=NETWORK_DEADLINE)
        # oned adds its own group, which lets everything pass, to those of a new network.
        if set(guards(there)) != set(self._guards(wanted)):
            self.one.networks.update(there.id, Attributes.of({"SECURITY_GROUPS": groups}))

    def _make_user(self, wanted: Wanted) -> None:
        group = self.ids["group", wanted.fields["group"]]
        self._settle(
            wanted,
            lambda: self.one.users.allocate(wanted.name, self.password(), groups=[group]),
        )
        self._mark(wanted)
        self._quota(wanted)

    def _quota(self, wanted: Wanted) -> None:
        limits = {name: wanted.fields[name] for name in sorted(_QUOTAS)}
        if all(limit == NONE for limit in limits.values()) and not self._had_quota(wanted):
            return
        sent = {name: "-1" if limit == NONE else limit for name, limit in limits.items()}
        self.one.users.quota(self.ids[wanted.key], Attributes.of({"VM": sent}))

    def _had_quota(self, wanted: Wanted) -> bool:
        return wanted.key in self.plan.ids

    # Changes

    def _update(self, wanted: Wanted, step: Step) -> None:
        names = {change.name: change for change in step.changes}
        sent = {n: text for n, text in self._sent(wanted, new=False).items() if n in names}
        if MARKS in names:
            sent |= ownership.marks(self.desired.label)
        if TAKEN_OVER in names:
            sent |= ownership.adoption(self.desired.label)
        if "security groups" in names:
            sent["SECURITY_GROUPS"] = ",".join(map(str, self._guards(wanted)))
        attributes = Attributes.of(sent)
        if "rules" in names:
            attributes = attributes.merged(self._rule_vectors(wanted))
        if attributes:
            self.kinds[wanted.kind].update(step.oid, attributes)
        if "cluster" in names:
            add = {"host": self.one.clusters.add_host, "network": self.one.clusters.add_network}
            add[wanted.kind](self._cluster(wanted), step.oid)
        if "datastores" in names:
            self._add_datastores(wanted, _added(names["datastores"]))
        if "range" in names:
            self._change_range(wanted, step.oid)
        if wanted.kind == "user":
            self._update_user(wanted, names)

    def _update_user(self, wanted: Wanted, names: Mapping[str, Change]) -> None:
        oid = self.ids[wanted.key]
        if "group" in names:
            self.one.users.primary_group(oid, self.ids["group", wanted.fields["group"]])
        if _QUOTAS & set(names):
            self._quota(wanted)
        if "password" in names:
            self.one.users.password(oid, self.password())

    def _change_range(self, wanted: Wanted, oid: int) -> None:
        """The old range grows or shrinks, or goes before the new one comes: never both at once."""
        network = waiting.wait_network(self.one, oid, deadline=NETWORK_DEADLINE)
        first, size = range_of(wanted.fields["range"])
        kept: AddressRange | None = None
        for one in our_ranges(network, wanted.fields["range"]):
            if one.ip == first and kept is None:
                kept = one
            else:
                self.one.networks.remove_range(oid, one.id)
        if kept is None:
            self.one.networks.add_range(oid, self._range(wanted))
        elif kept.size != size:
            own = {k: v for k, v in kept.attributes.items() if k not in _ANSWERED}
            self.one.networks.update_range(oid, {**own, "AR_ID": str(kept.id), "SIZE": str(size)})

    def _template(self, step: Step) -> None:
        found = step.template
        assert found  # noqa: S101 - the planner puts it there
        if found.found is not None:
            attributes, merge = found.update
            self.one.templates.update(found.found.id, attributes, merge=merge)
            return
        settle(
            lambda: self.one.templates.named(found.name, self.one.me.id),
            lambda: self.one.templates.allocate(found.wanted), self.one.templates.delete,
        )  # fmt: skip

    # Rules

    def _rule(self, step: Step) -> None:
        if step.action is Action.DELETE:
            with suppress(MissingError):
                self.one.acls.delete(step.oid)
            return
        wanted = self.rules[step.name]
        rule = resolve(wanted, self.ids)
        if rule is None:
            raise MissingError(f"{wanted.name}: what it is about is not there")
        self._record(wanted, str(rule))
        self.one.acls.add(rule)

    def _record(self, wanted: WantedRule, text: str) -> None:
        """Note in the user's template which rules are B2CT's, before they are."""
        oid = self.ids["user", wanted.user]
        known = recorded(self.one.users.get(oid))
        if text not in known:
            self.one.users.update(oid, Attributes.of({RULES: ";".join([*known, text])}))

    # Deletions

    def _delete(self, step: Step) -> None:
        if step.kind == "cluster":
            self._empty(step.oid)
        try:
            self.kinds[step.kind].delete(step.oid)
        except MissingError:
            return  # somebody was faster

    def _empty(self, oid: int) -> None:
        """Take what is in other clusters, too, out of one that is deleted."""
        cluster = self.one.clusters.get(oid)
        for datastore in cluster.datastores:
            self.one.clusters.remove_datastore(oid, datastore)
        for network in cluster.networks:
            self.one.clusters.remove_network(oid, network)


_ANSWERED = frozenset({"MAC_END", "IP_END", "USED_LEASES", "LEASES", "ALLOCATED"})
"""Attributes that the server adds to an address range in its answers."""


def _added(change: Change) -> list[str]:
    return [name for name in change.new.split(", ") if name not in change.old.split(", ")]
