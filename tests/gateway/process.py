"""A gateway in a process of its own, as the service runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

USER = "dirac"
PASSWORD = "pilot-secret"
SESSION = f"{USER}:{PASSWORD}"


class Running:
    """A gateway that listens."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: Path, tls: bool) -> None:
        self.process = process
        self.port = port
        self.log = folder / "stderr"
        self.audit = folder / "audit.log"
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/RPC2"

    def call(self, method: str, *values: Any, session: str = SESSION) -> list[Any]:
        """One call over a connection of its own: oned's array of values."""
        with xmlrpc.client.ServerProxy(self.url) as proxy:
            answer: Any = getattr(proxy, method)(session, *values)
        return list(answer)

    def records(self) -> list[dict[str, Any]]:
        """The audit log, without the lines about the gateway itself."""
        lines = [json.loads(line) for line in self.audit.read_text().splitlines()]
        return [line for line in lines if "event" not in line]

    def memory(self, what: str = "VmRSS") -> float:
        """Resident memory in MiB; `VmHWM` is the most that it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (kib,) = re.findall(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)
        return int(kib) / 1024

    def end(self) -> int:
        """End it as systemd does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def running(folder: Path, oned: str, *, tls: bool = False, **settings: Any) -> Iterator[Running]:
    """A gateway for the user `dirac`, until the end of the block."""
    made = {
        "user": USER, "listen": "127.0.0.1:0", "oned": oned, "audit": str(folder / "audit.log"),
        **settings,
    }  # fmt: skip
    config = folder / "gateway.yaml"
    config.write_text(yaml.safe_dump(made))
    log = folder / "stderr"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "b2ct", "gateway", "--config", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        yield Running(process, _port(process, log), folder, tls)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"listening on .*:(\d+)\n", log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"the gateway does not listen: {log.read_text()}")
