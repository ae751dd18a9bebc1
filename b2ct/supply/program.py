"""B2CT for the control node: its wheel and those it needs, as one tar that needs no network.

What B2CT needs is fixed by `control.lock` beside this file: versions with the hashes of PyPI.
pip fetches it (so its index and certificate settings count, and its proxy where B2CT knows none)
and refuses what has another
hash; pip on the control node compares once more.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from b2ct.core import files, proxy
from b2ct.core.console import note
from b2ct.core.data import cache_folder
from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, find_tool, run
from b2ct.supply import wheel

LOCK = Path(__file__).with_name("control.lock")
FOLDER = "b2ct"
"""Of a medium, and of the tar."""
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""EL8 has glibc 2.28; later releases run what it runs (PEP 600)."""
_SIZE = 34 * 2**20
"""Bytes of the tar, about."""
_DEADLINE = 1800.0
"""Seconds for 21 MB on a slow line."""
_WITHOUT = "`--without-b2ct` leaves it out: then unused VMs stay until you install it by hand"


@dataclass(frozen=True)
class Program:
    """B2CT, ready for a control node."""

    python: str
    """The version that it is for, such as `3.11`."""
    version: str
    identity: str
    """SHA-256 of B2CT's own files."""
    tar: bytes

    @property
    def path(self) -> str:
        """Where it is on a medium."""
        return f"/{FOLDER}/{file_name(self.python)}"

    @property
    def summary(self) -> str:
        """For the person who makes a medium."""
        return (
            f"B2CT {self.version} ({self.identity[:12]}) for the control node's Python"
            f" {self.python}, {len(self.tar) / 2**20:.0f} MiB"
        )


def file_name(python: str) -> str:
    """Of the tar for that Python."""
    return f"b2ct-py{python}.tar"


def obtain(python: str, offline: bool = False) -> Program:
    """B2CT and all it needs for CPython `python` on x86_64.

    What was fetched before is taken from the cache. Raises B2ctError where something is missing
    and cannot be fetched, or has another hash than the lock says.
    """
    found = _wheels(python, offline=offline)
    own = wheel.make()
    version, identity = metadata.version("b2ct"), wheel.identity()
    about = f"version={version}\nidentity={identity}\npython={python}\n"
    locked = f"{LOCK.read_text()}b2ct=={version} --hash=sha256:{_digest(own)}\n"
    contents: dict[str, bytes | Path] = {f"wheels/{path.name}": path for path in found}
    contents |= {"about": about.encode(), "requirements.txt": locked.encode()}
    contents[f"wheels/{wheel.name()}"] = own
    return Program(python, version, identity, _tar(contents))


def expected(python: str) -> Program:
    """What `obtain` would bring, for who only asks: zeros of its size; nothing is fetched."""
    return Program(python, metadata.version("b2ct"), wheel.identity(), bytes(_SIZE))


def _wheels(python: str, *, offline: bool) -> list[Path]:
    """The wheels that the lock names, from the cache or fetched into it."""
    folder = cache_folder() / "program" / f"py{python}-{_digest(LOCK.read_bytes())[:12]}"
    found = _whole(folder)
    if found is not None:
        return found
    if offline:
        raise B2ctError(
            f"B2CT for the control node's Python {python} has not been fetched yet",
            hint=f"run this once without --offline; {_WITHOUT}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process takes what the first one fetches
        found = _whole(folder)
        if found is None:
            _fetch(python, folder)
            found = _whole(folder)
    if found is None:
        raise B2ctError(f"what pip left in {folder} is not whole", hint=f"remove it; {_WITHOUT}")
    return found


def _whole(folder: Path) -> list[Path] | None:
    """The wheels of the lock, each compared with its hash; None: not all are there."""
    allowed = dict(_requirements())
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.whl")) if folder.is_dir() else ():
        name = re.sub(r"[-_.]+", "-", path.name.partition("-")[0]).lower()
        if files.sha256(path) in allowed.get(name, ()):
            found[name] = path
    return list(found.values()) if found.keys() == allowed.keys() else None


def _requirements() -> Iterator[tuple[str, set[str]]]:
    """Each package of the lock, and the hashes that it may have."""
    logical = LOCK.read_text().replace("\\\n", " ")
    for line in logical.splitlines():
        name = re.match(r"[A-Za-z0-9._-]+(?===)", line)
        if name:
            hashes = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
            yield re.sub(r"[-_.]+", "-", name[0]).lower(), hashes


def _fetch(python: str, folder: Path) -> None:
    """Have pip fetch what the lock names; what is there already is not fetched again."""
    note(f"fetching what B2CT needs on the control node (21 MB, once for Python {python})")
    words = [
        *(*_pip(), "--disable-pip-version-check", "--no-input", "download"),
        *("--quiet", "--no-deps", "--require-hashes", *target(python)),
        *("--requirement", str(LOCK), "--dest", str(folder)),
    ]
    try:
        run(words, timeout=_DEADLINE, env=proxy.environment())
    except CommandError as err:
        raise B2ctError(
            f"B2CT's packages for the control node could not be fetched: {err.message}",
            hint="pip's own settings (pip.conf, PIP_INDEX_URL, https_proxy) are honoured; "
            + _WITHOUT,
        ) from err


def target(python: str) -> list[str]:
    """Words for pip: wheels for CPython `python` on x86_64, whatever Python runs pip."""
    words = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    return [*words, *(f"--platform={name}" for name in _PLATFORMS)]


def _pip() -> list[str]:
    """pip, as it is called here. What a package of a distribution installed has none of its own."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    own = f"pip{sys.version_info.major}.{sys.version_info.minor}"
    for name in (own, "pip3", "pip"):
        if find_tool(name):
            return [name]
    raise B2ctError(
        "pip, which fetches B2CT's packages for the control node, is not installed",
        hint=f"install python3-pip (or python{own[3:]}-pip); {_WITHOUT}",
    )


def _tar(contents: dict[str, bytes | Path]) -> bytes:
    """A tar of regular files, the same for the same contents."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(contents.items()):
            data = content if isinstance(content, bytes) else content.read_bytes()
            entry = tarfile.TarInfo(f"{FOLDER}/{path}")
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
