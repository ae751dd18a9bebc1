"""Signatures of others, checked by gpg in a home folder of their own that knows one key file.

The answer is read from gpg's status lines (doc/DETAILS of GnuPG), never from its exit code or its
text for people: a signature counts only if gpg reports it as good *and* valid, made by the pinned
primary key or by a signing subkey that this key has bound to itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import run

_OPTIONS = (
    "--no-options", "--batch", "--no-tty", "--no-autostart", "--no-auto-key-retrieve",
    "--no-auto-key-locate", "--disable-dirmngr", "--trust-model", "always", "--status-fd", "1",
)  # fmt: skip
_TIMEOUT = 60


class SignatureError(B2ctError):
    """The signature does not prove what it should. `renewable`: a fresher copy of the key might."""

    def __init__(self, message: str, *, hint: str = "", renewable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.renewable = renewable


@dataclass(frozen=True)
class Signed:
    """A text, and the key that signed it."""

    text: str
    fingerprint: str
    """Of the primary key: 40 hexadecimal digits in capitals (64 for a version 5 key)."""
    made: datetime
    """When, according to the signer (UTC)."""


@dataclass(frozen=True)
class KeyFile:
    """Public keys, armoured or binary, and where they are from."""

    origin: str
    data: bytes


def verify_clear(document: bytes, key: KeyFile, fingerprint: str) -> Signed:
    """The text that a clearsigned document really signs; what stands around it is dropped.

    `fingerprint` is that of the primary key; empty accepts every key of the key file. Raises
    SignatureError when the document is not signed, damaged, or signed by another, expired or
    revoked key, and B2ctError when gpg is missing.
    """
    with _home(key, fingerprint) as home:
        signed, text = home / "signed", home / "text"
        signed.write_bytes(document)
        status = _gpg(home, "--output", text, "--decrypt", signed)
        who, made = _judge(status, key, fingerprint)
        single = [line[0] for line in status].count("PLAINTEXT") == 1
        if not single or any(line[0] == "ERROR" for line in status) or not text.is_file():
            raise SignatureError("the signed file holds more than one signed text")
        return Signed(_decode(text.read_bytes()), who, made)


def verify_detached(document: bytes, signature: bytes, key: KeyFile, fingerprint: str) -> Signed:
    """A text with its signature in a file of its own. Raises like verify_clear."""
    with _home(key, fingerprint) as home:
        (home / "text").write_bytes(document)
        (home / "text.asc").write_bytes(signature)
        status = _gpg(home, "--verify", home / "text.asc", home / "text")
        who, made = _judge(status, key, fingerprint)
        return Signed(_decode(document), who, made)


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four, as people compare it."""
    return " ".join(fingerprint[i : i + 4] for i in range(0, len(fingerprint), 4))


@contextmanager
def _home(key: KeyFile, fingerprint: str) -> Iterator[Path]:
    """A temporary gpg home that holds the keys of the key file."""
    with tempfile.TemporaryDirectory(prefix="b2ct-gpg-") as name:
        home = Path(name)
        (home / "key").write_bytes(key.data)
        status = _gpg(home, "--import", home / "key")
        found = sorted({line[2] for line in status if line[0] == "IMPORT_OK" and len(line) > 2})
        primaries = _primaries(home)
        if not primaries:
            raise SignatureError(f"{key.origin} holds no usable OpenPGP key", renewable=True)
        if fingerprint and fingerprint not in primaries:
            raise SignatureError(
                f"{key.origin} holds the key {', '.join(primaries or found)}, "
                f"not the pinned {fingerprint}",
                hint="somebody may be offering a false key. If the distribution has announced a "
                "new one, compare it with the announcement and pin it as release.signing_key in "
                "site.yaml",
                renewable=True,
            )
        yield home


def _primaries(home: Path) -> list[str]:
    """Fingerprints of the primary keys in the home."""
    listing = run(
        ["gpg", "--homedir", home, *_OPTIONS[:-2], "--with-colons", "--list-keys"],
        timeout=_TIMEOUT,
        check=False,
    )
    records = [line.split(":") for line in listing.stdout.splitlines()]
    return [
        after[9] for before, after in pairwise(records) if before[0] == "pub" and after[0] == "fpr"
    ]


def _gpg(home: Path, *words: str | Path) -> list[list[str]]:
    """Run gpg; return its status lines as words. The exit code says less than they do."""
    done = run(["gpg", "--homedir", home, *_OPTIONS, *words], timeout=_TIMEOUT, check=False)
    prefix = "[GNUPG:] "
    lines = [line for line in done.stdout.splitlines() if line.startswith(prefix)]
    return [line.removeprefix(prefix).split() or [""] for line in lines]


def _judge(status: Sequence[Sequence[str]], key: KeyFile, fingerprint: str) -> tuple[str, datetime]:
    """The fingerprint of the signer and the time of signing, or a SignatureError.

    With several signatures one by the accepted key is enough, but a false one spoils all.
    """
    signatures = list(_signatures(status))
    verdicts = {verdict for verdict, _ in signatures}
    if "BADSIG" in verdicts:
        raise SignatureError(
            "the signature does not fit the text: the file was changed after it was signed",
            hint="fetch it again from the distribution's own server; do not use this one",
        )
    for verdict, valid in signatures:
        if verdict == "GOODSIG" and valid and fingerprint in ("", valid[-1]):
            return valid[-1], datetime.fromtimestamp(int(valid[2]), UTC)
    for verdict, message, hint in (
        ("REVKEYSIG", "the signing key has been revoked", "do not use this file"),
        (
            "EXPKEYSIG",
            f"the signing key, as {key.origin} has it, has expired",
            "take a renewed copy of the same key from the distribution",
        ),
        ("EXPSIG", "the signature itself has expired", "fetch the file and its signature again"),
    ):
        if verdict in verdicts:
            raise SignatureError(message, hint=hint, renewable=verdict == "EXPKEYSIG")
    if not signatures:
        raise SignatureError(
            "the file carries no signature", hint="fetch it from the distribution's own server"
        )
    others = sorted({words[0] for verdict, words in signatures if verdict == "ERRSIG"})
    by = f"key {', '.join(others)}" if others else "another key"
    raise SignatureError(
        f"it is signed by {by}, not by {fingerprint or 'a key of ' + key.origin}",
        hint="if the distribution has announced a new key, compare it with the announcement and "
        "pin it as release.signing_key in site.yaml",
        renewable=True,
    )


def _signatures(status: Sequence[Sequence[str]]) -> Iterator[tuple[str, list[str]]]:
    """Each signature's verdict, with the words of its VALIDSIG (of ERRSIG: its own), if any."""
    verdicts = {"GOODSIG", "BADSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "ERRSIG"}
    verdict, words = "", list[str]()
    for keyword, *rest in status:
        if keyword in verdicts:
            if verdict:
                yield verdict, words
            verdict, words = keyword, rest if keyword == "ERRSIG" else []
        elif keyword == "VALIDSIG" and verdict:
            words = rest
    if verdict:
        yield verdict, words


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as err:
        raise SignatureError("the signed file is not a text") from err
