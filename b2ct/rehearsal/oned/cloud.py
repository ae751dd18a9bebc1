"""The state of one cloud: all pools, the clock, the rules, and what oned makes when it is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from b2ct.rehearsal.oned.acl import Acl
from b2ct.rehearsal.oned.clock import Clock
from b2ct.rehearsal.oned.clusters import Cluster
from b2ct.rehearsal.oned.datastores import SYSTEM_DS, TM_MADS, Datastore
from b2ct.rehearsal.oned.entities import Pool
from b2ct.rehearsal.oned.errors import Fault, OneError, unauthenticated
from b2ct.rehearsal.oned.faults import Faults
from b2ct.rehearsal.oned.files import Files
from b2ct.rehearsal.oned.hosts import Host
from b2ct.rehearsal.oned.images import Image
from b2ct.rehearsal.oned.quotas import Usage, over_quota
from b2ct.rehearsal.oned.releases import RELEASES, Release
from b2ct.rehearsal.oned.rpc import METHODS, Call, bind, failure, fault, success
from b2ct.rehearsal.oned.secgroups import SecGroup, default_rules
from b2ct.rehearsal.oned.template import Template
from b2ct.rehearsal.oned.templates import VmTemplate
from b2ct.rehearsal.oned.users import Group, User, password_hash
from b2ct.rehearsal.oned.vm import VmPool
from b2ct.rehearsal.oned.vm_life import Life
from b2ct.rehearsal.oned.vnets import Vnet


@dataclass
class Timing:
    """How long things take, in seconds of the double's clock, as measured on a small server."""

    image_seconds: float = 1.0
    image_seconds_per_gb: float = 2.0
    image_delete: float = 1.0
    host_monitored: float = 5.0
    datastore_monitored: float = 1.0
    system_datastore_monitored: float = 10.0
    schedule: float = 5.0
    prolog: float = 1.0
    boot: float = 1.0
    hotplug: float = 1.0
    shutdown: float = 1.0
    epilog: float = 1.0

    def image_copy(self, size_mb: int) -> float:
        return self.image_seconds + self.image_seconds_per_gb * size_mb / 1024


@dataclass(frozen=True)
class Capacity:
    """What monitoring will find: total, free and used MB of image and system datastores."""

    image: tuple[int, int, int] = (258020, 71889, 32010)
    system: tuple[int, int, int] = (4796800, 3333260, 1429920)


