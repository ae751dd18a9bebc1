"""Virtual networks: one.vn.* and the pool, with address ranges and leases."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import ADMIN, CREATE, MANAGE
from b2ct.rehearsal.oned.clusters import membership
from b2ct.rehearsal.oned.entities import Owned, bad_name
from b2ct.rehearsal.oned.errors import OneError, action, internal, taken, unauthorized
from b2ct.rehearsal.oned.pools import visible
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.template import Template, parse

VN_MADS = {
    "dummy": "linux",
    "bridge": "linux",
    "fw": "linux",
    "ebtables": "linux",
    "802.1Q": "linux",
    "vxlan": "linux",
    "ovswitch": "openvswitch",
    "ovswitch_vxlan": "openvswitch",
    "elastic": "linux",
    "nodeport": "linux",
}
_ADDRESSES = ("TYPE", "IP", "MAC", "SHARED")
_FIXED = ("BRIDGE", "BRIDGE_TYPE", "OUTER_VLAN_ID", "PHYDEV", "VLAN_ID", "VN_MAD")
# How the pool's answer packs who holds an address: the kind of the object, and its number.
_VM = 0x1000000000
RESTRICTED = ("VN_MAD", "PHYDEV", "VLAN_ID", "BRIDGE", "CONF", "FILTER", "CLUSTER_IDS", "EXTERNAL")


@dataclass
class AddressRange:
    """`leases` maps an index in the range to the VM that holds it (-1: held by an admin)."""

    id: int
    attributes: dict[str, str]
    leases: dict[int, int] = field(default_factory=dict)
    touched: bool = False  # it has been leased from or updated before
    next: int | None = None
    """Where the search for a free address begins; None: always at the first."""

    @property
    def size(self) -> int:
        return int(self.attributes["SIZE"])

    @property
    def has_ip4(self) -> bool:
        return self.attributes["TYPE"].startswith("IP4")

    def ip(self, index: int) -> str:
        return str(ipaddress.IPv4Address(self.attributes["IP"]) + index) if self.has_ip4 else ""

    def mac(self, index: int) -> str:
        number = int(self.attributes["MAC"].replace(":", ""), 16) + index
        return ":".join(f"{number:012x}"[n : n + 2] for n in range(0, 12, 2))

    def index_of(self, ip: str) -> int | None:
        """Where an address is in the range, if it is."""
        if not self.has_ip4:
            return None
        index = int(ipaddress.IPv4Address(ip)) - int(ipaddress.IPv4Address(self.attributes["IP"]))
        return index if 0 <= index < self.size else None

    def free(self) -> int | None:
        first = self.next or 0
        order = (n % self.size for n in range(first, first + self.size))
        return next((n for n in order if n not in self.leases), None)

    def _plain(self) -> dict[str, str]:
        known = {"NEXT_INDEX": str(self.next)} if self.next is not None else {}
        return {**self.attributes, **known, "AR_ID": str(self.id)}

    def _lease(self, index: int, vm: int) -> str:
        ip = xmlwriter.cdata("IP", self.ip(index)) if self.has_ip4 else ""
        mac = xmlwriter.cdata("MAC", self.mac(index))
        return f"<LEASE>{ip}{mac}{xmlwriter.cdata('VM', vm)}</LEASE>"

    def pool_xml(self) -> str:
        """Its bare attributes; who holds what is packed into one of them."""
        plain = self._plain()
        if self.touched or self.leases:
            plain["ALLOCATED"] = "".join(
                f" {index} {_VM | (vm & 0xFFFFFFFF)}" for index, vm in sorted(self.leases.items())
            )
        return xmlwriter.vector("AR", plain)

    def xml(self) -> str:
        plain = self._plain()
        inner = "".join(xmlwriter.cdata(name, plain[name]) for name in sorted(plain))
        inner += xmlwriter.cdata("MAC_END", self.mac(self.size - 1))
        if self.has_ip4:
            inner += xmlwriter.cdata("IP_END", self.ip(self.size - 1))
        inner += xmlwriter.el("USED_LEASES", len(self.leases))
        rows = "".join(self._lease(n, self.leases[n]) for n in sorted(self.leases))
        inner += f"<LEASES>{rows}</LEASES>" if rows else "<LEASES/>"
        return f"<AR>{inner}</AR>"


def make_range(number: int, attributes: dict[str, str]) -> AddressRange:
    """Check and complete an AR as oned does. Raises: OneError."""
    kind = attributes.get("TYPE", "")
    if kind not in ("IP4", "IP4_6", "IP4_6_STATIC", "IP6", "IP6_STATIC", "ETHER"):
        raise internal("Unknown or missing address range TYPE.")
    size = attributes.get("SIZE", "")
    if not size.isdigit():
        raise internal("Wrong SIZE for address range")
    complete = {k: v for k, v in attributes.items() if k not in ("AR_ID", "USED_LEASES", "LEASES")}
    mac_tail = f"0000{number:04x}"
    if kind.startswith("IP4"):
        try:
            mac_tail = f"{int(ipaddress.IPv4Address(complete.get('IP', ''))):08x}"
        except ValueError:
            raise internal("Wrong or empty IP attribute") from None
    mac = "0200" + mac_tail
    complete.setdefault("MAC", ":".join(mac[n : n + 2] for n in range(0, 12, 2)))
    return AddressRange(number, complete)


@dataclass
class Vnet(Owned):
    kind: ClassVar[str] = "NET"
    ranges: list[AddressRange] = field(default_factory=list)
    next_range: int = 0
    state: int = 1

    @property
    def clusters(self) -> set[int]:
        return membership(self.cloud.clusters, "VNETS", self.id)

    @property
    def used(self) -> int:
        return sum(len(ar.leases) for ar in self.ranges)

    def add_range(self, attributes: dict[str, str]) -> None:
        made = make_range(self.next_range, attributes)
        if self.cloud.release.shared_ranges:
            made.attributes.setdefault("SHARED", "NO")
        if self.cloud.release.round_robin:
            made.next = 0
        self.ranges.append(made)
        self.next_range += 1

    def range(self, number: int) -> AddressRange | None:
        return next((ar for ar in self.ranges if ar.id == number), None)

    def lease(self, vm_id: int, ip: str = "") -> tuple[AddressRange, int]:
        """Give an address to a VM. Raises: ValueError with oned's text."""
        for ar in self.ranges:
            index = ar.index_of(ip) if ip else ar.free()
            if index is not None and index not in ar.leases:
                ar.leases[index] = vm_id
                if ar.next is not None and not ip:
                    ar.next = (index + 1) % ar.size
                return ar, index
        raise ValueError(f"Cannot get IP/MAC lease from virtual network {self.id}.")

    def release(self, vm_id: int) -> None:
        for ar in self.ranges:
            kept = {index: vm for index, vm in ar.leases.items() if vm != vm_id}
            ar.touched = ar.touched or kept != ar.leases
            ar.leases = kept

    def attribute(self, name: str, ar_id: int) -> str:
        """What `$NETWORK[NAME, ...]` stands for: of the address range, else of the network."""
        ar = self.range(ar_id)
        return (ar.attributes.get(name) if ar else "") or self.template.get(name)

    def _optional(self, name: str) -> str:
        value = self.template.get(name)
        return xmlwriter.cdata(name, value) if value else f"<{name}/>"

    def xml(self) -> str:
        return self._write(leases=True)

    def pool_xml(self) -> str:
        return self._write(leases=False)

    def _write(self, *, leases: bool) -> str:
        states = vms = ""
        if self.cloud.release.vnet_states:
            states = xmlwriter.cdata("STATE", self.state) + xmlwriter.cdata("PREV_STATE", 1)
            users = {vm for ar in self.ranges for vm in ar.leases.values() if vm >= 0}
            vms = xmlwriter.ids("UPDATED_VMS", users) + "".join(
                f"<{name}_VMS></{name}_VMS>" for name in ("OUTDATED", "UPDATING", "ERROR")
            )
        origin = "<TEMPLATE_ID/>" if self.cloud.release.vlan_rules else ""
        ranges = "".join(ar.xml() if leases else ar.pool_xml() for ar in self.ranges)
        pool = f"<AR_POOL>{ranges}</AR_POOL>" if ranges else "<AR_POOL></AR_POOL>"
        return (
            f"<VNET>{self.head_xml()}{xmlwriter.ids('CLUSTERS', self.clusters)}"
            f"{xmlwriter.cdata('BRIDGE', self.template.get('BRIDGE'))}"
            f"{xmlwriter.cdata('BRIDGE_TYPE', self.template.get('BRIDGE_TYPE'))}{states}"
            f"<PARENT_NETWORK_ID/>{origin}{self._optional('VN_MAD')}{self._optional('PHYDEV')}"
            f"{self._optional('VLAN_ID')}{self._optional('OUTER_VLAN_ID')}"
            "<VLAN_ID_AUTOMATIC>0</VLAN_ID_AUTOMATIC>"
            "<OUTER_VLAN_ID_AUTOMATIC>0</OUTER_VLAN_ID_AUTOMATIC>"
            f"<USED_LEASES>{self.used}</USED_LEASES><VROUTERS></VROUTERS>{vms}"
            f"{self.template.xml()}{pool}</VNET>"
        )


