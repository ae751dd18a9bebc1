"""Where an image is made: in memory when there is enough of it, else in a folder on a disk.

Making a root file system is a hundred thousand small writes: a tmpfs takes a third of the time. The
one in memory is mounted in the build's own mount namespace, so that it vanishes with the build,
however that ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain

GIB = 2**30
ENOUGH = 4 * GIB
"""What a build may need at its peak: the tree, an archive of it, the disk and the image."""
_PREFIX = "b2ct-image-"


@dataclass(frozen=True)
class Scratch:
    """The place that was chosen."""

    parent: Path
    memory: int
    """Bytes that a tmpfs of its own may take; 0: it works in the folder."""
    why: str

    def described(self) -> str:
        """For the user."""
        place = "in memory" if self.memory else f"in {self.parent}"
        return f"working {place} ({self.why})"


def choose(wanted: Path | None, default: Path, free: int | None = None) -> Scratch:
    """The folder that is `wanted`; else memory, when there is enough; else below `default`.

    `free` is the free memory in bytes; left out, this host's. Raises B2ctError when `wanted` is not
    a folder that can be written.
    """
    if wanted is not None:
        if not wanted.is_dir() or not os.access(wanted, os.W_OK | os.X_OK):
            raise B2ctError(
                f"--scratch {wanted} is not a folder that you may write to",
                hint="create it, or leave the option out",
            )
        return Scratch(wanted.absolute(), 0, "as you asked")
    memory = free_memory() if free is None else free
    if memory > ENOUGH:
        return Scratch(default, memory * 4 // 5, f"{memory / GIB:.0f} GiB are free")
    why = f"only {memory / GIB:.1f} GiB of memory are free, {ENOUGH // GIB} are needed; slower"
    return Scratch(default, 0, why)


def free_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that are available to us: of the host, and of our control group."""
    text = _read(proc / "meminfo")
    found = re.search(r"^MemAvailable: +(\d+) kB$", text, re.MULTILINE)
    available = int(found[1]) * 1024 if found else 0
    group = re.search(r"^0::/(.*)$", _read(proc / "self/cgroup"), re.MULTILINE)
    folder = cgroup / (group[1] if group else "")
    for place in (folder, *folder.parents):  # the narrowest limit holds
        if place == cgroup.parent:
            break
        limit, used = (_read(place / f"memory.{name}").strip() for name in ("max", "current"))
        if limit.isdigit() and used.isdigit():
            available = min(available, max(0, int(limit) - int(used)))
    return available


@contextmanager
def claimed(parent: Path, remove: Callable[[Path], None], prefix: str = _PREFIX) -> Iterator[Path]:
    """A new folder below `parent`, that `remove` removes at the end.

    Folders that killed builds have left there are removed first. Raises B2ctError when `parent`
    cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with _opened(parent) as alone:
            # A folder that is made but not held yet would be swept by another build.
            fcntl.flock(alone, fcntl.LOCK_EX)
            _sweep(parent, remove, prefix)
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as err:
        raise explain(err, f"make a folder in {parent}") from err
    try:
        yield folder
    finally:
        remove(folder)
        os.close(lock)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _sweep(parent: Path, remove: Callable[[Path], None], prefix: str) -> None:
    """Remove the folders that nobody holds: those of builds that were killed."""
    for folder in parent.iterdir():
        if not folder.name.startswith(prefix) or not folder.is_dir() or folder.is_symlink():
            continue
        with suppress(OSError, B2ctError):
            if folder.stat().st_uid != os.geteuid():
                continue
            with _opened(folder) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""
