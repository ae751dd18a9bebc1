"""Our reading of template text against what a real oned accepted and refused."""

from __future__ import annotations

import pytest

from b2ct.one.text import TextError, check_context, parse, wire

from .recorded import Exchange, exchanges, labelled

TEXTS = {"one.image.allocate": 0, "one.template.allocate": 0, "one.vn.allocate": 0,
         "one.image.update": 1, "one.template.update": 1, "one.datastore.update": 1,
         "one.vm.updateconf": 1, "one.user.quota": 1, "one.template.instantiate": 3}  # fmt: skip


def texts() -> list[tuple[Exchange, str]]:
    found = []
    for one in exchanges():
        position = TEXTS.get(one.method)
        if one.values and position is not None and len(one.arguments) > position:
            text = one.arguments[position]
            if isinstance(text, str) and not text.startswith("<"):
                found.append((one, text))
    return found


def test_what_the_server_read_and_what_it_did_not() -> None:
    refused, read = [], []
    for one, text in texts():
        server_refused = "Parse error" in str(one.value)
        try:
            parse(text)
        except TextError:
            assert server_refused, f"{one.number}: oned read this, our parser does not"
            refused.append(one.label)
        else:
            assert not server_refused, f"{one.number}: oned refused this, our parser does not"
            read.append(one.label)
    assert {"image-bad-syntax", "image-allocate-dict-flat-quote", "template-bad-syntax"} <= set(
        refused
    )
    assert len(read) > 30


def test_what_was_sent_comes_back_from_our_writer() -> None:
    for one, text in texts():
        if one.good and one.label != "template-allocate-raw-script":
            attributes = parse(text)
            assert parse(wire(attributes)) == attributes


def test_the_script_that_the_server_choked_on_is_refused_before() -> None:
    text = labelled("template-allocate-raw-script").arguments[0]
    with pytest.raises(TextError, match="CONTEXT/START_SCRIPT holds a stray"):
        check_context(parse(text))
    check_context(parse(labelled("template-allocate").arguments[0]))
