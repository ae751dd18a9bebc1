"""Virtual networks, their address ranges, and security groups."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from b2ct.one import xml
from b2ct.one.objects.base import Owned, clusters, owned
from b2ct.one.states import NetState
from b2ct.one.text import Vector
from b2ct.one.xml import Element


@dataclass(frozen=True, kw_only=True)
class Lease:
    """An address that is given out; -1 where it does not belong to such an object."""

    ip: str
    mac: str
    vm: int = -1
    net: int = -1
    router: int = -1


@dataclass(frozen=True, kw_only=True)
class AddressRange:
    """An address range of a virtual network."""

    id: int
    type: str
    ip: str
    ip_end: str
    mac: str
    size: int
    used: int
    leases: tuple[Lease, ...]
    attributes: Vector
    """Every attribute of it as the server has it."""

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<AR>`."""
        e = element
        return cls(
            id=xml.integer(e, "AR_ID", -1), type=xml.text(e, "TYPE"), ip=xml.text(e, "IP"),
            ip_end=xml.text(e, "IP_END"), mac=xml.text(e, "MAC"), size=xml.integer(e, "SIZE"),
            used=xml.integer(e, "USED_LEASES"),
            leases=tuple(_lease(one) for one in e.iterfind("LEASES/LEASE")),
            attributes=MappingProxyType({one.tag: one.text or "" for one in e if not len(one)}),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class VirtualNetwork(Owned):
    """A virtual network."""

    state: NetState
    bridge: str
    vn_mad: str
    phydev: str
    vlan_id: str
    clusters: tuple[int, ...]
    used_leases: int
    ranges: tuple[AddressRange, ...]

    @property
    def size(self) -> int:
        """Addresses in all its ranges."""
        return sum(one.size for one in self.ranges)

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<VNET>`."""
        e = element
        return cls(
            **owned(e),
            state=NetState(xml.integer(e, "STATE", NetState.READY)),
            bridge=xml.text(e, "BRIDGE"), vn_mad=xml.text(e, "VN_MAD"),
            phydev=xml.text(e, "PHYDEV"), vlan_id=xml.text(e, "VLAN_ID"), clusters=clusters(e),
            used_leases=xml.integer(e, "USED_LEASES"),
            ranges=tuple(AddressRange.parse(one) for one in e.iterfind("AR_POOL/AR")),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SecurityGroup(Owned):
    """A security group; its rules are the RULE vectors."""

    @property
    def rules(self) -> tuple[Vector, ...]:
        """Its RULE vectors."""
        return self.template.vectors("RULE")

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<SECURITY_GROUP>`."""
        return cls(**owned(element))


def _lease(element: Element) -> Lease:
    e = element
    return Lease(
        ip=xml.text(e, "IP") or xml.text(e, "IP6"), mac=xml.text(e, "MAC"),
        vm=xml.integer(e, "VM", -1), net=xml.integer(e, "VNET", -1),
        router=xml.integer(e, "VROUTER", -1),
    )  # fmt: skip
