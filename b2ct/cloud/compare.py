"""The site against the cloud: what is to be created, changed and deleted, and what is left. Pure.

- What site.yaml has and the cloud does not is created; what differs is changed, if B2CT made it
  or was told to take it over. Something made by hand under the same name is used as it is.
- What B2CT made and site.yaml has no more is deleted only on demand, and never while in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from b2ct.cloud import bars, diff, use
from b2ct.cloud.desired import ADMINISTRATORS, DEFAULT, Desired, Wanted, WantedRule
from b2ct.cloud.diff import View
from b2ct.cloud.difference import Change
from b2ct.cloud.live import Live
from b2ct.cloud.steps import Action, Plan, Step
from b2ct.one import ownership
from b2ct.one.acl import AclRule
from b2ct.one.objects.base import Named, Owned
from b2ct.one.ownership import Owners

MARKS = "made by b2ct"
TAKEN_OVER = "in the care of b2ct"
"""Changes that set B2CT's own attributes."""
ZONE = 0
"""Of a front-end that is in no federation."""
NO_MORE = "site.yaml has it no more"
TWIN = "there is another one of this name"
PRUNE = "`b2ct apply --prune` deletes it"
RENAME = "two sites must not share names: rename it, or change that in site.yaml"
_BELONGING = frozenset({"cluster", "security groups", "group"})
"""Fields that say what an object uses."""
ADOPT = "change it by hand, or let b2ct take it over with --adopt"
ANOTHERS = "rename it, or `chown` it to yourself, if b2ct is to have it"


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    prune: bool = False
    adopt: bool = False
    password: bool = False
    """Set the DIRAC user's password anew: it cannot be compared."""


def plan(desired: Desired, live: Live, options: Options = Options()) -> Plan:
    """What is to be done."""
    return _Planner(desired, live, options).plan()


def resolve(rule: WantedRule, ids: Mapping[tuple[str, str], int]) -> AclRule | None:
    """The rule with IDs; None while something that it names is not there."""
    user = ids.get(("user", rule.user))
    which = ids.get(rule.which) if rule.which else None
    if user is None or (rule.which and which is None):
        return None
    mark = "@" if rule.which and rule.which[0] == "group" else "#"
    about = f"{mark}{which}" if rule.which else "*"
    # A rule about a single network must name its zone: oned refuses * there.
    return AclRule.of(f"#{user} {rule.resources}/{about} {rule.rights} #{ZONE}")


def recorded(owners: Owners, uid: int) -> tuple[str, ...]:
    """The rules that B2CT added for a user, as texts: rules have no attributes."""
    return tuple(text for text in owners.accounts.text(ownership.rules(uid)).split(";") if text)


