"""Reading ahead in a thread of its own, so that reading, hashing and writing overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from b2ct.stick.blockio import CHUNK, aligned

_T = TypeVar("_T")


class ReadAhead(Generic[_T]):
    """Fills buffers in order from `start` to `end` and yields `(offset, buffer, answer)`.

    `fill(buffer, offset)` runs in the thread; what it returns is the answer, what it raises is
    raised where the buffers are used. A buffer is valid until the next one is asked for. Memory
    is bounded by `depth` buffers of `CHUNK` bytes.
    """

    def __init__(
        self, fill: Callable[[memoryview, int], _T], start: int, end: int, *, depth: int = 3
    ) -> None:
        self._fill = fill
        self._range = range(start, end, CHUNK)
        self._end = end
        self._free: SimpleQueue[memoryview | None] = SimpleQueue()
        self._full: SimpleQueue[tuple[int, memoryview, int, _T] | BaseException | None]
        self._full = SimpleQueue()
        self._stopped = False
        for _ in range(depth):
            self._free.put(aligned(min(CHUNK, max(end - start, 1))))
        self._thread = threading.Thread(target=self._run, name="b2ct-read", daemon=True)

    def __enter__(self) -> ReadAhead[_T]:
        """Start reading."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop reading. A thread that hangs in a dying device is not waited for."""
        self._stopped = True
        self._free.put(None)
        self._thread.join(timeout=5 if kind is None else 1)

    def __iter__(self) -> Iterator[tuple[int, memoryview, _T]]:
        """The buffers in order."""
        while (item := self._full.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            offset, buffer, length, answer = item
            yield offset, buffer[:length], answer
            self._free.put(buffer)

    def _run(self) -> None:
        try:
            for offset in self._range:
                view = self._free.get()
                if view is None or self._stopped:
                    return
                length = min(CHUNK, self._end - offset)
                self._full.put((offset, view, length, self._fill(view[:length], offset)))
        except BaseException as err:  # raised again in the other thread
            self._full.put(err)
        else:
            self._full.put(None)
