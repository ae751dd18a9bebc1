"""Package repositories as the image's own package manager reads them: pure text, no network.

apt: sources.list(5) in deb822 form, apt_preferences(5). dnf: dnf.conf(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol
from urllib.parse import urlsplit

from b2ct.image.model import Definition, Repository, System


class KeyFile(Protocol):
    """A keyring: its bytes, and `.asc` or `.gpg` by how they are written."""

    @property
    def data(self) -> bytes:
        """The keyring."""

    @property
    def suffix(self) -> str:
        """`.asc` for an armoured one, else `.gpg`."""


Keys = Mapping[str, Sequence[KeyFile]]
"""Repository name -> its keys, in the definition's order."""
Pins = Mapping[str, Sequence[str]]
"""Repository name -> what tells its packages from all others (apt_preferences(5), `Pin:`)."""
NO_PINS: Pins = MappingProxyType({})


@dataclass(frozen=True)
class RootFile:
    """A file of the image."""

    path: str
    """Absolute, in the image."""
    data: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


def addresses(definition: Definition) -> tuple[str, ...]:
    """All that a build may fetch: repositories, their mirrors, and keys."""
    return tuple(
        url
        for repository in definition.repositories.values()
        for url in (repository.url, *repository.mirrors, *(key.url for key in repository.keys))
        if url
    )


def kept(definition: Definition, keys: Keys, pins: Pins = NO_PINS) -> tuple[RootFile, ...]:
    """The repository files, keyrings and pins that stay in the image."""
    return configuration(definition, keys, pins, lambda repository: repository.keep)


def passing(definition: Definition, keys: Keys, pins: Pins = NO_PINS) -> tuple[RootFile, ...]:
    """Those that are there only while the image is made."""
    return configuration(definition, keys, pins, lambda repository: not repository.keep)


def configuration(
    definition: Definition,
    keys: Keys,
    pins: Pins = NO_PINS,
    wanted: Callable[[Repository], bool] = lambda _: True,
) -> tuple[RootFile, ...]:
    """The files of the repositories that are `wanted`."""
    writer = _WRITERS[definition.system.packaging]
    known = {**_by_host(definition), **pins}
    return tuple(
        file
        for name, repository in definition.repositories.items()
        if wanted(repository)
        for file in writer(
            name, repository, definition.system, keys.get(name, ()), known.get(name, ())
        )
    )


def _by_host(definition: Definition) -> dict[str, list[str]]:
    """Pins by the host, of repositories whose host no other one has: it would be pinned as well."""
    # A file: repository has no host, and a pin of the empty one would be that of any local package.
    hosts = {
        name: urlsplit(str(repository.url)).hostname or ""
        for name, repository in definition.repositories.items()
    }
    alone = [n for n, host in hosts.items() if host and list(hosts.values()).count(host) == 1]
    return {name: [f'origin "{hosts[name]}"'] for name in alone}


def _apt(
    name: str,
    repository: Repository,
    system: System,
    keys: Sequence[KeyFile],
    pins: Sequence[str],
) -> list[RootFile]:
    rings = _rings(name, keys, "/usr/share/keyrings")
    suites = repository.suites or ((system.suite,) if system.suite else ())
    flat = all(suite.endswith("/") for suite in suites)  # a repository without suites: a path
    lines = [
        "Types: deb",
        f"URIs: {repository.url}",
        f"Suites: {' '.join(suites)}",
        *([] if flat else [f"Components: {' '.join(repository.components)}"]),
        *([f"Signed-By: {' '.join(ring.path for ring in rings)}"] if rings else []),
    ]
    source = _text(f"/etc/apt/sources.list.d/b2ct-{name}.sources", lines)
    return [*rings, source, *_preferences(name, repository, pins)]


def _preferences(name: str, repository: Repository, pins: Sequence[str]) -> list[RootFile]:
    if not repository.packages or not pins:
        return []
    text = preferences(repository.packages, pins)
    return [RootFile(f"/etc/apt/preferences.d/b2ct-{name}", text.encode())]


def preferences(packages: Sequence[str], pins: Sequence[str]) -> str:
    """apt_preferences(5): nothing of a repository but these packages."""
    return "\n".join(
        f"Package: {names}\nPin: {pin}\nPin-Priority: {priority}\n"
        for pin in pins
        for names, priority in ((" ".join(packages), 500), ("*", -1))
    )


def _dnf(
    name: str,
    repository: Repository,
    system: System,
    keys: Sequence[KeyFile],
    pins: Sequence[str],  # noqa: ARG001 - a .repo file names the packages itself
) -> list[RootFile]:
    if repository.base:  # the distribution's release package brings its own files
        return []
    rings = _rings(name, keys, "/etc/pki/rpm-gpg")
    urls = " ".join(str(url) for url in (repository.url, *repository.mirrors))
    lines = [
        f"[{name}]",
        f"name={name} for {system.distribution} {system.release}",
        f"baseurl={urls}",
        "enabled=1",
        f"gpgcheck={int(bool(rings))}",
        *([f"gpgkey={' '.join('file://' + ring.path for ring in rings)}"] if rings else []),
        *([f"includepkgs={' '.join(repository.packages)}"] if repository.packages else []),
    ]
    return [*rings, _text(f"/etc/yum.repos.d/b2ct-{name}.repo", lines)]


def _rings(name: str, keys: Sequence[KeyFile], folder: str) -> list[RootFile]:
    return [
        RootFile(f"{folder}/b2ct-{name}{f'-{number}' if number else ''}{key.suffix}", key.data)
        for number, key in enumerate(keys)
    ]


def _text(path: str, lines: Sequence[str]) -> RootFile:
    return RootFile(path, ("\n".join(lines) + "\n").encode())


_WRITERS = {"apt": _apt, "rpm": _dnf}
