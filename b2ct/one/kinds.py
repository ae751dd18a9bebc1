"""The kinds of objects of OpenNebula, each with its methods: what `Client` hands out.

Reads and what only sets a value may be repeated when an answer is lost. What allocates,
instantiates or acts is sent once: see UncertainError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from b2ct.one import text, xml
from b2ct.one.acl import AclRule
from b2ct.one.faults import DuplicateError, MissingError
from b2ct.one.kind import ALL, Kind, OwnedKind
from b2ct.one.objects import base
from b2ct.one.objects.account import Group, User
from b2ct.one.objects.host import Cluster, Host
from b2ct.one.objects.network import SecurityGroup, VirtualNetwork
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.objects.vm import Reading, Template, Vm, readings
from b2ct.one.refusals import ACTION
from b2ct.one.states import HostStatus
from b2ct.one.text import Attributes
from b2ct.one.transport import Argument, Repeat, Transport

NO_CLUSTER = -1


class Images(OwnedKind[Image]):
    """Images."""

    prefix, tag, label, cls, filtered = "image", "IMAGE", "image", Image, True

    def allocate(
        self, attributes: Attributes, datastore_id: int, *, check_capacity: bool = True
    ) -> int:
        """Register an image; it is LOCKED until the server has copied it. Returns its ID.

        NAME, and PATH or SIZE, are needed. Raises DuplicateError, NoSpaceError, SourceError,
        QuotaError, UncertainError.
        """
        name = text.check_name(attributes.text("NAME"), what="the image's name")
        more: tuple[Argument, ...] = () if check_capacity else (True,)
        return self._make(
            text.wire(attributes), datastore_id, *more, what=f"image {name!r}",
            attributes=attributes,
        )  # fmt: skip

    def delete(self, oid: int, *, force: bool = False) -> None:
        """Remove it; the server does so in its own time. `force`: although it is LOCKED (6.8)."""
        self._delete(oid, *((True,) if force else ()))

    def enable(self, oid: int, on: bool = True) -> None:
        """Enable or disable it. Never enable an image in ERROR: VMs would get an empty disk."""
        self._set(oid, "enable", on)

    def persistent(self, oid: int, on: bool = True) -> None:
        """Make it persistent, or not."""
        self._set(oid, "persistent", on)


class Templates(OwnedKind[Template]):
    """VM templates."""

    prefix, tag, label, cls, filtered = "template", "VMTEMPLATE", "template", Template, True

    def allocate(self, attributes: Attributes) -> int:
        """Register a template. Two of one name can come of two runs at once: see `settle`."""
        name = text.check_name(attributes.text("NAME"), what="the template's name")
        text.check_context(attributes)
        return self._make(text.wire(attributes), what=f"template {name!r}", attributes=attributes)

    def update(
        self, oid: int, attributes: Attributes, *, merge: bool = True, checked: bool = False
    ) -> None:
        """As for all kinds; a stray $ in CONTEXT is refused.

        `checked`: what is new in it was looked at, and the rest is on the server already.
        """
        if not checked:
            text.check_context(attributes)
        super().update(oid, attributes, merge=merge)

    def instantiate(
        self,
        oid: int,
        *,
        name: str = "",
        hold: bool = False,
        extra: Attributes | None = None,
        persistent: bool = False,
    ) -> int:
        """Make a VM of it; return the VM's ID. Without a name the server makes one of the ID.

        `extra` replaces attributes of the template; a CONTEXT in it replaces the template's whole
        CONTEXT. Raises UncertainError: look for the VM by its name before trying again.
        """
        if name:
            text.check_name(name, what="the VM's name")
        extra = extra or Attributes()
        text.check_context(extra)
        return self._make(
            oid, name, hold, text.wire(extra), persistent, verb="instantiate",
            what=self._what(oid), attributes=extra,
        )  # fmt: skip

    def delete(self, oid: int, *, images: bool = False) -> None:
        """Remove it; with `images` also those of its disks (the ones in use silently stay)."""
        self._delete(oid, *((True,) if images else ()))


class Vms(OwnedKind[Vm]):
    """VMs."""

    prefix, tag, label, cls, filtered = "vm", "VM", "VM", Vm, True

    NOT_DONE, EVERY = -1, -2
    """States that `all` lists."""

    def all(
        self, owner: int = ALL, *, state: int = NOT_DONE, extended: bool = False
    ) -> tuple[Vm, ...]:
        """VMs by ID, in one call; those that are DONE only with `state=EVERY`.

        Without `extended` CONTEXT and most of the template are missing, and the answer is a
        fifth of the size.
        """
        method = "vmpool.infoextended" if extended else "vmpool.info"
        body = self._read(method, owner, -1, -1, state)
        return base.pool(body, self.cls.parse, self.tag)

    def monitoring(self, oid: int) -> tuple[Reading, ...]:
        """What hypervisors said of it, by time: as far back as the server keeps that (hours).

        The pools' own LAST_POLL and MONITORING are as old as the last change of the VM's state.
        """
        return readings(self._read("vm.monitoring", oid, what=self._what(oid)))

    def action(self, oid: int, action: str) -> None:
        """`terminate`, `terminate-hard`, `hold`, `release`, `poweroff`, `resume`, `reboot`, ...

        Raises WrongStateError, UncertainError.
        """
        self._transport.call("vm.action", action, oid, repeat=Repeat.NEVER, what=self._what(oid))

    def terminate(self, oid: int, *, hard: bool = False) -> None:
        """End it and forget it; `hard`: without asking the guest."""
        self.action(oid, "terminate-hard" if hard else "terminate")

    def migrate(self, oid: int, host_id: int, *, live: bool = True) -> None:
        """Move it to another host."""
        self._transport.call(
            "vm.migrate", oid, host_id, live, False, -1, 0, repeat=Repeat.NEVER,
            what=self._what(oid),
        )  # fmt: skip

    def recover(self, oid: int, operation: int) -> None:
        """0 failure, 1 success, 2 retry, 3 delete, 4 delete-recreate, 5 delete-db."""
        self._transport.call(
            "vm.recover", oid, operation, repeat=Repeat.NEVER, what=self._what(oid)
        )

    def update_configuration(self, oid: int, attributes: Attributes) -> None:
        """Change CONTEXT, OS, GRAPHICS and the like; CONTEXT is replaced whole."""
        text.check_context(attributes)
        self._set(oid, "updateconf", text.wire(attributes), attributes=attributes)


class Hosts(Kind[Host]):
    """Hypervisors."""

    prefix, tag, label, cls = "host", "HOST", "host", Host

    def allocate(
        self, name: str, *, im: str = "kvm", vmm: str = "kvm", cluster_id: int = NO_CLUSTER
    ) -> int:
        """Add a hypervisor; it is monitored from now on."""
        text.check_name(name, what="the host's name")
        return self._make(name, im, vmm, cluster_id, what=f"host {name!r}")

    def status(self, oid: int, status: HostStatus) -> None:
        """Enable it, take no more VMs (DISABLED), or put it out of service (OFFLINE)."""
        self._set(oid, "status", int(status))


class Networks(OwnedKind[VirtualNetwork]):
    """Virtual networks."""

    prefix, tag, label, cls, filtered = "vn", "VNET", "virtual network", VirtualNetwork, True

    def allocate(self, attributes: Attributes, *, cluster_id: int = NO_CLUSTER) -> int:
        """Make a network. VN_MAD is needed; address ranges are AR vectors."""
        name = text.check_name(attributes.text("NAME"), what="the network's name")
        return self._make(
            text.wire(attributes), cluster_id, what=f"network {name!r}", attributes=attributes
        )

    def add_range(self, oid: int, attributes: Mapping[str, str]) -> None:
        """Add an address range. Sent once: a second time would add a second range."""
        self._transport.call(
            "vn.add_ar", oid, text.wire(Attributes([("AR", attributes)])), repeat=Repeat.NEVER,
            what=self._what(oid),
        )  # fmt: skip

    def update_range(self, oid: int, attributes: Mapping[str, str]) -> None:
        """Change an address range; AR_ID says which."""
        self._set(oid, "update_ar", text.wire(Attributes([("AR", attributes)])))

    def remove_range(self, oid: int, range_id: int) -> None:
        """Remove an address range. Raises InUseError while it has leases."""
        self._set(oid, "rm_ar", range_id)


class Clusters(Kind[Cluster]):
    """Clusters."""

    prefix, tag, label, cls = "cluster", "CLUSTER", "cluster", Cluster

    def allocate(self, name: str) -> int:
        """Make a cluster."""
        return self._make(
            text.check_name(name, what="the cluster's name"), what=f"cluster {name!r}"
        )

    def add_host(self, oid: int, host_id: int) -> None:
        """Move a host into it."""
        self._set(oid, "addhost", host_id)

    def add_datastore(self, oid: int, datastore_id: int) -> None:
        """Put a datastore into it, too."""
        self._set(oid, "adddatastore", datastore_id)

    def remove_datastore(self, oid: int, datastore_id: int) -> None:
        """Take a datastore out of it."""
        self._set(oid, "deldatastore", datastore_id)

    def add_network(self, oid: int, network_id: int) -> None:
        """Put a virtual network into it, too."""
        self._set(oid, "addvnet", network_id)

    def remove_network(self, oid: int, network_id: int) -> None:
        """Take a virtual network out of it."""
        self._set(oid, "delvnet", network_id)


class Datastores(OwnedKind[Datastore]):
    """Datastores."""

    prefix, tag, label, cls = "datastore", "DATASTORE", "datastore", Datastore

    def allocate(self, attributes: Attributes, *, cluster_id: int = NO_CLUSTER) -> int:
        """Make a datastore: NAME, TYPE, DS_MAD and TM_MAD."""
        name = text.check_name(attributes.text("NAME"), what="the datastore's name")
        return self._make(
            text.wire(attributes), cluster_id, what=f"datastore {name!r}", attributes=attributes
        )

    def enable(self, oid: int, on: bool = True) -> None:
        """Enable or disable a system datastore."""
        self._set(oid, "enable", on)


class Users(Kind[User]):
    """Users."""

    prefix, tag, label, cls = "user", "USER", "user", User

    def me(self) -> User:
        """Who is asking."""
        return self.get(-1)

    def allocate(
        self, name: str, password: str, *, driver: str = "", groups: Iterable[int] = ()
    ) -> int:
        """Make a user. `groups`: the main one first; none: `users`."""
        text.check_name(name, what="the user's name", user=True)
        if not password or not password.isprintable():
            raise text.TextError(
                f"the password of user {name!r} is empty or holds control characters",
                hint="use printable characters",
            )
        return self._make(
            name, password, driver, list(groups), what=f"user {name!r}", secrets=[password]
        )

    def password(self, oid: int, password: str) -> None:
        """Set the password."""
        self._transport.call("user.passwd", oid, password, what=self._what(oid), secrets=[password])

    def quota(self, oid: int, quota: Attributes) -> None:
        """Set limits: VM=[CPU=...], DATASTORE=[ID=...], NETWORK=[ID=...], IMAGE=[ID=...]."""
        self._set(oid, "quota", text.wire(quota))

    def add_group(self, oid: int, group_id: int) -> None:
        """Put it into a further group. Already there: nothing to do."""
        with suppress(DuplicateError):
            self._set(oid, "addgroup", group_id)

    def remove_group(self, oid: int, group_id: int) -> None:
        """Take it out of a further group. Not there: nothing to do."""
        try:
            self._set(oid, "delgroup", group_id)
        except MissingError as err:
            if err.code != ACTION:  # that is: no such user or group
                raise

    def primary_group(self, oid: int, group_id: int) -> None:
        """Change its main group."""
        self._set(oid, "chgrp", group_id)

    def enable(self, oid: int, on: bool = True) -> None:
        """Allow or forbid it to log in."""
        self._set(oid, "enable", on)


class Groups(Kind[Group]):
    """Groups of users."""

    prefix, tag, label, cls = "group", "GROUP", "group", Group

    def allocate(self, name: str) -> int:
        """Make a group."""
        return self._make(text.check_name(name, what="the group's name"), what=f"group {name!r}")

    def quota(self, oid: int, quota: Attributes) -> None:
        """Set limits, as for users."""
        self._set(oid, "quota", text.wire(quota))


class SecurityGroups(OwnedKind[SecurityGroup]):
    """Security groups."""

    prefix, tag, label, filtered = "secgroup", "SECURITY_GROUP", "security group", True
    cls = SecurityGroup

    def allocate(self, attributes: Attributes) -> int:
        """Make a security group of RULE vectors."""
        name = text.check_name(attributes.text("NAME"), what="the security group's name")
        return self._make(
            text.wire(attributes), what=f"security group {name!r}", attributes=attributes
        )

    def commit(self, oid: int, *, outdated_only: bool = False) -> None:
        """Bring changed rules to the VMs that use it."""
        self._set(oid, "commit", outdated_only)


class Acls:
    """ACL rules."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> tuple[AclRule, ...]:
        """Every rule, by ID."""
        body = str(self._transport.call("acl.info", what="ACL rules"))
        found = (AclRule.parse(element) for element in xml.tree(body).iterfind("ACL"))
        return tuple(sorted(found, key=lambda rule: rule.id))

    def add(self, rule: AclRule) -> int | None:
        """Add a rule; return its ID, or None where the server has the same one already.

        It never has one twice, so that this may be repeated.
        """
        try:
            return int(
                self._transport.call("acl.addrule", *rule.hexadecimal, what=f"ACL rule {rule}")
            )
        except DuplicateError:
            return None

    def delete(self, oid: int) -> None:
        """Remove a rule."""
        self._transport.call("acl.delrule", oid, what=f"ACL rule {oid}")
