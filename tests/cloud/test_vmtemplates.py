"""Templates: what the Jinja sources say, and how it is compared with what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.cloud import vmtemplates
from b2ct.cloud.vmtemplates import ImageAbout, WorkerAbout
from b2ct.context.attributes import opennebula
from b2ct.context.worker import for_worker
from b2ct.core.errors import B2ctError
from b2ct.one import labels, text
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.vm import Template
from b2ct.one.states import NetState
from b2ct.one.text import Attributes
from tests.cloud.register.test_images import image
from tests.context.sites import site, whole

HOSTILE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=30
).filter(lambda value: "]]>" not in value and all(ord(c) < 0xFFFE for c in value))


def worker(name: str = "b2ct-worker", **changes: Any) -> WorkerAbout:
    made = site(workers={"b2ct-worker": {"cpu": 0.5, "vcpu": 2, "memory": "3GiB", **changes}})
    return WorkerAbout(
        made, "b2ct-worker", for_worker(made), image="w.v2", family="w", owner="oneadmin", name=name
    )


def as_there(attributes: Attributes, **changes: Any) -> Template:
    """The template as the server has it."""
    body = attributes.without("NAME").merged(Attributes.of(changes))
    return Template(id=4, name=attributes.text("NAME"), owner="oneadmin", template=body,
                    registered=0)  # fmt: skip


def test_a_worker() -> None:
    about = worker()
    made = vmtemplates.vm_attributes(about)
    wanted: dict[str, Any] = {
        "NAME": "b2ct-worker", "CPU": "0.5", "VCPU": "2", "MEMORY": "3072",
        "OS": {"ARCH": "x86_64"}, "FEATURES": {"ACPI": "YES", "GUEST_AGENT": "YES"},
        "DISK": {"IMAGE": "w.v2", "IMAGE_UNAME": "oneadmin", "DEV_PREFIX": "vd", "SIZE": "40960"},
        "NIC": {"NETWORK": "vms", "NETWORK_UNAME": "oneadmin", "MODEL": "virtio",
                "B2CT_MADE": "YES"},
        "GRAPHICS": {"TYPE": "VNC", "LISTEN": "0.0.0.0", "RANDOM_PASSWD": "YES"},
        "SCHED_RANK": "FREE_CPU",
        "DESCRIPTION": "worker b2ct-worker of desy, made by b2ct", **labels.marks(),
        "B2CT_IMAGE": "w", "B2CT_WORKER": "b2ct-worker", "B2CT_SITE": "desy",
        "CONTEXT": opennebula(about.context),
    }  # fmt: skip
    assert made == Attributes.of(wanted)


def test_networks_of_other_users() -> None:
    about = replace(worker(), network_owners={"vms": "ada"})
    assert vmtemplates.vm_attributes(about).vector("NIC")["NETWORK_UNAME"] == "ada"
    both = worker(networks=["service", "vms"])
    assert [nic["NETWORK"] for nic in vmtemplates.vm_attributes(both).vectors("NIC")] == [
        "service",
        "vms",
    ]


def test_what_is_written_for_hands_is_what_is_sent(tmp_path: Path) -> None:
    about = replace(worker(), context=whole(tmp_path))
    by_hand = vmtemplates.vm_text(about, by_hand=True)
    assert by_hand.startswith("# b2ct-worker: ")
    assert text.parse(by_hand) == vmtemplates.vm_attributes(about)
    of_image = ImageAbout("w", "/var/tmp/w.qcow2", "ab" * 32, "cd" * 20, "A", "w", "2026-01-01")
    by_hand = vmtemplates.image_text(of_image, by_hand=True)
    assert text.parse(by_hand) == vmtemplates.image_attributes(of_image)


def test_an_image() -> None:
    made = vmtemplates.image_attributes(ImageAbout("w", "/var/tmp/w.qcow2"))
    for absent in ("SHA1", "B2CT_SHA256", "DESCRIPTION", "B2CT_NAME", "B2CT_BUILT", "FORMAT"):
        assert absent not in made
    assert (made.text("PERSISTENT"), made.text("TYPE")) == ("NO", "OS")


@settings(max_examples=60)
@given(title=HOSTILE, path=HOSTILE)
def test_nothing_breaks_out_of_a_value(title: str, path: str) -> None:
    """Whatever a title holds is either refused, or one value."""
    about = ImageAbout("w", path, title=title)
    try:
        made = vmtemplates.image_attributes(about)
    except B2ctError:
        return
    assert made.text("DESCRIPTION") == title
    assert made.text("PATH") == path
    assert made.text("PERSISTENT") == "NO"


@pytest.mark.parametrize("value", ["a\\", "]]>", "bell\x07", "\U0001f600"])
def test_what_opennebula_cannot_store_is_refused(value: str) -> None:
    with pytest.raises(B2ctError) as caught:
        vmtemplates.image_text(ImageAbout("w", "/w", title=value))
    assert caught.value.hint


class TestComparing:
    wanted = vmtemplates.vm_attributes(worker())

    def test_a_first_one(self) -> None:
        made = vmtemplates.plan(self.wanted, [])
        assert (made.found, made.nothing, made.wanted) == (None, False, self.wanted)

    def test_the_same(self) -> None:
        made = vmtemplates.plan(self.wanted, [as_there(self.wanted, SOMETHING="of mine")])
        assert made.nothing

    def test_only_what_differs_is_sent(self) -> None:
        there = as_there(self.wanted, MEMORY="1", OWN="kept")
        made = vmtemplates.plan(self.wanted, [there])
        assert [str(change) for change in made.changes] == ["MEMORY: 1 -> 3072"]
        assert made.update == (Attributes.of({"MEMORY": "3072"}), True)

    def test_the_context_goes_whole_and_is_never_shown(self) -> None:
        there = as_there(self.wanted, CONTEXT={"NETWORK": "YES", "PASSWORD": "geheim"})
        made = vmtemplates.plan(self.wanted, [there])
        assert "geheim" not in str(made.changes)
        sent, merge = made.update
        # What somebody added goes along, as the server replaces it whole.
        whole = {**self.wanted.vector("CONTEXT"), "PASSWORD": "geheim"}
        assert (dict(sent.vector("CONTEXT")), merge) == (whole, True)

    def test_what_the_worker_has_no_more(self) -> None:
        there = as_there(self.wanted, OWN="kept")
        made = vmtemplates.plan(self.wanted.without("NIC"), [there])
        sent, merge = made.update
        assert ("NIC" in sent, merge, sent.text("OWN"), sent.text("MEMORY")) == (
            False, False, "kept", "3072",
        )  # fmt: skip

    def test_one_made_by_hand(self) -> None:
        there = as_there(Attributes.of({"NAME": "b2ct-worker", "CPU": 1}))
        with pytest.raises(B2ctError, match="not made by b2ct") as caught:
            vmtemplates.plan(self.wanted, [there])
        assert "--template" in caught.value.hint

    def test_one_made_by_hand_that_b2ct_was_given(self) -> None:
        there = as_there(Attributes.of({"NAME": "b2ct-worker", "B2CT_ADOPTED": "YES"}))
        made = vmtemplates.plan(self.wanted, [there])
        sent, _merge = made.update
        assert sent.text("MEMORY") == "3072"
        assert not {labels.MADE, "LABELS"} & set(sent), "who made it stays known"

    def test_a_disk_from_another_version(self) -> None:
        there = as_there(self.wanted, DISK=[{"IMAGE": "w.v2", "SIZE": 9}, {"IMAGE_ID": 77}])
        disks = vmtemplates.with_image(there, image(5, "w.v2"), image(6, "w"))
        assert disks == Attributes.of(
            {"DISK": [{"IMAGE": "w", "IMAGE_UNAME": "oneadmin", "SIZE": 9}, {"IMAGE_ID": 77}]}
        )


def network(number: int, name: str, uid: int = 0) -> VirtualNetwork:
    return VirtualNetwork(
        id=number, name=name, uid=uid, owner=f"u{uid}", state=NetState.READY, bridge="", vn_mad="",
        phydev="", vlan_id="", clusters=(), used_leases=0, ranges=(),
    )  # fmt: skip


def test_who_has_the_networks() -> None:
    there = [network(1, "vms", 5), network(2, "vms", 0), network(3, "other", 7)]
    found, missing = vmtemplates.owners_of(there, ("vms", "other", "none"), 0)
    assert (found, missing) == ({"vms": "u0", "other": "u7"}, ("none",))
    with pytest.raises(B2ctError, match=r"several users.*u0, u5"):
        vmtemplates.owners_of(there, ("vms",), 99)
