"""Packages that a site names and no repository has, found before anybody drives to a machine room.

Reads the metadata of yum repositories (repomd.xml and the primary and group files it lists, as
createrepo_c writes them) as streams: a repository of any size costs the memory of its names.
"""

from __future__ import annotations

import bz2
import difflib
import fnmatch
import gzip
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urljoin, urlsplit
from xml.parsers import expat

from b2ct.core import fetch, files
from b2ct.core.errors import B2ctError
from b2ct.kickstart.render import InstallSource, network_source
from b2ct.site import catalogue, mirrors
from b2ct.site.catalogue import Role
from b2ct.site.model import Site

LIMIT = 2 << 30
"""Bytes of unpacked metadata that are read at most: EL9's largest are a tenth of it."""
_CHUNK = 1 << 18
_LONGEST_NAME = 255  # of a file, so of a package


@dataclass(frozen=True)
class Unknown:
    """A name that no readable repository has, and those that it may have meant."""

    name: str
    suggestions: tuple[str, ...]

    def __str__(self) -> str:
        """One line for the user."""
        meant = f"; did you mean {' or '.join(self.suggestions)}?" if self.suggestions else ""
        return f"no repository has '{self.name}'{meant}"


@dataclass(frozen=True)
class Verdict:
    """What the repositories say. A name may still be in one that could not be read."""

    unknown: tuple[Unknown, ...]
    read: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]
    """(URL, why not)."""


@dataclass
class Names:
    """What repositories offer."""

    packages: set[str] = field(default_factory=set)
    provided: set[str] = field(default_factory=set)
    """Other names by which packages can be installed; only those that were asked for."""
    groups: set[str] = field(default_factory=set)


def wanted(site: Site, role: Role) -> tuple[str, ...]:
    """All package names of a role that this site decides: its own, OpenNebula's, the release's."""
    one = catalogue.opennebula(site.opennebula_version)
    row = catalogue.release(site.release.version)
    control = (*one.frontend, row.database[0]) if role is not Role.HYPERVISOR else ()
    node = (*one.node, *row.node_packages) if role is not Role.CONTROL else ()
    return tuple(dict.fromkeys((*site.packages.of(role), *control, *node)))


def repositories(site: Site, source: InstallSource | None = None) -> tuple[str, ...]:
    """Base URLs of all repositories that an installed machine of this site uses."""
    row = catalogue.release(site.release.version)
    media = catalogue.media(site.distribution, row.key)
    one = catalogue.opennebula(site.opennebula_version)
    source = source or network_source(site, row.key)
    found = [source.url, *(url for _, url in source.repositories)]
    found += [one.url for one in mirrors.further(site, row.key)] if site.release.mirror else []
    if not site.release.mirror:
        # What the installed system enables, and the installer does not need.
        found += [source.url.replace("/BaseOS/", "/CRB/")] if row.extra_repository == "crb" else []
    found.append(site.release.repositories.get("epel") or row.epel)
    found.append(
        site.opennebula.mirror
        or one.repository.format(
            family="RedHat" if media.distribution is catalogue.Distribution.RHEL else "AlmaLinux",
            major=row.major,
        )
    )
    return tuple(
        dict.fromkeys(
            url.replace("$basearch", "x86_64").replace("$releasever", str(row.major))
            for url in found
            if url
        )
    )


def check(names: Sequence[str], urls: Sequence[str]) -> Verdict:
    """Look names up in repositories, each an http(s) or file URL or a folder.

    A name is a package, something that a package provides, a pattern with `*`, `@group`, or any of
    these after `-` (to be left out, where a mistake would go unnoticed). A repository that cannot
    be read is reported in the verdict, and never makes a name unknown by itself.
    """
    asked = {name: name.removeprefix("-") for name in dict.fromkeys(names)}
    offered = Names()
    read: list[str] = []
    unread: list[tuple[str, str]] = []
    for url in urls:
        try:
            _read(url, offered, frozenset(asked.values()))
            read.append(url)
        except B2ctError as err:
            unread.append((url, err.message))
    unknown = (
        Unknown(name, _suggestions(bare, offered))
        for name, bare in asked.items()
        if read and not _has(offered, bare)
    )
    return Verdict(tuple(unknown), tuple(read), tuple(unread))


