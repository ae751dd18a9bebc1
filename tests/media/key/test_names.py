from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media.key import names
from b2ct.site.model import Site


def site(name: str) -> Site:
    return Site.model_validate({"site": {"name": name}})


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("b2ct", "B2CT"),
        ("uni-mainz", "UNI-MAINZ"),
        ("university-of-somewhere", "UNIVERSITY"),
        ("a_b", "A_B"),
        ("abcdefghij-klm", "ABCDEFGHIJ"),
    ],
)
def test_label_of_a_site(name: str, label: str) -> None:
    assert names.label(site(name)) == label


@pytest.mark.parametrize("wanted", ["", "b2ct", "TWELVE-CHARS", "A B", "Ä", "A.B", "-A", "A/B"])
def test_labels_that_cannot_be(wanted: str) -> None:
    with pytest.raises(B2ctError, match="not a label") as caught:
        names.label(Site(), wanted)
    assert "11" in caught.value.hint


def test_the_driver_disk_label_is_anacondas() -> None:
    with pytest.raises(B2ctError, match="driver disk"):
        names.label(Site(), "OEMDRV")
    with pytest.raises(B2ctError, match="driver disk"):
        names.label(site("oemdrv"))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("ks/a:b.ks", "':'"),
        ("Packages/what?.rpm", r"'\?'"),
        ("a/b.", "dot or a space"),
        ("a/b ", "dot or a space"),
        ("a//b", "empty"),
        ("ks/aux.ks", "Windows"),
        ("COM1", "Windows"),
        ("x" * 256, "255"),
        ("a\tb", "character"),
        ("a\udcffb", "UTF-8"),
    ],
)
def test_names_that_fat_cannot_hold(path: str, why: str) -> None:
    with pytest.raises(B2ctError, match=why):
        names.check(path)


@pytest.mark.parametrize("path", [".treeinfo", "a b.txt", "x" * 255, "ks/Ä.ks", "auxiliary"])
def test_names_that_fat_holds(path: str) -> None:
    names.check(path)


def test_names_that_differ_in_case_only() -> None:
    names.check_collisions(["a/b", "a/c", "a/b"])
    with pytest.raises(B2ctError, match="one and the same") as caught:
        names.check_collisions(["ks/HV01.ks", "ks/hv01.ks"])
    assert "/ks/HV01.ks" in caught.value.message
    assert "/ks/hv01.ks" in caught.value.message


def test_short_names_of_the_usual_files() -> None:
    shorts = names.ShortNames()
    asked = ["vmlinuz", "README.txt", ".treeinfo", "initrd.img", "install.img", "a.tar.gz"]
    given_out = [shorts.take(name).decode() for name in asked]
    assert given_out == [
        "VMLINUZ    ", "README  TXT", "TREEIN~1   ", "INITRD  IMG", "INSTALL IMG", "ATAR~1  GZ ",
    ]  # fmt: skip


def test_a_numbered_name_leaves_a_real_one_free() -> None:
    shorts = names.ShortNames()
    shorts.reserve(["longna~1.rpm", "long-name-of-a-package.rpm"])
    assert shorts.take("longname-of-a-package.rpm") == b"LONGNA~2RPM"
    assert shorts.take("longna~1.rpm") == b"LONGNA~1RPM"


def test_thousands_of_alike_names() -> None:
    shorts = names.ShortNames()
    given_out = {shorts.take(f"texlive-package-{n}-2020-1.noarch.rpm") for n in range(12_000)}
    assert len(given_out) == 12_000
    assert all(len(short) == 11 for short in given_out)


legal = st.text(
    st.characters(codec="utf-8", exclude_characters='"*/:<>?\\|\x7f', min_codepoint=32),
    min_size=1,
    max_size=60,
)


@given(st.lists(legal, max_size=30, unique_by=str.upper))
def test_every_short_name_is_given_out_once(asked: list[str]) -> None:
    shorts = names.ShortNames()
    shorts.reserve(asked)
    taken = [shorts.take(name) for name in asked]
    assert len(set(taken)) == len(taken)
    for short in taken:
        assert len(short) == 11
        stem, extension = short[:8].decode().rstrip(), short[8:].decode().rstrip()
        assert names.is_short(f"{stem}.{extension}" if extension else stem)


@given(legal)
def test_long_entries_spell_the_name(name: str) -> None:
    data = names.long_entries(name, b"SHORT~1 TXT")
    entries = [data[at : at + 32] for at in range(0, len(data), 32)]
    assert [entry[0] & 0x1F for entry in entries] == list(range(len(entries), 0, -1))
    assert entries[0][0] & 0x40
    units = b"".join(e[1:11] + e[14:26] + e[28:32] for e in reversed(entries))
    text = units.decode("utf-16-le", errors="surrogatepass").split("\0")[0].rstrip("\uffff")
    assert text == name
    assert {e[13] for e in entries} == {_checksum(b"SHORT~1 TXT")}


def _checksum(short: bytes) -> int:
    """As the specification writes it in C: an unsigned char rotated right, and added to."""
    total = 0
    for byte in short:
        total = ((total >> 1 | (total & 1) << 7) + byte) % 256
    return total
