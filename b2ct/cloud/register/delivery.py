"""How an image's file comes to where oned can read it: what is decided before anything is sent.

oned's datastore drivers copy from a path on the front-end or fetch a URL. A path must be outside
the datastore's RESTRICTED_DIRS, or in SAFE_DIRS (remotes/datastore/libfs.sh of the public
sources, `is_restricted`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.core.errors import B2ctError
from b2ct.one.endpoint import LOCAL, Endpoint
from b2ct.one.objects.storage import Datastore
from b2ct.site import places
from b2ct.site.model import Site
from b2ct.ssh.target import Target
from b2ct.ssh.ways import Ways, Wishes
from b2ct.ssh.words import Words

if TYPE_CHECKING:
    from b2ct.ssh.sftp import Line

FOLDER = "/var/tmp"  # noqa: S108 - SAFE_DIRS of a datastore as OpenNebula makes it
CONNECT = 20.0
"""Seconds for the front-end to let us in."""
WORDS = Words(
    user="--ssh USER@HOST logs in as another",
    port="--ssh HOST:PORT names another port",
    accept="--known-hosts names a file that has it",
)
ALWAYS_RESTRICTED = ("/var/lib/one", "/etc/one")
_SSH = re.compile(
    r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9._-]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True)
class Upload:
    """To be copied over SFTP."""

    target: Target
    path: str
    """On the front-end."""
    known_hosts: Path | None = None
    """Instead of the usual ones."""
    identity: Path | None = None
    """A private key, besides those of the agent and of ~/.ssh."""

    @contextmanager
    def line(self) -> Iterator[Line]:
        """The way there, while the block lasts. Raises B2ctError for a key that cannot be read."""
        from b2ct.ssh.door import Door, Times
        from b2ct.ssh.hostkeys import HostKeys
        from b2ct.ssh.sftp import Line

        keys = HostKeys((self.known_hosts,) if self.known_hosts else (), words=WORDS)
        times = Times(connect=CONNECT)
        door = Door(keys, identity=self.identity, times=times, again=True, words=WORDS)
        try:
            yield Line(door, self.target)
        finally:
            door.close()


@dataclass(frozen=True)
class There:
    """A path or URL that the front-end reads itself."""

    path: str


Delivery = Upload | There


def _target(source: Source, endpoint: Endpoint, site: Site | None) -> Target:
    """The front-end: `[user@]host[:port]` or an alias, else the host of the endpoint.

    A machine of the site must show the key of site.yaml, unless --known-hosts says. Raises
    B2ctError for what is no such address, and when the endpoint is this machine and nothing else
    is said.
    """
    for option, path, what in (
        ("--identity", source.identity, "private key"),
        ("--known-hosts", source.known_hosts, "file"),
    ):
        if path is not None and not path.expanduser().is_file():
            raise B2ctError(f"there is no {what} {path}", hint=f"correct {option}")
    user, host, port = _address(source.ssh, endpoint)
    known = places.places(site) if site and not source.known_hosts else ()
    wishes = Wishes(jump=source.jump or "", ssh_config=source.ssh_config)
    return Ways(known, wishes, WORDS).at(host, user, port)


def _address(ssh: str | None, endpoint: Endpoint) -> tuple[str | None, str, int | None]:
    if ssh is None:
        if endpoint.host in LOCAL:
            raise B2ctError(
                f"the endpoint is {endpoint.url}: is this machine the front-end, or does a tunnel "
                "lead there?",
                hint="on the front-end itself name the file with --path; through a tunnel name the "
                "front-end with --ssh HOST",
            )
        return None, endpoint.host, None
    found = _SSH.fullmatch(ssh)
    port = int(found["port"]) if found and found["port"] else None
    if not found or port == 0 or (port or 1) > 65535 or ssh.startswith("-"):
        raise B2ctError(
            f"--ssh {ssh!r} is no address", hint="give [USER@]HOST[:PORT], such as one.example.org"
        )
    return found["user"], found["six"] or found["host"], port


@dataclass(frozen=True)
class Source:
    """What a user says about the way of the file; None: not said."""

    path: str | None = None
    url: str | None = None
    ssh: str | None = None
    folder: str | None = None
    known_hosts: Path | None = None
    identity: Path | None = None
    jump: str | None = None
    ssh_config: Path | None = None

    def check(self) -> None:
        """Raise B2ctError for what contradicts itself."""
        said = [
            option
            for option, value in (("--path", self.path), ("--url", self.url), ("--ssh", self.ssh))
            if value is not None
        ]
        if len(said) > 1:
            raise B2ctError(f"{' and '.join(said)} are several ways", hint="give one of them")
        if self.folder is not None and (self.path or self.url):
            raise B2ctError(f"--folder says nothing beside {said[0]}", hint="leave one of them out")


def plan(
    source: Source,
    *,
    endpoint: Endpoint,
    site: Site | None,
    datastore: Datastore,
    name: str,
    sha256: str,
) -> Delivery:
    """How the file comes to the front-end: a path or URL that was given, else an upload.

    The name of an uploaded file says its content, so that an interrupted upload is only ever
    continued by the same one. Raises B2ctError, before anything is sent.
    """
    source.check()
    if source.url is not None:
        return There(checked_url(source.url))
    if source.path is not None:
        return There(checked_path(source.path, datastore))
    way = _target(source, endpoint, site)
    place = source.folder or next(iter(_folders(datastore, "SAFE_DIRS")), FOLDER)
    target = posixpath.join(place, f"b2ct-{_plain(name)}-{sha256[:16]}.qcow2")
    return Upload(way, checked_path(target, datastore), source.known_hosts, source.identity)


def checked_url(url: str) -> str:
    """What the front-end's downloader fetches. Raises B2ctError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or not url.isprintable() or re.search(r"[\s'\"\\`$]", url):
        raise B2ctError(
            f"--url {url!r} is nothing that a front-end fetches",
            hint="give an http or https URL without blanks and quotes",
        )
    if parts.username is not None:
        raise B2ctError(
            "--url holds a user name or password, which everybody sees who may list images",
            hint="serve the file without one, or leave --url out: the file is then copied over SSH",
        )
    return url


def checked_path(path: str, datastore: Datastore) -> str:
    """A path that the datastore's driver may read. Raises B2ctError."""
    if not path.startswith("/") or posixpath.normpath(path) != path:
        raise B2ctError(
            f"{path!r} is no absolute path on the front-end", hint="write it in full, without .."
        )
    if not path.isprintable() or re.search(r"[\s'\"\\`$|&;<>*?]", path):
        raise B2ctError(
            f"{path!r} holds characters that OpenNebula's drivers do not survive",
            hint="use letters, digits and ._-/",
        )
    safe = _folders(datastore, "SAFE_DIRS")
    restricted = (*ALWAYS_RESTRICTED, *_folders(datastore, "RESTRICTED_DIRS"))
    if any(_inside(path, one) for one in restricted) and not any(
        _inside(path, one) for one in safe
    ):
        where = " ".join(safe) or FOLDER
        raise B2ctError(
            f"datastore {datastore.name!r} may not read {path}",
            hint=f"put the file into {where}, or add its folder to SAFE_DIRS of the datastore "
            f"(`onedatastore update {datastore.id}`)",
        )
    return path


def _folders(datastore: Datastore, name: str) -> tuple[str, ...]:
    """A list of folders of a datastore's template; the variables in it are not ours to know."""
    return tuple(one for one in datastore.template.text(name).split() if one.startswith("/"))


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip(".-") or "image"
