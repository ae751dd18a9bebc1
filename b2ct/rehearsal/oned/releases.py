"""What differs between the OpenNebula releases that the double can play: one row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """`version` is what one.system.version says; the rest switches behaviour.

    - `backups`: images and VMs carry their backup elements (6.4 and later).
    - `vm_scheduling`: SCHED_MESSAGE is written by the scheduler inside oned (7.0 dropped
      the separate daemon) rather than by a daemon that calls one.vm.update.
    - `vnet_states`: virtual networks have STATE and the VM update collections (6.4 and later).
    - `tm_local`: the transfer driver `local` is there (7.0 and later).
    - `oneflow_vm_template`: up to 6.10 OneFlow roles say `vm_template`, from 7.0 `template_id`;
      oned itself does not care, the row is for tests of service templates.
    """

    version: str
    backups: bool = True
    vm_scheduling: bool = False
    vnet_states: bool = True
    oneflow_vm_template: bool = True
    tm_local: bool = False


RELEASES = {
    "5.12": Release("5.12.0", backups=False, vnet_states=False),
    "6.10": Release("6.10.5"),
    "7.0": Release("7.0.1", vm_scheduling=True, oneflow_vm_template=False, tm_local=True),
    "7.4": Release("7.4.0", vm_scheduling=True, oneflow_vm_template=False, tm_local=True),
}
