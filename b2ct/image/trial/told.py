"""What the VM of a trial is told: the context of a worker, and what shows that it was heard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from b2ct.context import cdrom
from b2ct.context.attributes import expanded
from b2ct.context.model import OwnText, VmContext
from b2ct.context.userdata import user_data
from b2ct.image.trial.scenario import Source
from b2ct.image.trial.vm import ADDRESS, DNS, GATEWAY, MAC, MASK
from b2ct.site.model import Site, Squid

VM_ID = "42"
_VARIABLES = {"NAME": "b2ct-image-test", "VMID": VM_ID, "UNAME": "oneadmin", "GNAME": "oneadmin"}
MARK = "/run/b2ct-image-test"
"""Where the trial's user script leaves its word."""
WORD = 'It\'s "quoted", costs $5 and `runs`.'
"""What it leaves there: text that a context mangles if anything quotes badly."""
_SCRIPT = f"""#!/bin/sh
cat > {MARK} <<'END'
{WORD}
END
"""
_NETWORK = {
    "ETH0_MAC": MAC,
    "ETH0_IP": ADDRESS,
    "ETH0_MASK": MASK,
    "ETH0_NETWORK": "10.0.2.0",
    "ETH0_GATEWAY": GATEWAY,
    "ETH0_DNS": DNS,
}
"""What oned makes of NETWORK=YES."""


@dataclass(frozen=True)
class Told:
    """The context and the host name that the VM is to take."""

    context: VmContext
    hostname: str


def practice_site() -> Site:
    """A site whose squid is where nothing is: what is looked at is what the VM makes of it."""
    return Site(squid=Squid(external=(f"http://{GATEWAY}:3128",)))


def for_trial(vm: VmContext, public_key: str) -> Told:
    """A worker's context with the trial's key and script added to its own."""
    script = OwnText("b2ct-image-test.sh", _SCRIPT)
    told = replace(
        vm,
        ssh_keys=(*vm.ssh_keys, public_key),
        own=replace(vm.own, scripts=(*vm.own.scripts, script)),
    )
    return Told(told, vm.hostname.value(_VARIABLES))


def write_cd(told: Told, source: Source, path: Path) -> None:
    """The CD that the VM finds. Raises B2ctError for a context that is too large."""
    if source is Source.OPENNEBULA:
        cdrom.write_context(as_oned(told.context), path)
    else:
        cdrom.write_seed(told.hostname, user_data(told.context), path)


def as_oned(vm: VmContext) -> dict[str, str]:
    """The variables as oned writes them when it starts the VM."""
    return {**expanded(vm, _VARIABLES), **_NETWORK, "VMID": VM_ID, "TARGET": "hda"}
