"""Checksum files as the distributions write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.supply import checksums

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        (f"# x.iso: 5 bytes\nSHA256 (x.iso) = {A}\n", {"x.iso": A}),
        (f"{A}  x.iso\n{B} *y.iso\r\n", {"x.iso": A, "y.iso": B}),
        (f"{A.upper()}  ./with space.iso\n", {"with space.iso": A}),
        (f"SHA512 (x.iso) = {A}{A}\nMD5 (x.iso) = {A[:32]}\n", {}),
        (f"{A[:40]}  sha1.iso\n{A}{A}  sha512.iso\n", {}),
        (f"x SHA256 (x.iso) = {A}\nSHA256 (x.iso) = {A} y\n", {}),
        ("", {}),
    ],
)
def test_lines(text: str, sums: dict[str, str]) -> None:
    assert checksums.parse(text) == sums


def test_two_digests_for_one_name_are_refused() -> None:
    same = f"{A}  x.iso\nSHA256 (x.iso) = {A}\n"
    assert checksums.parse(same) == {"x.iso": A}
    with pytest.raises(B2ctError, match=r"two different digests for x\.iso"):
        checksums.parse(f"{A}  x.iso\n{B}  x.iso\n")


@pytest.mark.parametrize(
    ("sums", "name", "digest"),
    [
        ({"x.iso": A, "y.iso": B}, "y.iso", B),
        ({"OS-9.4-x86_64-boot.iso": A}, "OS-9-latest-x86_64-boot.iso", A),
        ({"OS-9-4-x86_64-boot.iso": A}, "OS-9-latest-x86_64-boot.iso", A),
        ({"OS-9.4-a.iso": A, "OS-9.10-a.iso": B, "OS-9.11-b.iso": C}, "OS-9-latest-a.iso", B),
        ({"S-9-20240513.0-boot.iso": A}, "S-9-latest-boot.iso", A),
        ({"OS-9-latest-boot.iso": A, "OS-9.4-boot.iso": B}, "OS-9-latest-boot.iso", A),
        ({"OS-8.4-boot.iso": A}, "OS-9-latest-boot.iso", None),
        ({"x.iso": A}, "xyiso", None),
        ({}, "x.iso", None),
    ],
)  # fmt: skip
def test_the_digest_of_a_name(sums: dict[str, str], name: str, digest: str | None) -> None:
    if digest is None:
        with pytest.raises(B2ctError, match="does not list"):
            checksums.expected(sums, name)
    else:
        assert checksums.expected(sums, name) == digest


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        sums = checksums.parse(text)
    except B2ctError:
        return
    assert all(len(digest) == 64 for digest in sums.values())
