"""Signatures of an image's manifest: made and checked by ssh-keygen -Y, or checked by gpg.

ssh-keygen(1), "-Y sign" and "ALLOWED SIGNERS". The namespace keeps a signature that was made for
something else from counting here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, run
from b2ct.papers.beside import Beside

NAMESPACE = "b2ct-image"
_TIMEOUT = 60.0
_PATIENCE = 600.0
"""Somebody may have to type a passphrase, or touch a token."""
_GOOD = re.compile(r'^Good "[^"]*" signature (?:for (?P<who>.+) )?with (?P<key>\S+ key \S+)', re.M)


class WrongSignatureError(B2ctError):
    """A signature that does not prove what it should."""


@dataclass(frozen=True)
class Signer:
    """Who made a signature."""

    key: str
    """Such as `ED25519 key SHA256:...`."""
    name: str = ""
    """Of the list of allowed signers; empty where nobody was asked whose key it is."""


def sign(image: Path, key: Path) -> Path:
    """Sign the manifest of an image; the signature's path.

    `key` is a private key, or a public one whose private half an agent holds ($SSH_AUTH_SOCK). A
    passphrase is asked for by ssh-keygen itself, at the terminal. Raises B2ctError when there is
    no such key or it does not sign.
    """
    beside = Beside(image)
    if not key.is_file():
        raise B2ctError(
            f"there is no key {key}",
            hint="make one with `ssh-keygen -t ed25519 -f FILE`; its public half (FILE.pub) goes "
            "into the list of allowed signers",
        )
    data = _bytes(beside.manifest)
    try:
        done = run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", NAMESPACE],
            stdin=data,
            timeout=_PATIENCE,
            hint=f"{key} must be an OpenSSH key; a public key needs its private half in ssh-agent",
        )
    except CommandError as err:
        why = (err.done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise B2ctError(f"ssh-keygen cannot sign with {key}: {why}", hint=err.hint) from err
    files.write(beside.signature, done.stdout)
    return beside.signature


def check_ssh(manifest: bytes, signature: Path, allowed: Path | None) -> Signer:
    """Who signed the manifest; with no list of allowed signers it is only known by which key.

    Raises WrongSignatureError when the signature is not good or not of an allowed signer.
    """
    _bytes(signature)  # explained by us where it cannot be read
    common: list[str | Path] = ["-n", NAMESPACE, "-s", signature.absolute()]
    if allowed is None:
        done = run(
            ["ssh-keygen", "-Y", "check-novalidate", *common],
            stdin=manifest, timeout=_TIMEOUT, check=False,
        )  # fmt: skip
        if done.code == 0 and (found := _GOOD.search(done.stdout)):
            return Signer(found["key"])
        raise WrongSignatureError(f"the signature does not fit the manifest: {_last(done.stderr)}")
    _bytes(allowed)
    listed = run(
        ["ssh-keygen", "-Y", "find-principals", "-s", signature.absolute(), "-f", allowed],
        timeout=_TIMEOUT, check=False,
    )  # fmt: skip
    why = f"it is signed by a key that {allowed} does not list"
    for principal in listed.stdout.splitlines() if listed.code == 0 else []:
        done = run(
            ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", principal, *common],
            stdin=manifest, timeout=_TIMEOUT, check=False,
        )  # fmt: skip
        if done.code == 0 and (found := _GOOD.search(done.stdout)):
            return Signer(found["key"], principal)
        why = f"the signature of {principal} does not count: {_last(done.stderr or done.stdout)}"
    raise WrongSignatureError(why)


def check_pgp(manifest: bytes, signature: Path, keys: Path) -> Signer:
    """Who signed the manifest with OpenPGP, of the keys in the file `keys`.

    Raises WrongSignatureError when the signature is not good or not of one of them.
    """
    from b2ct.core import gpg

    try:
        key_file = gpg.KeyFile(str(keys), _bytes(keys))
        signed = gpg.verify_detached(manifest, _bytes(signature), key_file, "")
    except gpg.SignatureError as err:
        raise WrongSignatureError(err.message) from err
    return Signer(f"OpenPGP key {signed.fingerprint}", str(keys))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read()
    except OSError as err:
        raise files.explain(err, f"read {path}") from err


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "ssh-keygen printed nothing"
