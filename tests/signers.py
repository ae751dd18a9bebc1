"""Signing keys of distributions that do not exist, made by the real gpg."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONG_AGO = "--faked-system-time=20200101T000000!"


@dataclass(frozen=True)
class Signer:
    """A gpg home with one primary key."""

    home: Path
    name: str
    options: tuple[str, ...] = ()

    def gpg(self, *words: str, data: bytes = b"") -> bytes:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes"]
        argv += ["--pinentry-mode", "loopback", "--passphrase", "", *self.options, *words]
        return subprocess.run(argv, input=data, capture_output=True, check=True).stdout

    @property
    def fingerprint(self) -> str:
        listing = self.gpg("--with-colons", "--list-keys").decode().splitlines()
        return next(line.split(":")[9] for line in listing if line.startswith("fpr:"))

    def key(self) -> bytes:
        return self.gpg("--armor", "--export")

    def clearsign(self, text: str) -> bytes:
        return self.gpg("--clearsign", data=text.encode())

    def detached(self, text: str) -> bytes:
        return self.gpg("--armor", "--detach-sign", data=text.encode())

    def add_signing_subkey(self) -> None:
        self.gpg("--quick-add-key", self.fingerprint, "ed25519", "sign", "never")

    def revoke(self) -> None:
        kept = self.home / "openpgp-revocs.d" / f"{self.fingerprint}.rev"
        self.gpg("--import", data=kept.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))


@contextmanager
def signer(name: str, *, expires: str = "never", options: tuple[str, ...] = ()) -> Iterator[Signer]:
    """A new signer; gpg's agent has its socket in the home, so the path must be short."""
    home = Path(tempfile.mkdtemp(prefix="b2ct-key-", dir="/tmp"))
    made = Signer(home, name, options)
    try:
        made.gpg("--quick-generate-key", f"{name} <{name}@example.org>", "ed25519", "sign", expires)
        yield made
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)
