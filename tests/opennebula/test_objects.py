"""Answers of a real server, as objects; hostile ones as one line."""

from __future__ import annotations

import dataclasses

import pytest

from b2ct.opennebula import objects, xml
from b2ct.opennebula.faults import BrokenError
from b2ct.opennebula.objects import (
    Cluster,
    Datastore,
    Group,
    Host,
    Image,
    Named,
    SecurityGroup,
    Template,
    User,
    VirtualNetwork,
    Vm,
)
from b2ct.opennebula.quotas import DEFAULT, UNLIMITED, Limit
from b2ct.opennebula.states import DatastoreType, HostState, ImageState, NetState, VmState
from b2ct.opennebula.text import Attributes

from .recorded import exchanges, labelled, numbered

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
            found = objects.pool(one.value, cls.parse, tag)
        else:
            found = (objects.one(one.value, cls.parse),)
            assert found[0].id >= 0
        for item in found:
            assert item.name
            assert "lPX/dgLfsnOZELUXtvBczg" not in repr(item)
            assert "b065663b91df7176" not in repr(item)
        assert [item.id for item in found] == sorted(item.id for item in found)
        seen.add(kind)
    assert {"image", "imagepool", "vm", "vmpool", "host", "vn", "user", "datastore"} <= seen


def image(number: int) -> Image:
    return objects.one(numbered(number).value, Image.parse)


def test_an_image() -> None:
    found = image(88)
    assert (found.id, found.name, found.owner) == (1, "debian12-base-renamed", "oneadmin")
    assert (found.state, found.size, found.datastore_id) == (ImageState.READY, 64, 1)
    assert (found.format, found.path) == ("qcow2", "/srv/images/base.qcow2")
    assert found.permissions == "um-------"
    assert found.template.text("B2CT_SHA256") == "ab" * 32
    assert found.state.usable
    assert not found.persistent


def test_an_image_in_error_says_why() -> None:
    found = image(56)
    assert found.state is ImageState.ERROR
    assert "RESTRICTED_DIRS" in found.error
    assert not found.state.usable
    assert not found.state.locked


def test_a_vm() -> None:
    found = objects.one(numbered(222).value, Vm.parse)
    assert (found.id, found.name, found.status) == (1, "vm1", "RUNNING")
    assert found.running
    assert not found.failed
    assert found.addresses == ("192.0.2.10",)
    assert found.image_ids == (1,)
    assert (found.template_id, found.host_id, found.host) == (0, 0, "node01")
    assert (found.cpu, found.memory, found.started) == (1.0, 256, 1795218535)
    assert found.context["SET_HOSTNAME"] == "vm1"
    assert found.disks[0]["IMAGE"] == "debian12-base"


def test_a_vm_that_failed() -> None:
    found = objects.one(numbered(376).value, Vm.parse)
    assert found.status == "BOOT_FAILURE"
    assert found.failed
    assert "DEPLOY" in found.error


def test_a_vm_that_fits_nowhere() -> None:
    found = objects.one(numbered(352).value, Vm.parse)
    assert (found.state, found.status) == (VmState.PENDING, "PENDING")
    assert "No host with enough capacity" in found.scheduler_message
    assert found.host_id == -1


def test_a_vm_of_a_pool_has_less() -> None:
    (found,) = objects.pool(labelled("vmpool").value, Vm.parse, "VM")
    assert (found.id, found.status, found.addresses) == (2, "PENDING", ("192.0.2.11",))
    assert dict(found.context) == {}
    assert found.permissions == ""


def test_a_vm_that_is_gone() -> None:
    found = objects.one(labelled("vm-info-DONE").value, Vm.parse)
    assert found.done
    assert found.ended > found.started


def test_a_host() -> None:
    found = objects.one(numbered(44).value, Host.parse)
    assert (found.name, found.state, found.cluster) == ("node01", HostState.MONITORED, "default")
    assert (found.max_cpu, found.max_memory, found.used_cpu) == (800, 16777216, 0)
    assert found.usable
    assert found.last_seen == 1795218486


def test_datastores() -> None:
    pool = objects.pool(labelled("datastorepool").value, Datastore.parse, "DATASTORE")
    assert [(d.name, d.type) for d in pool] == [
        ("system", DatastoreType.SYSTEM), ("default", DatastoreType.IMAGE),
        ("files", DatastoreType.FILE),
    ]  # fmt: skip
    assert not any(one.measured for one in pool)
    found = objects.one(labelled("ds-capacity-wait").value, Datastore.parse)
    assert (found.total, found.free, found.used) == (258020, 71889, 32010)
    assert found.measured
    assert found.clusters == (0,)


def test_a_network() -> None:
    found = objects.one(labelled("vn-info").value, VirtualNetwork.parse)
    assert (found.name, found.bridge, found.state) == ("private", "br0", NetState.READY)
    (one,) = found.ranges
    assert (one.ip, one.ip_end, one.size, one.type) == ("192.0.2.10", "192.0.2.12", 3, "IP4")
    assert found.size == 3


