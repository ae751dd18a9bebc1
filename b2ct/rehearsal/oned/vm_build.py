"""From a template to a virtual machine: disks, NICs, security group rules, CONTEXT."""

from __future__ import annotations

import contextlib
import re
import uuid

from b2ct.rehearsal.oned.acl import USE, Wanted
from b2ct.rehearsal.oned.entities import bad_name
from b2ct.rehearsal.oned.errors import internal, not_allocated, unauthorized
from b2ct.rehearsal.oned.expansion import expand_context
from b2ct.rehearsal.oned.images import LOCKED, Image
from b2ct.rehearsal.oned.quotas import Usage
from b2ct.rehearsal.oned.rpc import Call
from b2ct.rehearsal.oned.states import VmState
from b2ct.rehearsal.oned.template import Template
from b2ct.rehearsal.oned.vm import Vm
from b2ct.rehearsal.oned.vnets import Vnet

# What oned keeps in TEMPLATE; everything else of a VM goes to USER_TEMPLATE.
_CORE = frozenset(
    {
        "CPU", "VCPU", "MEMORY", "MEMORY_MAX", "MEMORY_SLOTS", "DISK", "NIC", "NIC_ALIAS",
        "NIC_DEFAULT", "CONTEXT", "GRAPHICS", "OS", "FEATURES", "INPUT", "RAW", "CPU_MODEL",
        "TOPOLOGY", "NUMA_NODE", "SECURITY_GROUP_RULE", "TEMPLATE_ID", "VMID", "SUBMIT_ON_HOLD",
        "AUTOMATIC_REQUIREMENTS", "AUTOMATIC_DS_REQUIREMENTS", "AUTOMATIC_NIC_REQUIREMENTS",
        "TM_MAD_SYSTEM", "SCHED_ACTION", "PCI", "VMGROUP", "VROUTER_ID", "CPU_COST",
        "MEMORY_COST", "DISK_COST", "VIDEO", "BACKUP_CONFIG", "MEMORY_RESIZE_MODE",
    }
)  # fmt: skip
RESTRICTED = {
    "CONTEXT": ("FILES",),
    "NIC": ("MAC", "VLAN_ID", "BRIDGE", "FILTER"),
    "DISK": ("TOTAL_BYTES_SEC", "READ_BYTES_SEC", "WRITE_BYTES_SEC", "ORIGINAL_SIZE"),
    "RAW": ("DATA",),
}
RESTRICTED_SINGLE = ("DEPLOY_ID", "CPU_COST", "MEMORY_COST", "DISK_COST", "EMULATOR")
_DISK_INHERITED = (
    "ALLOW_ORPHANS",
    "PERSISTENT_SNAPSHOTS",
    "DISK_TYPE",
    "POOL_NAME",
    "CEPH_HOST",
    "CEPH_USER",
    "CEPH_SECRET",
)
_NIC_INHERITED = ("GATEWAY", "DNS", "MTU", "VXLAN_MODE", "FILTER", "METHOD", "METRIC")
_NIC_CONTEXT = {
    "IP": ("IP", False), "MAC": ("MAC", False), "MASK": ("NETWORK_MASK", True),
    "NETWORK": ("NETWORK_ADDRESS", True), "GATEWAY": ("GATEWAY", True), "DNS": ("DNS", True),
    "SEARCH_DOMAIN": ("SEARCH_DOMAIN", True), "MTU": ("GUEST_MTU", True),
    "METRIC": ("METRIC", True), "METHOD": ("METHOD", True), "VLAN_ID": ("VLAN_ID", True),
    "VROUTER_IP": ("VROUTER_IP", False), "VROUTER_MANAGEMENT": ("VROUTER_MANAGEMENT", False),
    "EXTERNAL": ("EXTERNAL", False), "IP6": ("IP6_GLOBAL", False), "IP6_ULA": ("IP6_ULA", False),
    "IP6_GATEWAY": ("GATEWAY6", True), "IP6_METRIC": ("IP6_METRIC", True),
    "IP6_METHOD": ("IP6_METHOD", True), "IP6_PREFIX_LENGTH": ("PREFIX_LENGTH", True),
    "VROUTER_IP6": ("VROUTER_IP6_GLOBAL", False),
}  # fmt: skip


