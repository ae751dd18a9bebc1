"""The lowest door: one opened device, read, written, zeroed and synced at byte offsets.

Nothing here decides whether a device may be written; see `guard`. Linux only: the ioctl numbers
are those of <linux/fs.h> and <linux/loop.h> (asm-generic encoding: x86, ARM, RISC-V).
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

CHUNK = 4 << 20
"""Bytes moved in one call: large enough for any stick's erase block."""
FILE_ALIGN = 4096
"""The unit for a practice file: it suits every file system that does direct I/O."""
_BLKROGET = 0x125E
_BLKRRPART = 0x125F
_BLKFLSBUF = 0x1261
_BLKSSZGET = 0x1268
_BLKGETSIZE64 = 0x80081272
_BLKZEROOUT = 0x127F
_LOOP_GET_STATUS64 = 0x4C05
_LOOP_MAJOR = 7
_NO_OFFLOAD = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL}
_ZEROS = memoryview(mmap.mmap(-1, CHUNK, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)).toreadonly()


class DeviceError(Exception):
    """The device failed: `action` is read, write, zero or sync; `offset` is in bytes."""

    def __init__(self, action: str, offset: int, cause: OSError) -> None:
        super().__init__(f"{action} at byte {offset}: {cause.strerror or cause}")
        self.action = action
        self.offset = offset
        self.cause = cause


class Door(Protocol):
    """What the writer and the verifier need of a device. Offsets and lengths are in bytes.

    Offsets and lengths are multiples of `align`, and buffers come from `aligned`. All methods
    raise DeviceError with the offset at which the device failed.
    """

    path: Path
    size: int
    sector: int
    """The logical sector, in which a partition table counts."""
    align: int
    """The unit of reads and writes."""

    def read(self, view: memoryview, offset: int) -> None:
        """Fill the whole of `view`."""

    def write(self, view: memoryview, offset: int) -> None:
        """Write the whole of `view`; on return the device has it (it may be in its own cache)."""

    def zero(self, offset: int, length: int) -> None:
        """Make the range read as zeros, by the device's own means where it has them."""

    def flush(self) -> None:
        """Make everything written durable."""

    def forget(self) -> None:
        """Drop what the system remembers of the device, so that reads ask the device."""

    def reread(self) -> None:
        """Have the kernel read the partition table again; best effort."""

    def gone(self) -> bool:
        """The device is no longer there."""

    def close(self) -> None:
        """Give the device back."""


@dataclass(frozen=True)
class LoopBacking:
    """What the kernel itself says is behind a loop device (not a path, which can lie)."""

    device: str
    """Number of the file system that holds the file, `major:minor`."""
    inode: int
    block_device: bool
    """The loop device is a window on another block device, not on a file."""


def aligned(length: int) -> memoryview:
    """A zeroed buffer that starts on a page boundary, as direct I/O needs."""
    # mmap objects stay alive through the view.
    return memoryview(mmap.mmap(-1, max(length, 1), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))[:length]


def number_of(status: os.stat_result) -> str:
    """The `major:minor` of the device that a stat result is about."""
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def open_device(path: Path, *, write: bool, expect: str | None = None) -> OpenDevice:
    """Open a block device (exclusively when writing) or a practice file.

    The node is first taken hold of without opening the device (O_PATH); with `expect` (a
    `major:minor`; empty: a regular file) another device is never opened, whatever the path has
    become meanwhile. Raises OSError: ESTALE for another device than expected, EBUSY when anything
    else in the system (a mount, swap, LVM, RAID, another writer) holds it.
    """
    hold = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        status = os.fstat(hold)
        block = stat.S_ISBLK(status.st_mode)
        if not (block or stat.S_ISREG(status.st_mode)):
            raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK))
        if expect is not None and expect != (number_of(status) if block else ""):
            raise OSError(errno.ESTALE, "another device is there now")
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC
        if write and block:
            flags |= os.O_EXCL  # on Linux, without O_CREAT: exclusive use of the block device
        handle, direct = _open_direct(f"/proc/self/fd/{hold}", flags)
    finally:
        os.close(hold)
    try:
        if write:
            # systemd's block device locking: udev keeps away from a device under this lock.
            _lock(handle)
        return _opened(path, handle, direct)
    except BaseException:
        os.close(handle)
        raise


def _open_direct(path: str, flags: int) -> tuple[int, bool]:
    try:
        return os.open(path, flags | os.O_DIRECT), True
    except OSError as err:
        if err.errno != errno.EINVAL:
            raise
        return os.open(path, flags), False


def _lock(handle: int, patience: float = 5.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            if time.monotonic() > deadline:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from err
            time.sleep(0.05)
        else:
            return


def _opened(path: Path, handle: int, direct: bool) -> OpenDevice:
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode):
        return OpenDevice(
            path,
            handle,
            number="",
            size=status.st_size,
            sector=512,
            direct=direct,
            align=FILE_ALIGN,
        )
    if not stat.S_ISBLK(status.st_mode):
        raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK))
    return OpenDevice(
        path,
        handle,
        number=number_of(status),
        size=_ioctl_number(handle, _BLKGETSIZE64, "Q"),
        sector=_ioctl_number(handle, _BLKSSZGET, "i"),
        direct=direct,
    )


