"""Files of the site's own: what VMs can use, and what they must not carry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.site import ownfiles

PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\nAQAB\n-----END PUBLIC KEY-----\n"
PRIVATE = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("reader", "data", "why"),
    [
        (ownfiles.script, b"echo\n", "does not say what runs it"),
        (ownfiles.script, b"", "does not say what runs it"),
        (ownfiles.script, b"#!/bin/sh\r\necho\r\n", "line ends of Windows"),
        (ownfiles.script, b"#!/bin/sh\n\x00\n", "is no plain text"),
        (ownfiles.script, b"#!/bin/sh\n\xff\n", "is not UTF-8 text"),
        (ownfiles.script, b"\x7fELF\x02\x01\x01\x00", "is no plain text"),
        (ownfiles.script, b"#!/bin/sh\n" + b"#" * ownfiles.LARGEST, "is larger than 64 KiB"),
        (ownfiles.script, f"#!/bin/sh\ncat <<X\n{PRIVATE}".encode(), "holds a private key"),
        (ownfiles.user_data, b"packages: [tmux]\n", "is no user data of cloud-init"),
        (ownfiles.user_data, b"#cloud-config\na: [\n", "is not valid YAML, line"),
        (ownfiles.user_data, b"#cloud-config\n- a\n", "has no keys"),
        (ownfiles.user_data, b"#cloud-config\npassword: x\n", "has the key password"),
        (ownfiles.user_data, b"#cloud-config\nchpasswd: {}\n", "has the key chpasswd"),
        (ownfiles.user_data, b"#cloud-config\na: *b\n", "is not valid YAML"),
        (ownfiles.public_key, b"ssh-rsa AAAA\n", "is no public key of CVMFS"),
        (ownfiles.public_key, PRIVATE.encode(), "holds a private key"),
    ],
)
def test_what_cannot_work(
    reader: Callable[[Path], str], data: bytes, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=why):
        reader(path)
    assert why in ownfiles.problem(reader, path)


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (ownfiles.script, "#!/bin/sh\n\techo é\n"),
        (ownfiles.user_data, "#cloud-config\npackages: [tmux]\n"),
        (ownfiles.user_data, "## template: jinja\n#cloud-config\n{{ v1.region }}\n"),
        (ownfiles.public_key, PEM),
        (ownfiles.public_key, PEM + PEM),
    ],
)
def test_what_works_is_returned_as_it_is(
    reader: Callable[[Path], str], text: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    assert reader(path) == text
    assert ownfiles.problem(reader, path) == ""


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "there is no file" in ownfiles.problem(ownfiles.script, tmp_path / "none")
    assert "cannot be read: is a directory" in ownfiles.problem(ownfiles.script, tmp_path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#cloud-config\n", "text/cloud-config"),
        ("#include-once\nhttp://x\n", "text/x-include-once-url"),
        ("#include\nhttp://x\n", "text/x-include-url"),
        ("#!/bin/sh\n", "text/x-shellscript"),
    ],
)
def test_types_of_user_data(text: str, kind: str) -> None:
    assert ownfiles.user_data_type(text) == kind
