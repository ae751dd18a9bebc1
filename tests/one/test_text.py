"""Template text: what is written is read back, by oned's grammar; what would break is refused."""

from __future__ import annotations

from contextlib import suppress
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from b2ct.one import xml
from b2ct.one.text import (
    Attributes,
    TextError,
    check,
    check_context,
    check_name,
    parse,
    render,
    render_xml,
    wire,
)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
VALUES = st.text(
    st.one_of(
        st.sampled_from("\"\\=[],#$<>&' \n\t"),
        st.characters(exclude_categories=["C"], max_codepoint=0xFFFF),
    ),
    max_size=30,
).filter(lambda value: "]]>" not in value)
STRINGS = VALUES.filter(lambda value: not value.endswith("\\"))


def attributes(values: st.SearchStrategy[str]) -> st.SearchStrategy[Attributes]:
    names = NAMES.filter(lambda name: name.upper() != "NAME")
    item = st.one_of(values, st.dictionaries(NAMES, values, min_size=1, max_size=4))
    return st.lists(st.tuples(names, item), max_size=5).map(Attributes)


@given(attributes(STRINGS))
@settings(max_examples=150)
@example(Attributes([("A", 'a\\"b'), ("B", '\\\\"'), ("C", {"D": "]", "E": ""})]))
def test_the_string_form_comes_back(wanted: Attributes) -> None:
    assert parse(render(wanted)) == wanted


@given(attributes(VALUES))
@settings(max_examples=100)
def test_the_xml_form_comes_back(wanted: Attributes) -> None:
    assert xml.attributes(ET.fromstring(render_xml(wanted))) == wanted


@given(attributes(VALUES))
@settings(max_examples=60)
def test_one_of_the_forms_always_fits(wanted: Attributes) -> None:
    text = wire(wanted)
    read = xml.attributes(ET.fromstring(text)) if text.startswith("<") else parse(text)
    assert read == wanted


@given(st.text(max_size=60))
@settings(max_examples=200)
@example('A="' + "\\" * 40)
@example("A=[B=1,")
@example('A=[B="c" D="e"]')
def test_no_text_makes_the_parser_fall_over(text: str) -> None:
    with suppress(TextError):
        read = parse(text)
        assert all(name == name.upper() for name in read)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('NAME="x"\nCPU = 1\n# comment\n\nVCPU=2', {"NAME": "x", "CPU": "1", "VCPU": "2"}),
        ("EMPTY=\nB=1", {"EMPTY": "", "B": "1"}),
        ("a=[b=1,\n  c = \"d, e\" ]", {"A": {"B": "1", "C": "d, e"}}),
        ("A=[ ]", {"A": {}}),
        ('DISK=[IMAGE=a]\nDISK=[IMAGE=b]', {"DISK": [{"IMAGE": "a"}, {"IMAGE": "b"}]}),
        ('A="two\nlines"', {"A": "two\nlines"}),
        ('A="a \\"quoted\\" word"', {"A": 'a "quoted" word'}),
        ('A="unterminated', {"A": '"unterminated'}),  # as a real server did
        ('A="ends in \\\\"', {"A": "ends in \\\\"}),  # no other quote could end it
        ('A="\\\\" B" C=1', {"A": '\\" B', "C": "1"}),  # a quote behind any backslash does not
        ('A="\\"', {"A": "\\"}),
        ('A=""\nB="', {"A": "", "B": '"'}),
        ("# one\n\t# two\n\n A=1 \n#\n", {"A": "1"}),
        ("A=[B=1, B=2]", {"A": {"B": "1"}}),
        ("", {}),
    ],
)  # fmt: skip
def test_reading_as_oned_does(text: str, read: dict[str, object]) -> None:
    assert parse(text) == Attributes.of(read)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        'NAME="a" "b"', "this is not = = valid", "A=[B=1", "A", "=", "A=]",
        'A="x]]>y"', "A=b]]>c",
    ],
)  # fmt: skip
def test_what_oned_cannot_read_either(text: str) -> None:
    with pytest.raises(TextError, match="line 1"):
        parse(text)


@pytest.mark.parametrize(
    "bad", ["]]>", "a\x00b", "a\x1b[0m", "a\rb", "\ud800", "\ufffe", "\x7f", "😀"]
)
@pytest.mark.parametrize("place", ["text", "vector"])
def test_values_that_would_be_lost(bad: str, place: str) -> None:
    item = bad if place == "text" else {"KEY": bad}
    for form in (render, render_xml, wire, check):
        with pytest.raises(TextError, match=r"DESCRIPTION(/KEY)? holds") as caught:
            form(Attributes([("DESCRIPTION", item)]))
        assert caught.value.hint
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["", "1A", "A B", "A-B", "Ä", "A" * 129, "A=B"])
def test_names_of_attributes(key: str) -> None:
    for attributes in (Attributes([(key, "x")]), Attributes([("A", {key: "x"})])):
        with pytest.raises(TextError, match="no attribute name"):
            check(attributes)


