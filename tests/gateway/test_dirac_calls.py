"""The calls of DIRAC 9.1.22's own driver and of VMDIRAC, as they stand on the wire."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from email import message_from_bytes
from typing import Any

import pytest

from tests.gateway.cloud import KEY, SITE_DATA, Cloud
from tests.gateway.process import Running

PILOT = "#cloud-config\nruncmd:\n- [/mnt/start-pilot.sh, STAMP]\n"
ALL = (-2, 0, -1)


def stock_context(userdata: str) -> str:
    """What OpenNebula_6_0_NodeDriver._gen_context writes."""
    packed = base64.b64encode(userdata.encode()).decode()
    return (
        f'CONTEXT = [\nUSERDATA = "{packed}",\nUSERDATA_ENCODING = "base64",\nNETWORK = "YES"\n]\n'
    )


def vmdirac_context(userdata: str) -> str:
    """What VMDIRAC's OpenNebulaEndpoint.createInstance writes."""
    packed = base64.b64encode(userdata.encode()).decode()
    return (
        f'CONTEXT = [\nNETWORK = "YES",\nUSER_DATA = "{packed}",\nDNS = "8.8.8.8 8.8.4.4",\n'
        'USERDATA_ENCODING = "base64"\n]'
    )


def done(answer: list[Any]) -> Any:
    assert answer[0] is True, answer
    return answer[1]


def parts(context: dict[str, str]) -> list[str]:
    """The parts of a VM's user data, decoded."""
    message = message_from_bytes(base64.b64decode(context["USERDATA"]))
    found = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    return [data.decode() for data in found if isinstance(data, bytes)]


def assert_whole(context: dict[str, str]) -> None:
    """The template's CONTEXT is all there, and both user data."""
    assert context["SSH_PUBLIC_KEY"] == KEY
    assert context["B2CT_SITE"] == "torino"
    assert context["NETWORK"] == "YES"
    assert "DNS" not in context
    assert "USER_DATA" not in context
    site, pilot = parts(context)
    assert site == SITE_DATA
    assert pilot.replace("\r", "") == PILOT


def test_stock_dirac_makes_sees_and_kills_vms(one: Cloud, gate: Running) -> None:
    sizes = ET.fromstring(done(gate.call("one.templatepool.info", *ALL)))
    (size,) = [int(t.findtext("ID") or "") for t in sizes.iterfind("VMTEMPLATE")]
    assert size == one.template
    images = ET.fromstring(done(gate.call("one.imagepool.info", *ALL)))
    assert [i.findtext("NAME") for i in images.iterfind("IMAGE")] == ["worker"]

    name = "VMDIRAC3_0A1B2C3D"
    vm = done(gate.call("one.template.instantiate", size, name, False, stock_context(PILOT)))
    assert isinstance(vm, int)
    context = one.context(vm)
    assert_whole(context)
    assert context["B2CT_VMID"] == str(vm)
    assert context["SET_HOSTNAME"] == name

    # getJobStatus and killJob have the ID as a text, which oned answers with fault -501.
    seen = ET.fromstring(done(gate.call("one.vm.info", str(vm))))
    assert (seen.findtext("ID"), seen.findtext("NAME")) == (str(vm), name)
    vms = ET.fromstring(done(gate.call("one.vmpool.info", *ALL, -1)))
    assert [v.findtext("NAME") for v in vms.iterfind("VM")] == [name]

    one.double.until(lambda: one.state(vm) == "RUNNING")
    assert done(gate.call("one.vm.action", "terminate", str(vm))) == vm
    one.double.until(lambda: one.state(vm) == "DONE")
    gone = ET.fromstring(done(gate.call("one.vm.info", str(vm))))
    assert gone.findtext("STATE") == "8", "STOPPED, which DIRAC takes for Done"


def test_vmdirac_makes_and_kills_vms(one: Cloud, gate: Running) -> None:
    made = gate.call(
        "one.template.instantiate", str(one.template), "0a1b2c3d", "False", vmdirac_context(PILOT)
    )
    vm = done(made)
    assert_whole(one.context(vm))
    one.double.until(lambda: one.state(vm) == "RUNNING")
    assert done(gate.call("one.vm.action", "delete", vm)) == vm
    one.double.until(lambda: one.state(vm) == "DONE")


