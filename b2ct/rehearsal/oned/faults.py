"""What goes wrong on purpose. Tests set it; the server and the drivers ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class HttpFault:
    """What happens to requests instead of, or after, their being carried out.

    - `kind`: `refuse` (the connection is closed at once), `hang` (no answer until the double is
      closed or `Faults.clear`), `reset` (closed in the middle of the answer, after the call was
      carried out), `status` (an HTTP error with `status`), `garbage` (200 with a body that is no
      XML-RPC), `truncated` (XML that ends too early, after the call), `slow` (`seconds` before
      the answer).
    - `method`: a pattern as for file names; `times`: how often, -1 for ever; `skip`: how many
      matching calls pass first.
    """

    kind: str
    method: str = "*"
    times: int = 1
    skip: int = 0
    status: int = 502
    seconds: float = 0.0


@dataclass
class Faults:
    """All faults that are armed. Names are patterns as for file names."""

    sticking_images: list[str] = field(default_factory=list)
    failing_images: dict[str, str] = field(default_factory=dict)
    failing_boots: list[str] = field(default_factory=list)
    failing_prologs: list[str] = field(default_factory=list)
    # Called with the method's name before each call is carried out.
    before: list[Callable[[str], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._http: list[HttpFault] = []
        self._lock = threading.Lock()
        self.released = threading.Event()

    def stick_image(self, name: str = "*") -> None:
        """New images of that name stay LOCKED."""
        self.sticking_images.append(name)

    def fail_image(self, name: str, message: str) -> None:
        """The copy of images of that name ends in ERROR with that message."""
        self.failing_images[name] = message

    def fail_boot(self, name: str = "*") -> None:
        """VMs of that name end in BOOT_FAILURE."""
        self.failing_boots.append(name)

    def fail_prolog(self, name: str = "*") -> None:
        """VMs of that name end in PROLOG_FAILURE."""
        self.failing_prologs.append(name)

    def http(
        self,
        kind: str,
        *,
        method: str = "*",
        times: int = 1,
        skip: int = 0,
        status: int = 502,
        seconds: float = 0.0,
    ) -> None:
        """Arm a fault of the transport; see HttpFault."""
        with self._lock:
            self._http.append(HttpFault(kind, method, times, skip, status, seconds))

    def clear(self) -> None:
        """Disarm everything and let go what hangs."""
        with self._lock:
            self._http.clear()
        self.sticking_images.clear()
        self.failing_images.clear()
        self.failing_boots.clear()
        self.failing_prologs.clear()
        self.before.clear()
        self.released.set()
        self.released = threading.Event()

    def take_http(self, method: str) -> HttpFault | None:
        """The fault that this call meets, which is used up by that."""
        with self._lock:
            for fault in self._http:
                if fault.times == 0 or not fnmatchcase(method, fault.method):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times > 0:
                    fault.times -= 1
                return fault
        return None

    @property
    def armed(self) -> int:
        """How many faults of the transport are still to be met."""
        with self._lock:
            return sum(fault.times != 0 for fault in self._http)

    def image_sticks(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.sticking_images)

    def image_error(self, name: str) -> str:
        found = [text for p, text in self.failing_images.items() if fnmatchcase(name, p)]
        return found[0] if found else ""

    def boot_fails(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.failing_boots)

    def prolog_fails(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.failing_prologs)