def check_restricted(call: Call, template: Template) -> None:
    if call.is_admin:
        return
    found = [n for n in RESTRICTED_SINGLE if n in template.names()]
    found += [
        part
        for name, parts in RESTRICTED.items()
        for part in parts
        for vector in template.vectors(name)
        if part in vector
    ]
    if found:
        raise unauthorized(call.uid, f"VM Template includes a restricted attribute {found[0]}")


def check_capacity(template: Template) -> None:
    if not re.fullmatch(r"[1-9][0-9]*", template.get("MEMORY")):
        raise internal("MEMORY attribute must be a positive integer value.")
    cpu = template.get("CPU")
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", cpu) or float(cpu) <= 0:
        raise internal("CPU attribute must be a positive float or integer value.")
    if template.get("VCPU") and not template.get("VCPU").isdigit():
        raise internal("VCPU attribute must be a positive integer value.")


def find_image(call: Call, disk: dict[str, str]) -> Image | None:
    """The image that a DISK names. Raises: ValueError with oned's text; OneError."""
    cloud = call.cloud
    if "IMAGE_ID" in disk:
        number = disk["IMAGE_ID"]
        image = cloud.images.find(int(number)) if number.isdigit() else None
        if image is None:
            raise ValueError(f"Image with ID: {number} does not exist")
        return image
    if "IMAGE" not in disk:
        return None
    uid = _owner(call, disk, "IMAGE")
    image = cloud.images.named(disk["IMAGE"], uid)
    if image is None:
        raise ValueError(
            f"User {call.uid} does not own an image with name: {disk['IMAGE']} . "
            "Set IMAGE_UNAME or IMAGE_UID of owner in DISK."
        )
    return image


def find_network(call: Call, nic: dict[str, str]) -> Vnet | None:
    """The network that a NIC names. Raises: ValueError with oned's text."""
    cloud = call.cloud
    if "NETWORK_ID" in nic:
        number = nic["NETWORK_ID"]
        network = cloud.vnets.find(int(number)) if number.isdigit() else None
        if network is None:
            raise ValueError(f"Virtual network with ID: {number} does not exist")
        return network
    if "NETWORK" not in nic:
        return None
    uid = _owner(call, nic, "NETWORK")
    network = cloud.vnets.named(nic["NETWORK"], uid)
    if network is None:
        raise ValueError(
            f"User {call.uid} does not own a network with name: {nic['NETWORK']} . "
            "Set NETWORK_UNAME or NETWORK_UID of owner in NIC."
        )
    return network


def _owner(call: Call, vector: dict[str, str], what: str) -> int:
    if vector.get(f"{what}_UID", "").isdigit():
        return int(vector[f"{what}_UID"])
    if f"{what}_UNAME" in vector:
        user = call.cloud.users.named(vector[f"{what}_UNAME"])
        return user.id if user else -1
    return call.uid


def complete_disk(call: Call, disk: dict[str, str], image: Image, number: int) -> None:
    """What oned adds to a DISK that comes from an image, all but its TARGET."""
    datastore = call.cloud.datastores[image.ds_id]
    options = datastore.template
    disk.update(
        {
            "CLONE": "NO" if image.persistent else "YES",
            "CLUSTER_ID": ",".join(str(n) for n in sorted(datastore.clusters)),
            "DATASTORE": datastore.name,
            "DATASTORE_ID": str(datastore.id),
            "DISK_ID": str(number),
            "DISK_SNAPSHOT_TOTAL_SIZE": "0",
            "IMAGE": image.name,
            "IMAGE_ID": str(image.id),
            "IMAGE_STATE": str(int(image.state)),
            "ORIGINAL_SIZE": str(image.size_mb),
            "READONLY": "YES" if image.type == "CDROM" else "NO",
            "SAVE": "YES" if image.persistent else "NO",
            "SOURCE": image.source,
            "TM_MAD": datastore.tm_mad,
            "TYPE": "CDROM" if image.type == "CDROM" else "FILE",
        }
    )
    target = "LN_TARGET" if image.persistent else "CLONE_TARGET"
    for name in ("CLONE_TARGET", "LN_TARGET"):
        disk[name] = options.get(name) or options.get(target)
    for name in _DISK_INHERITED:
        if options.get(name):
            disk[name] = options.get(name)
    disk.setdefault("SIZE", str(image.size_mb))
    disk.setdefault("DEV_PREFIX", image.template.get("DEV_PREFIX") or "sd")
    if image.persistent:
        disk["PERSISTENT"] = "YES"
    if image.format:
        disk["FORMAT"] = image.format
        disk["DRIVER"] = image.format