def test_without_user_data_the_context_is_whole_too(one: Cloud, gate: Running) -> None:
    vm = done(gate.call("one.template.instantiate", one.template, "VMDIRAC3_1", False, ""))
    context = one.context(vm)
    assert context["SSH_PUBLIC_KEY"] == KEY
    assert base64.b64decode(context["USERDATA"]).decode() == SITE_DATA


def test_fractional_cpu_does_not_stop_stock_dirac(one: Cloud, gate: Running) -> None:
    sizes = ET.fromstring(done(gate.call("one.templatepool.info", *ALL)))
    (template,) = sizes.iterfind("VMTEMPLATE/TEMPLATE")
    assert int(template.findtext("CPU") or "") == 1
    assert int(template.findtext("MEMORY") or "") == 512


def test_what_has_ended_comes_first(one: Cloud, gate: Running) -> None:
    """cleanupPilots gives up at the first VM that runs."""
    vms = [one.mine(f"VMDIRAC3_{n}") for n in range(3)]
    one.double.until(lambda: all(one.state(vm) == "RUNNING" for vm in vms))
    one.double.faults.fail_boot("VMDIRAC3_bad")
    bad = one.mine("VMDIRAC3_bad")
    done_vm = vms[1]
    one.double.rpc("one.vm.action", "poweroff-hard", done_vm)
    one.double.until(lambda: one.state(done_vm) == "POWEROFF")
    one.double.until(lambda: one.state(bad) == "BOOT_FAILURE")
    pool = ET.fromstring(done(gate.call("one.vmpool.info", *ALL, -1)))
    found = [(v.findtext("ID"), v.findtext("STATE")) for v in pool.iterfind("VM")]
    assert {found[0], found[1]} == {(str(bad), "7"), (str(done_vm), "8")}
    assert {state for _, state in found[2:]} == {"3"}


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("one.vm.allocate", ('NAME="x"', False)),
        ("one.vm.action", ("reboot", 0)),
        ("one.vm.action", ("poweroff", 0)),
        ("one.vm.action", ("recover", 0)),
        ("one.vm.action", ("terminate-hard", "0 or 1")),
        ("one.vm.action", ("terminate-hard", -1)),
        ("one.vm.action", ("terminate-hard", 0, "more")),
        ("one.vm.info", ()),
        ("one.vm.info", (0, True)),
        ("one.vm.info", ("٣",)),
        ("one.vm.info", (True,)),
        ("one.template.info", (0, False, True)),
        ("one.user.info", (0,)),
        ("one.userpool.info", ()),
        ("one.user.allocate", ("eve", "x", "")),
        ("one.template.update", (0, "", 0)),
        ("one.vmpool.info", (0, 0, -1, -1)),
        ("one.vmpool.info", (-2, 0, -1, -1, "NAME=x")),
        ("one.image.delete", (0,)),
        ("system.listMethods", ()),
        ("system.multicall", ()),
        ("one.template.instantiate", (0, "x", False, 'CPU="64"')),
        ("one.template.instantiate", (0, "x", False, 'CONTEXT=[SSH_PUBLIC_KEY="mine"]')),
        ("one.template.instantiate", (0, "x", False, 'CONTEXT=[START_SCRIPT="id"]')),
        ("one.template.instantiate", (0, "x", False, 'CONTEXT=[A="1"] CONTEXT=[B="1"]')),
        ("one.template.instantiate", (0, "x", False, '<TEMPLATE><CPU>9</CPU></TEMPLATE>')),
        ("one.template.instantiate", (0, "x", False, 'CONTEXT=[USERDATA="%"')),
        ("one.template.instantiate", (0, "x", False, "", True)),
        ("one.template.instantiate", (0, "a;b", False, "")),
        ("one.template.instantiate", (0, "", False, "")),
        ("one.template.instantiate", (0, "x", False, "A=b " * 10000)),
    ],
)  # fmt: skip
def test_everything_else_is_refused_as_oned_would(
    method: str, values: tuple[Any, ...], shared: tuple[Cloud, Running]
) -> None:
    one, gate = shared
    before = len(gate.records())
    answer = gate.call(method, *values)
    assert answer[0] is False
    assert isinstance(answer[1], str)
    assert answer[2] in (0x0200, 0x1000)
    assert len(answer) == 4
    # Before the text of an instantiation is read, oned is asked whether the password is right.
    assert set(one.double.calls) <= {"one.template.info"}
    (record,) = gate.records()[before:]
    assert record["verdict"] == "refused"


