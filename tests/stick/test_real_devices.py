"""Writing, verifying and restoring real block devices (loop), with real faults and real uses."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.stick import blockio, devices, guard, target, writer
from b2ct.stick.confirm import readable
from b2ct.stick.guard import Wish
from b2ct.stick.image import open_image
from b2ct.stick.restore import Format, shape, template
from b2ct.stick.trouble import StickError
from b2ct.stick.verify import Progress
from tests.stick import safety
from tests.stick.test_writer import quiet

MIB = 1 << 20
_LOOP_SET_CAPACITY = 0x4C07


def put(image: Path, device: Path, progress: Progress = quiet, wish: Wish = Wish()) -> writer.Burnt:  # noqa: B008
    """What the verb does, without the question."""
    with open_image(image) as source:
        wanted, _ = target.examine(str(device), replace(wish, image=source.identity))
        door = target.acquire(wanted)
        try:
            return writer.burn(door, source, progress, again=image)
        finally:
            door.close()


def at(phase: str, count: int, action: Callable[[], object]) -> Progress:
    """A progress that does something once, when a phase has come that far."""
    done: list[bool] = []

    @contextmanager
    def progress(label: str, _total: int | None) -> Iterator[Callable[[int], None]]:
        seen = 0

        def advance(step: int) -> None:
            nonlocal seen
            seen += step
            if label == phase and seen >= count and not done:
                done.append(True)
                action()

        if label == phase and count == 0 and not done:
            done.append(True)
            action()
        yield advance

    return progress


def reasons_of(device: Path) -> set[str]:
    machine = devices.gather()
    number = blockio.number_of(device.stat())
    machine = devices.with_signatures(machine, machine.by_number[number])
    return {one.code for one in guard.reasons(machine, machine.by_number[number])}


def test_write(loop: Callable[[int], Path], image: Callable[..., Path]) -> None:
    file, device = image(), loop(32 * MIB)
    done = put(file, device)
    data = file.read_bytes()
    found = device.read_bytes()
    assert len(found) == 32 * MIB
    assert found[: len(data)] == data
    assert not any(found[-MIB:])
    assert done.sha256 == hashlib.sha256(data).hexdigest()
    assert done.zeroed > 0


def test_a_device_of_exactly_that_size(
    attach: Callable[..., Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    file = image(8 * MIB)
    stick = tmp_path / "exact.img"
    stick.write_bytes(b"\xee" * (8 * MIB))
    device = attach(stick)
    put(file, device)
    assert device.read_bytes() == file.read_bytes()


def test_4k_sectors(
    attach: Callable[..., Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    stick = tmp_path / "4k.img"
    stick.write_bytes(b"\xee" * (16 * MIB))
    device = attach(stick, "--sector-size", "4096")
    safety.ALLOWED.add(device.stat().st_rdev)
    file = image(9 * MIB + 512)
    put(file, device)
    found = device.read_bytes()
    assert found[: 9 * MIB + 512] == file.read_bytes()
    assert not any(found[9 * MIB + 512 : 9 * MIB + 4096])


def test_bytes_changed_on_the_stick_are_found(
    loop: Callable[[int], Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    """Behind the device's back, after all was written."""
    file, device = image(), loop(32 * MIB)

    def spoil() -> None:
        with (tmp_path / "stick.img").open("r+b") as out:
            out.seek(2 * MIB + 4711)
            byte = out.read(1)
            out.seek(2 * MIB + 4711)
            out.write(bytes([byte[0] ^ 1]))

    with pytest.raises(StickError, match=f"byte {2 * MIB + 4711} "):
        put(file, device, at("verifying", 0, spoil))
    assert not any(device.read_bytes()[:MIB])


