"""The OpenPGP keys of repositories: read or fetched, and compared with their fingerprint."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.fetch import UnreachableError, get_bytes, shown
from b2ct.core.gpg import grouped
from b2ct.core.run import run
from b2ct.image.model import Definition, Key

_ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_END = b"-----END PGP PUBLIC KEY BLOCK-----"
_MOST_BLOCKS = 64
_LIMIT = 1 << 20
_OPTIONS = ("--no-options", "--batch", "--no-tty", "--no-autostart")


@dataclass(frozen=True)
class KeyFile:
    """A keyring as apt and rpm take it."""

    data: bytes
    suffix: str = ".asc"
    """It is armoured: apt tells that by the name."""


def load(name: str, key: Key, cache: Path, *, offline: bool = False) -> KeyFile:
    """The key of the repository `name`. A fetched one is kept in `cache` for offline work.

    Raises B2ctError for a file that is missing, is no key or has another fingerprint.
    """
    raw = _fetch(name, key, cache, offline=offline) if key.url else _read(name, key)
    data = _keys_alone(raw)
    found = _fingerprints(data)
    where = shown(key.url) if key.url else str(key.file)
    if not found:
        raise B2ctError(
            f"repository {name}: {where} holds no OpenPGP key",
            hint="give the public key's file, armoured (.asc) or binary (.gpg)",
        )
    if key.fingerprint and key.fingerprint not in found:
        raise B2ctError(
            f"repository {name}: {where} holds the key {grouped(found[0])}, "
            f"not {grouped(key.fingerprint)}",
            hint="somebody may be offering a false key: compare the fingerprint with the one that "
            "the repository's owner has published, then correct `fingerprint`",
        )
    if key.url and not offline:
        kept = _kept(key, cache)
        if not kept.exists() or kept.read_bytes() != raw:
            kept.parent.mkdir(parents=True, exist_ok=True)
            files.write(kept, raw)
    if key.fingerprint and len(found) > 1:
        data = _only(data, key.fingerprint)
    return KeyFile(data)


def of(definition: Definition, cache: Path, *, offline: bool = False) -> dict[str, list[KeyFile]]:
    """All keys of a definition by the name of their repository; see `load`."""
    return {
        name: [load(name, key, cache, offline=offline) for key in repository.keys]
        for name, repository in definition.repositories.items()
    }


def _read(name: str, key: Key) -> bytes:
    assert key.file is not None  # noqa: S101 - the model wants one of the two
    try:
        return key.file.read_bytes()[:_LIMIT]
    except OSError as err:
        raise B2ctError(
            f"repository {name}: cannot read the key {key.file}: {(err.strerror or '').lower()}",
            hint="keyrings of the distributions come with the packages debian-archive-keyring "
            "and ubuntu-keyring; or name the file beside the definition",
        ) from err


def _kept(key: Key, cache: Path) -> Path:
    return cache / "keys" / f"{key.fingerprint}.key"


def _fetch(name: str, key: Key, cache: Path, *, offline: bool) -> bytes:
    assert key.url is not None  # noqa: S101 - the caller asked
    kept = _kept(key, cache)
    if kept.exists():  # its fingerprint is in its name: a newer copy would be the same key
        return kept.read_bytes()
    if offline:
        raise UnreachableError(
            f"repository {name}: the key {shown(key.url)} is not in the cache",
            hint="build once without --offline, or put the key beside the definition as `file`",
        )
    return get_bytes(key.url, limit=_LIMIT)


def _gpg(*words: str, stdin: bytes, home: str | None = None) -> str:
    """Run gpg in a home of its own, unless one is named."""
    if home is None:
        with tempfile.TemporaryDirectory(prefix="b2ct-key-") as fresh:
            return _gpg(*words, stdin=stdin, home=fresh)
    argv = ["gpg", "--homedir", home, *_OPTIONS, *words]
    return run(argv, stdin=stdin, timeout=60, check=False).stdout


def _keys_alone(data: bytes) -> bytes:
    """A keyring, armoured, as gpg understands it: apt and rpm are to see no key that gpg did not.

    Each armoured block stays one, for rpm takes one key from each. What stands around them is
    text for people, or the place for a key that nobody compared with a fingerprint.
    """
    words = ("--armor", "--allow-non-selfsigned-uid", "--import-options", "import-export")
    blocks = [data]
    if _ARMOUR in data:
        starts = data.split(_ARMOUR, _MOST_BLOCKS + 1)[1 : _MOST_BLOCKS + 1]
        blocks = [_ARMOUR + start.partition(_END)[0] + _END + b"\n" for start in starts]
    return b"".join(_gpg(*words, "--import", stdin=block).encode() for block in blocks)


def _fingerprints(data: bytes) -> list[str]:
    """Fingerprints of the primary keys of a keyring, as gpg reads it without keeping it."""
    listing = _gpg("--with-colons", "--show-keys", stdin=data)
    found, primary = [], False
    for line in listing.splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sub"):  # each is followed by its fingerprint
            primary = fields[0] == "pub"
        elif fields[0] == "fpr" and primary:
            found.append(fields[9])
    return found


def _only(data: bytes, fingerprint: str) -> bytes:
    """The one key out of a keyring with several, armoured: the others may sign nothing."""
    with tempfile.TemporaryDirectory(prefix="b2ct-key-") as home:
        _gpg("--import", stdin=data, home=home)
        return _gpg("--armor", "--export", fingerprint, stdin=b"", home=home).encode()