class Builder:
    """Builds one VM; what it took from images and networks is given back if it fails."""

    def __init__(self, call: Call, template: Template, name: str, *, hold: bool) -> None:
        cloud = call.cloud
        self._call = call
        self._targets: set[str] = set()
        self._rules: dict[str, list[dict[str, str]]] = {}
        self.vm = Vm(
            cloud, cloud.vms.next_id, name, Template(), call.uid, call.user.gid,
            stime=cloud.clock.seconds, state=VmState.HOLD if hold else VmState.PENDING,
        )  # fmt: skip
        for key, value in template:
            target = self.vm.template if key in _CORE else self.vm.user_template
            target.add(key, dict(value) if isinstance(value, dict) else value)
        self._machine = {"MACHINE": "q35"} if cloud.release.q35 else {}
        if hold:
            self.vm.template.set("SUBMIT_ON_HOLD", "YES")

    def build(self, error_kind: str) -> Vm:
        """Raises: OneError; nothing is taken then."""
        vm = self.vm
        vm.cloud.vms.take_id()
        try:
            self._nics()
            self._disks()
            self._context()
            self._requirements()
        except ValueError as error:
            vm.cloud.vms.return_id()
            give_back(vm)
            if error_kind == "VM":
                raise internal(str(error)) from None
            raise not_allocated(error_kind, str(error)) from None
        template = vm.template
        template.set("VMID", str(vm.id))
        os = (template.vectors("OS") or [{}])[0]
        template.set("OS", {**self._machine, **os, "UUID": os.get("UUID", _uuid(vm))})
        for number in sorted(self._rules):
            for rule in self._rules[number]:
                template.add("SECURITY_GROUP_RULE", rule)
        template.encrypt()
        return vm

    def _disks(self) -> None:
        for number, disk in enumerate(self.vm.template.vectors("DISK")):
            try:
                image = find_image(self._call, disk)
                if image is not None:
                    image.acquire(self.vm.id)
            except ValueError as error:
                raise ValueError(f"DISK {number}: {error}") from None
            disk["DISK_ID"] = str(number)
            if image is None:
                disk.setdefault("DEV_PREFIX", "sd")
            if image is not None:
                complete_disk(self._call, disk, image, number)
                if image.state in LOCKED:
                    disk["CLONING"] = "YES"
                    self.vm.state = VmState.CLONING
            disk["TARGET"] = disk.get("TARGET") or self._target(disk.get("DEV_PREFIX", "sd"))

    def _target(self, prefix: str) -> str:
        name = next(f"{prefix}{c}" for c in "abcdefghijkl" if f"{prefix}{c}" not in self._targets)
        self._targets.add(name)
        return name

    def _nics(self) -> None:
        for number, nic in enumerate(self.vm.template.vectors("NIC")):
            network = find_network(self._call, nic)
            if network is None:
                continue
            ar, index = network.lease(self.vm.id, nic.get("IP", ""))
            own = network.template
            nic.update(
                {
                    "AR_ID": str(ar.id),
                    "BRIDGE": own.get("BRIDGE"),
                    "BRIDGE_TYPE": own.get("BRIDGE_TYPE"),
                    "CLUSTER_ID": ",".join(str(n) for n in sorted(network.clusters)),
                    "MAC": ar.mac(index),
                    "NETWORK": network.name,
                    "NETWORK_ID": str(network.id),
                    "NIC_ID": str(number),
                    "TARGET": f"one-{self.vm.id}-{number}",
                    "VN_MAD": own.get("VN_MAD"),
                }
            )
            nic.setdefault("NAME", f"NIC{number}")
            if ar.has_ip4:
                nic["IP"] = ar.ip(index)
            for name in ("PHYDEV", "VLAN_ID"):
                if own.get(name):
                    nic[name] = own.get(name)
            for name in _NIC_INHERITED:
                if network.attribute(name, ar.id):
                    nic.setdefault(name, network.attribute(name, ar.id))
            self._guard(nic, own.get("SECURITY_GROUPS"))

    def _guard(self, nic: dict[str, str], inherited: str) -> None:
        wanted = [n for n in nic.get("SECURITY_GROUPS", "").split(",") if n]
        numbers = sorted({*wanted, *(n for n in inherited.split(",") if n)}, key=int)
        nic["SECURITY_GROUPS"] = ",".join(numbers)
        for number in numbers:
            group = self.vm.cloud.secgroups.find(int(number))
            if group is not None:
                self._rules[number] = [
                    {
                        **rule,
                        "SECURITY_GROUP_ID": number,
                        "SECURITY_GROUP_NAME": group.name,
                    }
                    for rule in group.template.vectors("RULE")
                ]

    def _context(self) -> None:
        contexts = self.vm.template.vectors("CONTEXT")
        if not contexts:
            return
        context = contexts[0]
        # Variables may refer to these, so they are there first.
        self.vm.template.set("VMID", str(self.vm.id))
        if context.get("TOKEN", "").upper() == "YES":
            if not self.vm.cloud.onegate:
                raise ValueError("TOKEN set, but onegate endpoint was not defined in oned.conf.")
            context["ONEGATE_ENDPOINT"] = self.vm.cloud.onegate
            context["VMID"] = str(self.vm.id)
        context["DISK_ID"] = str(len(self.vm.template.vectors("DISK")))
        machine = (self.vm.template.vectors("OS") or [self._machine])[0].get("MACHINE", "")
        prefix = context.pop("DEV_PREFIX", "") or ("sd" if "q35" in machine else "hd")
        context.setdefault("TARGET", self._target(prefix))
        expanded = expand_context(context, self.vm.lookup)
        context.clear()
        context.update(expanded)
        if context.get("NETWORK", "").upper() == "YES":
            for nic in self.vm.template.vectors("NIC"):
                context.update(self._nic_context(nic))

    def _nic_context(self, nic: dict[str, str]) -> dict[str, str]:
        number = nic.get("NIC_ID", "0")
        found = {}
        routes = {"ROUTES": ("ROUTES", True)} if self.vm.cloud.release.routes else {}
        for name, (attribute, of_network) in {**_NIC_CONTEXT, **routes}.items():
            value = nic.get(attribute, "")
            if not value and of_network:
                value = self.vm.lookup("NETWORK", attribute, "NIC_ID", number)
            found[f"ETH{number}_{name}"] = value
        return found

    def _requirements(self) -> None:
        template = self.vm.template
        wanted = _clusters(template.vectors("DISK"), template.vectors("NIC")) or ["0"]
        public = "" if self.vm.cloud.release.plans else " & !(PUBLIC_CLOUD = YES)"
        any_of = " | ".join(f"CLUSTER_ID = {n}" for n in wanted)
        template.set(
            "AUTOMATIC_REQUIREMENTS",
            f"({any_of}){public} & !(PIN_POLICY = PINNED)",
        )
        inside = " | ".join(f'"CLUSTERS/ID" @> {n}' for n in wanted)
        template.set("AUTOMATIC_DS_REQUIREMENTS", f"({inside})")
        template.set("AUTOMATIC_NIC_REQUIREMENTS", f"({inside})")


