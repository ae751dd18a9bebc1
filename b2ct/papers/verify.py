"""Is an image what its manifest says, and who says so?

Everything is looked at and told, not just the first thing that is wrong. Files are read as a
stream; a file of the wrong length is not read at all.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from b2ct.core import files, findings
from b2ct.core.console import note
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.core.findings import Finding, judged
from b2ct.papers import manifest, signature
from b2ct.papers.beside import Beside
from b2ct.papers.header import need_plain
from b2ct.papers.manifest import Manifest, Sum
from b2ct.papers.signature import Signer, WrongSignatureError

_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)\n?")
Advance = Callable[[int], object]


@dataclass(frozen=True)
class Trust:
    """Whose signatures count."""

    allowed_signers: Path | None = None
    """ssh-keygen's list."""
    pgp_keys: Path | None = None
    """OpenPGP public keys."""
    required: bool = False
    """An image without a signature that counts is refused."""

    def check(self) -> None:
        """Raise B2ctError when a signature is required and nobody is trusted."""
        if self.required and not (self.allowed_signers or self.pgp_keys):
            raise B2ctError(
                "--require-signature does not say whose",
                hint="add --allowed-signers FILE (ssh-keygen's list), or --pgp-keys FILE",
            )


NOBODY = Trust()


def own_list() -> Path:
    """The user's list of allowed signers: $XDG_CONFIG_HOME/b2ct/allowed_signers."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "b2ct" / "allowed_signers"


def trusted(allowed_signers: Path | None, pgp_keys: Path | None, *, required: bool) -> Trust:
    """Whom the user trusts: those that were named, else those of `own_list`.

    Who names somebody wants a signature. Raises B2ctError as `Trust.check`.
    """
    required = required or allowed_signers is not None or pgp_keys is not None
    if allowed_signers is None and own_list().is_file():
        allowed_signers = own_list()
        note(f"note: allowed signers are those of {allowed_signers}")
    made = Trust(allowed_signers, pgp_keys, required)
    made.check()
    return made


@dataclass(frozen=True)
class Verified:
    """All findings of an image, a file each, in the order in which they depend on each other."""

    image: Path
    findings: tuple[Finding, ...]
    signer: Signer | None = None

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not any(one.failed for one in self.findings)

    def as_text(self) -> str:
        """A line a file."""
        return findings.table(self.findings)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        signer = {"key": self.signer.key, "name": self.signer.name} if self.signer else None
        return {
            "image": str(self.image),
            "good": self.good,
            "signer": signer,
            "findings": findings.as_data(self.findings),
        }

    def enforce(self) -> None:
        """Raise VerdictError, which names what is wrong, unless all is good."""
        wrong = [f"{one.subject}: {one.text}" for one in self.findings if one.failed]
        if wrong:
            raise VerdictError(
                f"{self.image} is not what it should be: " + "; ".join(wrong),
                hint="do not use it; copy it with all the files beside it again from where it was "
                "built, or build it anew",
            )


def verify(
    image: Path,
    trust: Trust = NOBODY,
    advance: Advance = lambda _count: None,
    *,
    signatures: bool = True,
) -> Verified:
    """Compare an image with the files beside it, and check who signed them.

    Without `signatures` these are not looked at: a new one is about to be made. `advance` is told
    the bytes that were read. Raises B2ctError when the image itself or a file of trusted keys
    cannot be read; all else is a finding.
    """
    trust.check()
    size(image)
    beside = Beside(image)
    try:
        data, told = manifest.read(beside.manifest)
    except FileNotFoundError:
        missing = judged(False, beside.manifest.name, "is missing")
        return Verified(image, (missing, *_by_sums(beside, advance)))
    except B2ctError as err:
        return Verified(image, (judged(False, beside.manifest.name, err.message),))
    if not signatures:
        return Verified(image, tuple(_compared(beside, told, advance)))
    finding, signer = _signed(beside, data, trust)
    compared = _compared(beside, told, advance)
    return Verified(image, (finding, *compared), signer)


def size(image: Path) -> int:
    """Bytes of an image. Raises B2ctError when it is none that can be read."""
    try:
        about = image.stat()
    except OSError as err:
        raise files.explain(err, f"read {image}") from err
    if not stat.S_ISREG(about.st_mode):
        raise B2ctError(f"{image} is not a file", hint="name an image, such as worker.qcow2")
    return about.st_size


def _signed(beside: Beside, data: bytes, trust: Trust) -> tuple[Finding, Signer | None]:
    """What the signatures are worth: one that counts is enough, a false one spoils all."""
    known: list[Signer] = []
    notes: list[str] = []
    try:
        if beside.signature.exists():
            found = signature.check_ssh(data, beside.signature, trust.allowed_signers)
            known += [found] if found.name else []
            notes += [f"signed by {found.key}, of which nobody said whose it is"]
        if beside.pgp_signature.exists():
            if trust.pgp_keys:
                known.append(signature.check_pgp(data, beside.pgp_signature, trust.pgp_keys))
            notes += ["its OpenPGP signature was not checked"]
    except WrongSignatureError as err:
        return judged(False, beside.manifest.name, err.message), None
    if known:
        text = f"signed by {known[0].name}, {known[0].key}"
        return judged(True, beside.manifest.name, text), known[0]
    text = "; ".join(notes) or "not signed: sums show damage, not who built it"
    return judged(not trust.required, beside.manifest.name, text), None


def _compared(beside: Beside, told: Manifest, advance: Advance) -> Iterator[Finding]:
    """The image and the other files against the sums of the manifest."""
    if told.image.file != beside.image.name:
        text = f"is of {told.image.file}: files were renamed or mixed up"
        yield judged(False, beside.manifest.name, text)
    yield _image(beside.image, told.image, advance)
    listed = {one.file: one for one in told.files}
    for path in beside.summed:
        if path.name not in listed:
            yield judged(False, path.name, "is not in the manifest")
    for name, one in listed.items():
        yield _compare(beside.image.with_name(name), one, advance)


def _image(path: Path, told: Sum, advance: Advance) -> Finding:
    """An image that is not whole in itself is more than its sum can tell."""
    found = _compare(path, told, advance)
    if not found.failed:
        try:
            need_plain(path)
        except B2ctError as err:
            return judged(False, path.name, err.message)
    return found


def _compare(path: Path, told: Sum, advance: Advance) -> Finding:
    try:
        found = path.stat().st_size
        if found != told.size:
            cut = ": it is cut off" if found < told.size else ""
            text = f"has {found} bytes instead of {told.size}{cut}"
            return judged(False, path.name, text)
        digest = files.sha256(path, advance)
    except FileNotFoundError:
        return judged(False, path.name, "is missing")
    except OSError as err:
        return judged(False, path.name, files.explain(err, "read it").message)
    except B2ctError as err:
        return judged(False, path.name, err.message)
    if digest != told.sha256:
        text = f"was changed: its SHA-256 is {digest} instead of {told.sha256}"
        return judged(False, path.name, text)
    return judged(True, path.name, f"SHA-256 {digest}")


def _by_sums(beside: Beside, advance: Advance) -> Iterator[Finding]:
    """The image against the file for sha256sum(1), where there is no manifest."""
    try:
        text = beside.sums.read_text(errors="replace")
    except FileNotFoundError:
        yield judged(False, beside.sums.name, "is missing")
        return
    except OSError as err:
        yield judged(False, beside.sums.name, files.explain(err, "read it").message)
        return
    line = _LINE.fullmatch(text)
    if line is None or line[2] != beside.image.name:
        yield judged(False, beside.sums.name, f"is no sum of {beside.image.name}")
        return
    yield _image(beside.image, Sum(line[2], size(beside.image), line[1].lower()), advance)