def _has(offered: Names, name: str) -> bool:
    if name.startswith("@"):
        return name.lstrip("@^") in offered.groups
    if "*" in name:
        return any(fnmatch.fnmatchcase(package, name) for package in offered.packages)
    return name in offered.packages or name in offered.provided


def _suggestions(name: str, offered: Names) -> tuple[str, ...]:
    prefix = "@" if name.startswith("@") else ""
    among = offered.groups if prefix else offered.packages
    close = difflib.get_close_matches(name.lstrip("@^"), sorted(among), n=2, cutoff=0.75)
    return tuple(prefix + found for found in close)


def _read(url: str, offered: Names, asked: frozenset[str]) -> None:
    """Add what one repository offers. Raises B2ctError when it cannot be read or is damaged."""
    base = url if "://" in url else Path(url).absolute().as_uri()
    base = base.rstrip("/") + "/"
    listed = _Repomd()
    _parse(_small(urljoin(base, "repodata/repomd.xml")), listed, url)
    if "primary" not in listed.files:
        raise B2ctError(f"{url} is no package repository: its repomd.xml lists no primary file")
    _parse_listed(base, listed.files["primary"], _Primary(offered, asked), url)
    groups = listed.files.get("group_gz") or listed.files.get("group")
    if groups and any(name.startswith("@") for name in asked):
        _parse_listed(base, groups, _Groups(offered), url)


@dataclass(frozen=True)
class _Listed:
    """A file that repomd.xml lists."""

    href: str
    sha256: str | None


def _small(url: str) -> Iterator[bytes]:
    if urlsplit(url).scheme == "file":
        with _opened(_local(url)) as stream:
            yield stream.read(1 << 20)
    else:
        yield fetch.get_bytes(url)


def _parse_listed(base: str, listed: _Listed, handler: _Handler, url: str) -> None:
    """Parse a listed file; one from the network is fetched whole first, and its digest checked."""
    place = urljoin(base, listed.href)
    if not place.startswith(base):
        raise B2ctError(f"{url} lists a file outside of itself: {listed.href}")
    if urlsplit(place).scheme == "file":
        path = _local(place)
        if listed.sha256 and path.is_file() and files.sha256(path) != listed.sha256:
            raise B2ctError(f"{path} is damaged: its SHA-256 is not the one in repomd.xml")
        _parse(_unpacked(path), handler, url)
        return
    with tempfile.TemporaryDirectory(prefix="b2ct-repodata-") as folder:
        path = Path(folder) / Path(urlsplit(place).path).name
        fetch.download(place, path, sha256=listed.sha256)
        _parse(_unpacked(path), handler, url)


