"""The proxy of an institute, which wants a password: a real squid; and servers on both sides of it.

Names below `outside.example.com` are known to the proxy alone, so that whoever reaches one of them
has asked the proxy.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.proxy import Inside, Proxy, with_user
from tests import squids

HELPER = Path("/usr/lib/squid/basic_ncsa_auth")
needs_proxy = pytest.mark.skipif(
    not (squids.SQUID and HELPER.exists()), reason="squid or its basic_ncsa_auth is not installed"
)
OUTSIDE = "mirror.outside.example.com"
USER, PASSWORD = "b2ct", """s:3 c@r%t/#$x+"'`"""
VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class Institute:
    """The running proxy."""

    port: int
    log: Path
    user: str
    password: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return with_user(self.url, self.user, self.password) if self.user else self.url

    def asked(self) -> list[str]:
        """What it was asked for and let through: method and URL."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return [f"{row[5]} {row[6]}" for row in rows if not row[3].endswith("/407")]

    def refused(self) -> int:
        """How often somebody came without the right password."""
        return self.log.read_text().count("/407 ")

    def chosen(self, password: str | None = None) -> Proxy:
        """As B2CT knows it."""
        return Proxy(
            self.url, Inside(), self.user, lambda: password or self.password, "`proxy` of site.yaml"
        )


@contextmanager
def institute(user: str = USER, password: str = PASSWORD) -> Iterator[Institute]:
    """Run the proxy; without a `user` it lets everybody through."""
    from passlib.hash import sha512_crypt

    with tempfile.TemporaryDirectory(prefix="b2ct-institute-") as name:
        Path(name).chmod(0o755)
        users = Path(name) / "users"
        users.write_text(f"{user}:{sha512_crypt.using(rounds=5000).hash(password)}\n")
        asks = (
            f"auth_param basic program {HELPER} {users}\n"
            "auth_param basic children 2\nauth_param basic realm institute\n"
            "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
        )
        text = f"http_port 3128\n{asks if user else 'http_access allow all'}\ncache deny all\n"
        with squids.running(text, names=OUTSIDE) as squid:
            yield Institute(squid.port, squid.log, user, password)


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine's own takes part."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


@dataclass
class Folder:
    """A web server over a folder, and the requests that it got: path and whether a proxy asked."""

    port: int
    asked: list[tuple[str, bool]]

    @property
    def outside(self) -> str:
        """Its address by the name that the proxy alone knows."""
        return f"http://{OUTSIDE}:{self.port}"

    @property
    def inside(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(folder: Path) -> Iterator[Folder]:
    """Serve a folder on loopback."""
    asked: list[tuple[str, bool]] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **how: Any) -> None:
            super().__init__(*args, directory=str(folder), **how)

        def do_GET(self) -> None:
            asked.append((self.path, "Via" in self.headers))
            super().do_GET()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield Folder(server.server_address[1], asked)
        server.shutdown()


def words_of_all() -> str:
    """The arguments of all processes of this machine, as any user may read them."""
    told = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            told.append(file.read_bytes().decode(errors="replace"))
    return "\n".join(told)
