"""Keys of repositories: real ones, made by gpg."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.fetch import UnreachableError
from b2ct.image.model import Key
from b2ct.image.rootfs import keys
from tests.signers import Signer, signer
from tests.web import serve


@pytest.fixture(scope="module")
def ours() -> Iterator[Signer]:
    with signer("ours") as made:
        made.add_signing_subkey()
        yield made


@pytest.fixture(scope="module")
def foreign() -> Iterator[Signer]:
    with signer("foreign") as made:
        yield made


def shown(data: bytes) -> list[str]:
    """User IDs of the keys in a keyring, by gpg alone."""
    done = subprocess.run(
        ["gpg", "--no-options", "--batch", "--with-colons", "--show-keys"],
        input=data, capture_output=True, check=False,
    )  # fmt: skip
    lines = [line.split(":") for line in done.stdout.decode().splitlines()]
    return [line[9] for line in lines if line[0] == "uid"]


def test_a_file_becomes_armoured(tmp_path: Path, ours: Signer) -> None:
    (tmp_path / "armoured").write_bytes(ours.key())
    (tmp_path / "binary").write_bytes(ours.gpg("--export"))
    for name in ("armoured", "binary"):
        key = Key(file=tmp_path / name, fingerprint=ours.fingerprint)
        found = keys.load("r", key, tmp_path)
        assert found.suffix == ".asc"
        assert shown(found.data) == shown(ours.key())


def test_nothing_but_keys_is_handed_on(tmp_path: Path, ours: Signer, foreign: Signer) -> None:
    """gpg stops at what rpm or apt might read on from: a key that nobody looked at."""
    words = b"This key signs packages since 2020.\n\n"
    for data in (
        words + ours.key() + foreign.gpg("--export"),
        ours.key() + bytes(1000) + b"not a key",
        foreign.gpg("--export") + ours.key(),
    ):
        (tmp_path / "key").write_bytes(data)
        key = Key(file=tmp_path / "key", fingerprint=ours.fingerprint)
        found = keys.load("r", key, tmp_path).data
        assert shown(found) == shown(ours.key())
        assert found.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
        assert found.endswith(b"-----END PGP PUBLIC KEY BLOCK-----\n")
        assert found.count(b"-----BEGIN") == 1
    (tmp_path / "key").write_bytes(ours.gpg("--export") + b"not a key")
    with pytest.raises(B2ctError, match="holds no OpenPGP key"):
        keys.load("r", Key(file=tmp_path / "key"), tmp_path)


def test_each_block_stays_one(tmp_path: Path, ours: Signer, foreign: Signer) -> None:
    """rpm takes one key from each."""
    (tmp_path / "key").write_bytes(ours.key() + b"and\n" + foreign.key())
    found = keys.load("r", Key(file=tmp_path / "key"), tmp_path).data
    assert found.count(b"-----BEGIN") == 2
    assert shown(found) == shown(ours.key()) + shown(foreign.key())


def test_another_fingerprint_is_refused(tmp_path: Path, ours: Signer, foreign: Signer) -> None:
    (tmp_path / "key").write_bytes(foreign.key())
    with pytest.raises(B2ctError) as caught:
        keys.load("r", Key(file=tmp_path / "key", fingerprint=ours.fingerprint), tmp_path)
    assert "repository r" in caught.value.message
    assert foreign.fingerprint[:4] in caught.value.message


def test_of_several_keys_only_the_named_one_counts(
    tmp_path: Path, ours: Signer, foreign: Signer
) -> None:
    (tmp_path / "both").write_bytes(foreign.gpg("--export") + ours.gpg("--export"))
    key = Key(file=tmp_path / "both", fingerprint=ours.fingerprint)
    only = keys.load("r", key, tmp_path)
    (tmp_path / "only").write_bytes(only.data)
    assert only.suffix == ".asc"
    with pytest.raises(B2ctError, match="holds the key"):
        keys.load("r", Key(file=tmp_path / "only", fingerprint=foreign.fingerprint), tmp_path)
    keys.load("r", Key(file=tmp_path / "only", fingerprint=ours.fingerprint), tmp_path)


def test_a_subkey_is_not_the_key(tmp_path: Path, ours: Signer) -> None:
    listing = ours.gpg("--with-colons", "--list-keys").decode().splitlines()
    subkey = [line.split(":")[9] for line in listing if line.startswith("fpr:")][1]
    (tmp_path / "key").write_bytes(ours.key())
    with pytest.raises(B2ctError, match="holds the key"):
        keys.load("r", Key(file=tmp_path / "key", fingerprint=subkey), tmp_path)


@pytest.mark.parametrize("data", [b"", b"not a key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
def test_what_is_no_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    with pytest.raises(B2ctError, match="holds no OpenPGP key"):
        keys.load("r", Key(file=tmp_path / "key"), tmp_path)


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(B2ctError) as caught:
        keys.load("r", Key(file=tmp_path / "none"), tmp_path)
    assert "cannot read the key" in caught.value.message
    assert "debian-archive-keyring" in caught.value.hint


def test_a_fetched_key_is_kept_for_offline_work(tmp_path: Path, ours: Signer) -> None:
    with serve() as web:
        key = Key(url=web.put("/key", ours.key()), fingerprint=ours.fingerprint)
        with pytest.raises(UnreachableError, match="not in the cache"):
            keys.load("r", key, tmp_path, offline=True)
        online = keys.load("r", key, tmp_path)
    assert keys.load("r", key, tmp_path, offline=True) == online


def test_a_false_key_is_not_kept(tmp_path: Path, ours: Signer, foreign: Signer) -> None:
    with serve() as web:
        key = Key(url=web.put("/key", foreign.key()), fingerprint=ours.fingerprint)
        with pytest.raises(B2ctError, match="holds the key"):
            keys.load("r", key, tmp_path)
    assert list(tmp_path.iterdir()) == []
