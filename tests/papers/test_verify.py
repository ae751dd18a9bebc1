"""Images, and what may happen to them on their way: every change is found and named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError, VerdictError
from b2ct.papers import signature
from b2ct.papers.beside import Beside
from b2ct.papers.verify import Trust, Verified, verify
from b2ct.papers.write import write
from tests.image.images import a_key, about, allow, an_image
from tests.signers import signer


@pytest.fixture
def beside(tmp_path: Path) -> Beside:
    return an_image(tmp_path)


def wrong(verdict: Verified) -> dict[str, str]:
    return {finding.subject: finding.text for finding in verdict.findings if finding.failed}


def test_an_image_as_it_was_built(beside: Beside) -> None:
    counted: list[int] = []
    verdict = verify(beside.image, advance=counted.append)
    assert verdict.good
    verdict.enforce()
    assert [finding.subject for finding in verdict.findings] == [
        "worker.manifest.json",
        "worker.qcow2",
        "worker.qcow2.sha256",
        "worker.cdx.json",
        "worker.definition.yaml",
    ]
    assert "not signed" in verdict.findings[0].text
    assert verdict.signer is None
    read = [beside.image, *beside.summed]
    assert sum(counted) == sum(path.stat().st_size for path in read)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("which", ["image", "sums", "sbom", "definition"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (flip, "was changed: its SHA-256 is"),
        (cut, "it is cut off"),
        (lengthen, "instead of"),
        (Path.unlink, "is missing"),
        (replace_by_a_folder, ""),
    ],
)
def test_each_file_that_was_tampered_with_is_named(
    beside: Beside, which: str, change: Callable[[Path], None], said: str
) -> None:
    path: Path = getattr(beside, which)
    change(path)
    if which == "image" and not path.is_file():
        with pytest.raises(B2ctError, match=r"worker\.qcow2") as refused:
            verify(beside.image)
        assert not isinstance(refused.value, VerdictError)
        return
    found = wrong(verify(beside.image))
    assert list(found) == [path.name]
    assert said in found[path.name]
    with pytest.raises(VerdictError, match=path.name) as failed:
        verify(beside.image).enforce()
    assert failed.value.exit_code == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, "was changed|is no manifest"),
        (Path.unlink, "is missing"),
        (replace_by_a_folder, "cannot read"),
        (lambda path: path.write_text("{}"), "is no manifest"),
    ],
)
def test_a_manifest_that_is_no_more(
    beside: Beside, change: Callable[[Path], None], said: str
) -> None:
    change(beside.manifest)
    if said.startswith("was changed"):
        # The last line end alone: it says the same as before. Its signature would not.
        assert verify(beside.image).good
        return
    found = wrong(verify(beside.image))
    assert said in found[beside.manifest.name]


def test_without_its_manifest_an_image_is_compared_with_its_sum(beside: Beside) -> None:
    beside.manifest.unlink()
    flip(beside.image)
    assert set(wrong(verify(beside.image))) == {"worker.manifest.json", "worker.qcow2"}
    beside.sums.write_text("nonsense\n")
    assert set(wrong(verify(beside.image))) == {"worker.manifest.json", "worker.qcow2.sha256"}


def test_several_faults_are_told_at_once(beside: Beside) -> None:
    flip(beside.image)
    beside.sbom.unlink()
    with pytest.raises(VerdictError) as failed:
        verify(beside.image).enforce()
    assert "worker.qcow2: was changed" in failed.value.message
    assert "worker.cdx.json: is missing" in failed.value.message


def test_files_of_another_image(tmp_path: Path, beside: Beside) -> None:
    other = Beside(tmp_path / "other.qcow2")
    beside.image.rename(other.image)
    beside.manifest.rename(other.manifest)
    found = wrong(verify(other.image))
    assert "is of worker.qcow2" in found["other.manifest.json"]
    assert "is not in the manifest" in found["other.cdx.json"]


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="no such file"):
        verify(tmp_path / "none.qcow2")


# Signatures.


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return a_key(tmp_path)


def test_an_allowed_signer(beside: Beside, key: Path, tmp_path: Path) -> None:
    assert signature.sign(beside.image, key) == beside.signature
    allowed = allow(tmp_path / "allowed", alice=key)
    verdict = verify(beside.image, Trust(allowed, required=True))
    assert verdict.good
    assert verdict.signer is not None
    assert verdict.signer.name == "alice"
    assert verdict.signer.key.startswith("ED25519 key SHA256:")
    # ssh-keygen itself agrees.
    subprocess.run(
        [
            *("ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "alice"),
            *("-n", "b2ct-image", "-s", str(beside.signature)),
        ],
        input=beside.manifest.read_bytes(), check=True, capture_output=True,
    )  # fmt: skip


def test_nobody_said_whose_key_it_is(beside: Beside, key: Path) -> None:
    signature.sign(beside.image, key)
    verdict = verify(beside.image)
    assert verdict.good
    assert verdict.signer is None
    assert "of which nobody said whose it is" in verdict.findings[0].text


@pytest.mark.parametrize("trusted", [True, False])
def test_a_manifest_changed_after_signing(
    beside: Beside, key: Path, tmp_path: Path, trusted: bool
) -> None:
    signature.sign(beside.image, key)
    # The attacker makes everything fit together again, but for the signature.
    kept = beside.signature.read_bytes()
    flip(beside.image)
    write(beside.image, about(beside.image))
    assert verify(beside.image).good
    beside.signature.write_bytes(kept)
    trust = Trust(allow(tmp_path / "allowed", alice=key)) if trusted else Trust()
    found = wrong(verify(beside.image, trust))
    assert list(found) == ["worker.manifest.json"]
    assert "ignature" in found["worker.manifest.json"]


def test_a_signature_of_somebody_else(beside: Beside, key: Path, tmp_path: Path) -> None:
    signature.sign(beside.image, a_key(tmp_path, "mallory"))
    found = wrong(verify(beside.image, Trust(allow(tmp_path / "allowed", alice=key))))
    assert "signed by a key that" in found["worker.manifest.json"]


def test_a_signature_made_for_something_else(beside: Beside, key: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "git", beside.manifest],
        check=True, capture_output=True,
    )  # fmt: skip
    assert beside.signature.exists()
    for trust in (Trust(), Trust(allow(tmp_path / "allowed", alice=key))):
        assert "worker.manifest.json" in wrong(verify(beside.image, trust))


def test_a_signer_of_another_namespace_or_time(beside: Beside, key: Path, tmp_path: Path) -> None:
    signature.sign(beside.image, key)
    public = key.with_name("key.pub").read_text()
    allowed = tmp_path / "allowed"
    for option in ('namespaces="git"', 'valid-before="20200101"'):
        allowed.write_text(f"alice {option} {public}")
        assert "worker.manifest.json" in wrong(verify(beside.image, Trust(allowed)))


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN SSH SIGNATURE-----\nAAAA\n"])
def test_a_broken_signature(beside: Beside, text: str, key: Path, tmp_path: Path) -> None:
    beside.signature.write_text(text)
    for trust in (Trust(), Trust(allow(tmp_path / "allowed", alice=key))):
        assert "worker.manifest.json" in wrong(verify(beside.image, trust))


def test_a_signature_that_was_taken_away(beside: Beside, key: Path, tmp_path: Path) -> None:
    allowed = allow(tmp_path / "allowed", alice=key)
    verdict = verify(beside.image, Trust(allowed, required=True))
    assert "not signed" in wrong(verdict)["worker.manifest.json"]
    assert verify(beside.image, Trust(allowed)).good


def test_a_requirement_without_a_list() -> None:
    with pytest.raises(B2ctError, match="does not say whose") as failed:
        Trust(required=True).check()
    assert "--allowed-signers" in failed.value.hint


def test_a_list_that_is_not_there(beside: Beside, key: Path, tmp_path: Path) -> None:
    signature.sign(beside.image, key)
    with pytest.raises(B2ctError, match="no such file"):
        verify(beside.image, Trust(tmp_path / "none"))


def test_signing_with_what_is_no_key(beside: Beside, tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="there is no key") as failed:
        signature.sign(beside.image, tmp_path / "none")
    assert "ssh-keygen -t ed25519" in failed.value.hint
    (tmp_path / "text").write_text("hello")
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(B2ctError, match="ssh-keygen cannot sign with"):
        signature.sign(beside.image, tmp_path / "text")
    assert not beside.signature.exists()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of this test alone."""
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        yield
        process.terminate()


@pytest.mark.usefixtures("agent")
def test_the_agent_signs_with_a_public_key(beside: Beside, key: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-add", "-q", key], check=True)
    key.unlink()
    signature.sign(beside.image, key.with_name("key.pub"))
    assert verify(beside.image, Trust(allow(tmp_path / "allowed", alice=key))).signer is not None


def test_openpgp(beside: Beside, tmp_path: Path) -> None:
    keys, others = tmp_path / "keys.asc", tmp_path / "others.asc"
    with signer("alice") as alice, signer("mallory") as mallory:
        keys.write_bytes(alice.key())
        others.write_bytes(mallory.key())
        beside.pgp_signature.write_bytes(alice.detached(beside.manifest.read_text()))
    verdict = verify(beside.image, Trust(pgp_keys=keys, required=True))
    assert verdict.good
    assert verdict.signer is not None
    assert "OpenPGP" in verdict.signer.key
    assert "was not checked" in verify(beside.image).findings[0].text
    assert not verify(beside.image, Trust(pgp_keys=others)).good
    beside.manifest.write_text(beside.manifest.read_text() + " ")
    assert "does not fit" in wrong(verify(beside.image, Trust(pgp_keys=keys)))[beside.manifest.name]
