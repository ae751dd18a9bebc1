"""OpenNebula's client on the control node's oned, through the control node's ssh connection.

Address and credentials are those of oneadmin's own commands on that node; they are kept in memory,
and no port of oned has to be open to the machine that validates.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.core.errors import B2ctError
from b2ct.one.endpoint import DEFAULT_URL, SYSTEM, Endpoint, checked_url
from b2ct.ssh.answer import Asked
from b2ct.ssh.tunnel import Opener, forwarded

if TYPE_CHECKING:
    from b2ct.one.client import Client


class Cloud:
    """Makes the client when the first check wants it."""

    def __init__(
        self, asked: Asked, *, learn: Callable[[str], object], notice: Callable[[str], None]
    ) -> None:
        """`asked` is the control node; `learn` hears the password, so that nobody shows it."""
        self._asked = asked
        self._learn = learn
        self._notice = notice
        self._client: Client | None = None
        self._stack = ExitStack()

    def client(self) -> Client:
        """The client. Raises B2ctError."""
        if self._client is None:
            self._client = self._made()
        return self._client

    def close(self) -> None:
        """Close the tunnel."""
        self._client = None
        self._stack.close()

    def _made(self) -> Client:
        from b2ct.one.client import Client

        auth = self._read("one_auth")
        if not auth:
            raise B2ctError(
                f"{self._asked.name} has no {SYSTEM}/one_auth",
                hint=f"ssh root@{self._asked.name} systemctl start opennebula, which makes it",
            )
        for secret in (auth, auth.partition(":")[2]):
            self._learn(secret)
        url = checked_url(self._read("one_endpoint") or DEFAULT_URL, f"{SYSTEM}/one_endpoint")
        tunnel: Opener | None = getattr(self._asked, "tunnel", None)
        if tunnel is not None:  # else this is the control node itself
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            here = self._stack.enter_context(forwarded(tunnel, parts.hostname or "localhost", port))
            url = parts._replace(netloc=f"127.0.0.1:{here}").geturl()
        endpoint = Endpoint(url, auth, proxy="", url_from=f"{self._asked.name}, over ssh")
        return Client(endpoint, notice=self._notice)

    def _read(self, name: str) -> str:
        path = shlex.quote(f"{SYSTEM}/{name}")
        answer = self._asked.run(f"head -c 4096 {path} 2>/dev/null")
        return answer.stdout.decode(errors="replace").strip()