def test_a_template_keeps_its_context() -> None:
    found = objects.one(labelled("template-info").value, Template.parse)
    assert found.template.vector("CONTEXT")["VMNAME"] == "$NAME"
    assert found.template.text("MEMORY") == "256"


def test_a_user_without_its_secrets() -> None:
    found = objects.one(labelled("user-self").value, User.parse)
    assert (found.id, found.name, found.group, found.enabled) == (0, "oneadmin", "oneadmin", True)
    assert "TOKEN_PASSWORD" not in found.template
    values = repr([getattr(found, f.name) for f in dataclasses.fields(found)])
    assert "9060bd2341098df0" not in values


def test_a_cluster() -> None:
    (found,) = objects.pool(labelled("clusterpool").value, Cluster.parse, "CLUSTER")
    assert (found.name, found.hosts, found.datastores) == ("default", (), (0, 1, 2))


QUOTAS = (
    "<DATASTORE_QUOTA><DATASTORE><ID>1</ID><IMAGES>5</IMAGES><IMAGES_USED>2</IMAGES_USED><SIZE>-2"
    "</SIZE><SIZE_USED>64</SIZE_USED></DATASTORE></DATASTORE_QUOTA><NETWORK_QUOTA/>"
    "<VM_QUOTA><VM><CPU>4.5</CPU><CPU_USED>1</CPU_USED><VMS>-1</VMS><VMS_USED>3</VMS_USED></VM>"
    "</VM_QUOTA><IMAGE_QUOTA></IMAGE_QUOTA>"
)


def test_quotas() -> None:
    body = f"<USER><ID>2</ID><NAME>dirac</NAME>{QUOTAS}</USER>"
    found = objects.one(body, User.parse).quotas
    assert found.vm["CPU"] == Limit(4.5, 1.0)
    assert found.vm["VMS"] == Limit(DEFAULT, 3.0)
    assert found.datastores[1]["SIZE"] == Limit(UNLIMITED, 64.0)
    assert found.networks == {}


def test_quotas_of_a_pool_stand_apart() -> None:
    """GROUP_POOL has the groups, and after each its QUOTAS with the group's ID."""
    body = (
        "<GROUP_POOL><GROUP><ID>1</ID><NAME>users</NAME><TEMPLATE/><USERS><ID>2</ID></USERS>"
        f"<ADMINS></ADMINS></GROUP><QUOTAS><ID>1</ID>{QUOTAS}</QUOTAS>"
        "<GROUP><ID>0</ID><NAME>oneadmin</NAME></GROUP><DEFAULT_GROUP_QUOTAS/></GROUP_POOL>"
    )
    first, second = objects.pool(body, Group.parse, "GROUP")
    assert (first.name, second.name, second.users) == ("oneadmin", "users", (2,))
    assert second.quotas.datastores[1]["IMAGES"].limit == 5
    assert first.quotas.vm == {}


def test_security_groups_have_rules() -> None:
    body = (
        "<SECURITY_GROUP><ID>100</ID><NAME>worker</NAME><TEMPLATE><RULE><PROTOCOL>TCP</PROTOCOL>"
        "<RANGE>22</RANGE></RULE><RULE><PROTOCOL>ALL</PROTOCOL></RULE></TEMPLATE></SECURITY_GROUP>"
    )
    found = objects.one(body, SecurityGroup.parse)
    assert [rule["PROTOCOL"] for rule in found.rules] == ["TCP", "ALL"]


@pytest.mark.parametrize("cls", [kind for kind, _ in KINDS.values()])
def test_what_a_server_does_not_send_is_empty(cls: type[Named]) -> None:
    """Older and newer servers: missing elements, and states that nobody knows."""
    found = objects.one("<X><ID>3</ID><NAME>n</NAME><STATE>99</STATE></X>", cls.parse)
    assert (found.id, found.name, found.template) == (3, "n", Attributes())
    odd = objects.one("<X><ID>nonsense</ID><STATE>x</STATE><SIZE/></X>", cls.parse)
    assert (odd.id, odd.name) == (-1, "")


def test_an_unknown_state_has_a_name() -> None:
    vm = objects.one("<VM><ID>1</ID><STATE>3</STATE><LCM_STATE>999</LCM_STATE></VM>", Vm.parse)
    assert vm.status == "STATE_999"
    assert not vm.running
    assert ImageState(77) is ImageState.UNKNOWN_STATE


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("", "malformed"),
        ("no XML", "malformed"),
        ("<IMAGE><ID>1</ID>", "malformed"),
        ("<IMAGE>\x00</IMAGE>", "malformed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><IMAGE>&a;</IMAGE>', "document type"),
        ("<IMAGE>&undefined;</IMAGE>", "malformed"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><IMAGE/>', "document type"),
    ],
)
def test_hostile_bodies(body: str, match: str) -> None:
    with pytest.raises(BrokenError, match=match) as caught:
        xml.tree(body)
    assert caught.value.hint
