"""`b2ct image verify` and `sign`, as a user runs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.program import assert_refused, b2ct
from tests.image.images import a_key, allow, an_image


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder without a list of signers."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_good_and_unsigned(tmp_path: Path) -> None:
    beside = an_image(tmp_path)
    done = b2ct("image", "verify", beside.image.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "WRONG" not in done.stdout
    assert "not signed" in done.stdout
    assert done.stderr == ""


def test_tampered(tmp_path: Path) -> None:
    beside = an_image(tmp_path)
    os.truncate(beside.image, 1000)
    done = b2ct("image", "verify", beside.image.name, "--json", cwd=tmp_path)
    assert done.returncode == 1
    verdict = json.loads(done.stdout)
    assert verdict["good"] is False
    assert [one["file"] for one in verdict["files"] if not one["good"]] == ["worker.qcow2"]
    assert "worker.qcow2: has 1000 bytes instead of" in done.stderr
    assert "Traceback" not in done.stderr


def test_signing_and_whose_signature_counts(tmp_path: Path, nobody: Path) -> None:
    beside, key = an_image(tmp_path), a_key(tmp_path)
    allowed = allow(tmp_path / "allowed", alice=key)
    command = ("image", "verify", beside.image.name)
    # Naming signers asks for a signature: one that was taken away is noticed.
    done = b2ct(*command, "--allowed-signers", "allowed", cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "not signed" in done.stderr
    done = b2ct("image", "sign", beside.image.name, "--key", key, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("worker.manifest.json.sig")
    done = b2ct(*command, "--allowed-signers", "allowed", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["signer"]["name"] == "alice"
    # The user's own list is used, and said.
    assert_refused(b2ct(*command, "--require-signature", cwd=tmp_path), "--allowed-signers")
    (nobody / "b2ct").mkdir(parents=True)
    allowed.rename(nobody / "b2ct/allowed_signers")
    done = b2ct(*command, "--require-signature", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "signed by alice" in done.stdout
    assert "allowed signers are those of" in done.stderr


def test_what_was_tampered_with_is_not_signed(tmp_path: Path) -> None:
    beside, key = an_image(tmp_path), a_key(tmp_path)
    beside.sbom.write_text("{}")
    done = b2ct("image", "sign", beside.image.name, "--key", key, cwd=tmp_path)
    assert done.returncode == 1
    assert "worker.cdx.json" in done.stderr
    assert not beside.signature.exists()


def test_refusals(tmp_path: Path) -> None:
    assert_refused(b2ct("image", "verify", "none.qcow2", cwd=tmp_path), "none.qcow2", "no such")
    assert_refused(b2ct("image", "verify", ".", cwd=tmp_path), "not a file")
    beside = an_image(tmp_path)
    done = b2ct("image", "sign", beside.image.name, "--key", "none", cwd=tmp_path)
    assert_refused(done, "there is no key none")