def test_a_backslash_at_the_end_goes_by_xml() -> None:
    wanted = Attributes.of({"PATH": "C:\\", "B": "1"})
    with pytest.raises(TextError, match="PATH ends in a backslash"):
        render(wanted)
    assert wire(wanted).startswith("<TEMPLATE><PATH><![CDATA[C:\\]]></PATH>")


@pytest.mark.parametrize("char", list("&|:\\\";/'#{}$<>\n\t\x00"))
def test_characters_that_no_name_may_hold(char: str) -> None:
    with pytest.raises(TextError, match="does not allow in names") as caught:
        check_name(f"a{char}b", what="the image's name")
    assert caught.value.message.startswith("the image's name ")


def test_the_length_of_a_name_is_in_bytes() -> None:
    assert check_name("x" * 128) == "x" * 128
    assert check_name("ü" * 64)
    for name in ("x" * 129, "ü" * 65, ""):
        with pytest.raises(TextError):
            check_name(name)


def test_users_may_hold_no_blank() -> None:
    assert check_name("a b")
    with pytest.raises(TextError):
        check_name("a b", user=True)
    for name in (" a", "a "):
        with pytest.raises(TextError, match="blank"):
            check_name(name)


GOOD_CONTEXT = [
    "$NAME", "vm-$VMID.example.org", "$UID", '$NETWORK[DNS, NETWORK="private"]', "no dollar", "",
    "$USER[SSH_PUBLIC_KEY]", "$CPU cores", "$GRAPHICS[TYPE]",
]  # fmt: skip
BAD_CONTEXT = [
    "$HOME", "$(date)", "${NAME}", "$?", "$$", "$", "a$", "$UNKNOWN[X]", "\\$NAME", "$NAME\nx",
    "$GRAPHICS", "costs 5$", "$NAME_x",
]  # fmt: skip


@pytest.mark.parametrize("value", GOOD_CONTEXT)
def test_references_that_oned_knows(value: str) -> None:
    check_context(_with_context(value))


@pytest.mark.parametrize("value", BAD_CONTEXT)
def test_a_stray_dollar(value: str) -> None:
    with pytest.raises(TextError, match="CONTEXT/SECRET_THING holds a stray") as caught:
        check_context(_with_context(value))
    assert "START_SCRIPT_BASE64" in caught.value.hint
    assert value not in caught.value.message.removeprefix("CONTEXT") or len(value) < 2


def _with_context(value: str) -> Attributes:
    return Attributes.of(
        {"CPU": 1, "GRAPHICS": {"TYPE": "vnc"}, "CONTEXT": {"SECRET_THING": value}}
    )


class TestAttributes:
    WANTED = Attributes.of(
        {
            "name": "x", "CPU": 0.5, "VCPU": 2, "NONE": None, "HOT": True,
            "DISK": [{"IMAGE": "a"}, {"IMAGE": "b", "SIZE": None}],
            "CONTEXT": {"PASSWORD": "hunter2", "A": "other"},
            "API_TOKEN": "tok", "NIC": {"NETWORK": "n"},
        }
    )  # fmt: skip

    def test_values(self) -> None:
        w = self.WANTED
        assert (w.text("Name"), w.text("cpu"), w.text("HOT")) == ("x", "0.5", "YES")
        assert "NONE" not in w
        assert [d["IMAGE"] for d in w.vectors("disk")] == ["a", "b"]
        assert w.vector("NIC")["NETWORK"] == "n"
        assert (w.text("DISK"), w.text("GONE", "d"), dict(w.vector("GONE"))) == ("", "d", {})
        assert "SIZE" not in w.vectors("DISK")[1]

    def test_they_do_not_change(self) -> None:
        with pytest.raises(TypeError):
            self.WANTED.vector("CONTEXT")["A"] = "b"  # type: ignore[index]
        with pytest.raises(AttributeError):
            self.WANTED.more = 1  # type: ignore[attr-defined]

    def test_secrets(self) -> None:
        assert set(self.WANTED.secrets()) == {"hunter2", "other", "tok"}
        assert "hunter2" not in repr(self.WANTED)
        assert "tok" not in repr(self.WANTED)

    def test_merging_replaces_whole_names(self) -> None:
        merged = self.WANTED.merged(Attributes.of({"DISK": {"IMAGE": "c"}, "CONTEXT": {"B": "1"}}))
        assert [d["IMAGE"] for d in merged.vectors("DISK")] == ["c"]
        assert dict(merged.vector("CONTEXT")) == {"B": "1"}
        assert merged.text("NAME") == "x"
        assert self.WANTED.without("disk", "NIC").vectors("DISK") == ()

    def test_equality(self) -> None:
        assert Attributes.of({"A": 1}) == Attributes([("a", "1")])
        assert len({Attributes.of({"A": 1}), Attributes([("a", "1")])}) == 1
        assert Attributes.of({"A": 1}) != {"A": ("1",)}
