"""oned's answers as DIRAC's own driver understands them. Pure.

What DIRAC 9.1's OpenNebula_6_0_NodeDriver and CloudComputingElement make of an answer:
- list_sizes reads CPU and MEMORY as integers, and one template with CPU=0.5 that the user can see
  ends every submission: fractions are rounded up.
- getJobStatus takes every state but STOPPED for a running pilot, also that of a VM that is gone:
  DONE and UNDEPLOYED are shown as POWEROFF.
- cleanupPilots ends what is stopped or failed, in the order of the list, until it meets the first
  VM that runs, where it gives up (libcloud's Node has no created_at): those that have ended come
  first. A failed boot is an ACTIVE VM, which it would take for a running one: FAILED is shown.

An answer that needs no change stays as it is.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from xml.etree import ElementTree as ET

from b2ct.gateway.message import Answer, Success
from b2ct.opennebula import xml
from b2ct.opennebula.faults import BrokenError
from b2ct.opennebula.states import VmState, lcm_name

_FAILED = str(int(VmState.FAILED))
"""A state that oned itself no longer uses (include/VirtualMachine.h), and drivers know."""
_POWEROFF = str(int(VmState.POWEROFF))
_ENDED = frozenset({_FAILED, _POWEROFF, str(int(VmState.STOPPED))})
_GONE = frozenset({str(int(VmState.DONE)), str(int(VmState.UNDEPLOYED))})
_ACTIVE = str(int(VmState.ACTIVE))
_NEVER_RAN = frozenset({"BOOT_FAILURE", "PROLOG_FAILURE"})


def adapted(method: str, answer: Answer) -> Answer:
    """The answer as DIRAC is to see it."""
    change = {
        "one.vm.info": _vm,
        "one.vmpool.info": _vms,
        "one.vmpool.infoextended": _vms,
        "one.templatepool.info": _templates,
    }.get(method)
    if change is None or not isinstance(answer, Success) or not isinstance(answer.value, str):
        return answer
    try:
        root = xml.tree(answer.value)
    except BrokenError:
        return answer
    return Success(ET.tostring(root, encoding="unicode")) if change(root) else answer


def _vm(root: xml.Element) -> bool:
    return _state(root)


def _vms(root: xml.Element) -> bool:
    vms = root.findall("VM")
    changed = sum(_state(vm) for vm in vms) > 0
    ordered = sorted(vms, key=lambda vm: vm.findtext("STATE") not in _ENDED)
    if ordered == vms:
        return changed
    for vm in vms:
        root.remove(vm)
    root.extend(ordered)
    return True


def _state(vm: xml.Element) -> bool:
    state = vm.find("STATE")
    if state is None:
        return False
    if state.text in _GONE:
        state.text = _POWEROFF
    elif state.text == _ACTIVE and lcm_name(xml.integer(vm, "LCM_STATE")) in _NEVER_RAN:
        state.text = _FAILED
    else:
        return False
    return True


def _templates(root: xml.Element) -> bool:
    changed = False
    for template in root.iterfind("VMTEMPLATE/TEMPLATE"):
        for name in ("CPU", "MEMORY"):
            for number in template.iterfind(name):
                whole = _whole(number.text or "")
                if whole != number.text:
                    number.text = whole
                    changed = True
    return changed


def _whole(text: str) -> str:
    """Rounded up; what is no number stands for 1, as DIRAC makes no use of it but reads it."""
    if text.isascii() and text.isdecimal():
        return text
    try:
        return str(max(1, int(Decimal(text).to_integral_value(ROUND_CEILING))))
    except (InvalidOperation, ValueError, OverflowError):
        return "1"
