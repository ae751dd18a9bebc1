"""A signing key that is made on the spot and thrown away after it has signed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.run import run

OWNER = "b2ct practice <practice@example.org>"
_TIMEOUT = 120


@dataclass(frozen=True)
class Signer:
    """A gpg home with one key that has no passphrase."""

    home: Path
    fingerprint: str

    def public(self) -> str:
        """The public key, armoured: what apt's `signed-by` and dnf's `gpgkey` take."""
        return _gpg(self.home, "--armor", "--export", self.fingerprint)

    def clear(self, text: str) -> str:
        """The text with its signature around it: InRelease."""
        return _gpg(self.home, "--clearsign", stdin=text)

    def detached(self, text: str) -> str:
        """The signature of a text, armoured: Release.gpg, repomd.xml.asc."""
        return _gpg(self.home, "--armor", "--detach-sign", stdin=text)


@contextmanager
def signer() -> Iterator[Signer]:
    """Make a key; it and its gpg-agent are gone at the end.

    RSA, because EL8's rpm 4.14 knows no EdDSA. Raises B2ctError when gpg or gpg-agent is missing.
    """
    # gpg-agent's socket lies in the home, and the path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="b2ct-key-", dir="/tmp") as name:
        home = Path(name)
        try:
            words = ["--quick-generate-key", OWNER, "rsa3072", "sign", "never"]
            _gpg(home, "--passphrase", "", *words)
            listed = _gpg(home, "--with-colons", "--list-keys").splitlines()
            yield Signer(home, next(row.split(":")[9] for row in listed if row[:4] == "fpr:"))
        finally:
            run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def _gpg(home: Path, *words: str, stdin: str | None = None) -> str:
    argv: list[str | Path] = [
        "gpg",
        "--homedir",
        home,
        "--no-options",
        "--batch",
        "--quiet",
        "--yes",
    ]
    return run(
        [*argv, "--pinentry-mode", "loopback", *words],
        stdin=None if stdin is None else stdin.encode(),
        timeout=_TIMEOUT,
        hint="gpg and gpg-agent make the practice key: Debian's packages gpg and gpg-agent",
    ).stdout
