"""Where OpenNebula is and as whom to speak to it, in the order of OpenNebula's own commands.

src/oca/ruby/opennebula/client.rb of the public sources looks for the address in the option,
ONE_XMLRPC, ~/.one/one_endpoint and /var/lib/one/.one/one_endpoint, and for the credentials in the
option, the file that ONE_AUTH names, ~/.one/one_auth and /var/lib/one/.one/one_auth. After these
comes the site (its control node, as oneadmin), and last OpenNebula's default, http://localhost.

Where the commands would silently go on (ONE_AUTH names no file), this refuses.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.core import console
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from ipaddress import IPv4Network
DEFAULT_URL = "http://localhost:2633/RPC2"
BY_DEFAULT = "OpenNebula's default"
"""Where that address comes from, in words."""
PORT = 2633
SYSTEM = Path("/var/lib/one/.one")
"""oneadmin's own files, on the front-end."""
LARGEST = 4096
"""Bytes of an auth or endpoint file: what is longer is another file given by mistake."""
OF_SITE = "the control node of site.yaml"
"""Where an address comes from that the user did not give."""
ADMIN_SECRET = "site.yaml (secrets.oneadmin_password)"  # noqa: S105 - a place
DIRAC_SECRET = "site.yaml (secrets.dirac_password)"  # noqa: S105 - a place
SITE_SECRETS = frozenset({ADMIN_SECRET, DIRAC_SECRET})
"""Where credentials come from that are the site's own."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
NONE_FOUND = "no credentials for OpenNebula were found"

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Endpoint:
    """Where the XML-RPC interface is, and as whom to speak to it."""

    url: str
    auth: str = field(repr=False)
    """`user:password` or `user:token`. Never print it."""
    ca_file: str = ""
    """A file of CA certificates instead of the usual ones; empty: REQUESTS_CA_BUNDLE or those."""
    proxy: str | None = field(default=None, repr=False)
    """A proxy's URL; empty: none; None: as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say."""
    url_from: str = "the caller"
    """Where the address comes from, in words."""
    auth_from: str = "the caller"
    """Where the credentials come from, in words."""

    @property
    def user(self) -> str:
        """The user's name."""
        return self.auth.partition(":")[0]

    @property
    def host(self) -> str:
        """The server's name, as messages show it."""
        return urlsplit(self.url).hostname or self.url

    @property
    def in_clear(self) -> bool:
        """The password crosses a network unprotected."""
        return urlsplit(self.url).scheme == "http" and self.host not in LOCAL

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return (self.auth, self.auth.partition(":")[2])


@dataclass(frozen=True)
class SiteAccess:
    """What site.yaml says of its control node; the password is looked up only when it is needed."""

    url: str
    password: Callable[[], str | None] = field(repr=False)
    """None: it was made on the control node, and is nowhere else."""
    control: str
    """How to reach the control node by SSH."""
    networks: tuple[IPv4Network, ...] = ()
    """The site's own."""
    made_there: bool = False
    """The control node made the password itself: `password` has none."""
    allow: Callable[[], None] = lambda: None
    """Asks whether the password may go to the server that site.yaml names. Raises B2ctError."""


class NoCredentialsError(B2ctError):
    """Nothing says as whom to speak to OpenNebula."""

    def __init__(self, message: str, *, hint: str, command: str = "") -> None:
        super().__init__(message, hint=hint)
        self.command = command
        """Fetches them; empty: no command does."""


def find(
    *,
    url: str | None = None,
    auth_file: Path | None = None,
    site: SiteAccess | None = None,
    ca_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    system: Path = SYSTEM,
    notice: Notice = console.note,
    approve: Callable[[Endpoint], None] = lambda _found: None,
) -> Endpoint:
    """The endpoint for these options, the environment, the home folder and the site.

    Raises B2ctError with the remedy when there are no credentials, or when a file that was named
    cannot be used. `notice` hears of a file that others in its group may read. `approve` may
    refuse where the credentials would go; a secret of site.yaml is looked up only after that.
    """
    env = os.environ if environ is None else environ
    home = Path(env["HOME"]) / ".one" if env.get("HOME") else None
    address, url_from = _address(url, env, (home, system), site)
    auth, auth_from = _credentials(auth_file, env, (home, system), site, notice)
    if ca_file is not None and not ca_file.is_file():
        raise B2ctError(
            f"there is no file {ca_file} with CA certificates",
            hint="name a PEM file, or leave the option out",
        )
    found = Endpoint(
        checked_url(address, url_from), auth, ca_file=str(ca_file or ""),
        url_from=url_from, auth_from=auth_from,
    )  # fmt: skip
    approve(found)
    if site and auth_from == ADMIN_SECRET:
        if (password := site.password()) is None:
            raise _none_found(home, site)
        return replace(found, auth=_auth(f"{found.auth}{password}", "secrets.oneadmin_password"))
    return found


