"""What single values of a definition cannot tell: findings on it as a whole."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path as File

from b2ct.document.finding import Finding, did_you_mean, size
from b2ct.document.redact import Path
from b2ct.image.model import GIB, MIB, Definition, Repository

PACKAGING: Mapping[str, str] = {
    "debian": "apt",
    "ubuntu": "apt",
    "almalinux": "rpm",
    "rocky": "rpm",
    "centos": "rpm",
}
"""How each distribution's packages come."""
NOT_IN_AN_IMAGE = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/run", "/var/tmp")  # noqa: S108 - names
"""Where nothing that an image holds survives a boot."""
CLUSTERS = (512, 2 * MIB)
"""Cluster sizes that QCOW2 has: powers of two from 512 bytes to 2 MiB (docs/interop/qcow2.txt)."""


def problems(definition: Definition) -> list[Finding]:
    """Everything that cannot work, each with its path in the file."""
    return [
        *_system(definition),
        *_repositories(definition),
        *_packages(definition),
        *_files(definition),
        *_users(definition),
        *_disk(definition),
        *_room(definition),
    ]


def bears_without(path: Path) -> bool:
    """Whether leaving the value at `path` out can only take findings away, never add one."""
    match path:
        case ("qcow2" | "services" | "boot", str(), *_) if path != ("boot", "kernel"):
            return True
        case ("disk", "label" | "file_system") | ("files", _, "mode" | "owner" | "group"):
            return True
        case ("users", _, str()) | ("system", "architecture" | "end_of_life"):
            return True
    return False


def _system(definition: Definition) -> Iterator[Finding]:
    system = definition.system
    expected = PACKAGING[system.distribution]
    if system.packaging != expected:
        yield Finding(
            ("system", "packaging"), f"expected `{expected}`, as {system.distribution} has it"
        )
    if system.packaging == "apt" and system.suite is None:
        yield Finding(
            ("system", "suite"), "is missing: APT needs a suite, such as bookworm", missing=True
        )
    if system.packaging == "rpm" and system.suite is not None:
        yield Finding(("system", "suite"), "only APT has suites", "remove it", is_key=True)


def _repositories(definition: Definition) -> Iterator[Finding]:
    if not any(repository.base for repository in definition.repositories.values()):
        yield Finding(
            ("repositories",),
            "none has `base: true`: expected the one that the base system comes from",
            missing=True,
            is_key=True,
        )
    for name, repository in definition.repositories.items():
        yield from _repository(definition, name, repository)


def _repository(definition: Definition, name: str, repository: Repository) -> Iterator[Finding]:
    path = ("repositories", name)
    if not repository.keys:
        yield Finding(
            (*path, "keys"),
            "is missing: expected the keys that sign it, as nothing else vouches for its packages",
            "{file: KEYRING}, or {url: ..., fingerprint: ...}",
            missing=True,
        )
    if definition.system.packaging == "rpm":
        for key in sorted({"suites", "components"} & repository.model_fields_set):
            yield Finding((*path, key), f"only APT has {key}", "remove it", is_key=True)


def _packages(definition: Definition) -> Iterator[Finding]:
    packages = definition.packages
    if definition.boot.kernel not in packages:
        hint = did_you_mean(definition.boot.kernel, packages)
        yield Finding(
            ("boot", "kernel"), "is not among `packages`", hint or "add it there: it is installed"
        )
    if definition.cvmfs.repositories and "cvmfs" not in packages:
        yield Finding(
            ("cvmfs", "repositories"),
            "there is no package `cvmfs` in `packages` that could mount these",
            is_key=True,
        )
    if definition.system.packaging == "apt":
        for index, name in enumerate(packages):
            if name.startswith("@") or "*" in name:
                yield Finding(
                    ("packages", index), "APT has no groups or globs: expected a package name"
                )


def _files(definition: Definition) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for target in definition.files:
        path = ("files", target)
        plain = "/" + posixpath.normpath(target).lstrip("/")
        if target.endswith("/") or plain == "/":
            yield Finding(path, "expected the path of a file, not of a folder", is_key=True)
        elif "*" in target or "?" in target:
            yield Finding(path, "expected one path, without globs", is_key=True)
        elif plain in seen:
            yield Finding(
                path, "the same file twice", "remove one", other=("files", seen[plain]), is_key=True
            )
        elif plain != target:
            yield Finding(path, f"expected it written as {plain}", is_key=True)
        for folder in NOT_IN_AN_IMAGE:
            if plain == folder or plain.startswith(folder + "/"):
                hint = "have /etc/tmpfiles.d/NAME.conf make it" if "tmp" in folder else ""
                yield Finding(path, f"nothing below {folder} outlives a boot", hint, is_key=True)
        seen.setdefault(plain, target)
    for plain, target in seen.items():
        for above in _parents(plain):
            if above in seen:
                yield Finding(
                    ("files", target),
                    f"{above} is a file, so there can be none below it",
                    other=("files", seen[above]),
                    is_key=True,
                )


def _parents(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) != "/":
        yield path


def _users(definition: Definition) -> Iterator[Finding]:
    uids: dict[int, str] = {}
    for name, user in definition.users.items():
        if name == "root":
            yield Finding(("users", name), "root is there, and is locked", "remove it", is_key=True)
        if user.uid is not None and uids.setdefault(user.uid, name) != name:
            other = ("users", uids[user.uid], "uid")
            yield Finding(("users", name, "uid"), "another user has it", other=other)


def _disk(definition: Definition) -> Iterator[Finding]:
    disk, cluster = definition.disk, definition.qcow2.cluster
    if disk.esp + GIB > disk.size:
        needed = size(disk.esp + GIB)
        yield Finding(("disk", "size"), f"expected at least `esp` and 1 GiB: {needed}")
    for key in ("size", "esp"):
        if getattr(disk, key) % MIB:
            yield Finding(("disk", key), "expected a whole number of MiB")
    if not CLUSTERS[0] <= cluster <= CLUSTERS[1] or cluster & (cluster - 1):
        yield Finding(("qcow2", "cluster"), "expected a power of two from 512 bytes to 2 MiB")


def _room(definition: Definition) -> Iterator[Finding]:
    """Files of which it is known already that they do not fit on the disk."""
    sizes = {path: _size(file.source) for path, file in definition.files.items() if file.source}
    if sum(sizes.values()) > definition.disk.size - definition.disk.esp:
        largest = max(sizes, key=lambda path: sizes[path])
        yield Finding(
            ("files", largest),
            f"has {size(sizes[largest])}, and all `files` together {size(sum(sizes.values()))}: "
            f"more than the disk of {size(definition.disk.size)} holds",
            "make disk.size larger, or leave something out",
            is_key=True,
        )


def _size(file: File) -> int:
    """Bytes of a file, which is there or has a finding of its own."""
    try:
        return file.stat().st_size
    except (OSError, ValueError):
        return 0