def _clusters(disks: list[dict[str, str]], nics: list[dict[str, str]]) -> list[str]:
    """Clusters that hold all the disks and all the networks. Raises: ValueError if none does."""
    found: set[str] | None = None
    for kind, what, vectors in (("DISK", "Datastore", disks), ("NIC", "Network", nics)):
        for number, vector in enumerate(vectors):
            if not vector.get("CLUSTER_ID"):
                continue
            own = set(vector["CLUSTER_ID"].split(","))
            if found is not None and not found & own:
                which = ", ".join(f"cluster {n}" for n in sorted(found, key=int))
                raise ValueError(
                    f"Incompatible clusters in {kind}. {what} for {kind} {number} is not in the "
                    f"same cluster as the one used by other VM elements ({which})"
                )
            found = own if found is None else found & own
    return sorted(found or (), key=int)


def _uuid(vm: Vm) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{vm.stime}-{vm.id}-{vm.name}"))


def give_back(vm: Vm) -> None:
    """Images and addresses are free again."""
    for image in vm.cloud.images:
        if vm.id in image.vms:
            image.release(vm.id)
    for network in vm.cloud.vnets:
        network.release(vm.id)


def _rights(call: Call, template: Template) -> list[Wanted]:
    """What the caller must be allowed to use: images, networks, and the groups that guard them."""
    wanted: list[Wanted] = []
    for disk in template.vectors("DISK"):
        try:
            image = find_image(call, disk)
        except ValueError:
            continue  # said later, when the disk is acquired
        if image is not None:
            wanted.append((USE, "IMAGE", image))
    for nic in template.vectors("NIC"):
        try:
            network = find_network(call, nic)
        except ValueError:
            continue
        if network is not None:
            wanted.append((USE, "NET", network))
            guards = f"{nic.get('SECURITY_GROUPS', '')},{network.template.get('SECURITY_GROUPS')}"
            for number in sorted({n for n in guards.split(",") if n.isdigit()}, key=int):
                group = call.cloud.secgroups.find(int(number))
                if group is not None:
                    wanted.append((USE, "SECGROUP", group))
    return wanted


