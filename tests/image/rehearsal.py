"""Practice repositories for tests: the usual ones, shared, and small ones with something wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from b2ct.rehearsal.packages import Practice, build, key, rpms
from b2ct.rehearsal.packages.key import Signer
from b2ct.rehearsal.packages.names import packages_of
from b2ct.rehearsal.packages.package import PracticePackage
from tests.sharing import once

EPOCH = 1735689600


def shared(factory: pytest.TempPathFactory) -> Practice:
    """The practice repositories of el9-worker."""

    def make(folder: Path) -> str:
        return build(folder, names=packages_of(["el9-worker"])).fingerprint

    made, fingerprint = once(factory, "practice-packages", make)
    definitions = tuple(sorted(made.glob("*.yaml")))
    return Practice(made, fingerprint, made / "apt", made / "rpm", definitions)


def repository(
    folder: Path, key_file: Path, *, base: bool = False, packages: Iterable[str] = (), **more: Any
) -> dict[str, Any]:
    """A repository of a definition, at a folder of this machine."""
    return {
        "url": folder.as_uri(),
        "base": base,
        "keys": [{"file": str(key_file)}],
        "packages": list(packages),
        **more,
    }


def el(
    repositories: Mapping[str, Any], packages: Iterable[str] = (), **more: Any
) -> dict[str, Any]:
    """A small definition of EL 9."""
    return {
        "title": "rehearsal",
        "system": {"distribution": "almalinux", "release": "9", "packaging": "rpm"},
        "repositories": dict(repositories),
        "packages": list(packages),
        "boot": {"kernel": "kernel"},
        **more,
    }


def rehearsed(made: Practice, packages: Iterable[str] = (), **more: Any) -> dict[str, Any]:
    """A definition of EL 9 with both practice repositories."""
    assert made.rpm is not None
    signed_by = made.folder / "practice-key.asc"
    rows = {
        "base": repository(made.rpm / "base", signed_by, base=True),
        "cvmfs": repository(made.rpm / "cvmfs", signed_by, packages=["cvmfs", "cvmfs-*"]),
    }
    return el(rows, packages, **more)


@contextmanager
def another_key(folder: Path) -> Iterator[tuple[Signer, Path]]:
    """A signer that the usual repositories do not know, with its key file."""
    with key.signer() as signer:
        file = folder / f"{signer.fingerprint}.asc"
        file.write_text(signer.public())
        yield signer, file


def rpm_repository(
    folder: Path, packages: Iterable[PracticePackage], signer: Signer, scratch: Path
) -> Path:
    """A dnf repository of these packages."""
    rpms.repository(folder, packages, signer=signer, epoch=EPOCH, work=scratch)
    return folder
