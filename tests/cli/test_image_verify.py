"""`b2ct image verify` and `sign`, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from b2ct.papers.write import write
from tests.cli.cloud import SITE
from tests.cli.program import assert_refused, b2ct
from tests.image.images import a_key, about, allow, an_image


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder without a list of signers."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_good_and_unsigned(tmp_path: Path) -> None:
    beside = an_image(tmp_path)
    done = b2ct("image", "verify", beside.image.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FAILED" not in done.stdout
    assert "not signed" in done.stdout
    assert done.stderr == ""


def test_tampered(tmp_path: Path) -> None:
    beside = an_image(tmp_path)
    os.truncate(beside.image, 1000)
    done = b2ct("image", "verify", beside.image.name, "--json", cwd=tmp_path)
    assert done.returncode == 1
    verdict = json.loads(done.stdout)
    assert verdict["good"] is False
    assert [one["subject"] for one in verdict["findings"] if one["verdict"] != "ok"] == [
        "worker.qcow2"
    ]
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


def test_an_image_that_names_another_file_is_refused_by_every_verb(tmp_path: Path) -> None:
    """Its sums are right and its manifest too: who opens it reads the other file all the same."""
    image, secret = tmp_path / "worker.qcow2", tmp_path / "secret"
    words = ("qemu-img", "create", "-q", "-f", "qcow2")
    subprocess.run([*words, "-o", f"data_file={secret},data_file_raw=on", image, "1M"], check=True)
    secret.write_bytes(b"of the front-end".ljust(1 << 20))
    write(image, about(image))
    key = a_key(tmp_path)
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "one_auth").write_text("oneadmin:opennebula\n")
    (tmp_path / "one_auth").chmod(0o600)
    register = ("register-image", image, "--name", "worker", "--auth", tmp_path / "one_auth",
                "--endpoint", "http://127.0.0.1:1/RPC2")  # fmt: skip
    for code, verb in (
        (1, ("image", "verify", image)),
        (1, ("image", "sign", image, "--key", key)),
        (2, ("image", "test", image)),
        (2, register),
        (2, (*register, "--unverified")),
        (2, ("template", "render", "-o", tmp_path / "out", "--image", image)),
        (2, ("image", "build", "debian-12-worker", "--engine", "packer", "--base", image)),
    ):
        done = b2ct(*verb, cwd=tmp_path)
        assert done.returncode == code, (verb, done.stdout + done.stderr)
        assert f"keeps its data in another file, '{secret}'" in done.stderr, verb
        assert "Traceback" not in done.stderr
    assert not Path(f"{image.with_suffix('')}.manifest.json.sig").exists()
    assert not (tmp_path / "out").exists()
