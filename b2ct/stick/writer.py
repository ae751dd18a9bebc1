"""Writing an image to a stick, so that what was not proven is never taken for done.

The order is the safety: the first MiB of the stick is blanked first and written last, so that a
stick which was interrupted has no partition table and boots nothing. Then all is read back.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from b2ct.stick import trouble, verify
from b2ct.stick.blockio import DeviceError, Door, aligned
from b2ct.stick.image import Image, ImageError, Span, spans
from b2ct.stick.layout import MARK, Layout, layout
from b2ct.stick.readahead import ReadAhead
from b2ct.stick.trouble import StickError, mib
from b2ct.stick.verify import Progress


class Stage(Enum):
    """How far a stick has come."""

    UNTOUCHED = "untouched"
    WRITING = "writing"
    WRITTEN = "written"
    WRONG = "written, and read back other bytes"


@dataclass
class Course:
    """Where the work is, for those who must explain an interruption."""

    stage: Stage = Stage.UNTOUCHED
    offset: int = 0


@dataclass(frozen=True)
class Burnt:
    """What was written and proven. Sizes in bytes, times in seconds."""

    size: int
    sha256: str
    zeroed: int
    """Of them written as zeros by the device's own means."""
    write_seconds: float
    verify_seconds: float

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "size": self.size,
            "sha256": self.sha256,
            "zeroed": self.zeroed,
            "write_seconds": round(self.write_seconds, 3),
            "verify_seconds": round(self.verify_seconds, 3),
            "verified": True,
        }


def burn(door: Door, image: Image, progress: Progress, *, again: Path | None = None) -> Burnt:
    """Write the image to the opened device, and prove it.

    `again` is the image's path for `b2ct usb verify`; None: there is none to compare with later.
    Raises StickError when the stick failed or has other bytes, StoppedError when interrupted,
    B2ctError when nothing was written. After any of them the stick boots nothing, unless all was
    written and only the proof is missing, which the error says.
    """
    course = Course()
    plan = layout(image.size, door.size, door.align)
    try:
        return _burn(door, image, plan, progress, course)
    except DeviceError as err:
        if course.stage in (Stage.WRITTEN, Stage.WRONG):
            _blank(door, plan)
            raise trouble.failed_reading(err, door) from err
        raise trouble.failed_writing(err, door) from err
    except ImageError as err:
        _blank(door, plan)
        raise StickError(
            f"{err}; the stick is NOT usable: it boots nothing", hint=trouble.unusable(door.path)
        ) from err
    except KeyboardInterrupt as err:
        if course.stage is Stage.WRITTEN and again is not None:
            raise trouble.stopped_verifying(door, again) from err
        if course.stage is Stage.UNTOUCHED:
            raise
        _blank(door, plan)
        raise trouble.stopped_writing(door, course.offset, image.size) from err


def _burn(door: Door, image: Image, plan: Layout, progress: Progress, course: Course) -> Burnt:
    begun = time.monotonic()
    course.stage = Stage.WRITING
    marks = _put_marks(door, plan)
    digest, zeroed = _write(door, image, plan, progress, course)
    course.stage = Stage.WRITTEN
    written = time.monotonic()
    found = verify.digest_of(door, image.size, progress)
    if found != digest:
        course.stage = Stage.WRONG
        raise _other_bytes(door, image, plan)
    _check_marks(door, plan, marks)
    _clear_marks(door, plan)
    door.forget()
    door.reread()
    return Burnt(image.size, digest, zeroed, written - begun, time.monotonic() - written)


def _put_marks(door: Door, plan: Layout) -> dict[int, memoryview]:
    door.zero(0, plan.blank)
    marks = {}
    for offset in plan.marks:
        mark = aligned(MARK)
        mark[:] = os.urandom(MARK)
        door.write(mark, offset)
        marks[offset] = mark
    door.flush()
    return marks


def _write(
    door: Door, image: Image, plan: Layout, progress: Progress, course: Course
) -> tuple[str, int]:
    """Write all of the image, its start last; SHA-256 and the bytes that were zeroed."""
    digest = hashlib.sha256()
    head = aligned(plan.head)
    ahead = ReadAhead(_reader(image, digest.update), 0, plan.end)
    with progress("writing", image.size) as advance, ahead as chunks:
        lay = _Layer(door, course, advance)
        for offset, view, found in chunks:
            if offset == 0:
                head[:] = view[: plan.head]
            for span in found:
                start = max(span.start, plan.head)
                if start < span.end:
                    lay.put(
                        Span(start, span.end, span.zero), view[start - offset : span.end - offset]
                    )
        lay.finish()
        image.unchanged()
        door.flush()
        door.write(head, 0)
        door.flush()
        advance(plan.head)
    return digest.hexdigest(), lay.zeroed


