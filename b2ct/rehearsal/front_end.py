"""The double of oned on this computer, with credentials in a file, for a person to practise on."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.rehearsal.oned import Clock, OnedDouble
from b2ct.rehearsal.oned.releases import RELEASES

DEFAULT = "6.10"
PORT = 2633
"""oned's own."""
SPEED = 10.0
"""What takes a server ten seconds takes the double one."""
VERSIONS = tuple(RELEASES)


@dataclass(frozen=True)
class FrontEnd:
    """An OpenNebula to practise on."""

    url: str
    auth: Path
    """A file with oneadmin's name and password, readable by its owner alone."""


@contextmanager
def front_end(*, release: str = DEFAULT, port: int = PORT, hosts: int = 0) -> Iterator[FrontEnd]:
    """Run it on loopback while the block lasts; `port` 0: any. It keeps all in memory.

    Raises B2ctError when the port is taken.
    """
    password = secrets.token_urlsafe(12)
    double = OnedDouble(release=release, password=password, clock=Clock(scale=SPEED), port=port)
    try:
        double.start()
    except OSError as err:
        raise B2ctError(
            f"port {port} of 127.0.0.1 cannot be taken: {(err.strerror or str(err)).lower()}",
            hint="is an OpenNebula running here? --port names another one, 0 any that is free",
        ) from err
    try:
        for number in range(1, hosts + 1):
            double.add_host(f"hv{number:02d}")
        with tempfile.TemporaryDirectory(prefix="b2ct-oned-") as folder:
            auth = Path(folder) / "one_auth"
            files.write(auth, f"{double.auth}\n", mode=0o600)
            yield FrontEnd(double.url, auth)
    finally:
        double.stop()