@method("one.vn.allocate")
def allocate(call: Call, text: str, cluster_id: int = -1) -> int:
    cloud = call.cloud
    template = call.parse(text)
    cluster = cloud.clusters[cluster_id if cluster_id != -1 else 0]
    call.may_all((CREATE, "NET", None), (ADMIN, "CLUSTER", cluster))
    if not call.is_admin:
        for name in RESTRICTED:
            if name in template.names():
                raise unauthorized(call.uid, f"Template includes a restricted attribute {name}")
    name = template.pop("NAME")
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    same = cloud.vnets.named(name, call.uid)
    if same:
        raise taken("NET", same.id)
    vn_mad = template.get("VN_MAD")
    if not vn_mad:
        raise internal("No VN_MAD in template for Virtual Network.")
    if vn_mad not in VN_MADS:
        raise internal(f'VN_MAD named "{vn_mad}" is not defined in oned.conf')
    wanted = template.vectors("AR")
    template.erase("AR")
    network = Vnet(cloud, cloud.vnets.take_id(), name, template, call.uid, call.user.gid)
    template.set("BRIDGE_TYPE", VN_MADS[vn_mad])
    for attribute in ("OUTER_VLAN_ID", "PHYDEV", "VLAN_ID"):
        template.set(attribute, template.get(attribute))
    if not template.get("BRIDGE"):
        template.set("BRIDGE", f"onebr{template.get('VLAN_ID') and '.'}"
                     f"{template.get('VLAN_ID') or network.id}")  # fmt: skip
    template.set("SECURITY_GROUPS", template.get("SECURITY_GROUPS") or "0")
    for attributes in wanted:
        try:
            network.add_range(attributes)
        except OneError:
            template.add("AR", attributes)  # no error: the network is made without it
    cloud.vnets.add(network)
    cluster.members["VNETS"].add(network.id)
    return network.id