def _local(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as err:
        raise files.explain(err, f"read {path}") from err


def _zstd(stream: BinaryIO) -> BinaryIO:
    import zstandard

    return cast("BinaryIO", zstandard.ZstdDecompressor().stream_reader(stream))


_Unpack = Callable[[BinaryIO], BinaryIO]
_UNPACK: dict[str, _Unpack] = {
    ".gz": lambda stream: cast("BinaryIO", gzip.GzipFile(fileobj=stream)),
    ".xz": cast("_Unpack", lzma.LZMAFile),
    ".bz2": cast("_Unpack", bz2.BZ2File),
    ".zst": _zstd,
}


def _unpacked(path: Path) -> Iterator[bytes]:
    """The unpacked bytes of a file, in pieces. Raises B2ctError for damage and beyond LIMIT."""
    total = 0
    with _opened(path) as raw:
        try:
            unpack = _UNPACK.get(path.suffix)
            stream = unpack(raw) if unpack else raw
            while piece := stream.read(_CHUNK):
                total += len(piece)
                if total > LIMIT:
                    raise B2ctError(f"{path.name} unpacks to more than {LIMIT >> 30} GiB")
                yield piece
        except (EOFError, OSError, lzma.LZMAError, ValueError, zlib.error) as err:
            raise B2ctError(f"{path.name} is damaged: {err}") from err
        except Exception as err:
            # zstandard is imported lazily, and its error derives from Exception alone.
            if type(err).__name__ != "ZstdError":
                raise
            raise B2ctError(f"{path.name} is damaged: {err}") from err


class _Handler:
    """Receives elements by their path of local names; gets the text of those it asked for."""

    def start(self, path: tuple[str, ...], attributes: dict[str, str]) -> bool:
        """An element begins; true if its text is wanted."""
        raise NotImplementedError

    def text(self, text: str) -> None:
        """The text of an element that was wanted."""


def _parse(pieces: Iterator[bytes], handler: _Handler, url: str) -> None:
    """Feed an XML stream to a handler.

    Repository metadata has no DOCTYPE; one is refused where it begins, so that no entity is ever
    declared, be it one that expands without end or one that names a file.
    """
    parser = expat.ParserCreate(namespace_separator="\x1f")
    path: list[str] = []
    text: list[str] = []
    wanted_text = False

    def doctype(*_: object) -> None:
        raise B2ctError(f"the metadata of {url} has a DOCTYPE, which no repository needs")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal wanted_text
        path.append(name.rpartition("\x1f")[2])
        if len(path) > 16:
            raise B2ctError(f"the metadata of {url} is nested too deeply")
        text.clear()
        wanted_text = handler.start(tuple(path), attributes)

    def data(piece: str) -> None:
        if wanted_text and sum(map(len, text)) <= _LONGEST_NAME:
            text.append(piece)

    def end(_: str) -> None:
        nonlocal wanted_text
        if wanted_text:
            handler.text("".join(text).strip())
        wanted_text = False
        path.pop()

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.CharacterDataHandler = data
    parser.EndElementHandler = end
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as err:
        raise B2ctError(f"the metadata of {url} is damaged: {err}") from err


class _Repomd(_Handler):
    """repomd.xml: which files there are."""

    def __init__(self) -> None:
        self.files: dict[str, _Listed] = {}
        self._kind = self._href = ""
        self._sha256: str | None = None

    def start(self, path: tuple[str, ...], attributes: dict[str, str]) -> bool:
        match path:
            case ("repomd", "data"):
                self._kind, self._href, self._sha256 = attributes.get("type", ""), "", None
            case ("repomd", "data", "location"):
                self._href = attributes.get("href", "")
                self._keep()
            case ("repomd", "data", "checksum"):
                return attributes.get("type") == "sha256"
        return False

    def text(self, text: str) -> None:
        self._sha256 = text.lower()
        self._keep()

    def _keep(self) -> None:
        if self._href:
            self.files[self._kind] = _Listed(self._href, self._sha256)


class _Primary(_Handler):
    """primary.xml: the names of packages, and what else they provide."""

    def __init__(self, names: Names, asked: frozenset[str]) -> None:
        self._names = names
        self._asked = asked

    def start(self, path: tuple[str, ...], attributes: dict[str, str]) -> bool:
        if path == ("metadata", "package", "format", "provides", "entry"):
            name = attributes.get("name", "")
            if name in self._asked:
                self._names.provided.add(name)
        return path == ("metadata", "package", "name")

    def text(self, text: str) -> None:
        if text and len(text) <= _LONGEST_NAME:
            self._names.packages.add(text)


class _Groups(_Handler):
    """comps.xml: groups and environments, by id and by name."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def start(self, path: tuple[str, ...], attributes: dict[str, str]) -> bool:
        translated = any(key.endswith("lang") for key in attributes)
        return (
            len(path) == 3
            and path[1] in {"group", "environment"}
            and path[2] in {"id", "name"}
            and not translated
        )

    def text(self, text: str) -> None:
        self._names.groups.add(text)
