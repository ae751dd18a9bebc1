"""What a person added to a VM template stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.cloud import byhand, vmtemplates
from b2ct.one import text
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image

from .clouds import Cloud
from .conftest import Ground
from .test_vmtemplates import as_there, worker

WANTED = vmtemplates.vm_attributes(worker())
CARD = {"NETWORK": "vms", "NETWORK_UNAME": "oneadmin", "MODEL": "virtio"}
OURS = {**CARD, "B2CT_MADE": "YES"}
DISK = dict(WANTED.vector("DISK"))
OF_A_PERSON = """
OS=[ARCH="x86_64",BOOT="disk0",UUID="271d0115-27ea-4464-ba4f-023f1d9a3e43"]
FOO="a \\"b\\" $c"
"""


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        ({"OS": {"ARCH": "x86_64", "UUID": "1"}}, {"OS": {"ARCH": "x86_64", "UUID": "1"}}),
        ({"OS": {"ARCH": "i686", "UUID": "1"}}, {"OS": {"ARCH": "x86_64", "UUID": "1"}}),
        ({"LABELS": "mine,b2ct"}, {"LABELS": "mine,b2ct"}),
        ({"LABELS": "mine"}, {"LABELS": "mine,b2ct"}),
        (
            {"DISK": [{"TYPE": "fs", "SIZE": "9"}, {**DISK, "CACHE": "none", "IMAGE": "w"}]},
            {"DISK": [{"TYPE": "fs", "SIZE": "9"}, {**DISK, "CACHE": "none"}]},
        ),
        # A disk by its ID would win over the name.
        ({"DISK": {"IMAGE_ID": "7", "CACHE": "none"}}, {"DISK": {**DISK, "CACHE": "none"}}),
        ({"DISK": {"TYPE": "swap", "SIZE": "9"}}, {"DISK": [{"TYPE": "swap", "SIZE": "9"}, DISK]}),
        ({"NIC": CARD}, {"NIC": OURS}),  # from before cards were marked
        (
            {"NIC": [{"NETWORK": "mine"}, {**OURS, "IP": "10.0.0.9"}]},
            {"NIC": [{"NETWORK": "mine"}, {**OURS, "IP": "10.0.0.9"}]},
        ),
        ({"NIC": {**OURS, "NETWORK": "old", "IP": "10.9.0.9"}}, {"NIC": OURS}),
        ({"NIC": [{**OURS, "NETWORK": "old"}, OURS]}, {"NIC": OURS}),
    ],
)
def test_parts_of_attributes(there: dict[str, object], kept: dict[str, object]) -> None:
    found = as_there(WANTED, **there)
    made = byhand.kept(WANTED, found.template)
    (name,) = kept
    assert made[name] == Attributes.of({name: kept[name]})[name]  # type: ignore[dict-item]
    assert made.without(name) == WANTED.without(name)


def test_cards_of_a_person_alone() -> None:
    there = as_there(WANTED, NIC=[OURS, {"NETWORK": "mine"}])
    made = vmtemplates.plan(WANTED.without("NIC"), [there])
    sent, _merge = made.update
    assert [dict(card) for card in sent.vectors("NIC")] == [{"NETWORK": "mine"}]


def test_on_a_server(ground: Ground, tmp_path: Path) -> None:
    """As Sunstone adds them; and what the site changes is changed all the same."""
    one, cloud = ground.one, Cloud(ground.prefix)
    wait_image(one, ground.image(), deadline=30)
    cloud.apply(one)
    (made,) = one.templates.named(cloud.name("w"))
    one.templates.update(made.id, text.parse(OF_A_PERSON))
    assert cloud.plan(one).pending == ()
    cloud.data["workers"][cloud.name("w")]["memory"] = "4 GiB"
    cloud.data["networks"][cloud.name("vms")]["vm_range"] = None
    del cloud.data["networks"][cloud.name("vms")]["vm_range"]
    cloud.apply(one)
    after = one.templates.get(made.id).template
    assert after.text("FOO") == 'a "b" $c'
    assert after.vector("OS")["UUID"] == "271d0115-27ea-4464-ba4f-023f1d9a3e43"
    assert after.text("MEMORY") == "4096"
    assert "NIC" not in after
