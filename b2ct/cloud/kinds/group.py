"""Groups of users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from b2ct.cloud.kinds.kind import ObjectKind, Wanted
from b2ct.one.kinds import Groups
from b2ct.one.objects.account import Group

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.live import Live
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client

ADMINISTRATORS = "the administrators' group"
"""Stands for the group of the user who applies."""


class GroupKind(ObjectKind[Wanted, Group]):
    """Those of `cloud.groups`, and the DIRAC user's."""

    name, made, deleted = "group", 10, 80
    late = account = True
    own = 100

    def pool(self, one: Client) -> Groups:
        """Groups."""
        return one.groups

    def known(self, live: Live) -> Mapping[str, int]:
        """The group of whoever applies."""
        return {ADMINISTRATORS: live.me.gid}

    def wanted(self, described: Described) -> Iterator[Wanted]:
        """Each once."""
        cloud = described.site.cloud
        dirac = [cloud.dirac.group] if cloud.dirac else []
        for name in dict.fromkeys((*cloud.groups, *dirac)):
            yield Wanted(name=name)

    def make(self, run: Run, wanted: Wanted) -> None:
        """Its name is all that it has."""
        run.make(self, wanted.name, lambda: run.one.groups.allocate(wanted.name))
        run.mark(self, wanted.name)

    def used(self, item: Group, view: View) -> str:
        """By VMs. Users hold it themselves."""
        vm = next((vm for vm in view.vms if vm.gid == item.id), None)
        return f"VM {vm.id} belongs to it" if vm else ""


GROUP = GroupKind()