class Cloud:
    """Everything the server knows. One lock around every call, as nearly oned has."""

    def __init__(
        self,
        *,
        release: str = "6.10",
        password: str = "opennebula",
        clock: Clock | None = None,
        timing: Timing | None = None,
        capacity: Capacity | None = None,
        onegate: str = "",
    ) -> None:
        self.release: Release = RELEASES[release]
        self.clock = clock or Clock()
        self.timing = timing or Timing()
        self.capacity = capacity or Capacity()
        self.onegate = onegate
        self.capacity_check = "YES"
        self.endpoint = ""
        self.lock = threading.RLock()
        self.race_gap = 0.002
        self.files = Files()
        self.faults = Faults()
        self.acl = Acl()
        self.calls: list[str] = []
        self.unimplemented: list[str] = []
        self.users: Pool[User] = Pool("USER", "USER_POOL")
        self.groups: Pool[Group] = Pool("GROUP", "GROUP_POOL")
        self.clusters: Pool[Cluster] = Pool("CLUSTER", "CLUSTER_POOL")
        self.hosts: Pool[Host] = Pool("HOST", "HOST_POOL")
        self.datastores: Pool[Datastore] = Pool("DATASTORE", "DATASTORE_POOL")
        self.images: Pool[Image] = Pool("IMAGE", "IMAGE_POOL")
        self.templates: Pool[VmTemplate] = Pool("TEMPLATE", "VMTEMPLATE_POOL")
        self.vnets: Pool[Vnet] = Pool("NET", "VNET_POOL")
        self.secgroups: Pool[SecGroup] = Pool("SECGROUP", "SECURITY_GROUP_POOL")
        self.vms = VmPool("VM", "VM_POOL")
        self.life = Life(self)
        self._bootstrap(password)

    def _bootstrap(self, password: str) -> None:
        for name in ("oneadmin", "users"):
            self.groups.add(Group(self, self.groups.take_id(), name))
        token = password_hash(f"token {password}")
        for name, driver in (("oneadmin", "core"), ("serveradmin", "server_cipher")):
            user = User(self, self.users.take_id(), name, gid=0, groups={0}, driver=driver)
            user.password = password_hash(password if name == "oneadmin" else f"{token} {name}")
            user.template.set("TOKEN_PASSWORD", token)
            self.users.add(user)
        for pool in (self.users, self.groups):
            pool.next_id = max(pool.next_id, 2 if pool is self.users else 100)
        self.groups[1].template.add("SUNSTONE", dict(_VIEWS))
        reserved = Template([("RESERVED_CPU", ""), ("RESERVED_MEM", "")])
        self.clusters.add(Cluster(self, self.clusters.take_id(), "default", reserved))
        # Numbers below 100 are oned's own.
        self.clusters.next_id = 100
        driver = "local" if self.release.tm_local else "ssh"
        for number, (name, items) in enumerate(_DATASTORES):
            common = [("SAFE_DIRS", "/var/tmp"), ("RESTRICTED_DIRS", "/"), ("TM_MAD", driver)]
            datastore = Datastore(self, number, name, Template([*items, *common]))
            datastore.permissions = "110100000"
            datastore.settle()
            self.datastores.add(datastore)
            self.clusters[0].members["DATASTORES"].add(number)
            self.monitor_datastore(datastore)
        self.datastores.next_id = 100
        default = SecGroup(self, 0, "default", default_rules(), permissions="111100100")
        self.secgroups.add(default)
        self.secgroups.next_id = 100

    def monitor_datastore(self, datastore: Datastore) -> None:
        system = datastore.type == SYSTEM_DS
        if system and not TM_MADS[datastore.tm_mad].shared:
            return  # it lies on the hosts: oned says 0
        found = self.capacity.system if system else self.capacity.image
        timing = self.timing
        seconds = timing.system_datastore_monitored if system else timing.datastore_monitored

        def monitored() -> None:
            datastore.capacity = found

        self.clock.after(seconds, monitored)

    # names, for the XML

    def user_name(self, uid: int) -> str:
        user = self.users.find(uid)
        return user.name if user else "oneadmin"

    def group_name(self, gid: int) -> str:
        group = self.groups.find(gid)
        return group.name if group else "oneadmin"

    def asctime(self) -> str:
        """`Fri Nov 20 23:48:09 2026`, in UTC."""
        return time.asctime(time.gmtime(self.clock.seconds))

    # quotas

    def charge(self, user: User | None, usage: Usage, sign: int = 1) -> None:
        """Count use for the user and the primary group.

        Raises: OneError if that would break a limit (nothing is counted then).
        """
        if user is None or user.id == 0 or 0 in user.groups:
            return
        group = self.groups[user.gid]
        if sign > 0:
            for who, quotas in (("user", user.quotas), ("group", group.quotas)):
                problem = quotas.problem(usage)
                if problem:
                    number = user.id if who == "user" else group.id
                    raise over_quota(user.id, f"{who} [{number}]", problem)
        for quotas in (user.quotas, group.quotas):
            quotas.add(usage, sign)

    # time and calls

    def tick(self, seconds: float = 0.0) -> None:
        """Move the clock and do what fell due."""
        with self.lock:
            target = self.clock.now + seconds
            while self.clock.due_by(target):
                self.clock.step()
            self.clock.tick(max(0.0, target - self.clock.now))

    def gap(self) -> None:
        """Let other calls in, where oned holds no lock between looking and writing."""
        if self.race_gap <= 0:
            return
        self.lock.release()
        try:
            time.sleep(self.race_gap)
        finally:
            self.lock.acquire()

    def restart(self) -> None:
        """The server process dies and comes back: what drivers were doing is lost.

        Images being copied stay LOCKED, VMs stay in their passing states.
        """
        with self.lock:
            self.clock.forget()
            self.life.restarted()

    def authenticate(self, session: str) -> User:
        """Raises: OneError with code 0x0100."""
        name, colon, password = session.partition(":")
        user = self.users.named(name) if colon else None
        if user is None or not user.enabled or user.password != password_hash(password):
            raise unauthenticated()
        return user

    def call(self, name: str, arguments: Sequence[Any]) -> bytes:
        """Carry out one request and write its answer."""
        for hook in list(self.faults.before):
            hook(name)
        with self.lock:
            self.calls.append(name)
            self.clock.tick(self.clock.per_call)
            self.clock.run_due()
            handler = METHODS.get(name)
            if handler is None:
                self.unimplemented.append(name)
                return fault(-506, f"Method '{name}' not defined")
            try:
                if not arguments or not isinstance(arguments[0], str):
                    raise Fault(-501, "Parameter that is supposed to be string is not")
                user = self.authenticate(arguments[0])
                call = Call(self, user, name, len(self.calls))
                return success(handler(call, *bind(handler, list(arguments[1:]))))
            except Fault as error:
                return fault(error.code, error.text)
            except OneError as error:
                return failure(f"[{name}] {error.text}", error.code, error.object_id)


_VIEWS = {
    "DEFAULT_VIEW": "cloud",
    "GROUP_ADMIN_DEFAULT_VIEW": "groupadmin",
    "GROUP_ADMIN_VIEWS": "groupadmin,cloud",
    "VIEWS": "cloud",
}
_DATASTORES: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("system", [("TYPE", "SYSTEM_DS"), ("DISK_TYPE", "FILE")]),
    ("default", [("TYPE", "IMAGE_DS"), ("DISK_TYPE", "FILE"), ("DS_MAD", "fs")]),
    ("files", [("TYPE", "FILE_DS"), ("DS_MAD", "fs")]),
)
