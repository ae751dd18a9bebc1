"""How an image's file comes to where oned can read it: what is decided before anything is sent.

oned's datastore drivers copy from a path on the front-end or fetch a URL. A path must be outside
the datastore's RESTRICTED_DIRS, or in SAFE_DIRS (remotes/datastore/libfs.sh of the public
sources, `is_restricted`).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from b2ct.core.errors import B2ctError
from b2ct.one.endpoint import LOCAL, Endpoint
from b2ct.one.objects.storage import Datastore
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from b2ct.ssh.server import USER, Server

FOLDER = "/var/tmp"  # noqa: S108 - SAFE_DIRS of a datastore as OpenNebula makes it
ALWAYS_RESTRICTED = ("/var/lib/one", "/etc/one")
_SSH = re.compile(
    r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9._-]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True)
class Upload:
    """To be copied over SFTP."""

    server: Server
    path: str
    """On the front-end."""


@dataclass(frozen=True)
class There:
    """A path or URL that the front-end reads itself."""

    path: str


Delivery = Upload | There


def server_of(
    ssh: str | None,
    endpoint: Endpoint,
    site: Site | None = None,
    *,
    known_hosts: Path | None = None,
    identity: Path | None = None,
) -> Server:
    """The front-end as an SSH server: `[user@]host[:port]`, else the host of the endpoint.

    The key of site.yaml's control node is pinned where the host is that node. Raises B2ctError
    for what is no such address, and when the endpoint is this machine and nothing else is said.
    """
    user, host, port = _address(ssh, endpoint)
    if identity is not None and not identity.expanduser().is_file():
        raise B2ctError(f"there is no private key {identity}", hint="correct --identity")
    if known_hosts is not None and not known_hosts.expanduser().is_file():
        raise B2ctError(f"there is no file {known_hosts}", hint="correct --known-hosts")
    files = (known_hosts,) if known_hosts else _usual_known_hosts()
    return Server(
        host, user, port,
        host_key="" if known_hosts else _pinned(site, host),
        known_hosts=tuple(file.expanduser() for file in files),
        identity=identity.expanduser() if identity else None,
    )  # fmt: skip


def _address(ssh: str | None, endpoint: Endpoint) -> tuple[str, str, int]:
    if ssh is None:
        if endpoint.host in LOCAL:
            raise B2ctError(
                f"the endpoint is {endpoint.url}: is this machine the front-end, or does a tunnel "
                "lead there?",
                hint="on the front-end itself name the file with --path; through a tunnel name the "
                "front-end with --ssh HOST",
            )
        return USER, endpoint.host, 22
    found = _SSH.fullmatch(ssh)
    port = int(found["port"] or 22) if found else 0
    if not found or not 0 < port < 65536 or ssh.startswith("-"):
        raise B2ctError(
            f"--ssh {ssh!r} is no address", hint="give [USER@]HOST[:PORT], such as one.example.org"
        )
    return found["user"] or USER, found["six"] or found["host"], port


def _pinned(site: Site | None, host: str) -> str:
    """The key in site.yaml of the control node that has this address or name."""
    for node in site.with_role(Role.CONTROL, Role.SINGLE) if site else ():
        domain = site.site.domain if site else None
        names = {node.name, f"{node.name}.{domain}", node.address}
        if node.host_key and host in names:
            return " ".join(node.host_key.split()[:2])
    return ""


def _usual_known_hosts() -> tuple[Path, ...]:
    return Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True)
class Source:
    """What a user says about the way of the file; None: not said."""

    path: str | None = None
    url: str | None = None
    ssh: str | None = None
    folder: str | None = None
    known_hosts: Path | None = None
    identity: Path | None = None

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
    server = server_of(
        source.ssh, endpoint, site, known_hosts=source.known_hosts, identity=source.identity
    )
    place = source.folder or next(iter(_folders(datastore, "SAFE_DIRS")), FOLDER)
    target = posixpath.join(place, f"b2ct-{_plain(name)}-{sha256[:16]}.qcow2")
    return Upload(server, checked_path(target, datastore))


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
