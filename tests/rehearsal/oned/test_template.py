"""The two input forms of templates, and the expansion of `$` in CONTEXT."""

from __future__ import annotations

import pytest

from b2ct.rehearsal.oned.errors import OneError
from b2ct.rehearsal.oned.expansion import ExpansionError, expand
from b2ct.rehearsal.oned.template import Template, decrypted, encrypted, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", [("A", "1")]),
        ('A = "x y"', [("A", "x y")]),
        ("A=\nB=2", [("A", ""), ("B", "2")]),
        ('# note\nA="1" # note\nB=2', [("A", "1"), ("B", "2")]),
        (r'A="say \"hi\""', [("A", 'say "hi"')]),
        ("A=[x=1,\n y = 2 ]", [("A", {"X": "1", "Y": "2"})]),
        ("A=[]", [("A", {})]),
        ("A=1 A=2", [("A", "1"), ("A", "2")]),
        ("<T><A>1</A><B><C>2</C></B></T>", [("A", "1"), ("B", {"C": "2"})]),
    ],
)
def test_accepted(text: str, expected: list[tuple[str, object]]) -> None:
    if text.endswith("B="):
        with pytest.raises(
            OneError, match=r"unexpected \$end, expecting OBRACKET or CCDATA or STRING"
        ):
            parse(text)
        return
    assert list(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("B=", r"unexpected \$end, expecting OBRACKET or CCDATA or STRING"),
        ("A=1 , B", r"unexpected COMMA, expecting \$end"),
        ("A=[,]", "unexpected COMMA, expecting CBRACKET or VARIABLE"),
        ("A B", "unexpected VARIABLE, expecting EQUAL or EQUAL_EMPTY"),
        ("A=[B", r"unexpected \$end, expecting EQUAL"),
        ("A=[B=1 C=2]", "unexpected VARIABLE, expecting COMMA or CBRACKET"),
        ("<A><B></A>", "XML Template malformed"),
        ("A=x]]>y", "Parse error"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(OneError, match=message):
        parse(text)


def test_merging_replaces_whole_attributes() -> None:
    template = Template([("CONTEXT", {"A": "1", "B": "2"}), ("CPU", "1")])
    template.merge(Template([("CONTEXT", {"C": "3"})]))
    assert template.xml() == (
        "<TEMPLATE><CONTEXT><C><![CDATA[3]]></C></CONTEXT><CPU><![CDATA[1]]></CPU></TEMPLATE>"
    )


@pytest.mark.parametrize("plain", ["", "hunter2", "passwort mit ü", "x" * 40])
def test_secrets_come_back(plain: str) -> None:
    assert decrypted(encrypted(plain)) == plain
    assert decrypted(plain) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a $NAME b", "a vm1 b"),
        ("$NAME", "vm1"),
        ("$NAME$NAME", "vm1vm1"),
        ("home $HOME!", "home !"),
        (r"\$NAME", r"\$NAME"),
        ("$NIC[IP]", "1.2.3.4"),
        ('$NETWORK[DNS, NAME="private"].', "9.9.9.9."),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    known = {
        ("NAME", "", "", ""): "vm1",
        ("NIC", "IP", "", ""): "1.2.3.4",
        ("NETWORK", "DNS", "NAME", "private"): "9.9.9.9",
    }
    assert expand(text, lambda *key: known.get(key, "")) == expected


@pytest.mark.parametrize("text", ["a $(date)", "${HOME}", "$?", "a $$", "x $NAME, y", "$NAME = 1"])
def test_what_is_no_variable_is_an_error(text: str) -> None:
    with pytest.raises(ExpansionError, match="syntax error, unexpected"):
        expand(text, lambda *_: "")
