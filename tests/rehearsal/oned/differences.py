"""Recorded pairs that the double answers differently, and what it leaves out altogether.

The contract test fails when an entry is needless. NOT_IMPLEMENTED.md is written from here.
"""

from __future__ import annotations

from pathlib import Path

from tests.rehearsal.oned.normalise import RULES

# release -> number of the pair -> why the double's answer differs
DIFFERENT: dict[str, dict[int, str]] = {
    "6.10": {
        153: "columns 86:90 against 78:82: the path in the request was 8 characters longer when it "
        "was recorded, before it became /srv/images",
        157: "two copies ran side by side, and on the recorded server one ended a poll later than "
        "the other; in the double both end at the same time, so the second is READY already",
    },
    "7.4": {},
}

# pattern of methods of 7.4.0 (methods-7.4.0.txt has all of 6.10.5, too) that are not there -> why
MISSING: dict[str, str] = {
    "one.backupjob*": "B2CT makes no backups",
    "one.cluster.optimize": "the scheduler of 7.x that balances hosts is not there",
    "one.cluster.plan*": "the scheduler of 7.x that balances hosts is not there",
    "one.document*": "used by OneFlow and Sunstone only",
    "one.group.vlan": "networks are oneadmin's",
    "one.groupquota.*": "default quotas stay empty",
    "one.hook*": "hooks run on the front-end, not through the API that B2CT uses",
    "one.hostpool.monitoring": "`b2ct status` reads one.hostpool.info",
    "one.image.restore": "B2CT makes no backups",
    "one.image.snapshot*": "worker images have no snapshots",
    "one.market*": "images come from B2CT, not from a marketplace",
    "one.system.sql*": "for the cluster of front-ends only",
    "one.user.login": "B2CT uses passwords; tokens are made by hand",
    "one.userquota.*": "default quotas stay empty",
    "one.vdc*": "the default virtual data centre is all that a small site has",
    "one.vm.attach*": "workers are replaced, not changed",
    "one.vm.backup*": "B2CT makes no backups",
    "one.vm.cancelexec": "B2CT runs nothing inside VMs through oned",
    "one.vm.detach*": "workers are replaced, not changed",
    "one.vm.disk*": "workers are replaced, not changed",
    "one.vm.exec": "B2CT runs nothing inside VMs through oned",
    "one.vm.resize": "workers are replaced, not changed",
    "one.vm.restore": "B2CT makes no backups",
    "one.vm.retryexec": "B2CT runs nothing inside VMs through oned",
    "one.vm.sched*": "no scheduled actions",
    "one.vm.snapshot*": "workers are replaced, not changed",
    "one.vm.updatenic": "workers are replaced, not changed",
    "one.vm.vmgroup*": "no affinity groups",
    "one.vmgroup*": "no affinity groups",
    "one.vmpool.accounting": "accounting is DIRAC's",
    "one.vmpool.*showback": "accounting is DIRAC's",
    "one.vmpool.monitoring": "`b2ct status` reads one.vmpool.info",
    "one.vn.free_ar": "no reservations",
    "one.vn.recover": "the double's networks have no drivers that could fail",
    "one.vn.reserve": "no reservations",
    "one.vntemplate*": "networks are described in site.yaml",
    "one.vrouter*": "no virtual routers",
    "one.zone.*": "one front-end; one.zonepool.info answers with its one zone",
}

# what is there but simpler than in oned
SIMPLER: dict[str, str] = {
    "authentication": "the core driver only (a password, hashed with SHA-256); no ldap, x509, "
    "tokens",
    "scheduler": "fewest VMs first among the hosts that have room in a right cluster; of "
    'SCHED_REQUIREMENTS only `ID="n"` is understood, of RANK and the datastores\' capacity '
    "nothing",
    "passing VM states": "PROLOG, BOOT, SHUTDOWN, EPILOG, HOTPLUG and those of pauses; none of "
    "migration, which is done at once",
    "files": "what is registered is read where it lies, not copied: size and format from its "
    "head, MD5 and SHA1 from the whole",
    "volatile disks": "keep their attributes and get a DISK_ID and a TARGET, no more",
    "IPv6": "address ranges of type IP4 and ETHER; IP6 ranges are kept but lease no addresses",
    "VM pool query": "`KEY=VALUE` on one attribute; oned has a full-text search",
    "other releases": "6.10 and 7.4 were recorded; what 5.12 lacks, and which traits of 7.4 come "
    "with 7.0 and 7.2, is read from the public sources (releases.py)",
    "network updates": "running VMs are not told of a changed network (OUTDATED_VMS stays empty)",
    "CONTEXT/PASSWORD": "hidden by a stand-in, not by AES with a key of the server",
}


def document() -> str:
    """NOT_IMPLEMENTED.md. Write it with `python -m tests.rehearsal.oned.differences`."""
    lines = [
        "# What the double of oned does not do",
        "",
        "Written by `python -m tests.rehearsal.oned.differences` from differences.py and",
        "normalise.py; test_contract.py fails when a row is needless or this page is old.",
        "",
        "## Recorded answers that differ",
        "",
        "| release | pair | why |",
        "|---|---|---|",
        *(
            f"| {release} | {number} | {why} |"
            for release, known in DIFFERENT.items()
            for number, why in sorted(known.items())
        ),
        "",
        "## What is not compared",
        "",
        "| rule | why |",
        "|---|---|",
        *(f"| {rule.name} | {rule.reason} |" for rule in RULES),
        "",
        "## Methods that are not there",
        "",
        "A call of one gets fault -506, as an unknown method does, and is noted in",
        "`one.cloud.unimplemented`.",
        "",
        "| methods | why |",
        "|---|---|",
        *(f"| `{pattern}` | {why} |" for pattern, why in MISSING.items()),
        "",
        "## What is there but simpler",
        "",
        "| what | how |",
        "|---|---|",
        *(f"| {what} | {how} |" for what, how in SIMPLER.items()),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    (Path(__file__).parent / "NOT_IMPLEMENTED.md").write_text(document())
