"""The program, a site and a double of oned that it speaks to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.oned import OnedDouble

SITE = """\
site: {name: desy}
networks:
  vms: {cidr: 10.1.0.0/16, bridge: br20, vm_range: {first: 10.1.0.100, last: 10.1.9.200}}
squid: {external: ["http://squid.example.org:3128"]}
workers:
  b2ct-worker: {image: worker, memory: 1GiB}
"""


@dataclass(frozen=True)
class Cloud:
    """A double, the folder that the program runs in, and the one that oned reads."""

    double: OnedDouble
    folder: Path
    front_end: Path

    def b2ct(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """The program with the double's credentials in its environment."""
        return subprocess.run(
            [sys.executable, "-m", "b2ct", *map(str, words)],
            cwd=self.folder, env=self._environment(environment), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """The same, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "b2ct", *map(str, words)],
            cwd=self.folder, env=self._environment({}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        return {
            **os.environ, "ONE_XMLRPC": self.double.url, "HOME": str(self.folder),
            "ONE_AUTH": str(self.folder / "one_auth"), "XDG_CONFIG_HOME": str(self.folder),
            **more,
        }  # fmt: skip

    def site(self, text: str = SITE) -> None:
        (self.folder / "site.yaml").write_text(text)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    folder, front_end = tmp_path / "here", tmp_path / "there"
    folder.mkdir()
    front_end.mkdir()
    auth = folder / "one_auth"
    auth.write_text("oneadmin:opennebula\n")
    auth.chmod(0o600)
    with OnedDouble() as double:
        double.mount("/var/tmp", front_end)
        yield Cloud(double, folder, front_end)
