"""What all objects have in common: every recorded answer, and answers of other releases."""

from __future__ import annotations

import pytest

from b2ct.one.objects import base
from b2ct.one.objects.account import User
from b2ct.one.objects.base import Named
from b2ct.one.objects.host import Cluster, Host
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Datastore, Image
from b2ct.one.objects.vm import Template, Vm
from b2ct.one.text import Attributes
from tests.one.recorded import exchanges

KINDS: dict[str, tuple[type[Named], str]] = {
    "image": (Image, "IMAGE"),
    "template": (Template, "VMTEMPLATE"),
    "vm": (Vm, "VM"),
    "host": (Host, "HOST"),
    "datastore": (Datastore, "DATASTORE"),
    "vn": (VirtualNetwork, "VNET"),
    "cluster": (Cluster, "CLUSTER"),
    "user": (User, "USER"),
}


def test_every_recorded_body_is_read() -> None:
    """Twice the same from a pool and from an info, and never a secret in the repr."""
    seen = set()
    for one in exchanges():
        kind, _, verb = one.method.removeprefix("one.").partition(".")
        if not one.good or verb != "info":
            continue
        cls, tag = KINDS[kind.removesuffix("pool")]
        if kind.endswith("pool"):
            found = base.pool(one.value, cls.parse, tag)
        else:
            found = (base.one(one.value, cls.parse),)
            assert found[0].id >= 0
        for item in found:
            assert item.name
            assert "lPX/dgLfsnOZELUXtvBczg" not in repr(item)
            assert "b065663b91df7176" not in repr(item)
        assert [item.id for item in found] == sorted(item.id for item in found)
        seen.add(kind)
    assert {"image", "imagepool", "vm", "vmpool", "host", "vn", "user", "datastore"} <= seen


@pytest.mark.parametrize("cls", [kind for kind, _ in KINDS.values()])
def test_what_a_server_does_not_send_is_empty(cls: type[Named]) -> None:
    """Older and newer servers: missing elements, and states that nobody knows."""
    found = base.one("<X><ID>3</ID><NAME>n</NAME><STATE>99</STATE></X>", cls.parse)
    assert (found.id, found.name, found.template) == (3, "n", Attributes())
    odd = base.one("<X><ID>nonsense</ID><STATE>x</STATE><SIZE/></X>", cls.parse)
    assert (odd.id, odd.name) == (-1, "")
