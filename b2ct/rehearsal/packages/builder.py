"""Everything together: key, repositories, example definitions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.clock import image_time
from b2ct.core.errors import B2ctError

from . import cvmfs, deb, el, example, key, rpms
from .package import PracticePackage

KEY_FILE = "practice-key.asc"
SUITES = ("bookworm-prod", "noble-prod", "trixie-prod")
EPOCH = 1735689600
"""2025-01-01: the time in the packages when SOURCE_DATE_EPOCH says no other."""


@dataclass(frozen=True)
class Practice:
    """What was made."""

    folder: Path
    fingerprint: str
    apt: Path | None
    """APT URI, its suites are SUITES; None: not asked for."""
    rpm: Path | None
    """Folder with the baseurls `base` (EL base system) and `cvmfs`; None: not asked for."""
    definitions: tuple[Path, ...]
    """Example definitions for `b2ct image build`."""


def build(
    folder: Path,
    *,
    apt: bool = True,
    rpm: bool = True,
    names: Iterable[str] = (),
    note: Callable[[str], None] = lambda _text: None,
) -> Practice:
    """Make the practice repositories in a new folder, whole or not at all.

    `names` are further packages that the EL base repository shall have; they are empty. Raises
    B2ctError when the folder exists or a host tool is missing.
    """
    folder = folder.absolute()
    if folder.exists():
        raise B2ctError(f"{folder} exists already", hint="name another folder with -o")
    epoch = image_time(EPOCH)
    try:
        scratch = tempfile.mkdtemp(prefix=f".{folder.name[:50]}.", dir=folder.parent)
    except OSError as err:
        raise files.explain(err, f"write {folder}") from err
    made, work = Path(scratch) / "made", Path(scratch) / "work"
    try:
        made.mkdir()
        with key.signer() as signer:
            (made / KEY_FILE).write_text(signer.public())
            if apt:
                note("practice: APT repository with the CVMFS client")
                deb.repository(
                    made / "apt", cvmfs.debs(), suites=SUITES, signer=signer, epoch=epoch,
                    work=work / "deb",
                )  # fmt: skip
            if rpm:
                note("practice: dnf repositories with the CVMFS client and an EL base system")
                _rpm(made / "rpm", names, signer, epoch, work / "rpm")
            fingerprint = signer.fingerprint
        found = example.definitions(folder, fingerprint, KEY_FILE, apt=apt, rpm=rpm)
        for name, text in found.items():
            (made / name).write_text(text)
        made.rename(folder)
    except OSError as err:
        raise files.explain(err, f"write {folder}") from err
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Practice(
        folder,
        fingerprint,
        folder / "apt" if apt else None,
        folder / "rpm" if rpm else None,
        tuple(folder / name for name in found if name.endswith(".yaml")),
    )


def _rpm(folder: Path, names: Iterable[str], signer: key.Signer, epoch: int, work: Path) -> None:
    client = cvmfs.rpms()
    needed = (one for package in client for one in package.requires)
    own = {package.name for package in client}
    wanted = sorted({*names, *_bare(needed)} - own - {"cvmfs-config"})
    parts: dict[str, Sequence[PracticePackage]] = {"base": el.packages(wanted), "cvmfs": client}
    for name, packages in parts.items():
        rpms.repository(folder / name, packages, signer=signer, epoch=epoch, work=work / name)


def _bare(requirements: Iterable[str]) -> set[str]:
    """The package names of requirements: `cvmfs-libs = 1.0` asks for cvmfs-libs."""
    return {one.split()[0] for one in requirements}
