"""The time of the double: moved by hand, by the calls, or by real time at another speed."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

# A fixed start keeps recorded and new answers comparable: 2026-11-20 23:48:00 UTC.
EPOCH = 1795218480.0


class Clock:
    """Seconds since 1970, and what is to happen when. All calls are safe between threads.

    - `Clock()` stands still until `tick(seconds)`.
    - `Clock(scale=50)` runs 50 times as fast as real time (and may be ticked too).
    - `Clock(per_call=0.5)` moves by half a second with every call that the server answers.
    """

    def __init__(self, *, scale: float = 0.0, per_call: float = 0.0, start: float = EPOCH) -> None:
        self.scale = scale
        self.per_call = per_call
        self._offset = start
        self._started = time.monotonic()
        self._lock = threading.RLock()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()

    @property
    def now(self) -> float:
        return self._offset + (time.monotonic() - self._started) * self.scale

    @property
    def seconds(self) -> int:
        return int(self.now)

    def tick(self, seconds: float) -> None:
        """Move the time; the owner of the events runs what fell due with `run_due`."""
        with self._lock:
            self._offset += seconds

    def after(self, seconds: float, what: Callable[[], None], *, since: float = -1.0) -> None:
        """Plan `what` for `seconds` from now (or from the event under way, `since`)."""
        base = since if since >= 0 else self.now
        with self._lock:
            heapq.heappush(self._due, (base + seconds, next(self._sequence), what))

    def step(self) -> bool:
        """Move to the next planned event and run that alone; False if nothing is planned."""
        with self._lock:
            if not self._due:
                return False
            due, _, what = heapq.heappop(self._due)
            self._offset += max(0.0, due - self.now)
        what()
        return True

    def forget(self) -> int:
        """Drop everything planned, as a server that dies does. How many events were lost."""
        with self._lock:
            lost = len(self._due)
            self._due.clear()
        return lost

    def due_by(self, when: float) -> bool:
        """Is something planned for then or before?"""
        with self._lock:
            return bool(self._due) and self._due[0][0] <= when

    def run_due(self) -> None:
        """Run all that is due, in order of time; what is planned meanwhile too."""
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > self.now:
                    return
                _, _, what = heapq.heappop(self._due)
            what()
