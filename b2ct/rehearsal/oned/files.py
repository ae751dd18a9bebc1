"""What the datastore driver reads: image files at a path or a URL, as the front-end sees them."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

from b2ct.rehearsal.oned.errors import internal

_MB = 1024 * 1024
_QCOW2 = b"QFI\xfb"


class Files:
    """The front-end's view of files and web servers.

    `mount` makes a path or URL prefix of the front-end appear somewhere on this machine.
    """

    def __init__(self) -> None:
        self._mounts: list[tuple[str, str]] = []

    def mount(self, prefix: str, place: str | Path) -> None:
        self._mounts.append((prefix, str(place)))
        self._mounts.sort(key=lambda pair: -len(pair[0]))

    def _real(self, path: str) -> str:
        for prefix, place in self._mounts:
            if path.startswith(prefix):
                return place + path[len(prefix) :]
        return path

    def chunks(self, path: str) -> Iterator[bytes]:
        """The content in pieces. Raises: OSError (URLError is one) if it cannot be read."""
        real = self._real(path)
        if real.startswith(("http://", "https://")):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(real, timeout=10) as answer:
                while piece := answer.read(_MB):
                    yield piece
            return
        with Path(real).open("rb") as file:
            while piece := file.read(_MB):
                yield piece

    def _head_and_size(self, path: str) -> tuple[bytes, int]:
        real = self._real(path)
        if not real.startswith(("http://", "https://")):
            with Path(real).open("rb") as file:
                return file.read(64), file.seek(0, 2)
        head, size = b"", 0
        for piece in self.chunks(path):
            head, size = (head + piece)[:64], size + len(piece)
        return head, size

    def stat(self, path: str) -> tuple[int, str]:
        """Virtual size in MB (rounded up, at least 1) and format.

        Raises: OneError, with the misleading reason that the fs driver gives for URLs.
        """
        try:
            head, size = self._head_and_size(path)
        except OSError as error:
            web = path.startswith(("http://", "https://"))
            reason = (
                "Permission denied"
                if web or isinstance(error, PermissionError)
                else "No such file or directory"
            )
            raise internal(f"Cannot parse image SIZE: cannot access '{path}' ({reason})") from None
        kind = "qcow2" if head.startswith(_QCOW2) and len(head) >= 32 else "raw"
        if kind == "qcow2":
            size = int.from_bytes(head[24:32], "big")
        return max(1, -(-size // _MB)), kind

    def copy_problem(self, path: str, safe: str, restricted: str) -> str:
        """Why the driver would not copy from there; URLs are never restricted."""
        if path.startswith(("http://", "https://")):
            return ""
        if any(_inside(path, place) for place in safe.split()):
            return ""
        places = ["/var/lib/one/", "/etc/one/", "/var/lib/one/", *restricted.split()]
        if not any(_inside(path, place) for place in places):
            return ""
        return (
            f"ERROR: cp: Not allowed to copy images from {' '.join(places)} Not allowed to copy "
            f"image from {path}, check RESTRICTED_DIRS in your datastore"
        )

    def digest_matches(self, path: str, algorithm: str, wanted: str) -> bool:
        digest = hashlib.new(algorithm)
        for piece in self.chunks(path):
            digest.update(piece)
        return digest.hexdigest() == wanted.lower()


def _inside(path: str, place: str) -> bool:
    return Path(path).is_relative_to(place)


def qcow2_header(virtual_size: int) -> bytes:
    """The start of a qcow2 file (version 2) that says its size; enough for `stat`."""
    fields: Iterable[tuple[int, int]] = (
        (2, 4), (0, 8), (0, 4), (16, 4), (virtual_size, 8), (0, 4), (0, 4), (0, 8), (0, 8), (0, 4),
        (0, 4), (0, 8),
    )  # fmt: skip
    return _QCOW2 + b"".join(value.to_bytes(length, "big") for value, length in fields)
