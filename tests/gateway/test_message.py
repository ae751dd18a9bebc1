"""XML-RPC in and out: what is read, what is refused, and that nothing changes on the way."""

from __future__ import annotations

import resource
import xmlrpc.client

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.gateway import message, reply
from b2ct.gateway.errors import Malformed
from b2ct.gateway.message import Answer, Failure, Fault, Request, Success
from b2ct.one.faults import BrokenError

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], max_codepoint=0xFFFD)
).filter(lambda text: "\ufffe" not in text)
VALUE = TEXT | st.integers(-(2**31), 2**31 - 1) | st.booleans()
NAME = st.from_regex(r"[A-Za-z0-9_.:/]{1,64}", fullmatch=True)


@given(NAME, st.lists(VALUE, max_size=message.MOST_PARAMETERS))
def test_what_xmlrpc_clients_write_is_read(method: str, values: list[str | int | bool]) -> None:
    body = xmlrpc.client.dumps(tuple(values), method).encode()
    assert message.parse(body) == Request(method, tuple(values))


@given(NAME, st.lists(VALUE, max_size=message.MOST_PARAMETERS))
def test_what_is_written_is_what_was_read(method: str, values: list[str | int | bool]) -> None:
    body = message.call(method, values)
    assert message.parse(body) == Request(method, tuple(values))
    assert xmlrpc.client.loads(body) == (tuple(values), method)
    types = [type(value) for value in message.parse(body).values]
    assert types == [type(value) for value in values]


@given(st.one_of(
    VALUE.map(Success),
    st.builds(Failure, TEXT, st.integers(0, 2**16), st.integers(-1, 2**31 - 1)),
    st.builds(Fault, st.integers(-600, 600), TEXT),
))  # fmt: skip
def test_answers_survive(answer: Answer) -> None:
    assert reply.parse(b"".join(message.answer(answer))) == answer


@given(st.binary(max_size=400))
def test_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        message.parse(body)
    except Malformed:
        return
    raise AssertionError("random bytes were a call")


GOOD = xmlrpc.client.dumps(("dirac:secret", 7), "one.vm.info").encode()


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_call_is_refused_or_still_a_whole_one(data: st.DataObject) -> None:
    body = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(("change", "cut", "copy"))):
            case "change":
                body[at] = data.draw(st.integers(0, 255))
            case "cut":
                del body[at : at + data.draw(st.integers(1, 40))]
            case _:
                body[at:at] = body[at : at + 60]
        if not body:
            return
    try:
        read = message.parse(bytes(body))
    except Malformed:
        return
    # What is sent on is made of what was read, and of nothing else.
    assert message.parse(message.call(read.method, read.values)) == read


def _value(inner: str) -> bytes:
    params = f"<params><param><value>{inner}</value></param></params>"
    return f"<methodCall><methodName>one.x</methodName>{params}</methodCall>".encode()


BOMB = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;">]><methodCall><methodName>&c;</methodName></methodCall>"""
EXTERNAL = """<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<methodCall><methodName>&e;</methodName></methodCall>"""


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"GET / HTTP/1.1", b"<methodCall>", b"<methodCall/>",
        BOMB.encode(), EXTERNAL.encode(), b"<!DOCTYPE methodCall>" + GOOD,
        b"<?php x?>" + GOOD, GOOD + GOOD, GOOD + b"x",
        b"<a>" * 100_000, b"<methodCall>" * 5000,
        _value("<struct/>"), _value("<array><data/></array>"), _value("<double>1</double>"),
        _value("<base64>AA==</base64>"), _value("<nil/>"), _value("<i8>1</i8>"),
        _value("<value>" * 1000), _value("<int>1</int><int>2</int>"), _value("x<int>1</int>"),
        _value("<int>1</int>x"), _value("<int>2147483648</int>"), _value("<int>1e3</int>"),
        _value("<int>1_0</int>"), _value("<int>٣</int>"), _value("<boolean>2</boolean>"),
        _value("<int a='1'>1</int>"), _value("&unknown;"), _value("&#0;"), _value("\U0001f600"),
        _value("\x01"), _value("<string>\ufffe</string>"),
        _value("<int>1</int>").replace(b"<value>", b"<value/><value>"),
        b"<methodCall><params/><methodName>one.x</methodName></methodCall>",
        b"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>",
        b"<methodCall><methodName>one.vm.info\n</methodName></methodCall>",
        b"<methodCall><methodName>" + b"a" * 65 + b"</methodName></methodCall>",
        b"<methodCall><methodName>a</methodName><params>"
        + b"<param><value>1</value></param>" * 9 + b"</params></methodCall>",
        b"<methodCall><methodName>a</methodName><params><param/></params></methodCall>",
        GOOD.decode().encode("utf-16"),
        b"<?xml version='1.0' encoding='utf-7'?>" + GOOD.partition(b"?>")[2],
        b"<?xml version='1.0' encoding='latin-1'?>" + GOOD.partition(b"?>")[2],
        _value("<string>\xff</string>").decode().encode("latin-1"),
    ],
)  # fmt: skip
def test_what_is_no_call_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        message.parse(body)
    assert caught.value.code in (-501, -503)
    assert "passwd" not in caught.value.why


def test_bombs_take_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for body in (b"<a>" * 170_000, b"<methodCall><methodName>" + b"a" * 500_000, BOMB.encode()):
        with pytest.raises(Malformed):
            message.parse(body)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_a_value_without_a_type_is_text() -> None:
    assert message.parse(_value("a &lt;b&gt;")).values == ("a <b>",)
    assert message.parse(_value("")).values == ("",)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html/>", b"\xff", BOMB.encode(), GOOD, b"<methodResponse/>",
     b"".join(message.answer(Success("x"))).replace(b"<boolean>1", b"<boolean>7"),
     b"".join(message.answer(Failure("x", 1))).replace(b"<i4>1<", b"<i4>one<")],
)  # fmt: skip
def test_what_is_no_answer_of_oned_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenError):
        reply.parse(body)