@method("one.vn.delete")
def delete(call: Call, vnet_id: int, force: bool = False) -> int:
    cloud = call.cloud
    network = cloud.vnets[vnet_id]
    call.may(MANAGE, "NET", network)
    if network.used:
        raise action(
            "Cannot delete virtual network. Can not remove a virtual network with leases in use"
        )
    for cluster in cloud.clusters:
        cluster.members["VNETS"].discard(vnet_id)
    cloud.vnets.remove(vnet_id)
    return vnet_id


def _ar(text: str) -> dict[str, str]:
    vectors = parse(text).vectors("AR")
    if not vectors:
        raise internal("Wrong AR definition. AR vector attribute is missing.")
    return vectors[0]


@method("one.vn.add_ar")
def add_ar(call: Call, vnet_id: int, text: str) -> int:
    network = call.cloud.vnets[vnet_id]
    call.may(ADMIN, "NET", network)
    network.add_range(_ar(text))
    return vnet_id


@method("one.vn.rm_ar")
def rm_ar(call: Call, vnet_id: int, ar_id: int, force: bool = False) -> int:
    network = call.cloud.vnets[vnet_id]
    call.may(ADMIN, "NET", network)
    ar = network.range(ar_id)
    if ar is None:
        raise internal("Address Range does not exist")
    if ar.leases and not force:
        raise internal("Address Range has leases in use")
    network.ranges.remove(ar)
    return vnet_id


