"""Texts of the server without secrets, and what helps an image in error."""

from __future__ import annotations

import pytest

from b2ct.one import faults
from b2ct.one.faults import reason, scrub
from b2ct.one.refusals import fault

ECHO = (
    "Error allocating a new virtual machine template. Error parsing: "
    "DISK_ID=1@^_^@PASSWORD=hunter2@^_^@START_SCRIPT=#!/bin/sh\n# secret line\nset -eu\n@^_^@"
    "TARGET=hda. syntax error, unexpected EOA, expecting $end or VARIABLE"
)


@pytest.mark.parametrize(
    "text",
    [
        ECHO,
        "wrong: CONTEXT=[PASSWORD=hunter2, A=b]",
        "wrong: CONTEXT = [ A = hunter2 ]\nmore hunter2",
        "PASSWORD=hunter2",
        'ROOT_PASSWORD = "hunter2"',
        "TOKEN: hunter2",
        "cannot fetch http://me:hunter2@mirror.example.org/x",
        "one.user.login token hunter2 known",
    ],
)
def test_secrets_of_a_text_are_not_shown(text: str) -> None:
    clean = scrub(text, ["hunter2"] if "known" in text else [])
    assert "hunter2" not in clean
    assert "secret line" not in clean
    error = fault("one.x", 0x4000, text, secrets=["hunter2"] if "known" in text else [])
    assert not any("hunter2" in line or "secret line" in line for line in error.lines())


def test_a_text_is_one_short_printable_line() -> None:
    clean = scrub("a\x1b[31mb\nc\u202e" + "x" * 5000)
    assert clean.isprintable()
    assert len(clean) <= faults.LONGEST


@pytest.mark.parametrize(
    ("reason", "match"),
    [
        ("Not allowed to copy image from /srv/x, check RESTRICTED_DIRS", "SAFE_DIRS"),
        ("failed: Hash does not match Error copying http://x", "checksum"),
        # All that 7.4.0 leaves of a wrong checksum, recorded on a live one.
        (
            "Mon Nov 30 23:07:14 2026 : Error copying image in the datastore: Error copying "
            "/var/tmp/x.img to /var/lib/one//datastores/1/dd57b5d8f0e6fdb2a4e5b99563fb50c7",
            "in the lines with [ImM]",
        ),
        ("write error: No space left on device", "full"),
        ("curl: (7) Connection refused", "curl"),
        ("something else", "oned.log"),
        ("", "oned.log"),
    ],
)
def test_what_helps_an_image_in_error(reason: str, match: str) -> None:
    remedy = faults.image_remedy(reason)
    assert match in remedy
    assert "register it again" in remedy


@pytest.mark.parametrize(
    ("text", "heart"),
    [
        ("Fri Nov 20 23:49:36 2026: DEPLOY: node01:bf:dummy", "DEPLOY: node01:bf:dummy"),
        (
            "Fri Nov 20 23:48:40 2026 : Error copying image in the datastore: INFO: cp: Loading "
            'image http://a/x ERROR: cp: Command "set -e; downloader.sh http://a/x" failed: '
            "Hash does not match Error copying http://a/x",
            "the command failed: Hash does not match Error copying http://a/x",
        ),
        ("", ""),
        ("PASSWORD=hunter2", "PASSWORD=(not shown)"),
    ],
)
def test_the_heart_of_an_error(text: str, heart: str) -> None:
    assert reason(text) == heart
