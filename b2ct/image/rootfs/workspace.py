"""The folder that a build works in, and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from b2ct.core import console
from b2ct.image.rootfs.userns import Namespace


@dataclass(frozen=True)
class Workspace:
    """Where the bootstraps work. They run as root, of the host or of a user namespace."""

    folder: Path
    """Empty at first, on a tmpfs where memory allows; removed at the end."""
    epoch: int
    """SOURCE_DATE_EPOCH: no time in the image is later."""
    namespace: Namespace
    cache: Path
    urls: Mapping[str, str] = field(default_factory=dict)
    """Repository name -> the mirror that answered."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """State.identity: what the mirrors had when the layers' keys were made."""
    note: Callable[[str], None] = console.note
    """Tells the user what is happening."""

    @property
    def environment(self) -> dict[str, str]:
        """For every program that makes a part of the image."""
        return {"SOURCE_DATE_EPOCH": str(self.epoch), "TZ": "UTC"}


class Stopwatch:
    """Notes with the time since the start in front: a build takes a minute or two."""

    def __init__(self, note: Callable[[str], None] = console.note) -> None:
        self._note = note
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say what is happening now."""
        self._note(f"[{self.seconds:5.1f} s] {text}")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start