class _Planner:
    """One run of planning; it gathers, and changes nothing outside itself."""

    def __init__(self, desired: Desired, live: Live, options: Options) -> None:
        self.desired, self.live, self.options = desired, live, options
        self.site, self.owners = desired.label, live.owners
        self.there = {rule.key: rule for rule in reversed(live.rules)}
        self.begun = ownership.journal(live.me.template, self.site)
        self.found: dict[tuple[str, str], Named] = {}
        for wanted in desired.objects:
            if (item := self._find(wanted)) is not None:
                self.found[wanted.key] = item
        self.ids = {
            ("cluster", DEFAULT): 0, ("security group", DEFAULT): 0,
            ("group", ADMINISTRATORS): live.me.gid,
            **{key: item.id for key, item in self.found.items()},
        }  # fmt: skip
        self.view = View(live, self.ids)
        self.managed: dict[use.Key, Wanted] = {}
        """What is there and will be as it is wanted."""

    def plan(self) -> Plan:
        steps = [step for wanted in self.desired.objects for step in self._object(wanted)]
        steps += self._workers()
        steps += self._rules()
        steps += self._left_over()
        steps += self._surplus_rules()
        notes = self.desired.notes
        by_hand, elsewhere = self._others(), self._others(of_sites=True)
        return Plan(tuple(steps), notes, by_hand, elsewhere, self.ids, self.begun)

    def _find(self, wanted: Wanted) -> Named | None:
        """The object that is meant: B2CT's own first, else one of that name."""
        if wanted.oid is not None:
            return self.live.numbered.get((wanted.kind, wanted.oid))
        named = self.live.named.get(wanted.key, ())
        ours = [item for item in named if self.owners.cared_for(item, self.site)]
        # Names of these are unique per owner only: another user's object is none of ours.
        mine = [i for i in named if not isinstance(i, Owned) or i.uid == self.live.me.id]
        if wanted.kind == "datastore":
            mine = [*named]
        return min(ours or mine, key=lambda item: item.id, default=None)

    def _object(self, wanted: Wanted) -> Iterator[Step]:
        item = self.found.get(wanted.key)
        if item is None and wanted.oid is not None:
            yield Step(
                *wanted.key, Action.LEAVE, why=f"there is no {wanted.kind} {wanted.oid}",
                hint="`onedatastore create` makes one; site.yaml names it by its ID",
            )  # fmt: skip
        elif item is None:
            now = tuple(Change(name, "", text) for name, text in wanted.fields.items())
            yield Step(*wanted.key, Action.CREATE, changes=now)
        else:
            yield from self._compared(wanted, item)

    def _compared(self, wanted: Wanted, item: Named) -> Iterator[Step]:
        changes = diff.changes(wanted, item, self.view)
        why = self.owners.foreign(item, self.site)
        hint = RENAME if why.startswith(ownership.ELSEWHERE) else ADOPT
        if not self.owners.hold(item):
            hint = ANOTHERS
        if why and ownership.system(wanted.kind, item):
            why = "OpenNebula's own"
        if why and wanted.key in self.begun:
            # A run that ended before it could mark it.
            changes, why = (Change(MARKS, "", "yes"), *changes), ""
        elif why and self.options.adopt and changes and hint == ADOPT:
            changes, why = (Change(TAKEN_OVER, "", "yes"), *changes), ""
        if why:
            action = Action.LEAVE if changes else Action.NOTHING
            told = f"{why}: left alone"
            yield Step(*wanted.key, action, item.id, changes, told, hint if changes else "")
            return
        if trouble := bars.trouble(item):
            self.managed[wanted.kind, item.id] = wanted
            yield Step(*wanted.key, Action.LEAVE, item.id, changes, *trouble)
            return
        barred = [(change, bars.bar(wanted, item, change)) for change in changes]
        if not any(bar and change.name in _BELONGING for change, bar in barred):
            self.managed[wanted.kind, item.id] = wanted
        for change, (reason, hint) in ((c, b) for c, b in barred if b):
            yield Step(*wanted.key, Action.LEAVE, item.id, (change,), reason, hint)
        free = tuple(change for change, bar in barred if not bar)
        if wanted.kind == "user" and self.options.password:
            free = (*free, Change("password", "(hidden)", "(hidden)"))
        if free:
            yield Step(*wanted.key, Action.UPDATE, item.id, free)
        elif not any(bar for _, bar in barred):
            yield Step(*wanted.key, Action.NOTHING, item.id)

    def _workers(self) -> Iterator[Step]:
        from b2ct.cloud import workers

        made = {w.name for w in self.desired.objects if w.kind == "network"}
        for worker in self.desired.workers:
            yield from workers.steps(self.desired, worker, self.live, made - self._there("network"))

    def _there(self, kind: str) -> set[str]:
        return {name for its, name in self.found if its == kind}

    def _rules(self) -> Iterator[Step]:
        """ACL rules of a user whom B2CT takes care of."""
        for wanted in self.desired.rules:
            user = self.found.get(("user", wanted.user))
            rule = resolve(wanted, self.ids)
            there = self.there.get(rule.key) if rule else None
            if there:
                yield Step("rule", wanted.name, Action.NOTHING, there.id)
            elif user is not None and self._foreign_user(user):
                why = "the user was made by hand: left alone"
                yield Step("rule", wanted.name, Action.LEAVE, why=why, hint=ADOPT)
            else:
                yield Step("rule", wanted.name, Action.CREATE)

    def _foreign_user(self, user: Named) -> bool:
        begun = ("user", user.name) in self.begun
        return bool(self.owners.foreign(user, self.site)) and not begun and not self.options.adopt

    def _surplus_rules(self) -> Iterator[Step]:
        """Rules that B2CT once added for a user who stays, and that are wanted no more."""
        for (kind, _), user in self.found.items():
            if kind != "user" or self._foreign_user(user):
                continue
            wanted = [resolve(rule, self.ids) for rule in self.desired.rules]
            keep = {str(rule) for rule in wanted if rule}
            for text in sorted(set(recorded(self.owners, user.id)) - keep):
                if (rule := self.there.get(AclRule.of(text).key)) is not None:
                    yield self._surplus("rule", text, rule.id)

    def _surplus(self, kind: str, name: str, oid: int, used: str = "", gone: str = NO_MORE) -> Step:
        if not self.options.prune:
            return Step(kind, name, Action.LEAVE, oid, why=gone, hint=PRUNE)
        if used:
            hint = "run `b2ct apply --prune` again when it is not"
            return Step(kind, name, Action.LEAVE, oid, why=f"{gone}, but {used}", hint=hint)
        return Step(kind, name, Action.DELETE, oid, why=gone)

    def _left_over(self) -> Iterator[Step]:
        """What B2CT made and site.yaml has no more, in the order in which it can be deleted."""
        gone: set[use.Key] = set()
        after = use.After(self.live, self.ids, self.managed, gone)
        wanted = {(kind, item.id) for (kind, _), item in self.found.items()}
        for kind in use.ORDER:
            for item in self.live.kinds[kind]:
                if (kind, item.id) in wanted or not self._ours(kind, item):
                    continue
                if not self.owners.made(item, self.site):
                    why = f"{NO_MORE}; it was taken over, so it is never deleted"
                    yield Step(kind, item.name, Action.LEAVE, item.id, why=why)
                    continue
                used = use.of(kind, item, after)
                why = TWIN if self._twin(kind, item) else NO_MORE
                step = self._surplus(kind, item.name, item.id, used, why)
                if step.action is Action.DELETE:
                    gone.add((kind, item.id))
                yield step

    def _ours(self, kind: str, item: Named) -> bool:
        if ownership.system(kind, item) or not self.owners.cared_for(item, self.site):
            return False
        # `register-image --template` makes further templates for a worker: all are kept.
        names = {worker.name for worker in self.desired.workers}
        kept = kind == "template" and item.template.text("B2CT_WORKER") in names
        return not kept or self._twin(kind, item)

    def _twin(self, kind: str, item: Named) -> bool:
        """An older one of ours has its name: parallel runs can make two (see settle)."""
        return any(
            one.id < item.id and self.owners.cared_for(one, self.site)
            for one in self.live.named[kind, item.name]
        )

    def _others(self, *, of_sites: bool = False) -> dict[str, tuple[str, ...]]:
        """Names by kind of what was made by hand; or for other sites, by B2CT."""
        used = {(kind, item.id) for (kind, _), item in self.found.items()}
        found: dict[str, tuple[str, ...]] = {}
        for kind, items in self.live.kinds.items():
            names = tuple(
                item.name
                for item in items
                if (kind, item.id) not in used
                and not ownership.system(kind, item)
                and (why := self.owners.foreign(item, self.site))
                and why.startswith(ownership.ELSEWHERE) is of_sites
            )
            if names:
                found[kind] = names
        return found
