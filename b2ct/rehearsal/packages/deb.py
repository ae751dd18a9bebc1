"""Practice packages in dpkg's format, in a signed APT repository.

deb(5), deb-control(5); https://wiki.debian.org/DebianRepository/Format.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from pathlib import Path

from b2ct.core.run import run

from . import tree
from .key import Signer
from .package import PracticePackage

ARCHITECTURE = "amd64"
_POOL = "pool/main"


def repository(
    folder: Path,
    packages: Iterable[PracticePackage],
    *,
    suites: Sequence[str],
    signer: Signer,
    epoch: int,
    work: Path,
    label: str = "b2ct practice",
) -> None:
    """Write an APT repository with every package in every suite.

    `label` is what the repository says of itself, by which apt tells one from another. `folder` is
    made; `work` is scratch space. Raises CommandError when dpkg-deb fails.
    """
    pool = folder / _POOL
    pool.mkdir(parents=True)
    paragraphs = [_paragraph(_deb(one, pool, epoch, work), pool, one) for one in packages]
    index = "\n".join(paragraphs).encode()
    for suite in suites:
        _suite(folder / "dists" / suite, _release(label, suite, epoch), index, signer)


def control(package: PracticePackage) -> str:
    """The control file of a package, deb-control(5)."""
    size = sum(len(item.data) for item in package.items) // 1024 + 1
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": "all",
        "Maintainer": "b2ct practice <practice@example.org>",
        "Installed-Size": str(size),
        "Depends": ", ".join(package.requires),
        "Provides": ", ".join(package.provides),
        "Section": "utils",
        "Priority": "optional",
        "Description": package.summary,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _deb(package: PracticePackage, pool: Path, epoch: int, work: Path) -> Path:
    root = work / f"{package.name}.deb"
    meta = root / "DEBIAN"
    meta.mkdir(parents=True)
    (meta / "control").write_text(control(package))
    kept = [f"{item.path}\n" for item in package.items if item.config]
    if kept:
        (meta / "conffiles").write_text("".join(kept))
    for kind, text in package.scripts.items():
        (meta / kind).write_text(f"#!/bin/sh\n{text}")
        (meta / kind).chmod(0o755)
    tree.write(package.items, root, epoch)
    out = pool / f"{package.name}_{package.version}_all.deb"
    run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", root, out],
        env={"SOURCE_DATE_EPOCH": str(epoch)},
    )
    shutil.rmtree(root)
    return out


def _paragraph(path: Path, pool: Path, package: PracticePackage) -> str:
    data = path.read_bytes()
    return (
        f"{control(package)}Filename: {_POOL}/{path.relative_to(pool)}\n"
        f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    )


def _release(label: str, suite: str, epoch: int) -> str:
    return (
        f"Origin: {label}\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\n"
        f"Date: {formatdate(epoch, usegmt=True)}\nArchitectures: all {ARCHITECTURE}\n"
        f"Components: main\nDescription: practice packages, not for use\n"
    )


def _suite(folder: Path, head: str, index: bytes, signer: Signer) -> None:
    binary = f"main/binary-{ARCHITECTURE}"
    (folder / binary).mkdir(parents=True)
    indexes = {
        f"{binary}/Packages": index,
        f"{binary}/Packages.gz": gzip.compress(index, mtime=0),
    }
    for name, data in indexes.items():
        (folder / name).write_bytes(data)
    sums = [f" {hashlib.sha256(d).hexdigest()} {len(d)} {n}\n" for n, d in indexes.items()]
    release = f"{head}SHA256:\n{''.join(sums)}"
    (folder / "Release").write_text(release)
    (folder / "InRelease").write_text(signer.clear(release))
    (folder / "Release.gpg").write_text(signer.detached(release))
