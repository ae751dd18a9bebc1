"""A device in memory that fails as sticks fail, behind the same door as the real ones."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from b2ct.stick.blockio import DeviceError


class FaultyDoor:
    """`real` bytes of memory behind a device that says it has `size`. Faults are callables.

    `reach(offset)` says where a byte really goes (None: nowhere; left out: where it should);
    `before(action, offset)` may raise OSError or KeyboardInterrupt; `spoil(offset, data)` changes
    what is read.
    """

    def __init__(self, size: int, *, real: int | None = None, align: int = 512) -> None:
        self.path = Path("/dev/faulty")
        self.size = size
        self.sector = self.align = align
        self.memory = bytearray(os.urandom(4096) * ((real or size) // 4096 + 1))[: real or size]
        self.log: list[tuple[str, int, int]] = []
        self.before: Callable[[str, int], None] = lambda _action, _offset: None
        self.spoil: Callable[[int, bytearray], None] = lambda _offset, _data: None
        self.reach: Callable[[int], int | None] | None = None
        self.lost = False

    def _do(self, action: str, offset: int, length: int) -> None:
        assert offset % self.align == 0
        assert length % self.align == 0
        self.log.append((action, offset, length))
        try:
            self.before(action, offset)
            if offset + length > self.size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as err:
            raise DeviceError(action, offset, err) from err

    def _pieces(self, offset: int, length: int) -> list[tuple[int, int | None, int]]:
        """(place in the buffer, place in memory, length)."""
        if self.reach is None:
            return [(0, offset, length)]
        unit = self.align
        return [(at, self.reach(offset + at), unit) for at in range(0, length, unit)]

    def read(self, view: memoryview, offset: int) -> None:
        self._do("read", offset, len(view))
        data = bytearray(len(view))
        for at, place, length in self._pieces(offset, len(view)):
            if place is not None:
                data[at : at + length] = self.memory[place : place + length]
        self.spoil(offset, data)
        view[:] = data

    def write(self, view: memoryview, offset: int) -> None:
        self._do("write", offset, len(view))
        self._put(bytes(view), offset)

    def zero(self, offset: int, length: int) -> None:
        self._do("zero", offset, length)
        self._put(bytes(length), offset)

    def _put(self, data: bytes, offset: int) -> None:
        for at, place, length in self._pieces(offset, len(data)):
            if place is not None:
                self.memory[place : place + length] = data[at : at + length]

    def flush(self) -> None:
        self._do("sync", 0, 0)

    def forget(self) -> None:
        self.log.append(("forget", 0, 0))

    def reread(self) -> None:
        self.log.append(("reread", 0, 0))

    def gone(self) -> bool:
        return self.lost

    def close(self) -> None:
        self.log.append(("close", 0, 0))


def failing(action: str, at: int, number: int) -> Callable[[str, int], None]:
    """Fail with that errno when `action` touches `at` or beyond."""

    def before(done: str, offset: int) -> None:
        if done == action and offset >= at:
            raise OSError(number, os.strerror(number))

    return before
