"""Layers by the hash of what they were made from: built once, checked each time they are used.

A layer is `KEY.tar` with `KEY.json`, which is written last and atomically: a layer without it does
not exist. It is not synced to the disk, as its SHA-256 in `KEY.json` tells whether it is whole. A
lock for each key lets concurrent builds wait for each other instead of building the same twice.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from b2ct.core import files
from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.image.rootfs import archive

FORMAT = 1
"""Changes when layers of the same inputs come out differently than before."""


@dataclass(frozen=True)
class Layer:
    """A finished layer."""

    key: str
    kind: str
    """`base`, `packages` or `configuration`."""
    name: str
    """Of the definition that it was first made for."""
    sha256: str
    size: int
    """Bytes."""
    seconds: float
    """How long it took to make."""


def key_of(kind: str, inputs: Mapping[str, Any]) -> str:
    """The SHA-256 of the inputs in canonical JSON: sorted keys, no spaces."""
    document = {"format": FORMAT, "kind": kind, "inputs": inputs}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class LayerCache:
    """The layers in a folder."""

    def __init__(self, folder: Path, say: Callable[[str], None] = note) -> None:
        self.folder = folder
        self._say = say

    def path(self, key: str) -> Path:
        """Where the layer of that key is, or would be."""
        return self.folder / f"{key}.tar"

    def find(self, key: str) -> Layer | None:
        """The layer, when it is there and as long as it was; `unpack` checks its content."""
        try:
            layer = Layer(**json.loads((self.folder / f"{key}.json").read_text()))
            whole = layer.key == key and self.path(key).stat().st_size == layer.size
        except (OSError, ValueError, TypeError):
            return None
        return layer if whole else None

    def get(self, key: str, kind: str, name: str, make: Callable[[Path], None]) -> Layer:
        """The layer, made by `make(path)` if it is not there. One process makes it, others wait.

        Raises what `make` raises; nothing of an unfinished layer stays.
        """
        with self.locked(key):
            found = self.find(key)
            return found or self._make(key, kind, name, make)

    def replace(self, key: str, kind: str, name: str, make: Callable[[Path], None]) -> Layer:
        """Make the layer whether or not it is there."""
        with self.locked(key):
            return self._make(key, kind, name, make)

    def _make(self, key: str, kind: str, name: str, make: Callable[[Path], None]) -> Layer:
        partial = self.folder / f"{key}.part"
        start = time.monotonic()
        try:
            partial.unlink(missing_ok=True)
            make(partial)
            took = round(time.monotonic() - start, 1)
            layer = Layer(
                key, kind, name, files.sha256(partial), partial.stat().st_size, seconds=took
            )
            # The old description goes first: it must never describe the new layer.
            (self.folder / f"{key}.json").unlink(missing_ok=True)
            partial.replace(self.path(key))
            files.write(self.folder / f"{key}.json", json.dumps(asdict(layer), indent=2) + "\n")
        except OSError as err:
            raise explain_full(err, self.folder) from err
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        return layer

    def unpack(self, layer: Layer, tree: Path) -> bool:
        """Unpack a layer into a new folder; False, and the layer is gone, when it is damaged.

        Its checksum is computed at the same time, on another processor.
        """
        path = self.path(layer.key)
        # Shared: nobody prunes it meanwhile.
        with self.locked(layer.key, shared=True), ThreadPoolExecutor(max_workers=1) as pool:
            digest = pool.submit(files.sha256, path)
            problem: B2ctError | None = None
            try:
                archive.unpack(path, tree)
            except B2ctError as err:
                problem = err
            good = digest.result() == layer.sha256
        if good and problem:
            raise problem
        if not good:
            self._say(f"note: the cached {layer.kind} layer {layer.key[:12]} is damaged")
            self.remove(layer.key)
        return good

    def sound(self, layer: Layer) -> bool:
        """Whether the layer is what was stored; a damaged one is removed."""
        good = files.sha256(self.path(layer.key)) == layer.sha256
        if not good:
            self._say(f"note: the cached {layer.kind} layer {layer.key[:12]} is damaged")
            self.remove(layer.key)
        return good

    def remove(self, key: str) -> None:
        """Forget a layer."""
        for suffix in (".json", ".tar"):  # in this order: without the first it does not exist
            (self.folder / f"{key}{suffix}").unlink(missing_ok=True)

    def layers(self) -> tuple[tuple[Layer, float], ...]:
        """All layers, each with the time when it was last used, the latest used first."""
        found = []
        for described in self.folder.glob("*.json"):
            if layer := self.find(described.stem):
                found.append((layer, described.stat().st_mtime))
        return tuple(sorted(found, key=lambda row: (-row[1], row[0].key)))

    def touch(self, key: str) -> None:
        """Remember that the layer was used now."""
        with suppress(OSError):
            os.utime(self.folder / f"{key}.json")

    def prune(self, keep: Callable[[Layer, float], bool] = lambda _layer, _used: False) -> int:
        """Remove the layers that `keep` does not want, but those in use. Returns the bytes freed.

        What killed builds have left goes, too.
        """
        freed = self.sweep()
        for layer, used in self.layers():
            if not keep(layer, used):
                with self._try_lock(layer.key) as mine:
                    if mine:
                        self.remove(layer.key)
                        freed += layer.size
        return freed

    def sweep(self) -> int:
        """Remove what killed builds have left; returns the bytes freed."""
        freed = 0
        leftovers = [*self.folder.glob("*.part"), *self.folder.glob("*.tar")]
        for path in leftovers:
            orphan = path.suffix == ".part" or not path.with_suffix(".json").exists()
            with self._try_lock(path.name.split(".")[0]) as mine:
                if mine and orphan:
                    with suppress(OSError):
                        freed += path.stat().st_size
                        path.unlink()
        return freed

    @contextmanager
    def locked(self, key: str, *, shared: bool = False) -> Iterator[None]:
        """Alone with this key among all processes (or `shared`); waits, and says so."""
        handle = self._open_lock(key)
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            try:
                fcntl.flock(handle, how | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("another build is at this layer: waiting for it")
                fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _try_lock(self, key: str) -> Iterator[bool]:
        handle = self._open_lock(key)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    def _open_lock(self, key: str) -> int:
        locks = self.folder / "locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
            return os.open(locks / key, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise files.explain(err, f"write the cache {self.folder}") from err


def explain_full(err: OSError, folder: Path) -> B2ctError:
    """An error of the cache's disk; a full one has a remedy of its own."""
    if err.errno not in (errno.ENOSPC, errno.EDQUOT):
        return files.explain(err, f"write the cache {folder}")
    return B2ctError(
        f"no space left in the cache {folder}",
        hint="`b2ct image cache prune` removes old layers; or set XDG_CACHE_HOME to a folder on "
        "another disk",
    )
