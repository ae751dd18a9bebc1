"""What an image's file is, before it goes anywhere: a real QCOW2 that its papers vouch for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.papers import manifest, verify
from b2ct.papers.beside import Beside
from b2ct.papers.info import need_whole, virtual_size
from b2ct.papers.verify import Trust

MIB = 2**20


@dataclass(frozen=True)
class Content:
    """An image's file on this machine."""

    path: Path
    sha256: str
    size: int
    """Bytes of the file."""
    virtual_size: int
    """Bytes of the disk that it describes."""
    name: str = ""
    """Of its definition, from the manifest."""
    title: str = ""
    built: str = ""
    """Date, ISO 8601."""
    signer: str = ""
    """Who signed it; empty: nobody that counts."""

    @property
    def virtual_mib(self) -> int:
        """As oned counts."""
        return -(-self.virtual_size // MIB)

    @property
    def plain_name(self) -> str:
        """What it is called where nobody gives it a name."""
        return self.name or self.path.name.removesuffix(".qcow2")


def read(
    image: Path,
    trust: Trust,
    *,
    unverified: bool = False,
    advance: Callable[[int], object] = lambda _count: None,
) -> Content:
    """Look at an image and its papers; `advance` is told the bytes that were read.

    Raises B2ctError for what is no QCOW2 or a damaged one, VerdictError for an image that is not
    what its manifest says, that has none (unless `unverified`), or whose signature does not count.
    """
    trust.check()
    length = size(image)
    virtual = virtual_size(image)
    papers = Beside(image).manifest
    if not papers.exists():
        if not unverified:
            raise B2ctError(
                f"{image} has no manifest: nothing vouches for it",
                hint=f"copy {papers.name} and the other files of the build beside it; --unverified "
                "takes the image as it is",
            )
        if trust.required:
            raise B2ctError(
                "--unverified takes an image that nobody signed",
                hint="leave out --unverified, or what asks for a signature",
            )
        need_whole(image)
        return Content(image, files.sha256(image, advance), length, virtual)
    verdict = verify.verify(image, trust, advance)
    verdict.enforce()
    data, told = manifest.read(papers)
    content = json.loads(data)
    epoch = content.get("epoch")
    built = datetime.fromtimestamp(epoch, UTC).date().isoformat() if _sane(epoch) else ""
    title = str(content.get("title", "")).strip()
    signer = verdict.signer
    return Content(
        image, told.image.sha256, length, virtual, told.name, title, built,
        (signer.name or signer.key) if signer else "",
    )  # fmt: skip


def size(image: Path) -> int:
    """Bytes of an image's file. Raises B2ctError where there is none, or it cannot be read."""
    if not image.exists():
        raise B2ctError(
            f"there is no file {image}", hint="correct the path; `b2ct image build` makes an image"
        )
    return verify.size(image)


def sha1(content: Content, advance: Callable[[int], object] = lambda _count: None) -> str:
    """The SHA-1 that OpenNebula's drivers compare; not for trust, for damage on the way.

    Raises B2ctError when the file has changed since it was looked at.
    """
    weak, strong = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    try:
        with content.path.open("rb") as source:
            while block := source.read(MIB):
                weak.update(block)
                strong.update(block)
                advance(len(block))
    except OSError as err:
        raise files.explain(err, f"read {content.path}") from err
    if strong.hexdigest() != content.sha256:
        raise B2ctError(
            f"{content.path} has changed while it was looked at", hint="run the command again"
        )
    return weak.hexdigest()


def _sane(epoch: object) -> bool:
    return isinstance(epoch, int) and not isinstance(epoch, bool) and 0 < epoch < 2**32
