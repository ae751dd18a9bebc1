from __future__ import annotations

from b2ct.one.objects import base
from b2ct.one.objects.vm import Template, Vm
from b2ct.one.states import ImageState, VmState
from tests.one.recorded import labelled, numbered


def test_a_vm() -> None:
    found = base.one(numbered(222).value, Vm.parse)
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
    found = base.one(numbered(376).value, Vm.parse)
    assert found.status == "BOOT_FAILURE"
    assert found.failed
    assert "DEPLOY" in found.error


def test_a_vm_that_fits_nowhere() -> None:
    found = base.one(numbered(352).value, Vm.parse)
    assert (found.state, found.status) == (VmState.PENDING, "PENDING")
    assert "No host with enough capacity" in found.scheduler_message
    assert found.host_id == -1


def test_a_vm_of_a_pool_has_less() -> None:
    (found,) = base.pool(labelled("vmpool").value, Vm.parse, "VM")
    assert (found.id, found.status, found.addresses) == (2, "PENDING", ("192.0.2.11",))
    assert dict(found.context) == {}
    assert found.permissions == ""


def test_a_vm_that_is_gone() -> None:
    found = base.one(labelled("vm-info-DONE").value, Vm.parse)
    assert found.done
    assert found.ended > found.started


def test_a_template_keeps_its_context() -> None:
    found = base.one(labelled("template-info").value, Template.parse)
    assert found.template.vector("CONTEXT")["VMNAME"] == "$NAME"
    assert found.template.text("MEMORY") == "256"


def test_an_unknown_state_has_a_name() -> None:
    vm = base.one("<VM><ID>1</ID><STATE>3</STATE><LCM_STATE>999</LCM_STATE></VM>", Vm.parse)
    assert vm.status == "STATE_999"
    assert not vm.running
    assert ImageState(77) is ImageState.UNKNOWN_STATE
