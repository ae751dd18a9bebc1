"""The user as whom DIRAC starts VMs, with its quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud.difference import Change
from b2ct.cloud.kinds.group import GROUP
from b2ct.cloud.kinds.kind import Need, ObjectKind, Wanted
from b2ct.cloud.steps import Action, Step
from b2ct.one import ownership
from b2ct.one.kinds import Users
from b2ct.one.objects.account import User
from b2ct.one.objects.base import Owned
from b2ct.one.text import Attributes
from b2ct.site.cloud import Quota
from b2ct.site.workers import MIB

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import Number, Options, View
    from b2ct.one.client import Client

PASSWORD = "password"  # noqa: S105 - the name of a change


@dataclass(frozen=True, kw_only=True)
class WantedUser(Wanted):
    """A user as it shall be."""

    group: str
    limits: Mapping[str, float | None]
    """By their names in VM quotas, in the units of OpenNebula; None: no limit of its own."""


class UserKind(ObjectKind[WantedUser, User]):
    """That of `cloud.dirac`."""

    name, made, deleted = "user", 70, 20
    late = account = True
    own = 2

    def pool(self, one: Client) -> Users:
        """Users."""
        return one.users

    def wanted(self, described: Described) -> Iterator[WantedUser]:
        """One, if site.yaml has it."""
        if dirac := described.site.cloud.dirac:
            yield WantedUser(name=dirac.user, group=dirac.group, limits=_limits(dirac.quota))

    def shown(self, wanted: WantedUser) -> dict[str, str]:
        """Its main group and its quota."""
        return {"group": wanted.group, **{n: _text(limit) for n, limit in wanted.limits.items()}}

    def there(self, item: User, wanted: WantedUser, view: View) -> dict[str, str]:
        """The same as they are."""
        quota = {name: item.quotas.vm.get(name) for name in wanted.limits}
        limits = {n: _text(q.limit if q and q.limit >= 0 else None) for n, q in quota.items()}
        return {"group": view.name(GROUP, item.gid), **limits}

    def asked(self, options: Options) -> tuple[Change, ...]:
        """The password cannot be compared: it is set when somebody says so."""
        return (Change(PASSWORD, "(hidden)", "(hidden)"),) if options.password else ()

    def needs(self, step: Step) -> Need | None:
        """The password, where it is set."""
        names = {change.name for change in step.changes}
        return Need.PASSWORD if step.action is Action.CREATE or PASSWORD in names else None

    def make(self, run: Run, wanted: WantedUser) -> None:
        """With its password and group; then its quota."""
        groups = [run.id(GROUP, wanted.group)]
        number = run.make(
            self,
            wanted.name,
            lambda: run.one.users.allocate(wanted.name, run.password(), groups=groups),
        )
        run.mark(self, wanted.name)
        if any(limit is not None for limit in wanted.limits.values()):
            _set_quota(run, number, wanted)

    def change(self, run: Run, wanted: WantedUser, item: User, names: Set[str]) -> None:
        """Marks, group, quota, password."""
        super().change(run, wanted, item, names)
        if "group" in names:
            run.one.users.primary_group(item.id, run.id(GROUP, wanted.group))
        if names & set(wanted.limits):
            _set_quota(run, item.id, wanted)
        if PASSWORD in names:
            run.one.users.password(item.id, run.password())

    def forgotten(self, oid: int) -> Mapping[str, str]:
        """Its ACL rules, too."""
        return {**super().forgotten(oid), ownership.rules(oid): ""}

    def holds(self, item: User, view: View) -> Iterator[tuple[Number, str]]:
        """Its groups."""
        changed = view.changed(self, item)
        primary = view.id(GROUP, changed.group) if changed else item.gid
        for group in {primary} | (set(item.groups) - {item.gid}):
            if group is not None:
                yield (GROUP.name, group), f"user {item.name} is in it"

    def used(self, item: User, view: View) -> str:
        """By all that belongs to it."""
        images = [one for one in view.live.images if one.uid == item.id]
        mine = [
            *(f"VM {vm.id}" for vm in view.vms if vm.uid == item.id),
            *(f"image {one.name}" for one in images),
            *(
                f"{kind.name} {one.name}"
                for kind in sorted(view.kinds, key=lambda kind: kind.deleted)
                for one in view.stay(kind)
                if isinstance(one, Owned) and one.uid == item.id and one not in images
            ),
        ]
        more = f" and {len(mine) - 1} more" if mine[1:] else ""
        return f"it has {mine[0]}{more}" if mine else ""


def _limits(quota: Quota) -> dict[str, float | None]:
    """Memory and disks in MB, as OpenNebula has them."""
    return {
        "VMS": quota.vms, "CPU": quota.cpu,
        "MEMORY": None if quota.memory is None else quota.memory // MIB,
        "SYSTEM_DISK_SIZE": None if quota.disk is None else quota.disk // MIB,
    }  # fmt: skip


def _text(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:.12g}"


def _set_quota(run: Run, oid: int, wanted: WantedUser) -> None:
    """Set all limits of a user; one that is none becomes the server's default."""
    limits = sorted(wanted.limits.items())
    sent = {name: "-1" if limit is None else _text(limit) for name, limit in limits}
    run.one.users.quota(oid, Attributes.of({"VM": sent}))


USER = UserKind()