def where(url: str | None, site: SiteAccess | None) -> tuple[str, str]:
    """The address alone, with where it comes from in words, as `find` looks for it.

    For whoever brings credentials of their own. Raises B2ctError for what is no address.
    """
    home = Path(os.environ["HOME"]) / ".one" if os.environ.get("HOME") else None
    address, url_from = _address(url, os.environ, (home, SYSTEM), site)
    return checked_url(address, url_from), url_from


def checked_url(url: str, url_from: str = "the caller") -> str:
    """The address of an XML-RPC interface, with /RPC2 where no path was given.

    Raises B2ctError for what is none.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        good = False
    if not good or any(not c.isprintable() or c.isspace() for c in text):
        raise B2ctError(
            f"{url_from}: this is no http or https URL",
            hint=f"give one such as {DEFAULT_URL.replace('localhost', 'frontend.example.org')} "
            "(gRPC is not spoken here)",
        )
    if parts.username is not None:
        raise B2ctError(
            f"{url_from}: the URL holds a user name or password",
            hint="put `user:password` into a file and name it with --auth or ONE_AUTH",
        )
    path = parts.path if parts.path.strip("/") else "/RPC2"
    return parts._replace(path=path, fragment="").geturl()


def _address(
    url: str | None,
    env: Mapping[str, str],
    folders: tuple[Path | None, Path],
    site: SiteAccess | None,
) -> tuple[str, str]:
    if url:
        return url, "the option --endpoint"
    if env.get("ONE_XMLRPC"):
        return env["ONE_XMLRPC"], "ONE_XMLRPC"
    for folder in folders:
        if folder and _there(folder / "one_endpoint"):
            path = folder / "one_endpoint"
            return _first_line(path, _read(path)), str(path)
    if site:
        return site.url, OF_SITE
    return DEFAULT_URL, BY_DEFAULT


def _credentials(
    auth_file: Path | None,
    env: Mapping[str, str],
    folders: tuple[Path | None, Path],
    site: SiteAccess | None,
    notice: Notice,
) -> tuple[str, str]:
    named = [(auth_file, "the option --auth")] if auth_file else []
    if env.get("ONE_AUTH"):
        named.append((Path(env["ONE_AUTH"]), "ONE_AUTH"))
    for path, origin in named:
        if not _there(path):
            raise B2ctError(
                f"{origin} names {path}, which is no file",
                hint="the file holds `user:password` on one line; correct the path",
            )
        return _from_file(path, notice), f"{path} ({origin})"
    for folder in folders:
        if folder and _there(folder / "one_auth"):
            return _from_file(folder / "one_auth", notice), str(folder / "one_auth")
    if site and not site.made_there:
        return "oneadmin:", ADMIN_SECRET
    raise _none_found(folders[0], site)


def _none_found(home: Path | None, site: SiteAccess | None) -> NoCredentialsError:
    home_file = (home or Path("~/.one")) / "one_auth"
    hint = (
        f"put `user:password` into {home_file} (mkdir -p {home_file.parent}; chmod 600), or name "
        "a file with --auth"
    )
    if site:
        command = (
            f"(umask 077; mkdir -p {home_file.parent}; ssh root@{site.control} cat "
            f"{SYSTEM}/one_auth > {home_file})"
        )
        hint = f"the control node made oneadmin's password itself: {command}"
        return NoCredentialsError(NONE_FOUND, hint=hint, command=command)
    return NoCredentialsError(NONE_FOUND, hint=hint)


def _there(path: Path) -> bool:
    """Whether the file is there for this user; who may not look into oneadmin's folder: no."""
    try:
        return path.expanduser().is_file()
    except OSError:
        return False


def _from_file(path: Path, notice: Notice) -> str:
    path = path.expanduser()
    _guard_mode(path, notice)
    return _auth(_first_line(path, _read(path)), str(path))


def _guard_mode(path: Path, notice: Notice) -> None:
    """As ssh does with private keys: what others may read or change is refused."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o026:
        who = "others may read" if mode & 0o004 else "others may change"
        raise B2ctError(
            f"{path} holds a password, and {who} it (mode {mode:04o})",
            hint=f"chmod 600 {path}, and change the password if somebody may have seen it",
        )
    if mode & 0o040:
        notice(f"warning: the group of {path} may read it: chmod 600 {path}")


def _read(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as err:
        raise B2ctError(
            f"cannot read {path}: {(err.strerror or str(err)).lower()}",
            hint="it must be readable for the user who runs this command",
        ) from None
    if len(raw) > LARGEST:
        raise B2ctError(f"{path} is larger than {LARGEST} bytes", hint="is this the right file?")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise B2ctError(f"{path} is not a text file", hint="is this the right file?") from None


def _first_line(path: Path, text: str) -> str:
    lines = text.rstrip().splitlines()
    if len(lines) != 1:
        raise B2ctError(
            f"{path} has {len(lines)} lines instead of one", hint="is this the right file?"
        )
    return lines[0].strip()


def _auth(text: str, origin: str) -> str:
    user, colon, password = text.partition(":")
    if not (user and colon and password) or not text.isprintable():
        raise B2ctError(
            f"{origin} does not hold `user:password`",
            hint="one line: the user's name, a colon, the password or a login token",
        )
    return text
