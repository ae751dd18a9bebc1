"""oned's answers as DIRAC sees them: rewritten in pieces, as if the whole had been read."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.gateway import answers, message, reply
from b2ct.gateway.message import Document, Success
from b2ct.one.faults import BrokenError
from tests.gateway.cloud import Cloud
from tests.gateway.process import Running, running

ENDED = ("4", "7", "8")  # STOPPED, FAILED, POWEROFF


def shown(method: str, text: str, cuts: list[int] | None = None) -> str:
    """The document as it is sent, fed in pieces that end at `cuts`."""
    taker = answers.document(method, adapt=True)
    ends = [*sorted(cut for cut in cuts or [] if cut < len(text)), len(text)]
    for start, end in zip([0, *ends], ends, strict=False):
        taker.feed(text[start:end])
    return sent(taker.close())


def sent(document: Document) -> str:
    return unescape(b"".join(document.pieces).decode(), {"&#13;": "\r"})


def vm(number: int, state: str, lcm: str = "3", more: str = "") -> str:
    return f"<VM><ID>{number}</ID>{more}<STATE>{state}</STATE><LCM_STATE>{lcm}</LCM_STATE></VM>"


def pool(*vms: str) -> str:
    return f"<VM_POOL>{''.join(vms)}</VM_POOL>"


STATE = st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", ""])
MORE = st.sampled_from([
    "", "<USER_TEMPLATE><VM><STATE><![CDATA[8]]></STATE></VM></USER_TEMPLATE>",
    "<NAME><![CDATA[</VM><VM><STATE>8</STATE>]]></NAME>", "<NAME>&lt;STATE&gt;8</NAME>",
    "<TEMPLATE><STATE>4</STATE></TEMPLATE>", "<STATE/>", "<A>é\u2028</A>",
])  # fmt: skip
VM = st.builds(vm, st.integers(0, 99), STATE, st.sampled_from(["3", "36", "0", "x", ""]), MORE)


def expected(text: str) -> list[tuple[str, str]]:
    """IDs and states in order, by a tree of the whole."""
    rows = []
    for element in ET.fromstring(text).findall("VM"):
        state, lcm = element.findtext("STATE") or "", element.findtext("LCM_STATE") or ""
        if state in ("6", "9"):
            state = "8"
        elif (state, lcm) == ("3", "36"):
            state = "7"
        rows.append((element.findtext("ID") or "", state))
    return sorted(rows, key=lambda row: row[1] not in ENDED)


@given(st.lists(VM, max_size=6), st.lists(st.integers(0, 900), max_size=8))
def test_vms_are_shown_as_dirac_needs_them_wherever_the_pieces_end(
    vms: list[str], cuts: list[int]
) -> None:
    text = pool(*vms)
    got = shown("one.vmpool.info", text, cuts)
    rows = [(e.findtext("ID"), e.findtext("STATE")) for e in ET.fromstring(got).findall("VM")]
    assert rows == expected(text)
    assert len(got) <= len(text) + 8 * len(vms)


@given(st.text(max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_what_is_no_xml_stays_as_it_is(text: str, cuts: list[int]) -> None:
    for method in ("one.vmpool.info", "one.vm.info", "one.templatepool.info", "one.image.info"):
        assert shown(method, text, cuts) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "<VM_POOL/>", pool(vm(1, "3")), pool(vm(1, "8"), "\n", vm(2, "3")),
        f"<!DOCTYPE x>{pool(vm(1, '6'))}", pool("<a>" * 50), pool(vm(1, "3"))[:-4],
    ],
)  # fmt: skip
def test_what_needs_no_change_stays_as_it_is_to_the_byte(text: str) -> None:
    assert shown("one.vmpool.info", text) == text


def test_one_vm_is_changed_too() -> None:
    assert shown("one.vm.info", vm(7, "6", more="<A/>")) == vm(7, "8", more="<A/>")


def test_after_what_is_broken_nothing_is_lost() -> None:
    """Those before it are in DIRAC's order already; the rest comes as it came."""
    text = pool(vm(1, "3"), vm(2, "8"), "<VM></MV>", vm(3, "6"))
    got = shown("one.vmpool.info", text, [70])
    assert sorted(got) == sorted(text)
    assert got.startswith(pool(vm(2, "8"), vm(1, "3")).removesuffix("</VM_POOL>"))


@pytest.mark.parametrize(
    ("cpu", "whole"),
    [("0.5", "1"), ("2", "2"), ("2.01", "3"), ("", "1"), ("many", "1"), ("NaN", "1"),
     ("<![CDATA[0.1]]>", "1")],
)  # fmt: skip
def test_fractions_are_rounded_up(cpu: str, whole: str) -> None:
    inner = f"<VMTEMPLATE><TEMPLATE><CPU>{cpu}</CPU></TEMPLATE></VMTEMPLATE>"
    got = shown("one.templatepool.info", f"<VMTEMPLATE_POOL>{inner}</VMTEMPLATE_POOL>", [50, 60])
    assert ET.fromstring(got).findtext("VMTEMPLATE/TEMPLATE/CPU") == whole


def test_without_adaptation_nothing_is_read() -> None:
    taker = answers.document("one.vmpool.info", adapt=False)
    taker.feed(pool(vm(1, "6")))
    assert sent(taker.close()) == pool(vm(1, "6"))


def test_an_answer_is_read_wherever_its_pieces_end() -> None:
    text = pool(*(vm(n, str(n % 12), more="<A>é &amp; ü</A>") for n in range(300)))
    body = b"".join(message.answer(Success(text)))
    rand = random.Random(7)
    pieces: list[str] = []
    reader = reply.Reader(pieces.append)
    at = 0
    while at < len(body):
        step = rand.randint(1, 900)
        reader.feed(body[at : at + step])
        at += step
    assert reader.close() == Success("")
    assert "".join(pieces) == text


def test_pieces_make_the_answer_that_the_text_would() -> None:
    taker = answers.document("one.image.info", adapt=True)
    text = "<A>\r\n&amp;ü</A>"
    taker.feed(text)
    whole = b"".join(message.answer(Success(text)))
    assert b"".join(message.answer(Success(taker.close()))) == whole


@pytest.mark.parametrize(
    "body",
    [
        b"<methodResponse>" + b"<a>" * 100,
        b"<methodResponse><params>" + b"x" * (reply.SHORT + 1) + b"</params></methodResponse>",
        b"".join(message.answer(Success("x")))[:-20],
    ],
)
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenError):
        reply.parse(body)


def test_an_answer_over_the_limit_is_refused_in_the_gateways_name(
    one: Cloud, tmp_path: Path
) -> None:
    one.double.rpc("one.template.update", one.template, f'DESCRIPTION="{"x" * 3000}"', 1)
    with running(tmp_path, one.double.url, limits={"answer": 2048}) as gate:
        answer = gate.call("one.template.info", one.template)
    assert answer[0] is False
    assert "2048 bytes, the limit of this gateway" in answer[1]


def test_large_answers_side_by_side_are_whole(one: Cloud, gate: Running) -> None:
    """Also where they come in pieces that have their turns with others'."""
    one.double.rpc("one.template.update", one.template, f'DESCRIPTION="{"é<&" * 60_000}"', 1)
    with ThreadPoolExecutor(6) as pool:
        found = [pool.submit(gate.call, "one.template.info", one.template) for _ in range(12)]
    texts = {ET.fromstring(future.result()[1]).findtext("TEMPLATE/DESCRIPTION") for future in found}
    assert texts == {"é<&" * 60_000}
