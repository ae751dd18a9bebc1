"""A kernel and its modules for the practice installer: given, installed, or downloaded.

Nothing is installed: a package is downloaded by the distribution's own tool and unpacked into the
cache folder.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import proxy
from b2ct.core.data import cache_folder
from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run

from .modules import OPTIONAL, WANTED, in_load_order, index

DEBIAN_KERNELS = ("linux-image-amd64", "linux-image-generic")
"""Debian's metapackage and Ubuntu's."""
EL_KERNEL = ("kernel-core", "kernel-modules-core", "kernel-modules")
DOWNLOAD_TIMEOUT = 900.0
KEPT = "practice-kernel"
Drivers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Kernel:
    """A bootable kernel image and the folder of its modules (`/lib/modules/RELEASE`)."""

    image: Path
    modules: Path


def find(
    image: Path | None = None,
    modules: Path | None = None,
    *,
    cache: Path | None = None,
    drivers: Drivers = WANTED,
    kept: str = KEPT,
) -> Kernel:
    """The kernel to practise with; `kept` names the folder in the cache for those drivers.

    In this order: the one given; an installed one that is readable and has the drivers; the
    distribution's package, unpacked into the cache. Raises B2ctError when there is none, saying
    what to do.
    """
    if image is not None:
        return _given(image, modules, drivers)
    if modules is not None:
        raise B2ctError("--modules without --kernel", hint="give both, they belong together")
    return _installed(drivers) or _downloaded((cache or cache_folder()) / kept, drivers)


def _given(image: Path, modules: Path | None, drivers: Drivers) -> Kernel:
    if not image.is_file() or not os.access(image, os.R_OK):
        raise B2ctError(f"the kernel {image} cannot be read", hint="give a readable vmlinuz")
    if b"HdrS" not in _head(image):
        raise B2ctError(f"{image} is not an x86 Linux kernel", hint="give a vmlinuz (bzImage)")
    folder = modules or Path("/lib/modules") / image.name.partition("-")[2]
    lacking = missing_drivers(folder, drivers)
    if lacking:
        raise B2ctError(
            f"the modules folder {folder} lacks {', '.join(lacking)}",
            hint="give the folder that belongs to this kernel with --modules",
        )
    return Kernel(image, folder)


def _head(image: Path) -> bytes:
    """The first sector pair, where the x86 boot protocol puts its signature (offset 0x202)."""
    with image.open("rb") as file:
        return file.read(1024)


def missing_drivers(folder: Path, drivers: Drivers = WANTED) -> list[str]:
    """The drivers that are needed and this folder lacks."""
    if not folder.is_dir():
        return [name for name, _ in drivers]
    known = index(folder)
    return [name for name, _ in drivers if name not in known.files and name not in known.builtin]


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", path.name))


def _installed(drivers: Drivers) -> Kernel | None:
    """The newest kernel under /boot (or /lib/modules/*/vmlinuz, where EL keeps it)."""
    for folder in sorted(Path("/lib/modules").glob("*"), key=_version, reverse=True):
        for image in (Path("/boot") / f"vmlinuz-{folder.name}", folder / "vmlinuz"):
            if (
                image.is_file()
                and os.access(image, os.R_OK)
                and not missing_drivers(folder, drivers)
            ):
                return Kernel(image, folder)
    return None


def _unpacked(folder: Path, drivers: Drivers) -> Kernel | None:
    for modules in sorted(folder.glob("**/lib/modules/*"), key=_version, reverse=True):
        for image in (
            modules.parents[2] / "boot" / f"vmlinuz-{modules.name}",
            modules.parents[3] / "boot" / f"vmlinuz-{modules.name}",
            modules / "vmlinuz",
        ):
            if image.is_file() and not missing_drivers(modules, drivers):
                return Kernel(image, modules)
    return None


def _downloaded(folder: Path, drivers: Drivers) -> Kernel:
    kept = _unpacked(folder, drivers)
    if kept is not None:
        return kept
    ways: dict[str, Callable[[Path], None]] = {"apt-get": _from_debian, "dnf": _from_el}
    tool = next((name for name in ways if find_tool(name)), None)
    if tool is None:
        raise B2ctError(
            "no kernel to practise with: none under /boot is readable and has its modules",
            hint="give one with --kernel FILE and --modules DIR",
        )
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        ways[tool](work)
        for package in [*work.glob("*.deb"), *work.glob("*.rpm")]:
            package.unlink()
        unpacked = _unpacked(work, drivers)
        if unpacked is None:
            raise B2ctError(
                f"what {tool} downloaded is not a kernel with the drivers that are needed",
                hint="give a kernel with --kernel FILE and --modules DIR",
            )
        _prune(unpacked.modules, drivers)
        # Another process may have been quicker; its copy is as good.
        with suppress(OSError):
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    found = _unpacked(folder, drivers)
    if found is None:
        raise B2ctError(f"{folder} is not usable", hint="remove this folder and try again")
    return found


def _prune(folder: Path, drivers: Drivers) -> None:
    """Keep the drivers that are loaded: some megabytes of some hundred."""
    known = index(folder)
    kept = {module.name for module in in_load_order(known, (*drivers, *OPTIONAL))}
    for name, path in known.files.items():
        if name not in kept:
            path.unlink()


def _from_debian(work: Path) -> None:
    """Download the kernel that the distribution's metapackage names; unpack without installing."""
    hint = "run `apt-get update` as root, or give a kernel with --kernel FILE and --modules DIR"
    found = [name for meta in DEBIAN_KERNELS for name in _depends(meta, "linux-image-")]
    if not found:
        raise B2ctError(f"apt knows none of {', '.join(DEBIAN_KERNELS)}", hint=hint)
    # Ubuntu keeps the modules in a package of their own.
    packages = [found[0], *_depends(found[0], "linux-modules-")]
    # apt's sandbox user cannot write into a private folder; a download needs no sandbox.
    argv = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages]
    run(argv, cwd=work, timeout=DOWNLOAD_TIMEOUT, env=proxy.environment(), hint=hint)
    for package in work.glob("*.deb"):
        run(["dpkg-deb", "-x", package, work])


def _depends(package: str, prefix: str) -> list[str]:
    """The dependencies of a package whose names begin with `prefix`; none if apt has no such."""
    listed = run(["apt-cache", "depends", package], check=False).stdout
    return re.findall(rf"^[ \t]*Depends: ({re.escape(prefix)}\S+)", listed, re.MULTILINE)


def _from_el(work: Path) -> None:
    """Download the kernel's packages with dnf; unpack without installing."""
    hint = "install kernel-core and kernel-modules, or give --kernel and --modules"
    # Before EL9.2 there is no kernel-modules-core: strict=0 passes over what a release lacks.
    argv = ["dnf", "-q", "download", "--setopt=strict=0", "--destdir", str(work), *EL_KERNEL]
    run(argv, timeout=DOWNLOAD_TIMEOUT, env=proxy.environment(), hint=hint)
    for package in work.glob("*.rpm"):
        archive = work / f"{package.name}.cpio"
        run(["sh", "-c", 'rpm2cpio "$1" >"$2"', "sh", package, archive])
        run(["cpio", "-idmu", "--quiet"], stdin=archive.read_bytes(), cwd=work)
        archive.unlink()
