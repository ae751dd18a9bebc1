"""What differs between the releases of EL, as rows; rpm.py asks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from b2ct.core.errors import B2ctError
from b2ct.image.model import System


@dataclass(frozen=True)
class Row:
    """One major release."""

    manager: str
    """The package manager in the image."""
    further: tuple[str, ...] = ()
    """Of the base system, besides what all releases have."""
    platform: str = ""
    """`module_platform_id` of dnf.conf(5); empty where there are no modules."""
    database: Literal["sqlite", "bdb"] = "sqlite"
    """What the release's own rpm reads. The host's writes sqlite only since rpm 4.18."""
    convertible: bool = False
    """The release's rpm can import a header list (`rpmdb --importdb`) to make a database."""
    folder: str = "var/lib/rpm"
    """Where the release's rpm has its database (`%_dbpath`)."""
    dracut: tuple[str, ...] = ("--no-hostonly",)
    """Options of its dracut for an initramfs that fits every machine; EL6 makes no other."""
    minimal_langpack: bool = True
    """glibc-minimal-langpack exists, and keeps 200 MB of locales out."""


COMMON = ("filesystem", "setup", "basesystem", "bash", "coreutils", "rpm")
ROWS = {
    "6": Row("yum", ("passwd",), database="bdb", dracut=(), minimal_langpack=False),
    "7": Row("yum", ("passwd",), database="bdb", minimal_langpack=False),
    "8": Row("dnf", platform="platform:el8", database="bdb", convertible=True),
    "9": Row("dnf", platform="platform:el9"),
    # RHEL 10 moved the database: https://fedoraproject.org/wiki/Changes/RelocateRPMToUsr
    "10": Row("dnf", platform="platform:el10", folder="usr/lib/sysimage/rpm"),
}
DATABASES = tuple(dict.fromkeys(row.folder for row in ROWS.values()))
"""Folders below the root that may hold a database."""

# (distribution, major release) -> the package with /etc/os-release and the distribution's own
# repository files; the star stands for all releases without a row of their own.
_RELEASE_PACKAGES = {
    ("almalinux", "*"): "almalinux-release",
    ("rocky", "*"): "rocky-release",
    ("centos", "6"): "centos-release",
    ("centos", "7"): "centos-release",
    ("centos", "*"): "centos-stream-release",
}


def major(system: System) -> str:
    """The major release: `9` of 9.5."""
    return system.release.partition(".")[0]


def row_of(system: System) -> Row:
    """The row of a release. Raises B2ctError for one without."""
    try:
        return ROWS[major(system)]
    except KeyError:
        raise B2ctError(
            f"release {system.release} of {system.distribution} is not known here",
            hint=f"set system.release to one of {', '.join(ROWS)}",
        ) from None


def base_packages(system: System) -> tuple[str, ...]:
    """The packages of the base layer. Raises B2ctError for an unknown system."""
    row = row_of(system)
    for number in (major(system), "*"):
        name = _RELEASE_PACKAGES.get((system.distribution, number))
        if name is not None:
            break
    else:
        known = sorted({distribution for distribution, _ in _RELEASE_PACKAGES})
        raise B2ctError(
            f"{system.distribution} does not use rpm",
            hint=f"set system.packaging to apt, or system.distribution to one of "
            f"{', '.join(known)}",
        )
    langpack = ("glibc-minimal-langpack",) if row.minimal_langpack else ()
    return (*COMMON, name, row.manager, *langpack, *row.further)
