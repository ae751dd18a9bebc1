"""Which host tools the verbs need, whether this host has them, and the line that installs them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from b2ct.core.run import find_tool

TABLE = Path(__file__).with_name("hosttools.txt")
ESSENTIAL = ("iso", "boot")
"""Uses without which the main job cannot be done and proven; the others are extra."""


@dataclass(frozen=True)
class Tool:
    """A row of the table."""

    name: str
    found: tuple[str, ...]
    """Commands, or absolute paths of files: one of them is enough."""
    use: str
    packages: Mapping[str, str]
    """Family (`debian`, `el9`, `el10`) -> package."""

    def path(self, root: Path = Path("/")) -> str | None:
        """Where this host has it, None where it has not. `root` is for files (tests)."""
        for one in self.found:
            if not one.startswith("/"):
                if path := find_tool(one):
                    return path
            elif (root / one[1:]).exists():
                return one
        return None


@dataclass(frozen=True)
class Host:
    """The distribution of this host, as os-release(5) describes it."""

    title: str
    family: str
    """`debian`, `el9`, `el10`, or empty: one that the table has no packages for."""
    subscribed: bool = False
    """RHEL itself, where EPEL and CodeReady Builder come by other commands."""


@cache
def tools() -> tuple[Tool, ...]:
    """The rows of the table, in its order."""
    rows = [line.split() for line in TABLE.read_text().splitlines()]
    return tuple(
        Tool(name, tuple(found.split("|")), use, {"debian": debian, "el9": el9, "el10": el10})
        for name, found, use, debian, el9, el10 in (
            row for row in rows if row and not row[0].startswith("#")
        )
    )


def uses() -> tuple[str, ...]:
    """What the tools are for, in the order of the table."""
    return tuple(dict.fromkeys(tool.use for tool in tools()))


def this_host(os_release: Path | None = None) -> Host:
    """Read os-release(5); B2CT_OS_RELEASE names another file than /etc/os-release."""
    path = os_release or Path(os.environ.get("B2CT_OS_RELEASE", "/etc/os-release"))
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    pairs = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    values = {key.strip(): _unquote(value) for key, value in pairs.items()}
    names = [values.get("ID", ""), *values.get("ID_LIKE", "").split()]
    major = values.get("VERSION_ID", "").partition(".")[0]
    family = ""
    if {"debian", "ubuntu"} & set(names):
        family = "debian"
    elif {"rhel", "centos"} & set(names) and major in ("9", "10"):
        family = f"el{major}"
    title = values.get("PRETTY_NAME") or values.get("ID") or "an unknown distribution"
    return Host(title, family, subscribed=values.get("ID") == "rhel")


def _unquote(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value.strip("\"' ")


def missing(wanted: Iterable[str], root: Path = Path("/")) -> list[Tool]:
    """The tools for the wanted uses that this host has not."""
    chosen = set(wanted)
    return [tool for tool in tools() if tool.use in chosen and tool.path(root) is None]


def install_line(host: Host, wanted: Iterable[Tool], *, as_root: bool) -> str:
    """The one shell line that installs what is missing; empty where there is nothing to install.

    For an unknown distribution: empty, too; the names of the tools are all there is to say.
    """
    packages = [tool.packages.get(host.family, "-") for tool in wanted]
    packages = list(dict.fromkeys(package for package in packages if package != "-"))
    if not packages:
        return ""
    sudo = "" if as_root else "sudo "
    names = " ".join(package.removeprefix("epel:") for package in packages)
    if host.family == "debian":
        return f"{sudo}apt-get install -y --no-install-recommends {names}"
    steps = [f"{sudo}dnf install -y {names}"]
    if any(package.startswith("epel:") for package in packages):
        steps = [*_epel(host, sudo), *steps]
    return " && ".join(steps)


def _epel(host: Host, sudo: str) -> list[str]:
    """EPEL builds against CRB (CodeReady Builder): docs.fedoraproject.org/en-US/epel."""
    major = host.family.removeprefix("el")
    if host.subscribed:
        url = f"https://dl.fedoraproject.org/pub/epel/epel-release-latest-{major}.noarch.rpm"
        crb = f"codeready-builder-for-rhel-{major}-x86_64-rpms"
        return [f"{sudo}subscription-manager repos --enable {crb}", f"{sudo}dnf install -y {url}"]
    return [f"{sudo}dnf install -y epel-release", f"{sudo}crb enable"]
