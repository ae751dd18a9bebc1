"""A DIRAC server's part in a process of its own: see program.py."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.dirac import venv

ROOT = Path(__file__).parents[2]
QUEUE = "one.b2ct.example.it_b2ct-worker"


class DiracServer:
    """DIRAC's own classes over a configuration; `log` has what they said."""

    def __init__(
        self, configuration: Path, folder: Path, queue: str = QUEUE, **environment: str
    ) -> None:
        self._queue = queue
        self._log = folder / "dirac.log"
        answers, writer = os.pipe()
        environment = {
            "HOME": str(folder), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "*", **environment,
        }  # fmt: skip
        program = Path(__file__).parent / "program.py"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [venv.python(), program, configuration, str(writer)], stdin=subprocess.PIPE,
                stdout=log, stderr=subprocess.STDOUT, pass_fds=[writer], env=environment,
                cwd=folder,
            )  # fmt: skip
        os.close(writer)
        self._answers = os.fdopen(answers)

    def __enter__(self) -> DiracServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._answers.close()
        self._process.wait(60)

    def __call__(self, do: str, *arguments: Any, queue: str = "") -> Any:
        """What the CE of a queue answers to a method; `queues`: what the resolver found."""
        assert self._process.stdin is not None
        command = {"do": do, "queue": queue or self._queue, "arguments": arguments}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._answers.readline()
        assert answer, self.log
        found = json.loads(answer)
        said = ", ".join(map(repr, arguments))
        print(f"DIRAC: {do}({said}) -> {json.dumps(found)}")  # shown when a test fails, or by -rP
        return found

    @property
    def log(self) -> str:
        """DIRAC's log so far."""
        return self._log.read_text(errors="replace")
