"""Checks of what a practice site has not got: each finds what is wrong, and only that.

What the machine says is written here as its tools write it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from b2ct.core.findings import Finding, Verdict
from b2ct.site.model import Node, Site
from b2ct.validate.check import CheckFailedError, NotApplicableError
from b2ct.validate.suites import disks, every_node, network, squid, storage
from tests.validate.fake import Fake
from tests.validate.sites import BOND, node, site

PLACE = "/var/lib/one/datastores"
UUID = "b2c7a1f0-3c1e-4b53-8a0e-0d5a8f0c7a11"


def _told(check: Callable[..., object], answers: dict[str, str], described: Site, on: Node) -> str:
    """Empty where the check passes, else `message -> remedy`."""
    host: Any = Fake(answers)
    given = {"host": host, "site": described, "node": on}
    code = check.__code__
    try:
        check(**{name: given[name] for name in code.co_varnames[: code.co_argcount]})
    except CheckFailedError as err:
        return f"{err} -> {err.remedy}"
    except AssertionError as err:
        return str(err)
    return ""


def _card(name: str, mac: str, master: str = "") -> dict[str, Any]:
    return {
        "ifname": name, "address": mac, "flags": ["UP", "LOWER_UP"], "mtu": 9000,
        **({"master": master} if master else {}),
    }  # fmt: skip


def _bonded(mode: str = "802.3ad", member: str = "bond0", tag: int = 5) -> dict[str, str]:
    """`ip -d -j address` of hv2: two cards in a bond, a VLAN on it."""
    rows = [
        _card("eno1", BOND[0], "bond0"),
        _card("eno2", BOND[1], member),
        {
            **_card("bond0", BOND[0]),
            "linkinfo": {"info_kind": "bond", "info_data": {"mode": mode}},
        },
        {
            **_card("vlan5", BOND[0]), "link": "bond0",
            "linkinfo": {"info_kind": "vlan", "info_data": {"id": tag}},
        },
    ]  # fmt: skip
    return {"ip -d -j address show": f"@@addresses\n{json.dumps(rows)}\n@@routes\n[]\n"}


MODE = site().nodes[2].interfaces[0].bond.mode  # type: ignore[union-attr]  # it has one


def test_bonds_are_whole() -> None:
    described, hv2 = site(), node("hv2")

    def told(**changes: Any) -> str:
        answers = _bonded(**{"mode": MODE, **changes})
        return _told(network.test_bonds_are_whole, answers, described, hv2)

    assert told() == ""
    assert "bond0 is in mode broadcast" in told(mode="broadcast")
    assert f"+bond.options mode={MODE}" in told(mode="broadcast")
    assert "eno2 (52:54:00:00:02:02) is no member of bond0" in told(member="")
    assert "nmcli connection up eno2" in told(member="")


def test_vlans_are_right() -> None:
    described, hv2 = site(), node("hv2")

    def told(tag: int) -> str:
        return _told(network.test_vlans_are_right, _bonded(tag=tag), described, hv2)

    assert told(5) == ""
    assert "vlan5 carries the tag 7, not 5" in told(7)
    assert "nmcli connection modify vlan5 vlan.id 5 vlan.parent bond0" in told(7)


def test_raid_is_whole() -> None:
    """As /proc/mdstat writes it (md.4)."""

    def told(members: str) -> str:
        text = (
            "Personalities : [raid1]\nmd127 : active raid1 sdb2[1] sda2[0]\n"
            f"      1046528 blocks super 1.2 [2/2] {members}\n\nunused devices: <none>\n"
        )
        answers = {"@@raid": f"@@raid\n{text}"}
        return _told(disks.test_raid_is_whole, answers, site(), node("hv1"))

    assert told("[UU]") == ""
    assert told("[U_]") == "a disk is missing in: md127"


NFS = {"type": "nfs", "server": "10.0.0.9", "export": "/export/one", "version": "4.2"}


def _mounted(options: str) -> dict[str, str]:
    return {"cat /proc/self/mounts #": f"10.0.0.9:/export/one {PLACE} nfs4 {options} 0 0\n"}


def test_nfs_version_is_right() -> None:
    check, described = storage.test_nfs_version_is_right, site(storage=NFS)
    assert _told(check, _mounted("rw,vers=4.2"), described, node("hv1")) == ""
    told = _told(check, _mounted("rw,vers=3"), described, node("hv1"))
    assert told == f"{PLACE} is mounted with NFS version 3, site.yaml says 4.2"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("", "no line"),
        (f"10.0.0.9:/export/one {PLACE} nfs noauto 0 0", "noauto"),
        (f"# 10.0.0.9:/export/one {PLACE} nfs _netdev 0 0", "no line"),
    ],
)
def test_datastores_are_in_fstab(line: str, wrong: str) -> None:
    check, described = storage.test_datastores_are_in_fstab, site(storage=NFS)
    good = f"@@fstab\n10.0.0.9:/export/one {PLACE} nfs _netdev 0 0\n"
    assert _told(check, {"@@fstab": good}, described, node("hv1")) == ""
    told = _told(check, {"@@fstab": f"@@fstab\n{line}\n"}, described, node("hv1"))
    assert wrong in told
    assert f"echo 10.0.0.9:/export/one {PLACE} nfs vers=4.2" in told


@pytest.mark.parametrize(
    ("parts", "said", "good", "mends"),
    [
        ({}, "@@label\nsystem_u:object_r:var_t:s0\n", "var_t", "restorecon"),
        ({"storage": NFS}, "@@nfs\nvirt_use_nfs --> off\n", "off", "setsebool"),
    ],
)
def test_datastores_are_labelled(parts: Any, said: str, good: str, mends: str) -> None:
    described = site(**parts)
    about = {"@@selinux": "@@selinux\nEnforcing\n", **_mounted("rw")}

    def told(answer: str) -> str:
        answers = {**about, "getsebool": answer}
        return _told(storage.test_datastores_are_labelled, answers, described, node("hv1"))

    right = {"var_t": "virt_image_t", "off": "on"}[good]
    assert told(said.replace(good, right)) == ""
    assert mends in told(said)


def test_shared_volumes_are_seen() -> None:
    described = site(storage={"type": "lvm"})

    def told(groups: str) -> str:
        return _told(storage.test_shared_volumes_are_seen, {"vgs": groups}, described, node("hv1"))

    assert told("@@groups\n  root\n  vg-one-0\n") == ""
    assert told("@@groups\n  root\n") == "there is no volume group vg-one-0 (seen: root)"


def test_oneadmin_may_use_volumes() -> None:
    described = site(storage={"type": "lvm"})

    def told(groups: str) -> str:
        answers = {"@@groups": f"@@groups\n{groups}\n"}
        return _told(storage.test_oneadmin_may_use_volumes, answers, described, node("hv1"))

    assert told("oneadmin kvm disk") == ""
    assert told("oneadmin kvm") == "oneadmin is not in the group disk"


CEPH = {"type": "ceph", "monitors": ["10.0.0.8"], "secret_uuid": UUID}


def test_ceph_key_is_known() -> None:
    described = site(storage=CEPH)
    check = storage.test_ceph_key_is_known
    assert (
        _told(check, {"secret-list": f" {UUID}   ceph client.libvirt\n"}, described, node("hv1"))
        == ""
    )
    assert UUID in _told(check, {}, described, node("hv1"))


def test_ceph_pool_answers() -> None:
    described = site(storage=CEPH)
    check = storage.test_ceph_pool_answers
    assert _told(check, {"rbd --id libvirt ls -p one": ""}, described, node("hv1")) == ""
    told = _told(check, {}, described, node("hv1"))
    assert told == "the pool one does not answer: no answer within 20 s"


@pytest.mark.parametrize(("release", "ended"), [("el9", False), ("el6", True)])
def test_release_is_maintained(release: str, ended: bool) -> None:
    version = {"el6": "4.14", "el9": "6.10"}[release]
    described = Site.model_validate(
        {
            **site().model_dump(include={"site"}, mode="json"),
            "release": {"version": release}, "opennebula": {"version": version},
        }
    )  # fmt: skip
    told = _told(every_node.test_release_is_maintained, {}, described, node("hv1"))
    assert ("ended in" in told) == ended


@pytest.mark.parametrize(
    "check",
    [
        storage.test_nfs_version_is_right, storage.test_datastores_are_in_fstab,
        storage.test_shared_volumes_are_seen, storage.test_ceph_key_is_known,
        storage.test_ceph_pool_answers, storage.test_oneadmin_may_use_volumes,
    ],
)  # fmt: skip
def test_a_site_without_them_is_not_asked(check: Callable[..., object]) -> None:
    with pytest.raises(NotApplicableError, match=r"the site has no|installer itself"):
        _told(check, {}, site(), node("hv1"))


SUBJECTS = {
    "all clients": squid.test_cache_is_of_use,
    "belle.cern.ch at s1.example.org": squid.test_all_stratum1s_answer,
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_squid_has_to_say_of_its_cache_and_its_servers(
    subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all-stratum1s-answer and cache-is-of-use: what b2ct.squid.check found is told."""

    def told(verdict: Verdict) -> str:
        row = Finding(subject, verdict, "little of it", "look there", of="squid")
        monkeypatch.setattr(squid, "_rows", lambda *_: {subject: row})
        return _told(SUBJECTS[subject], {}, site(), node("one"))

    assert told(Verdict.OK) == ""
    assert "little of it" in told(Verdict.WARNING)
