"""What differs between the OpenNebula releases that the double can play: one row each.

6.10 and 7.4 answer as real servers of these releases were recorded. 7.0 and 7.2 lie between: which
of 7.4's traits each has already is read from the public sources of these releases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Release:
    """`version` is what one.system.version says; the rest switches behaviour, oldest first."""

    version: str
    backups: bool = True
    """Images and VMs carry their backup elements (6.4)."""
    vnet_states: bool = True
    """Virtual networks have STATE and the VM update collections (6.4)."""
    tm_local: bool = False
    """The transfer driver `local` is there, and oned's own datastores have it (7.0)."""
    last_line: bool = False
    """ERROR holds the last line that a driver wrote; what went wrong is in a log alone (7.0)."""
    modified: bool = False
    """Images carry MODTIME (7.0)."""
    plans: bool = False
    """VM records name the plan that moved the VM, datastores whether snapshots stay, hosts their
    whole capacity; nothing asks for public clouds any more (7.0)."""
    live_migration: bool = False
    """System datastores say what else of a VM can be moved between them (7.2)."""
    pci_quotas: bool = False
    """Quotas for VMs count PCI devices (7.2)."""
    q35: bool = False
    """The driver's default machine is in the VM; its CONTEXT is a SATA disk then (7.2)."""
    routes: bool = False
    """A NIC's CONTEXT has ROUTES (7.2)."""
    reasons: bool = False
    """The scheduler says what hosts lack, and names them (7.2)."""
    pool_refusals: bool = False
    """Hosts and clusters are refused by their pools, some other refusals say more (7.2)."""
    shared_ranges: bool = False
    """Address ranges say whether an address may be used by several (7.2)."""
    round_robin: bool = False
    """A network's next address is the one after the last that it gave (7.4)."""
    vlan_rules: bool = False
    """Groups have rules for VLANs, networks name the template they come from (7.4)."""
    trimmed: bool = False
    """White space around an attribute's value is dropped (7.4)."""


_6_10 = Release("6.10.5")
_7_0 = replace(
    _6_10, version="7.0.1", tm_local=True, last_line=True, modified=True, plans=True,
)  # fmt: skip
_7_2 = replace(
    _7_0, version="7.2.0", live_migration=True, pci_quotas=True, q35=True, routes=True,
    reasons=True, pool_refusals=True, shared_ranges=True,
)  # fmt: skip
_7_4 = replace(_7_2, version="7.4.0", round_robin=True, vlan_rules=True, trimmed=True)

RELEASES = {
    "5.12": replace(_6_10, version="5.12.0", backups=False, vnet_states=False),
    "6.10": _6_10,
    "7.0": _7_0,
    "7.2": _7_2,
    "7.4": _7_4,
}
