"""What this computer has of the tools that B2CT works with, and what it lacks."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from b2ct.core import data, hosttools
from b2ct.firmware.accel import CPUINFO, virtualizes

KVM = Path("/dev/kvm")


@dataclass(frozen=True)
class Diagnosis:
    """What was found on this host."""

    host: hosttools.Host
    tools: tuple[tuple[hosttools.Tool, str | None], ...]
    """Each tool that was asked for, and where it is."""
    essential: tuple[str, ...]
    """The uses whose tools must be there."""
    kvm: str
    cache: Path
    cache_free: int
    """Bytes."""
    linter: bool
    """pykickstart is installed."""

    @property
    def missing(self) -> list[hosttools.Tool]:
        """Tools that are not there."""
        return [tool for tool, path in self.tools if path is None]

    @property
    def sick(self) -> bool:
        """An essential tool is missing."""
        return any(tool.use in self.essential for tool in self.missing)

    @property
    def install(self) -> str:
        """The line that installs what is missing."""
        return hosttools.install_line(self.host, self.missing, as_root=os.geteuid() == 0)

    def as_json(self) -> dict[str, Any]:
        """The diagnosis for programs."""
        return {
            "distribution": self.host.title,
            "python": platform.python_version(),
            "kvm": self.kvm,
            "cache": {"folder": str(self.cache), "free_bytes": self.cache_free},
            "pykickstart": self.linter,
            "tools": [
                {
                    "name": tool.name,
                    "use": tool.use,
                    "needed": tool.use in self.essential,
                    "path": path,
                    "package": tool.packages.get(self.host.family),
                }
                for tool, path in self.tools
            ],
            "missing": [tool.name for tool in self.missing],
            "install": self.install,
            "ok": not self.sick,
        }

    def as_text(self) -> str:
        """The diagnosis for people."""
        lines = [f"{self.host.title}, Python {platform.python_version()} ({sys.executable})"]
        for use in dict.fromkeys(tool.use for tool, _ in self.tools):
            needed = "" if use in self.essential else "  (optional)"
            lines += ["", f"{_TITLES.get(use, f'b2ct {use}')}{needed}"]
            rows = [(tool, path) for tool, path in self.tools if tool.use == use]
            lines += [f"  {'ok     ' if p else 'MISSING'} {t.name:18} {p or ''}" for t, p in rows]
        linter = "ok      " if self.linter else "absent  "
        lines += [
            "",
            "this machine",
            f"  {linter}pykickstart         `b2ct kickstart --lint`"
            + ("" if self.linter else ": pip install pykickstart"),
            f"  kvm     {self.kvm}",
            f"  cache   {self.cache}, {self.cache_free / 2**30:.1f} GiB free",
            "",
            *self._remedy(),
        ]
        return "\n".join(lines)

    def _remedy(self) -> list[str]:
        if not self.missing:
            return ["nothing is missing"]
        if self.install:
            return ["install what is missing:", f"  {self.install}"]
        names = ", ".join(tool.name for tool in self.missing)
        return [f"the packages of {self.host.title} are not known here; install: {names}"]


_TITLES = {"test": "the project's own tests and benchmarks"}


def diagnose(verbs: tuple[str, ...] = ()) -> Diagnosis:
    """Look at this host."""
    wanted = verbs or hosttools.uses()
    cache = data.cache_folder()
    there = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    return Diagnosis(
        host=hosttools.this_host(),
        tools=tuple((t, t.path()) for t in hosttools.tools() if t.use in wanted),
        essential=verbs or hosttools.ESSENTIAL,
        kvm=_kvm(),
        cache=cache,
        cache_free=shutil.disk_usage(there).free,
        linter=importlib.util.find_spec("pykickstart") is not None,
    )


def _kvm() -> str:
    slow = "`b2ct boot` emulates the processor, which works and takes longer"
    if not KVM.exists():
        return f"absent: {slow}"
    try:
        os.close(os.open(KVM, os.O_RDWR))
    except OSError as err:
        return f"{KVM}: {(err.strerror or str(err)).lower()}; join the group kvm, else {slow}"
    # Some virtual machines show a device that cannot run guests: the processor's flags tell.
    if not virtualizes(CPUINFO):
        return f"{KVM} is there, but the processor has neither vmx nor svm: {slow}"
    return f"{KVM} is usable"
