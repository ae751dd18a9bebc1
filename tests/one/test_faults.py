"""Texts of the server without secrets, and what helps an image or a VM in error."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
    ("error", "hint"),
    [
        ("unsupported configuration: Emulator does not support virt type 'kvm'", "VT-x"),
        ("Cannot get interface MTU on 'br20': No such device", "bridge"),
        ("Could not open '/var/lib/one//datastores/0/7/disk.0': Permission denied", "restorecon"),
        ("Host key verification failed.", "oneadmin cannot log in"),
        ("oneadmin@hv01: Permission denied (publickey).", "oneadmin cannot log in"),
        ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "memory left"),
        # What a live 7.4.0 kept of a missing virsh, and of a disk that could not be copied.
        (
            "Tue Dec  1 11:20:07 2026: DEPLOY: /var/tmp/one/vmm/kvm/deploy: line 32: xmllint: "
            "command not foundsudo: a terminal is required... see more details in VM log",
            "/var/log/one/7.log",
        ),
        (
            "Tue Dec  1 11:25:03 2026: Error executing image transfer script: pushd "
            "/var/lib/one/datastores/101/3rm -rf /var/lib/o... see more details in VM log",
            "/var/log/one/7.log",
        ),
        ("", "/var/log/one/7.log"),
    ],
)
def test_what_helps_a_vm_that_failed(error: str, hint: str) -> None:
    remedy = faults.vm_remedy(7, error)
    assert hint in remedy
    assert "onevm recover 7 --retry" in remedy


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (
            "[TrM][I]: qemu-img: /a/disk.0.snap/0: Could not open '/b': No such file or directory\n"
            "[TrM][I]: Could not open backing image.\n"
            "[TrM][I]: Error copying fe:/b to hv01:/a/disk.0\n"
            "[TrM][E]: Error executing image transfer script: set -e -o pipefail pushd /a",
            "qemu-img",
        ),
        (
            "[VMM][I]: sudo: a password is required\n"
            "[VMM][I]: /var/tmp/one/vmm/kvm/deploy: line 110: virsh: command not found\n"
            "[VMM][I]: Could not create domain from /a/deployment.0\n"
            "[VMM][I]: ExitCode: 255\n"
            "[VMM][I]: Successfully execute network driver operation: clean.",
            "virsh",
        ),
    ],
    ids=["transfer", "deploy"],
)
def test_the_cause_is_where_the_remedy_sends(tmp_path: Path, end: str, cause: str) -> None:
    """The command of the remedy, on what a live 7.4.0 wrote at the end of these two VMs' logs."""
    log = tmp_path / "7.log"
    log.write_text(f"[VMM][I]: ExitCode: 0\n{end}\n")
    command = faults.vm_remedy(7, "").split("`")[5].replace("/var/log/one/7.log", str(log))
    found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert cause in found.stdout


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
