"""What went wrong on the device, in words that name the cause, the offset and the way on."""

from __future__ import annotations

import errno
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.errors import EXIT_INTERRUPTED, B2ctError, VerdictError
from b2ct.stick.blockio import DeviceError, Door

if TYPE_CHECKING:
    from b2ct.stick.verify import Comparison

_GONE = {errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN, errno.ENOTCONN}
_LOCKED = {errno.EROFS, errno.EACCES, errno.EPERM}


class StickError(VerdictError):
    """The stick failed, or has other bytes than it should."""


class StoppedError(B2ctError):
    """Ctrl-C or SIGTERM in the middle of writing a stick."""

    exit_code = EXIT_INTERRUPTED


def mib(count: int) -> str:
    """A byte count for people."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"


def cause(error: DeviceError, door: Door) -> str:
    """One clause: what the device did, and where."""
    where = f"at byte {error.offset} ({mib(error.offset)})"
    number = error.cause.errno
    if number in _GONE or door.gone():
        return f"{door.path} was pulled out, or dropped off its port, {where}"
    if number == errno.ENOSPC:
        return (
            f"{door.path} ends {where} although it says that it has {door.size} bytes: "
            "it lies about its size"
        )
    if number in _LOCKED:
        return f"{door.path} became write-protected {where}: sticks do so when they wear out"
    if error.action == "sync":
        return f"{door.path} failed to keep what was written ({error.cause.strerror})"
    return f"{door.path} failed to {error.action} {where} ({error.cause.strerror})"


def unusable(path: Path) -> str:
    """How to go on with a stick that was begun and not finished."""
    return (
        f"write it again, to another stick if it fails again; or `b2ct usb restore {path}` "
        "makes an ordinary stick of it"
    )


def failed_writing(error: DeviceError, door: Door) -> StickError:
    """The stick failed in the middle of writing."""
    return StickError(
        f"{cause(error, door)}; the stick is NOT usable: it boots nothing",
        hint=unusable(door.path),
    )


def failed_reading(error: DeviceError, door: Door) -> StickError:
    """The stick failed when what was written was read back."""
    return StickError(
        f"{cause(error, door)}, when it was read back; do NOT use the stick",
        hint="try once more; a stick that fails twice is broken",
    )


def stopped_writing(door: Door, offset: int, total: int) -> StoppedError:
    """Interrupted before all was written."""
    return StoppedError(
        f"interrupted at {mib(offset)} of {mib(total)}: {door.path} is NOT usable; "
        "it has no partition table and boots nothing",
        hint=unusable(door.path),
    )


def stopped_verifying(door: Door, image: Path) -> StoppedError:
    """Interrupted after the last write, before the proof."""
    return StoppedError(
        f"interrupted: {door.path} is written, but NOT verified",
        hint=f"`{shlex.join(['b2ct', 'usb', 'verify', str(image), str(door.path)])}` does the rest",
    )


def enforce(found: Comparison, image: Path, device: str) -> None:
    """Raise VerdictError, which says what that means, when a stick and its image differ."""
    if found.first is None:
        return
    places = ", ".join(found.regions)
    meaning = (
        "only what FAT keeps of files differs, boot loader and partition table are intact: right "
        "if you edited kickstarts on it or mounted it, wrong on a stick that nobody touched"
        if found.only_files
        else "this is not a stick that boots this image: write it again"
    )
    raise VerdictError(
        f"{device} differs from {image}: the first time at byte {found.first} "
        f"({mib(found.first)}), in {len(found.blocks)} MiB of "
        f"{-(-found.size // (1 << 20))}; in {places}",
        hint=meaning,
    )
