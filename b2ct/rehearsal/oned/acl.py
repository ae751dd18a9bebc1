"""Who may do what: permission bits, access control rules, and the rules oned starts with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from b2ct.rehearsal.oned.entities import Entity
from b2ct.rehearsal.oned.errors import unauthorized

USE, MANAGE, ADMIN, CREATE = 1, 2, 4, 8
RIGHTS = {USE: "USE", MANAGE: "MANAGE", ADMIN: "ADMIN", CREATE: "CREATE"}
_LOCK_LEVEL = {USE: 1, MANAGE: 2, ADMIN: 3}

ONE, GROUP, ALL, CLUSTER = 0x100000000, 0x200000000, 0x400000000, 0x800000000
_SELECTORS = {GROUP: "@", ONE: "#", CLUSTER: "%", ALL: "*"}
# The order is that of the written form of a rule.
TYPES = {
    "VM": 0x1000000000,
    "HOST": 0x2000000000,
    "NET": 0x4000000000,
    "IMAGE": 0x8000000000,
    "USER": 0x10000000000,
    "TEMPLATE": 0x20000000000,
    "GROUP": 0x40000000000,
    "ACL": 0x80000000000,
    "DATASTORE": 0x100000000000,
    "CLUSTER": 0x200000000000,
    "DOCUMENT": 0x400000000000,
    "ZONE": 0x800000000000,
    "SECGROUP": 0x1000000000000,
    "VDC": 0x2000000000000,
    "VROUTER": 0x4000000000000,
    "MARKETPLACE": 0x8000000000000,
    "MARKETPLACEAPP": 0x10000000000000,
    "VMGROUP": 0x20000000000000,
    "VNTEMPLATE": 0x40000000000000,
    "BACKUPJOB": 0x100000000000000,
}
_ID = 0xFFFFFFFF
# right, kind, and the object (None where one is made)
Wanted = tuple[int, str, Entity | None]


def kinds(*names: str) -> int:
    return sum(TYPES[name] for name in names)


def _selector(number: int, what: int = GROUP | ONE | CLUSTER | ALL) -> str:
    sign = next((s for bit, s in _SELECTORS.items() if number & what & bit), "??")
    return sign if sign in ("*", "??") else f"{sign}{number & _ID}"


@dataclass(frozen=True)
class Rule:
    id: int
    user: int
    resource: int
    rights: int
    zone: int

    def text(self) -> str:
        types = "+".join(
            name for name, bit in TYPES.items() if self.resource & bit and name != "ACL"
        )
        rights = "+".join(name for bit, name in RIGHTS.items() if self.rights & bit)
        return (
            f"{_selector(self.user)} {types}/{_selector(self.resource)} {rights} "
            f"{_selector(self.zone)}"
        )

    def xml(self) -> str:
        return (
            f"<ACL><ID>{self.id}</ID><USER>{self.user:x}</USER>"
            f"<RESOURCE>{self.resource:x}</RESOURCE><RIGHTS>{self.rights:x}</RIGHTS>"
            f"<ZONE>{self.zone:x}</ZONE><STRING>{self.text()}</STRING></ACL>"
        )

    def covers(self, uid: int, groups: set[int], kind: str, target: Entity | None) -> bool:
        number = self.user & _ID
        if not (
            self.user & ALL
            or (self.user & ONE and number == uid)
            or (self.user & GROUP and number in groups)
        ):
            return False
        if not self.resource & TYPES[kind]:
            return False
        if self.resource & ALL or target is None:
            return bool(self.resource & ALL)
        number = self.resource & _ID
        if self.resource & ONE:
            return number == target.id
        if self.resource & GROUP:
            return number == target.owner[1]
        return number in target.clusters

    def problem(self) -> str:
        """Why oned refuses the rule, in its words; empty if it does not."""
        found = [
            (not self.user & (ONE | GROUP | ALL), "[user] is missing one of the INDIVIDUAL, "
             "GROUP or ALL bits"),
            (not self.resource & (ONE | GROUP | ALL | CLUSTER), "[resource] is missing one of the "
             "INDIVIDUAL, GROUP, CLUSTER or ALL bits"),
            (not self.resource >> 36, "[resource] type is missing"),
            (self.rights == 0, "wrong [rights], it cannot be 0"),
            (self.rights > 0xF, "wrong [rights], it cannot be bigger than 0xF"),
            (not self.zone & (ONE | ALL), "[zone] is missing one of the INDIVIDUAL or ALL bits"),
        ]  # fmt: skip
        said = "; ".join(text for wrong, text in found if wrong)
        return f"Rule {self.text()} is malformed: {said}" if said else ""


class Acl:
    """The rules. `authorize` is where every call asks."""

    def __init__(self) -> None:
        self.rules: dict[int, Rule] = {}
        self._next = 0
        everyone_makes = kinds(
            "VM", "IMAGE", "TEMPLATE", "DOCUMENT", "SECGROUP", "VMGROUP", "BACKUPJOB",
        )  # fmt: skip
        self.add(GROUP | 1, ALL | everyone_makes, CREATE, ALL)
        self.add(ALL, ALL | kinds("ZONE"), USE, ALL)
        self.add(ALL, ALL | kinds("MARKETPLACE", "MARKETPLACEAPP"), USE, ALL)
        self.add_group(1)

    def add_group(self, gid: int) -> None:
        """What the default virtual data centre, which every group joins, allows its members."""
        self.add(GROUP | gid, ALL | kinds("HOST"), MANAGE, ONE)
        self.add(GROUP | gid, ALL | kinds("NET"), USE, ONE)
        self.add(GROUP | gid, ALL | kinds("DATASTORE"), USE, ONE)

    def add_admin(self, uid: int, gid: int) -> None:
        """What an administrator of a group may do in it."""
        resources = kinds(
            "VM", "NET", "IMAGE", "TEMPLATE", "DOCUMENT", "SECGROUP", "VROUTER", "VMGROUP",
            "BACKUPJOB",
        )  # fmt: skip
        self.add(ONE | uid, GROUP | gid | kinds("USER"), USE | MANAGE | ADMIN | CREATE, ALL)
        self.add(ONE | uid, GROUP | gid | resources, USE | MANAGE, ALL)
        self.add(ONE | uid, ALL | kinds("VROUTER"), CREATE, ALL)
        self.add(ONE | uid, ONE | gid | kinds("GROUP"), MANAGE, ALL)

    def remove_admin(self, uid: int, gid: int) -> None:
        own = {r.id for r in self.rules.values() if r.user == ONE | uid and r.zone == ALL}
        inside = {n for n in own if self.rules[n].resource & _ID == gid}
        routers = {n for n in own if self.rules[n].resource == ALL | kinds("VROUTER")}
        self.rules = {n: r for n, r in self.rules.items() if n not in inside | routers}

    def remove_user(self, uid: int) -> None:
        self.rules = {n: r for n, r in self.rules.items() if r.user != ONE | uid}

    def remove_group(self, gid: int) -> None:
        """With a group go the rules for it."""
        self.rules = {n: r for n, r in self.rules.items() if r.user != GROUP | gid}

    def add(self, user: int, resource: int, rights: int, zone: int) -> Rule:
        rule = Rule(self._next, user, resource, rights, zone)
        self._next += 1
        self.rules[rule.id] = rule
        return rule

    def same(self, user: int, resource: int, rights: int, zone: int) -> Rule | None:
        wanted = (user, resource, rights, zone)
        return next(
            (r for r in self.rules.values() if (r.user, r.resource, r.rights, r.zone) == wanted),
            None,
        )

    def xml(self) -> str:
        """In the order of whom they are for, as oned keeps them."""
        ordered = sorted(self.rules.values(), key=lambda rule: rule.user)
        return f"<ACL_POOL>{''.join(rule.xml() for rule in ordered)}</ACL_POOL>"

    def allowed(
        self, uid: int, groups: set[int], right: int, kind: str, target: Entity | None
    ) -> bool:
        """By ownership bits or by a rule; members of oneadmin may do everything."""
        if uid == 0 or 0 in groups:
            return True
        if target is not None and _by_bits(uid, groups, right, target):
            return True
        rules: Iterable[Rule] = self.rules.values()
        return any(r.rights & right and r.covers(uid, groups, kind, target) for r in rules)

    def authorize(self, uid: int, groups: set[int], wanted: Iterable[Wanted]) -> None:
        """Raise oned's refusal (code 0x0200), which names all that is not allowed or locked."""
        said = []
        for right, kind, target in wanted:
            locked = (
                target is not None and right != CREATE and target.locked_for(_LOCK_LEVEL[right])
            )
            if self.allowed(uid, groups, right, kind, target) and not locked:
                continue
            which = f" [{target.id}]" if target is not None else ""
            if uid == 0 or 0 in groups:
                said.append(f"{kind} is locked.{which}")
            else:
                said.append(f"Not authorized to perform {RIGHTS[right]} {kind}{which}")
        if said:
            raise unauthorized(uid, "; ".join(said))


def _by_bits(uid: int, groups: set[int], right: int, target: Entity) -> bool:
    column = {USE: 0, MANAGE: 1, ADMIN: 2}.get(right)
    if column is None:
        return False
    bits, (owner, group) = target.bits(), target.owner
    return (
        bits[6 + column] == "1"
        or (owner == uid and bits[column] == "1")
        or (group in groups and bits[3 + column] == "1")
    )
