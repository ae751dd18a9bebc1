"""The program, a site and a double of oned that it speaks to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.shop import a_qcow2

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


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "opennebula" not in done.stdout + done.stderr, "the password"
    return done.stdout


def assert_without_remarks(done: subprocess.CompletedProcess[str], *expected: str) -> None:
    """A refusal below remarks about the file."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("b2ct: ")]
    assert len(lines) == 2, done.stderr
    for text in expected:
        assert text in done.stderr


def an_image(cloud: Cloud, mark: bytes = b"first", name: str = "worker") -> Path:
    image = a_qcow2(cloud.folder / f"{name}.qcow2", mark=mark)
    shutil.copy(image, cloud.front_end / image.name)
    return image


def wait_until(found: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.05)
