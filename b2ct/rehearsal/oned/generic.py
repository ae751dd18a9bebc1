"""What every kind of object can do: update, rename, chmod, chown, lock and unlock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from b2ct.rehearsal.oned.acl import ADMIN, MANAGE, USE, Wanted
from b2ct.rehearsal.oned.datastores import Datastore
from b2ct.rehearsal.oned.entities import Entity, Lock, Owned, Pool, bad_name
from b2ct.rehearsal.oned.errors import NAMES, OneError, action, internal, unauthorized
from b2ct.rehearsal.oned.images import RESTRICTED as IMAGE_RESTRICTED
from b2ct.rehearsal.oned.rpc import METHODS, Call
from b2ct.rehearsal.oned.template import Template
from b2ct.rehearsal.oned.vm import Vm
from b2ct.rehearsal.oned.vm_build import check_restricted
from b2ct.rehearsal.oned.vnets import RESTRICTED as VNET_RESTRICTED
from b2ct.rehearsal.oned.vnets import Vnet, keep_fixed

# service -> name of the cloud's pool
POOLS = {
    "image": "images",
    "template": "templates",
    "vm": "vms",
    "vn": "vnets",
    "datastore": "datastores",
    "secgroup": "secgroups",
    "host": "hosts",
    "cluster": "clusters",
    "user": "users",
    "group": "groups",
}
_UNIQUE_PER_OWNER = {"image", "template", "vn", "secgroup"}
_FREE_NAMES = {"vm"}


def _pool(call: Call, service: str) -> Pool[Any]:
    pool: Pool[Any] = getattr(call.cloud, POOLS[service])
    return pool


def _update(service: str) -> Callable[..., int]:
    def update(call: Call, object_id: int, text: str, append: int = 0) -> int:
        target: Entity = _pool(call, service)[object_id]
        call.may(ADMIN if service in ("host", "cluster", "group") else MANAGE, target.kind, target)
        try:
            wanted = call.parse(text)
        except OneError as error:
            raise internal(f"Cannot update template. {error.text}") from None
        _guard(call, service, wanted.names())
        if service == "template":
            check_restricted(call, wanted)
        template = target.user_template if isinstance(target, Vm) else target.template
        old = template.copy()
        if append == 0:
            restore(template, wanted)
        else:
            template.merge(wanted)
        template.encrypt()
        if template.breaks_xml():
            restore(template, old)  # oned cannot write it, and does not say so
            return object_id
        try:
            _settle(target, old, wanted)
        except OneError as error:
            restore(template, old)
            raise internal(f"Cannot update template. {error.text}") from None
        target.changed()
        return object_id

    return update


def restore(template: Template, old: Template) -> None:
    for name in template.names():
        template.erase(name)
    template.merge(old)


def _settle(target: Entity, old: Template, wanted: Template) -> None:
    """What a kind of object keeps, or refuses to lose, in an update."""
    if isinstance(target, Datastore):
        target.updated(old)
        if wanted.get("TM_MAD"):
            target.settle()
    if isinstance(target, Vnet):
        keep_fixed(target, old)


def _guard(call: Call, service: str, names: set[str]) -> None:
    restricted = {"image": IMAGE_RESTRICTED, "vn": VNET_RESTRICTED}.get(service, ())
    found = [name for name in restricted if name in names]
    if found and not call.is_admin:
        raise unauthorized(call.uid, f"Template includes a restricted attribute {found[0]}")


def _rename(service: str) -> Callable[..., int]:
    def rename(call: Call, object_id: int, name: str) -> int:
        pool = _pool(call, service)
        target: Entity = pool[object_id]
        call.may(ADMIN if service in ("host", "cluster") else MANAGE, target.kind, target)
        problem = bad_name(name)
        if problem:
            raise action(problem)
        owner = target.owner[0] if service in _UNIQUE_PER_OWNER else None
        same = pool.named(name, owner)
        if same is not None and same is not target and service not in _FREE_NAMES:
            raise action(
                f"{NAMES[target.kind]} cannot be renamed to {name} because it collides with "
                f"{NAMES[target.kind]} {same.id}"
            )
        target.name = name
        target.changed()
        return object_id

    return rename


def _chmod(service: str) -> Callable[..., int]:
    def chmod(  # noqa: PLR0917 - the arguments are oned's
        call: Call,
        object_id: int,
        ou: int,
        om: int,
        oa: int,
        gu: int,
        gm: int,
        ga: int,
        tu: int,
        tm: int,
        ta: int,
    ) -> int:
        target: Owned = _pool(call, service)[object_id]
        wanted = (ou, om, oa, gu, gm, ga, tu, tm, ta)
        sets_admin = any(wanted[n] >= 0 for n in (2, 5, 8))
        call.may(ADMIN if sets_admin else MANAGE, target.kind, target)
        pairs = zip(wanted, target.permissions, strict=True)
        target.permissions = "".join(old if new < 0 else str(int(new > 0)) for new, old in pairs)
        target.changed()
        return object_id

    return chmod


def _chown(service: str) -> Callable[..., int]:
    def chown(call: Call, object_id: int, uid: int, gid: int) -> int:
        cloud, pool = call.cloud, _pool(call, service)
        target: Owned = pool[object_id]
        wanted: list[Wanted] = [(MANAGE, target.kind, target)]
        if uid != -1:
            wanted.append((MANAGE, "USER", cloud.users[uid]))
        if gid != -1:
            wanted.append((USE, "GROUP", cloud.groups[gid]))
        call.may_all(*wanted)
        if uid != -1:
            same = pool.named(target.name, uid)
            if service in _UNIQUE_PER_OWNER and same is not None and same is not target:
                raise internal(
                    f"{NAMES['USER']} [{uid}] already owns {NAMES[target.kind]} [{same.id}] with "
                    f"NAME {target.name}"
                )
            target.uid = uid
        if gid != -1:
            target.gid = gid
        target.changed()
        return object_id

    return chown


def _lock(service: str) -> Callable[..., int]:
    def lock(call: Call, object_id: int, level: int, test: bool = False) -> int:
        target: Owned = _pool(call, service)[object_id]
        call.may(MANAGE, target.kind, target)
        if level not in (1, 2, 3, 4):
            raise action("Wrong lock level specified")
        # 4 locks all, which is what level 1 (use and above) does
        effective = 1 if level == 4 else level
        target.lock = Lock(effective, call.uid, call.cloud.clock.seconds, call.number)
        return object_id

    return lock


def _unlock(service: str) -> Callable[..., int]:
    def unlock(call: Call, object_id: int) -> int:
        target: Owned = _pool(call, service)[object_id]
        if not call.is_admin and target.uid != call.uid:
            call.may(MANAGE, target.kind, target)
        target.lock = None
        return object_id

    return unlock


def register() -> None:
    """Put the methods of all services into the table."""
    for service in POOLS:
        METHODS[f"one.{service}.update"] = _update(service)
    for service in ("image", "template", "vm", "vn", "datastore", "secgroup", "host", "cluster"):
        METHODS[f"one.{service}.rename"] = _rename(service)
    for service in ("image", "template", "vm", "vn", "datastore", "secgroup"):
        METHODS[f"one.{service}.chmod"] = _chmod(service)
        METHODS[f"one.{service}.chown"] = _chown(service)
    for service in ("image", "template", "vm", "vn"):
        METHODS[f"one.{service}.lock"] = _lock(service)
        METHODS[f"one.{service}.unlock"] = _unlock(service)


register()