def _ioctl_number(handle: int, request: int, kind: str) -> int:
    answer = fcntl.ioctl(handle, request, bytes(struct.calcsize(kind)))
    return int(struct.unpack(kind, answer)[0])


class OpenDevice:
    """A device (or practice file) that is open; see Door."""

    def __init__(
        self,
        path: Path,
        handle: int,
        *,
        number: str,
        size: int,
        sector: int,
        direct: bool,
        align: int = 0,
    ) -> None:
        self.path = path
        self.size = size
        self.sector = sector
        self.align = align or sector
        self.number = number
        """`major:minor` of the opened descriptor; empty for a practice file."""
        self.direct = direct
        self._handle = handle
        self._offload = bool(number)

    @property
    def read_only(self) -> bool:
        """The device's write-protect switch is on."""
        return bool(self.number) and _ioctl_number(self._handle, _BLKROGET, "i") != 0

    def loop(self) -> LoopBacking | None:
        """What is behind a loop device; None where this is not one."""
        if not self.number or int(self.number.split(":")[0]) != _LOOP_MAJOR:
            return None
        info = bytearray(232)  # struct loop_info64
        fcntl.ioctl(self._handle, _LOOP_GET_STATUS64, info)
        device, inode, behind = struct.unpack_from("QQQ", info)
        # The kernel encodes numbers in the way of huge_encode_dev, which os.major understands.
        return LoopBacking(f"{os.major(device)}:{os.minor(device)}", inode, behind != 0)

    def identity(self) -> tuple[int, int]:
        """File system number and inode of the opened file or node."""
        status = os.fstat(self._handle)
        return status.st_dev, status.st_ino

    def file(self) -> tuple[int, int]:
        """File system number and inode of the file that bytes come from, behind a loop device."""
        behind = self.loop()
        if behind is None:
            return self.identity()
        major, minor = behind.device.split(":")
        return os.makedev(int(major), int(minor)), behind.inode

    def read(self, view: memoryview, offset: int) -> None:
        """See Door.read."""
        done = 0
        while done < len(view):
            try:
                count = os.preadv(self._handle, [view[done:]], offset + done)
            except OSError as err:
                raise DeviceError("read", offset + done, err) from err
            if count == 0:
                end = OSError(errno.ENOSPC, "the device ends here")
                raise DeviceError("read", offset + done, end)
            done += count

    def write(self, view: memoryview, offset: int) -> None:
        """See Door.write."""
        done = 0
        while done < len(view):
            try:
                done += os.pwrite(self._handle, view[done:], offset + done)
            except OSError as err:
                raise DeviceError("write", offset + done, err) from err
        if not self.direct:
            self._settle(offset, len(view))

    def _settle(self, offset: int, length: int) -> None:
        """Without direct I/O: wait for the bytes and drop them, so that progress is true."""
        try:
            os.fdatasync(self._handle)
            os.posix_fadvise(self._handle, offset, length, os.POSIX_FADV_DONTNEED)
        except OSError as err:
            raise DeviceError("write", offset, err) from err

    def zero(self, offset: int, length: int) -> None:
        """See Door.zero.

        BLKZEROOUT never leaves old bytes: the kernel uses the device's write-zeroes, and writes
        zeros itself where it has none. The steps grow while they are quick, so that Ctrl-C is
        heard on a stick that needs minutes.
        """
        step, end = CHUNK, offset + length
        while offset < end:
            part = min(step, end - offset)
            begun = time.monotonic()
            self._zero(offset, part)
            offset += part
            if time.monotonic() - begun < 0.1:
                step = min(step * 4, 1 << 30)

    def _zero(self, offset: int, length: int) -> None:
        if self._offload:
            try:
                fcntl.ioctl(self._handle, _BLKZEROOUT, struct.pack("QQ", offset, length))
            except OSError as err:
                if err.errno not in _NO_OFFLOAD:
                    raise DeviceError("zero", offset, err) from err
                self._offload = False
            else:
                return
        for start in range(offset, offset + length, CHUNK):
            self.write(_ZEROS[: min(CHUNK, offset + length - start)], start)

    def flush(self) -> None:
        """See Door.flush."""
        try:
            os.fsync(self._handle)
        except OSError as err:
            raise DeviceError("sync", 0, err) from err

    def forget(self) -> None:
        """See Door.forget."""
        if self.number:
            with suppress(OSError):  # needs CAP_SYS_ADMIN; direct reads do not depend on it
                fcntl.ioctl(self._handle, _BLKFLSBUF)
        with suppress(OSError):
            os.posix_fadvise(self._handle, 0, 0, os.POSIX_FADV_DONTNEED)

    def reread(self) -> None:
        """See Door.reread."""
        if self.number:
            with suppress(OSError):
                fcntl.ioctl(self._handle, _BLKRRPART)

    def gone(self) -> bool:
        """See Door.gone."""
        if not self.number:
            return False
        try:
            return (
                not Path("/sys/dev/block", self.number).exists()
                or _ioctl_number(self._handle, _BLKGETSIZE64, "Q") == 0
            )
        except OSError:
            return True

    def close(self) -> None:
        """See Door.close."""
        os.close(self._handle)