def _usage(call: Call, template: Template) -> Usage:
    """What a VM of this template counts for, as far as its disks and NICs can be found."""
    cpu, memory = float(template.get("CPU")), float(template.get("MEMORY"))
    row = {"VMS": 1.0, "CPU": cpu, "MEMORY": memory, "SYSTEM_DISK_SIZE": 0.0}
    row |= {"RUNNING_VMS": 1.0, "RUNNING_CPU": cpu, "RUNNING_MEMORY": memory}
    wanted: Usage = {("VM", ""): row}
    for disk in template.vectors("DISK"):
        with contextlib.suppress(ValueError):  # said later, when the disk is acquired
            image = find_image(call, disk)
            size = disk.get("SIZE") or (image.size_mb if image else 0)
            row["SYSTEM_DISK_SIZE"] += float(size)
            if image is not None:
                wanted[("IMAGE", str(image.id))] = {"RVMS": 1}
    for nic in template.vectors("NIC"):
        with contextlib.suppress(ValueError):
            network = find_network(call, nic)
            if network is not None:
                leases = wanted.setdefault(("NETWORK", str(network.id)), {"LEASES": 0})
                leases["LEASES"] += 1
    return wanted


def instantiate(call: Call, template: Template, name: str, *, hold: bool, kind: str) -> Vm:
    """The common end of one.template.instantiate and one.vm.allocate.

    `kind` is how refusals name what could not be allocated. Raises: OneError.
    """
    check_restricted(call, template)
    check_capacity(template)
    problem = bad_name(name) if name else ""
    if problem:
        raise not_allocated(kind, problem)
    call.may_all(*_rights(call, template))
    wanted = _usage(call, template)
    call.cloud.charge(call.user, wanted)
    try:
        builder = Builder(call, template, name or f"one-{call.cloud.vms.next_id}", hold=hold)
        vm = builder.build(kind)
    except Exception:
        call.cloud.charge(call.user, wanted, -1)
        raise
    vm.charged = wanted
    call.cloud.vms.add(vm)
    call.cloud.life.submitted(vm)
    return vm