def _reader(
    image: Image, update: Callable[[memoryview], object]
) -> Callable[[memoryview, int], tuple[Span, ...]]:
    """Fills buffers from the image and hashes them; tells which ranges are zeros."""
    zeros = memoryview(bytes(1 << 20))

    def fill(view: memoryview, offset: int) -> tuple[Span, ...]:
        end = offset + len(view)
        if offset and image.hole(offset, end):
            left = max(min(end, image.size) - offset, 0)
            while left:
                update(zeros[: min(left, len(zeros))])
                left -= min(left, len(zeros))
            return (Span(offset, end, zero=True),)
        wanted = image.read(view, offset)
        update(view[:wanted])
        return spans(view, offset)

    return fill


@dataclass
class _Layer:
    """Puts spans on the device in order; neighbouring zeros are gathered into one request."""

    door: Door
    course: Course
    advance: Callable[[int], None]
    zeroed: int = 0
    pending: tuple[int, int] | None = field(default=None)

    def put(self, span: Span, view: memoryview) -> None:
        """The next span and its bytes."""
        if span.zero:
            start = self.pending[0] if self.pending else span.start
            self.pending = (start, span.end)
            return
        self.finish()
        self.door.write(view, span.start)
        self._done(span.start, span.end)

    def finish(self) -> None:
        """Write what is pending."""
        if self.pending:
            start, end = self.pending
            self.pending = None
            self.door.zero(start, end - start)
            self.zeroed += end - start
            self._done(start, end)

    def _done(self, start: int, end: int) -> None:
        self.course.offset = end
        self.advance(end - start)


def _other_bytes(door: Door, image: Image, plan: Layout) -> StickError:
    """The stick has other bytes than were written: say where, and make it boot nothing."""
    quiet = verify.compare(door, image, _no_progress)
    total = -(-image.size // verify.BLOCK)
    image.unchanged()
    _blank(door, plan)
    if quiet.first is None:
        text = f"{door.path} returned other bytes than were written, but not when asked again"
    else:
        text = (
            f"{door.path} has other bytes than were written: the first at byte {quiet.first} "
            f"({mib(quiet.first)}), and {len(quiet.blocks)} of {total} MiB differ"
        )
    return StickError(
        f"{text}; the stick is broken or smaller than it says. Its start was blanked, so that it "
        "boots nothing",
        hint="throw it away, and take another one",
    )


class _NoProgress:
    def __enter__(self) -> Callable[[int], None]:
        return lambda _count: None

    def __exit__(self, *_: object) -> None:
        return None


def _no_progress(_label: str, _total: int | None) -> _NoProgress:
    return _NoProgress()


def _check_marks(door: Door, plan: Layout, marks: dict[int, memoryview]) -> None:
    """Find out a device that lies about its size, as far as the marks can tell."""
    found = aligned(MARK)
    for offset, mark in marks.items():
        door.read(found, offset)
        if bytes(found) != bytes(mark):
            _blank(door, plan)
            raise StickError(
                f"{door.path} lies about its size: what was written at byte {offset} "
                f"({mib(offset)}) is not there any more; it says that it has {door.size} bytes. "
                "Its start was blanked, so that it boots nothing",
                hint="a counterfeit: throw it away, and take another one",
            )


def _clear_marks(door: Door, plan: Layout) -> None:
    for offset in plan.marks:
        if offset < plan.tail:
            door.zero(offset, MARK)
    if plan.tail < plan.device:
        length = (plan.device - plan.tail) // door.align * door.align
        door.zero(plan.tail, length)
    door.flush()


def _blank(door: Door, plan: Layout) -> None:
    """Make a failed stick boot nothing, if it still takes writes.

    A second Ctrl-C only cuts this short: what is told about the stick must be told all the same.
    """
    with suppress(DeviceError, KeyboardInterrupt):
        door.zero(0, plan.blank)
        door.flush()
