"""Users and groups: one.user.*, one.group.* and their pools."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import ADMIN, CREATE, MANAGE, USE
from b2ct.rehearsal.oned.entities import Entity, bad_name
from b2ct.rehearsal.oned.errors import OneError, action, internal, taken, unauthorized
from b2ct.rehearsal.oned.quotas import NO_LIMITS, Quotas
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.template import Template, parse


def password_hash(plain: str) -> str:
    """What the core driver stores: SHA-256, in hexadecimal."""
    return hashlib.sha256(plain.encode()).hexdigest()


@dataclass
class User(Entity):
    kind: ClassVar[str] = "USER"
    gid: int = 0
    password: str = ""
    driver: str = "core"
    enabled: bool = True
    groups: set[int] = field(default_factory=set)
    quotas: Quotas = field(default_factory=Quotas)

    @property
    def owner(self) -> tuple[int, int]:
        return self.id, self.gid

    def bits(self) -> str:
        return "110000000"  # oneself

    def _body(self) -> str:
        return (
            f"<ID>{self.id}</ID><GID>{self.gid}</GID>{xmlwriter.ids('GROUPS', self.groups)}"
            f"<GNAME>{self.cloud.group_name(self.gid)}</GNAME><NAME>{self.name}</NAME>"
            f"{xmlwriter.cdata('PASSWORD', self.password)}"
            f"{xmlwriter.cdata('AUTH_DRIVER', self.driver)}"
            f"<ENABLED>{int(self.enabled)}</ENABLED>{self.template.xml()}"
        )

    def _quotas(self) -> str:
        return self.quotas.xml(pci=self.cloud.release.pci_quotas)

    def xml(self) -> str:
        default = f"<DEFAULT_USER_QUOTAS>{NO_LIMITS}</DEFAULT_USER_QUOTAS>"
        return f"<USER>{self._body()}{self._quotas()}{default}</USER>"

    def pool_xml(self) -> str:
        quotas = f"<QUOTAS><ID>{self.id}</ID>{self._quotas()}</QUOTAS>"
        return f"<USER>{self._body()}</USER>{quotas}"


@dataclass
class Group(Entity):
    kind: ClassVar[str] = "GROUP"
    admins: set[int] = field(default_factory=set)
    quotas: Quotas = field(default_factory=Quotas)

    @property
    def owner(self) -> tuple[int, int]:
        return -1, self.id

    def bits(self) -> str:
        return "000100000"

    def _body(self) -> str:
        members = (u.id for u in self.cloud.users if self.id in u.groups)
        return (
            f"<ID>{self.id}</ID><NAME>{self.name}</NAME>{self.template.xml()}"
            f"{xmlwriter.ids('USERS', members)}{xmlwriter.ids('ADMINS', self.admins)}"
        )

    def _quotas(self) -> str:
        return self.quotas.xml(pci=self.cloud.release.pci_quotas)

    def _vlans(self) -> str:
        rules = xmlwriter.vector("VLAN_RULES", {"ID": str(self.id)})
        return rules if self.cloud.release.vlan_rules else ""

    def xml(self) -> str:
        default = f"<DEFAULT_GROUP_QUOTAS>{NO_LIMITS}</DEFAULT_GROUP_QUOTAS>"
        return f"<GROUP>{self._body()}{self._quotas()}{self._vlans()}{default}</GROUP>"

    def pool_xml(self) -> str:
        quotas = f"<QUOTAS><ID>{self.id}</ID>{self._quotas()}</QUOTAS>"
        return f"<GROUP>{self._body()}</GROUP>{quotas}{self._vlans()}"


def _limits(text: str) -> Template:
    """Quotas are refused as an action, also where their text cannot be read."""
    try:
        return parse(text)
    except OneError as error:
        raise action(error.text) from None


def _whose(call: Call, **owner: int) -> dict[str, str]:
    """What oned itself puts into a quota for VMs before it checks that."""
    return {k.upper(): str(v) for k, v in owner.items()} if call.cloud.release.plans else {}


@method("one.user.allocate")
def user_allocate(
    call: Call,
    name: str,
    password: str,
    driver: str = "",
    group_ids: list[int] | None = None,
) -> int:
    cloud = call.cloud
    call.may(CREATE, "USER")
    same = cloud.users.named(name)
    if same:
        raise taken("USER", same.id)
    problem = bad_name(name, ":\t\n\v\f\r ")
    if problem:
        raise internal(f"{problem}.")
    if not password:
        raise internal("Invalid password, it cannot be empty.")
    if any(c in password for c in "\t\n\v\f\r "):
        raise internal("Invalid password, it cannot contain whitespaces.")
    groups = [cloud.groups[number].id for number in group_ids or ()] or [1]
    user = User(cloud, cloud.users.take_id(), name, gid=groups[0], groups=set(groups))
    user.driver = driver or "core"
    user.password = password_hash(password) if user.driver == "core" else password
    user.template.set("TOKEN_PASSWORD", password_hash(f"token {user.id} {name}"))
    cloud.users.add(user)
    return user.id


@method("one.user.delete")
def user_delete(call: Call, user_id: int) -> int:
    user = call.cloud.users[user_id]
    call.may(MANAGE, "USER", user)
    if user_id == 0:
        raise action("Cannot delete user. oneadmin cannot be deleted.")
    call.cloud.users.remove(user_id)
    call.cloud.acl.remove_user(user_id)
    return user_id


@method("one.user.info")
def user_info(call: Call, user_id: int = -1) -> str:
    user = call.cloud.users[call.uid if user_id == -1 else user_id]
    call.may_see("USER", user)
    return user.xml()


@method("one.user.passwd")
def user_passwd(call: Call, user_id: int, password: str) -> int:
    user = call.cloud.users[user_id]
    call.may(MANAGE, "USER", user)
    user.password = password_hash(password) if user.driver == "core" else password
    return user_id


@method("one.user.chauth")
def user_chauth(call: Call, user_id: int, driver: str, password: str = "") -> int:
    user = call.cloud.users[user_id]
    call.may(ADMIN, "USER", user)
    user.driver = driver
    if password:
        user.password = password_hash(password) if driver == "core" else password
    return user_id


@method("one.user.enable")
def user_enable(call: Call, user_id: int, enable: bool) -> int:
    user = call.cloud.users[user_id]
    call.may(ADMIN, "USER", user)
    user.enabled = enable
    return user_id


@method("one.user.chgrp")
def user_chgrp(call: Call, user_id: int, group_id: int) -> int:
    user, group = call.cloud.users[user_id], call.cloud.groups[group_id]
    call.may(MANAGE, "USER", user)
    call.may(MANAGE, "GROUP", group)
    user.groups.discard(user.gid)
    user.gid = group_id
    user.groups.add(group_id)
    return user_id


@method("one.user.addgroup")
def user_addgroup(call: Call, user_id: int, group_id: int) -> int:
    user, group = call.cloud.users[user_id], call.cloud.groups[group_id]
    call.may(MANAGE, "USER", user)
    call.may(MANAGE, "GROUP", group)
    if group_id in user.groups:
        raise action("User is already in this group")
    user.groups.add(group_id)
    return user_id


@method("one.user.delgroup")
def user_delgroup(call: Call, user_id: int, group_id: int) -> int:
    user, group = call.cloud.users[user_id], call.cloud.groups[group_id]
    call.may(MANAGE, "USER", user)
    call.may(MANAGE, "GROUP", group)
    if group_id not in user.groups:
        raise action("User is not part of this group")
    if group_id == user.gid:
        raise action("Cannot remove user from the primary group")
    user.groups.discard(group_id)
    return user_id


@method("one.user.quota")
def user_quota(call: Call, user_id: int, text: str) -> int:
    user = call.cloud.users[user_id]
    if not call.is_admin:
        raise unauthorized(call.uid, f"Not authorized to perform ADMIN USER [{user_id}]")
    if user_id == 0:
        raise action("Cannot set quotas for oneadmin user")
    user.quotas.update(_limits(text), _whose(call, uid=user_id))
    return user_id


@method("one.userpool.info")
def userpool_info(call: Call) -> str:
    cloud = call.cloud
    pool = cloud.users.xml(lambda u: cloud.acl.allowed(call.uid, call.groups, USE, "USER", u))
    default = f"<DEFAULT_USER_QUOTAS>{NO_LIMITS}</DEFAULT_USER_QUOTAS>"
    return pool.replace("</USER_POOL>", f"{default}</USER_POOL>")


@method("one.group.allocate")
def group_allocate(call: Call, name: str) -> int:
    cloud = call.cloud
    call.may(CREATE, "GROUP")
    same = cloud.groups.named(name)
    if same:
        raise taken("GROUP", same.id)
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    group = cloud.groups.add(Group(cloud, cloud.groups.take_id(), name))
    cloud.acl.add_group(group.id)
    return group.id


@method("one.group.delete")
def group_delete(call: Call, group_id: int) -> int:
    cloud = call.cloud
    group = cloud.groups[group_id]
    call.may(MANAGE, "GROUP", group)
    if group_id in (0, 1):
        raise action("Cannot delete group. System Groups (ID < 100) cannot be deleted.")
    members = [u for u in cloud.users if group_id in u.groups]
    if members:
        raise action(f"Cannot delete group. Group {group_id} is not empty.")
    cloud.acl.remove_group(group_id)
    cloud.groups.remove(group_id)
    return group_id


@method("one.group.info")
def group_info(call: Call, group_id: int = -1, decrypt: bool = False) -> str:
    group = call.cloud.groups[call.user.gid if group_id == -1 else group_id]
    call.may_see("GROUP", group)
    return group.xml()


@method("one.group.addadmin")
def group_addadmin(call: Call, group_id: int, user_id: int) -> int:
    group, user = call.cloud.groups[group_id], call.cloud.users[user_id]
    call.may(MANAGE, "GROUP", group)
    if group_id not in user.groups:
        raise action("User is not part of this group")
    group.admins.add(user_id)
    call.cloud.acl.add_admin(user_id, group_id)
    return group_id


@method("one.group.deladmin")
def group_deladmin(call: Call, group_id: int, user_id: int) -> int:
    group = call.cloud.groups[group_id]
    call.may(MANAGE, "GROUP", group)
    group.admins.discard(call.cloud.users[user_id].id)
    call.cloud.acl.remove_admin(user_id, group_id)
    return group_id


@method("one.group.quota")
def group_quota(call: Call, group_id: int, text: str) -> int:
    group = call.cloud.groups[group_id]
    if not call.is_admin:
        raise unauthorized(call.uid, f"Not authorized to perform ADMIN GROUP [{group_id}]")
    if group_id == 0:
        raise action("Cannot set quotas for oneadmin group")
    group.quotas.update(_limits(text), _whose(call, gid=group_id))
    return group_id


@method("one.grouppool.info")
def grouppool_info(call: Call) -> str:
    cloud = call.cloud
    pool = cloud.groups.xml(lambda g: cloud.acl.allowed(call.uid, call.groups, USE, "GROUP", g))
    default = f"<DEFAULT_GROUP_QUOTAS>{NO_LIMITS}</DEFAULT_GROUP_QUOTAS>"
    return pool.replace("</GROUP_POOL>", f"{default}</GROUP_POOL>")