@method("one.vn.update_ar")
def update_ar(call: Call, vnet_id: int, text: str) -> int:
    network = call.cloud.vnets[vnet_id]
    call.may(MANAGE, "NET", network)
    wanted = _ar(text)
    if "AR_ID" not in wanted:
        raise internal("AR/AR_ID attribute is missing.")
    ar = network.range(int(wanted["AR_ID"]))
    if ar is None:
        raise internal(f"Address Range with ID {wanted['AR_ID']} was not found.")
    size = wanted.get("SIZE", str(ar.size))
    if not size.isdigit():
        raise internal("Unable to read the SIZE attribute, it must be number >= 0")
    if any(index >= int(size) for index in ar.leases):
        raise internal("New SIZE cannot be applied. There are used leases outside the new range")
    # The addresses stay what they are; everything else is replaced.
    kept = {k: v for k, v in ar.attributes.items() if k in _ADDRESSES}
    fresh = {k: v for k, v in wanted.items() if k not in ("AR_ID", *_ADDRESSES)}
    ar.touched = True
    ar.attributes = {**fresh, **kept, "SIZE": size}
    return vnet_id


def _held(network: Vnet, text: str) -> tuple[AddressRange, int]:
    vectors = parse(text).vectors("LEASES")
    if not vectors:
        raise internal("Empty lease description.")
    ip = vectors[0].get("IP", "")
    if not ip:
        raise internal("Missing MAC, IP or IP6.")
    for ar in network.ranges:
        index = ar.index_of(ip)
        if index is not None:
            return ar, index
    raise internal("Address is not part of the address range or in use.")


@method("one.vn.hold")
def hold(call: Call, vnet_id: int, text: str) -> int:
    network = call.cloud.vnets[vnet_id]
    call.may(MANAGE, "NET", network)
    ar, index = _held(network, text)
    if index in ar.leases:
        raise internal("Address is not part of the address range or in use.")
    ar.leases[index] = -1
    return vnet_id


@method("one.vn.release")
def release(call: Call, vnet_id: int, text: str) -> int:
    network = call.cloud.vnets[vnet_id]
    call.may(MANAGE, "NET", network)
    ar, index = _held(network, text)
    if ar.leases.get(index) == -1:
        ar.touched = True
        del ar.leases[index]
    return vnet_id


def keep_fixed(network: Vnet, old: Template) -> None:
    """An update cannot take away what the network is made of. Raises: OneError."""
    vn_mad = network.template.get("VN_MAD")
    if not vn_mad and network.cloud.release.pool_refusals:
        raise internal("No VN_MAD in template for Virtual Network.")
    if vn_mad not in VN_MADS:
        raise internal(f'VN_MAD named "{vn_mad}" is not defined in oned.conf')
    for name in _FIXED:
        if name not in network.template.names():
            network.template.set(name, old.get(name))
    if not network.template.get("SECURITY_GROUPS"):
        network.template.set("SECURITY_GROUPS", "0")


@method("one.vn.info")
def info(call: Call, vnet_id: int, decrypt: bool = False) -> str:
    network = call.cloud.vnets[vnet_id]
    call.may_see("NET", network)
    return network.xml()


@method("one.vnpool.info")
def pool_info(call: Call, who: int, first: int, last: int) -> str:
    return call.cloud.vnets.xml(visible(call, who, "NET"), limits=(first, last))
