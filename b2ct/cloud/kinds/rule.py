"""ACL rules: what the DIRAC user may do.

Rules have no names and no attributes. Which of them B2CT added stands in oneadmin's group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from b2ct.cloud import compare
from b2ct.cloud.kinds.group import ADMINISTRATORS, GROUP
from b2ct.cloud.kinds.kind import Kind, Wanted
from b2ct.cloud.kinds.network import NETWORK, giving
from b2ct.cloud.kinds.security_group import SECURITY_GROUP, guards
from b2ct.cloud.kinds.user import USER
from b2ct.cloud.steps import Action, Step
from b2ct.one import ownership
from b2ct.one.acl import AclRule
from b2ct.one.faults import MissingError
from b2ct.one.kinds import Acls
from b2ct.one.ownership import Owners

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client

ZONE = 0
"""Of a front-end that is in no federation."""


@dataclass(frozen=True, kw_only=True)
class WantedRule(Wanted):
    """A rule for a user. `which`: kind and name of what it is about; None: everything."""

    user: str
    resources: str
    rights: str
    which: tuple[str, str] | None = None


class RuleKind(Kind[WantedRule, AclRule]):
    """What DIRAC needs."""

    name, made, deleted = "rule", 90, 90

    def pool(self, one: Client) -> Acls:
        """ACL rules."""
        return one.acls

    def wanted(self, described: Described) -> Iterator[WantedRule]:
        """Hosts and datastores are allowed by the server's default VDC already."""
        site = described.site
        if not (dirac := site.cloud.dirac):
            return
        # A template that is instantiated with attributes besides its own counts as a new one.
        yield _rule(dirac.user, "VM+TEMPLATE", "CREATE")
        # Of the administrators' own, so that a new version of an image needs no new rule.
        yield _rule(dirac.user, "IMAGE+TEMPLATE", "USE", GROUP, ADMINISTRATORS)
        used = {n for w in site.described_workers.values() for n in site.networks_of(w)}
        networks = [name for name in giving(site) if name in used]
        for guard in dict.fromkeys(guard for name in networks for guard in guards(site, name)):
            yield _rule(dirac.user, "SECGROUP", "USE", SECURITY_GROUP, guard)
        for name in networks:
            yield _rule(dirac.user, "NET", "USE", NETWORK, name)

    def steps(self, view: View) -> Iterator[Step]:
        """Rules of a user whom B2CT takes care of."""
        there = _by_key(view.live.of(self))
        for wanted in view.desired.of(self):
            user = view.meaning(USER, wanted.user)
            rule = _resolved(wanted, view.ids)
            if rule and (same := there.get(rule.key)):
                yield Step(self.name, wanted.name, Action.NOTHING, same.id)
            elif user is not None and not compare.in_care(USER, user, view):
                why = "the user was made by hand: left alone"
                yield Step(self.name, wanted.name, Action.LEAVE, why=why, hint=compare.ADOPT)
            else:
                yield Step(self.name, wanted.name, Action.CREATE)

    def left_over(self, view: View) -> Iterator[Step]:
        """Rules that B2CT once added for a user who stays, and that are wanted no more."""
        there = _by_key(view.live.of(self))
        for name in view.there(USER):
            user = view.meaning(USER, name)
            if user is None or not compare.in_care(USER, user, view):
                continue
            wanted = (_resolved(rule, view.ids) for rule in view.desired.of(self))
            keep = {str(rule) for rule in wanted if rule}
            for text in sorted(set(_recorded(view.owners, user.id)) - keep):
                if (rule := there.get(AclRule.of(text).key)) is not None:
                    yield compare.surplus(view, self.name, (text, rule.id))

    def create(self, run: Run, step: Step) -> None:
        """Note that it is B2CT's, then add it."""
        wanted = run.wanted(self, step.name)
        rule = _resolved(wanted, run.ids)
        if rule is None:
            raise MissingError(f"{wanted.name}: what it is about is not there")
        self._record(run, wanted.user)
        run.one.acls.add(rule)

    def update(self, _run: Run, step: Step) -> None:
        """A rule is another one when it says something else."""
        raise AssertionError(step)

    def delete(self, run: Run, step: Step) -> None:
        """Somebody who was faster is no error."""
        with suppress(MissingError):
            run.one.acls.delete(step.oid)

    def _record(self, run: Run, user: str) -> None:
        """Note which rules of a user are B2CT's, before they are: all that are wanted."""
        if user in run.noted:
            return
        uid = run.id(USER, user)
        owners = Owners.of(run.one.me, [run.one.groups.get(ownership.ADMINISTRATORS)])
        every = [rule for rule in run.desired.of(self) if rule.user == user]
        wanted = (_resolved(rule, run.ids) for rule in every)
        known = dict.fromkeys([*_recorded(owners, uid), *(str(rule) for rule in wanted if rule)])
        run.say_of_accounts({ownership.rules(uid): ";".join(known)})
        run.noted.add(user)


def _rule(
    user: str, resources: str, rights: str, kind: Kind[Any, Any] | None = None, about: str = ""
) -> WantedRule:
    which = (kind.name, about) if kind else None
    what = f" {kind.name} {about}" if kind else ""
    name = f"{user}: {rights} {resources}{what}"
    return WantedRule(name=name, user=user, resources=resources, rights=rights, which=which)


def _resolved(rule: WantedRule, ids: Mapping[tuple[str, str], int]) -> AclRule | None:
    """The rule with IDs; None while something that it names is not there."""
    user = ids.get((USER.name, rule.user))
    which = ids.get(rule.which) if rule.which else None
    if user is None or (rule.which and which is None):
        return None
    mark = "@" if rule.which and rule.which[0] == GROUP.name else "#"
    about = f"{mark}{which}" if rule.which else "*"
    # A rule about a single network must name its zone: oned refuses * there.
    return AclRule.of(f"#{user} {rule.resources}/{about} {rule.rights} #{ZONE}")


def _by_key(rules: tuple[AclRule, ...]) -> dict[tuple[int, int, int, int], AclRule]:
    """By what they say; of the same ones the oldest."""
    return {rule.key: rule for rule in reversed(rules)}


def _recorded(owners: Owners, uid: int) -> tuple[str, ...]:
    """The rules that B2CT added for a user, as texts."""
    return tuple(text for text in owners.accounts.text(ownership.rules(uid)).split(";") if text)


RULE = RuleKind()