def test_the_file_is_truncated_under_the_device(
    loop: Callable[[int], Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    """Reads beyond the new end are real I/O errors of a real device."""
    file, device = image(9 * MIB), loop(32 * MIB)
    cut = at("verifying", 0, lambda: os.truncate(tmp_path / "stick.img", 6 * MIB))
    with pytest.raises(StickError, match="failed to read at byte"):
        put(file, device, cut)


def test_the_device_shrinks_while_it_is_written(
    loop: Callable[[int], Path], tmp_path: Path
) -> None:
    """What a stick does that has fewer bytes than it said."""
    file, device = tmp_path / "full.img", loop(40 * MIB)
    file.write_bytes(os.urandom(MIB) * 32)

    def shrink() -> None:
        os.truncate(tmp_path / "stick.img", 20 * MIB)
        handle = os.open(device, os.O_RDONLY)
        fcntl.ioctl(handle, _LOOP_SET_CAPACITY)
        os.close(handle)

    with pytest.raises(StickError, match=r"lies about its size.*NOT usable") as caught:
        put(file, device, at("writing", 8 * MIB, shrink))
    assert f"byte {20 * MIB} " in caught.value.message
    assert not any(device.read_bytes()[:MIB])


def test_real_write_errors(
    mounted: Callable[..., Path], attach: Callable[..., Path], tmp_path: Path
) -> None:
    """A loop device over a full file system: the kernel reports I/O errors on write."""
    small = mounted("-t", "tmpfs", "-o", "size=12m", "tmpfs")
    stick = small / "stick.img"
    with stick.open("wb") as out:
        out.truncate(40 * MIB)
    file = tmp_path / "full.img"
    file.write_bytes(os.urandom(MIB) * 32)
    with pytest.raises(StickError, match="NOT usable") as caught:
        put(file, attach(stick))
    offset = int(re.findall(r"at byte (\d+)", caught.value.message)[0])
    assert 4 * MIB <= offset <= 13 * MIB


@pytest.fixture
def ext4(attach: Callable[..., Path], tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        file = tmp_path / "ext4.img"
        with file.open("wb") as out:
            out.truncate(16 * MIB)
        mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin")
        if mkfs is None:
            pytest.skip("no mkfs.ext4")
        subprocess.run([mkfs, "-q", "-F", file], check=True)
        return attach(file)

    return make


def test_a_mounted_device(
    ext4: Callable[[], Path], mounted: Callable[..., Path], image: Callable[..., Path]
) -> None:
    device = ext4()
    point = mounted(device)
    with pytest.raises(B2ctError, match="is mounted at") as caught:
        put(image(), device)
    assert caught.value.hint == f"umount {point}"


def test_a_lazily_unmounted_device_is_still_in_use(
    ext4: Callable[[], Path], mounted: Callable[..., Path], image: Callable[..., Path]
) -> None:
    """No list of mounts shows it any more; the exclusive open does not get it."""
    device = ext4()
    point = mounted(device)
    handle = os.open(point, os.O_RDONLY)
    try:
        subprocess.run(["umount", "--lazy", point], check=True)
        with pytest.raises(B2ctError, match="in use by the system"):
            put(image(), device)
    finally:
        os.close(handle)


def test_a_lower_layer_of_an_overlay(
    ext4: Callable[[], Path], mounted: Callable[..., Path], tmp_path: Path
) -> None:
    """As in a live system."""
    device = ext4()
    lower = mounted(device)
    (tmp_path / "upper").mkdir()
    (tmp_path / "work").mkdir()
    layers = f"lowerdir={lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    merged = mounted("-t", "overlay", "-o", layers, "overlay")
    number = blockio.number_of(device.stat())
    points = {use.point for use in devices.gather().uses if use.number == number}
    assert {str(lower), str(merged)} <= points


def test_a_bind_mount(ext4: Callable[[], Path], mounted: Callable[..., Path]) -> None:
    device = ext4()
    first = mounted(device)
    mounted("--bind", first)
    subprocess.run(["umount", first], check=True)
    assert reasons_of(device) == {"mounted"}


def test_active_swap(attach: Callable[..., Path], tmp_path: Path) -> None:
    file = tmp_path / "swap.img"
    file.write_bytes(bytes(8 * MIB))
    device = attach(file)
    subprocess.run(["mkswap", device], check=True, capture_output=True)
    assert "swap" in reasons_of(device)
    done = subprocess.run(["swapon", device], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("swapon is not allowed here")
    try:
        assert "swap" in reasons_of(device)
        with pytest.raises(B2ctError, match="is swapped to"):
            target.examine(str(device), Wish())
    finally:
        subprocess.run(["swapoff", device], check=True)


def lvm_label() -> bytes:
    """A label of LVM2 in the second sector, with its checksum (lvm2: format_text/layout.h)."""
    rest = struct.pack("<I8s", 32, b"LVM2 001") + bytes(512 - 32)
    crc = zlib.crc32(rest, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return bytes(512) + b"LABELONE" + struct.pack("<QI", 1, crc) + rest


def raid_superblock() -> bytes:
    """MD superblock 1.2, 4 KiB from the start (Linux: raid/md_p.h)."""
    block = (
        struct.pack("<IIII", 0xA92B4EFC, 1, 0, 0) + bytes(128 - 16) + struct.pack("<QQQ", 0, 0, 8)
    )
    return bytes(4096) + block.ljust(1024, b"\0")


def zfs_label() -> bytes:
    """Uberblocks of the first vdev label, from 128 KiB on."""
    return bytes(128 << 10) + b"".join(
        struct.pack("<QQ", 0x00BAB10C, 5000).ljust(1024, b"\0") for _ in range(128)
    )


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (lvm_label(), "belongs to LVM"),
        (raid_superblock(), "belongs to a software RAID"),
        (zfs_label(), "belongs to a ZFS pool"),
    ],
    ids=["lvm", "raid", "zfs"],
)
def test_real_signatures(
    attach: Callable[..., Path],
    image: Callable[..., Path],
    tmp_path: Path,
    start: bytes,
    words: str,
) -> None:
    file = tmp_path / "member.img"
    with file.open("wb") as out:
        out.write(start)
        out.truncate(128 * MIB)
    device = attach(file)
    with pytest.raises(B2ctError, match=words):
        put(image(), device)
    assert file.read_bytes()[: len(start)] == start


def test_a_loop_over_a_loop(attach: Callable[..., Path], tmp_path: Path) -> None:
    file = tmp_path / "stick.img"
    file.write_bytes(bytes(8 * MIB))
    lower = attach(file)
    upper = attach(lower, "--read-only")
    with pytest.raises(B2ctError, match="window on the block device"):
        target.examine(str(upper), Wish())
    with pytest.raises(B2ctError, match=f"in use by {upper.name}"):
        target.examine(str(lower), Wish())


def test_a_loop_whose_file_was_replaced(
    attach: Callable[..., Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    """The path leads to another file now; the kernel still writes to the old one."""
    file = tmp_path / "stick.img"
    file.write_bytes(bytes(16 * MIB))
    device = attach(file)
    keep = tmp_path / "keep"
    os.link(file, keep)
    subprocess.run(["mount", "--bind", image(16 * MIB, name="other"), file], check=False)
    try:
        if file.stat().st_ino == keep.stat().st_ino:
            pytest.skip("bind mounts are not allowed here")
        with pytest.raises(B2ctError, match="is not the file"):
            put(image(), device)
    finally:
        subprocess.run(["umount", file], check=False)
    assert not any(keep.read_bytes())


def test_a_deleted_backing_file(
    attach: Callable[..., Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    file = tmp_path / "stick.img"
    file.write_bytes(bytes(16 * MIB))
    device = attach(file)
    file.unlink()
    with pytest.raises(B2ctError, match="cannot be seen"):
        put(image(), device)


def test_two_loops_over_one_file(attach: Callable[..., Path], tmp_path: Path) -> None:
    file = tmp_path / "stick.img"
    file.write_bytes(bytes(16 * MIB))
    first, second = attach(file), attach(file)
    with pytest.raises(B2ctError, match=f"in use by {second}"):
        target.examine(str(first), Wish())


@pytest.mark.parametrize("options", [(), ("--offset", "4096")])
def test_a_loop_device_over_the_image_itself(
    attach: Callable[..., Path], image: Callable[..., Path], tmp_path: Path, options: tuple[str]
) -> None:
    file = image(9 * MIB)
    before = file.read_bytes()
    (tmp_path / "hard").hardlink_to(file)
    device = attach(tmp_path / "hard", *options)
    with pytest.raises(B2ctError, match="is the image itself"):
        put(file, device)
    assert file.read_bytes() == before
    with open_image(file) as source, readable(str(device)) as door:
        assert door.file() == source.identity


def test_another_program_writes_to_the_file_behind_it(
    loop: Callable[[int], Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    """A virtual machine, say. The file alone would be refused, so the loop device is."""
    device, file = loop(16 * MIB), tmp_path / "stick.img"
    before = file.read_bytes()
    argv = [sys.executable, "-c", HOLDER, str(file), str(os.O_RDWR)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(B2ctError, match=r"has the file behind /dev/loop\d+ open for writing"):
            put(image(), device)
        other.communicate("")
    assert file.read_bytes() == before


def test_a_read_only_device(
    attach: Callable[..., Path], image: Callable[..., Path], tmp_path: Path
) -> None:
    file = tmp_path / "stick.img"
    file.write_bytes(bytes(16 * MIB))
    with pytest.raises(B2ctError, match="write-protected"):
        put(image(), attach(file, "--read-only"))


HOLDER = """
import os, sys
handle = os.open(sys.argv[1], int(sys.argv[2]))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (os.O_RDONLY | os.O_EXCL, "in use by the system or another program"),
        (os.O_RDWR, "has /dev/loop[0-9]+ open for writing"),
    ],
)
def test_another_program_has_it(
    loop: Callable[[int], Path], image: Callable[..., Path], flags: int, words: str
) -> None:
    device = loop(32 * MIB)
    argv = [sys.executable, "-c", HOLDER, str(device), str(flags)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(B2ctError, match=words):
            put(image(), device)
        other.communicate("")
    put(image(), device)


def test_a_device_without_medium(image: Callable[..., Path], attach: Callable[..., Path]) -> None:
    """A loop device that is bound to nothing is like a card reader without a card."""
    empty = [
        one for one in devices.gather().blocks if one.name.startswith("loop") and not one.backing
    ]
    if not empty:
        pytest.skip("no unused loop device")
    with pytest.raises(B2ctError, match="no file behind it"):
        target.examine(str(empty[0].path), Wish())


def test_a_device_that_is_not_what_was_shown(loop: Callable[[int], Path], tmp_path: Path) -> None:
    """Shown was one stick; when it is opened there is one of another size."""
    device = loop(16 * MIB)
    wanted, _ = target.examine(str(device), Wish())
    os.truncate(tmp_path / "stick.img", 24 * MIB)
    subprocess.run(["losetup", "--set-capacity", device], check=True)
    with pytest.raises(B2ctError, match="not the device any more that was shown"):
        target.acquire(wanted)


@pytest.mark.parametrize(("kind", "size"), [("fat32", 96), ("fat32", 24), ("exfat", 64)])
def test_restore(loop: Callable[[int], Path], tmp_path: Path, kind: str, size: int) -> None:
    tools = {"fat32": ("mkfs.fat", "fsck.fat"), "exfat": ("mkfs.exfat", "fsck.exfat")}[kind]
    path = "/usr/sbin:/sbin:/usr/bin"
    if not all(shutil.which(tool, path=path) for tool in tools):
        pytest.skip(f"no {' or '.join(tools)}")
    device = loop(size * MIB)
    wanted, _ = target.examine(str(device), Wish())
    plan = shape(wanted.size, wanted.sector, Format(kind), "STICK")
    with template(plan) as (file, _):
        put(file, device)
    table = subprocess.run(
        ["sfdisk", "--dump", device], check=True, capture_output=True, text=True
    ).stdout
    code = {("fat32", 96): "c", ("fat32", 24): "e", ("exfat", 64): "7"}[kind, size]
    assert re.search(rf"start= *2048, size= *{(size - 1) * 2048}, type={code}\n", table)
    inner = tmp_path / "partition.img"
    inner.write_bytes(device.read_bytes()[MIB:])
    checker = shutil.which(tools[1], path=path)
    assert checker is not None
    done = subprocess.run([checker, "-n", inner], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = subprocess.run(
        ["blkid", "-p", "-o", "export", inner], check=True, capture_output=True, text=True
    ).stdout
    assert "LABEL=STICK\n" in found
    assert f"TYPE={'vfat' if kind == 'fat32' else 'exfat'}\n" in found