@pytest.mark.parametrize(
    "session",
    ["oneadmin:admins-own", "serveradmin:dirac:token", "DIRAC:pilot-secret", "dirac", "dirac:",
     ":pilot-secret", "", " dirac:pilot-secret", "dirac :x", "dirac\n:x", "d:" + "x" * 600],
)  # fmt: skip
def test_other_users_are_refused_before_oned_sees_them(
    session: str, shared: tuple[Cloud, Running]
) -> None:
    one, gate = shared
    answer = gate.call("one.vmpool.info", *ALL, -1, session=session)
    assert answer[:3] == [False, "[one.vmpool.info] User couldn't be authenticated, aborting call.",
                          0x0100]  # fmt: skip
    assert one.double.calls == []
    text = gate.audit.read_text() + gate.log.read_text()
    assert "admins-own" not in text
    assert "secret" not in text


def test_who_is_not_the_user_learns_nothing_of_the_methods(gate: Running) -> None:
    allowed = gate.call("one.vm.info", 0, session="eve:x")
    other = gate.call("one.image.delete", 0, session="eve:x")
    assert allowed[2] == other[2] == 0x0100


def test_a_wrong_password_is_oneds_to_tell(one: Cloud, gate: Running) -> None:
    answer = gate.call("one.vm.info", 0, session="dirac:guess")
    assert answer[0] is False
    assert answer[2] == 0x0100
    assert one.double.calls == ["one.vm.info"]
    (record,) = gate.records()
    assert (record["verdict"], record["code"]) == ("oned refused", 0x0100)
    assert "guess" not in gate.audit.read_text()


def test_vms_of_others_stay(one: Cloud, gate: Running) -> None:
    vm = one.vm("precious")
    answer = gate.call("one.vm.action", "delete", str(vm))
    assert (answer[0], answer[2]) == (False, 0x0200)
    assert one.state(vm) != "DONE"


def test_the_audit_log_names_calls_and_no_secrets(one: Cloud, gate: Running) -> None:
    made = gate.call("one.template.instantiate", one.template, "VMDIRAC3_7", False,
                     stock_context("#cloud-config\n# private-pilot-data\n"))  # fmt: skip
    vm = done(made)
    one.double.until(lambda: one.state(vm) == "RUNNING")
    gate.call("one.vm.action", "terminate", str(vm))
    gate.call("one.no.such.method")
    first, second, third = gate.records()
    assert {k: first[k] for k in ("peer", "method", "id", "vm", "made", "verdict")} == {
        "peer": "127.0.0.1", "method": "one.template.instantiate", "id": one.template,
        "vm": "VMDIRAC3_7", "made": vm, "verdict": "done",
    }  # fmt: skip
    assert (second["method"], second["id"], second["verdict"]) == ("one.vm.action", vm, "done")
    assert (third["method"], third["why"]) == ("other", "method")
    text = gate.audit.read_text()
    for secret in ("pilot-secret", "USERDATA", "private-pilot-data", KEY.split()[1]):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode()[:12] not in text
    assert gate.audit.stat().st_mode & 0o777 == 0o640


def test_a_refusal_of_oned_keeps_its_form(gate: Running) -> None:
    answer = gate.call("one.vm.info", "4711")
    assert answer[:4] == [
        False,
        "[one.vm.info] Error getting virtual machine [4711].",
        0x0400,
        4711,
    ]


def test_a_lost_answer_is_told(one: Cloud, gate: Running) -> None:
    one.double.faults.http("reset", method="one.vm.info")
    answer = gate.call("one.vm.info", 0)
    assert (answer[0], answer[2]) == (False, 0x2000)
    one.double.stop()
    answer = gate.call("one.vm.info", 0)
    assert "OpenNebula does not answer" in answer[1]
    one.double.start()
    assert gate.call("one.vm.info", 0)[2] == 0x0400
