"""What apt says when it fails, and what a person is told."""

from __future__ import annotations

import pytest

from b2ct.image.rootfs import aptsaid
from b2ct.image.rootfs.aptsaid import MirrorError, UnknownPackageError

URL = "http://deb.example.org/debian"


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ("E: Unable to locate package no-such-thing", "no-such-thing"),
        ("E: Package 'cvmfs' has no installation candidate", "cvmfs"),
        ("E: Package cvmfs has no installation candidate", "cvmfs"),
        ("E: Couldn't find any package by glob 'libfoo1.2*'", "libfoo1.2*"),
        ("E: Version '9' for 'bash' was not found", "bash"),
    ],
)
def test_an_unknown_package_is_named(said: str, package: str) -> None:
    error = aptsaid.explain("packages layer", ["Reading package lists...", said])
    assert isinstance(error, UnknownPackageError)
    assert error.package == package
    assert f"'{package}'" in error.message
    assert f"  | {said}" in error.lines()


@pytest.mark.parametrize(
    ("said", "expected", "mirror"),
    [
        (f"E: Failed to fetch {URL}/x.deb  404  Not Found [IP: 192.0.2.1 80]", "not have", True),
        (f"Err:1 {URL} bookworm InRelease\n  Could not resolve 'deb.example.org'", "reach", True),
        ("W: Failed to fetch http://x/InRelease  Unable to connect to x:http:", "reach", True),
        (f"E: Failed to fetch {URL}/P  Hash Sum mismatch", "being updated", True),
        (f"E: The repository '{URL} bookworm Release' is not signed.", "not signed", False),
        (
            "  The following signatures couldn't be verified because the public key is not "
            "available: NO_PUBKEY 0123456789ABCDEF",
            "not signed by the key",
            False,
        ),
        (f"E: Release file for {URL}/InRelease is not valid yet (invalid for", "time", False),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "no space", False),
        ("dpkg: error: failed to write: No space left on device", "no space", False),
        ("The following packages have unmet dependencies:", "not fit together", False),
        ("E: Sub-process /usr/bin/dpkg returned an error code (1)", "not be installed", False),
    ],
)
def test_each_failure_has_its_reason(said: str, expected: str, mirror: bool) -> None:
    error = aptsaid.explain("packages layer", said.splitlines())
    assert expected in error.message
    assert error.hint
    assert isinstance(error, MirrorError) is mirror


def test_the_address_is_told() -> None:
    error = aptsaid.explain("base layer", [f"E: The repository '{URL} x Release' is not signed."])
    assert f"({URL})" in error.message


def test_a_full_disk_wins_over_what_follows_from_it() -> None:
    said = ["Write error - write (28: No space left on device)", "GPG error: NO_PUBKEY 01"]
    assert "no space" in aptsaid.explain("packages layer", said).message


@pytest.mark.parametrize("said", [[], ["something new"]])
def test_what_is_not_known_is_shown_as_it_is(said: list[str]) -> None:
    error = aptsaid.explain("base layer", said)
    assert error.message.startswith("base layer failed: ")
    assert all(line in "\n".join(error.lines()) for line in said)
