"""Trying to make it write the disk of this machine, in every way that came to mind.

Twice guarded: `safety` raises if any block device but the tests' own is opened for writing, and
nothing here gets an image that would do harm in its first bytes before that.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli.usb import usb
from b2ct.core.errors import B2ctError
from b2ct.stick import devices, target
from b2ct.stick.devices import Kind
from b2ct.stick.guard import Wish, identity
from tests.stick import safety


@pytest.fixture
def disk() -> Path:
    """The whole disk that holds the running system. Skips where there is none to be seen."""
    machine = devices.gather()
    for use in machine.uses:
        block = machine.by_number.get(use.number)
        if use.point == "/" and block is not None:
            whole = machine.by_number[block.whole]
            if whole.kind is not Kind.LOOP and whole.path.exists():
                return whole.path
    pytest.skip("no disk of the running system is visible here (a container?)")


@pytest.fixture
def serial(disk: Path) -> str:
    machine = devices.gather()
    return next(identity(one) for one in machine.blocks if one.path == disk)


def refused(arguments: list[str]) -> str:
    """Run `b2ct usb` with arguments; the error message. Fails the test if it is not refused."""
    safety.install()
    result = CliRunner().invoke(usb, arguments)
    assert isinstance(result.exception, B2ctError), (arguments, result.output, result.exception)
    assert result.exception.exit_code == 2
    return "\n".join(result.exception.lines())


def test_the_tests_own_guard_works(disk: Path) -> None:
    for way in (
        lambda: os.open(disk, os.O_WRONLY),
        lambda: disk.open("r+b", buffering=0),
        lambda: os.open(disk, os.O_RDWR | os.O_EXCL),
    ):
        with pytest.raises(safety.ForbiddenOpenError):
            way()


@pytest.fixture
def spellings(disk: Path, tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """Names of the system disk: chains of links, other nodes, relative paths, descriptors."""
    handles: list[int] = []

    def make() -> list[str]:
        (tmp_path / "by-id").mkdir()
        (tmp_path / "by-id" / "usb-SanDisk_Ultra_4C53-0:0").symlink_to(disk)
        (tmp_path / "link").symlink_to("by-id/usb-SanDisk_Ultra_4C53-0:0")
        (tmp_path / "sdz").symlink_to(tmp_path / "link")
        names = [str(disk), f"/dev/../dev/{disk.name}", f"//dev/./{disk.name}"]
        names += [str(tmp_path / name) for name in ("by-id/usb-SanDisk_Ultra_4C53-0:0", "link")]
        names += [str(tmp_path / "sdz"), os.path.relpath(disk)]
        if os.geteuid() == 0:
            number = disk.stat().st_rdev
            os.mknod(tmp_path / "node", stat.S_IFBLK | 0o600, number)
            names.append(str(tmp_path / "node"))
            handles.append(os.open(disk, os.O_PATH))
            names.append(f"/proc/self/fd/{handles[0]}")
        return names

    yield make
    (tmp_path / "node").unlink(missing_ok=True)
    for handle in handles:
        os.close(handle)


def test_every_spelling_with_every_option(
    spellings: Callable[[], list[str]], serial: str, image: Callable[..., Path]
) -> None:
    file = str(image())
    for name in spellings():
        for options in (
            ["--dry-run"],
            ["--yes", "--serial", serial],
            ["--force-fixed", serial, "--yes", "--serial", serial],
            ["--practice-file", "--force-fixed", serial, "--yes", "--serial", serial],
        ):
            assert "holds the running system" in refused(["write", file, name, *options])
        forced = ["--force-fixed", serial, "--yes", "--serial", serial]
        assert "holds the running system" in refused(["restore", name, *forced])


def test_its_partitions_and_what_is_mounted(serial: str, image: Callable[..., Path]) -> None:
    machine = devices.gather()
    used = {use.number for use in machine.uses}
    for block in machine.blocks:
        if block.number in used and block.path.exists():
            message = refused(
                ["write", str(image()), str(block.path), "--yes", "--serial", identity(block)]
            )
            assert "refused" in message


def test_every_device_of_this_machine_that_is_not_a_stick(image: Callable[..., Path]) -> None:
    """Whatever is in /dev: nothing is offered that was not pluggable or a loop over a file."""
    file = str(image())
    machine = devices.gather()
    fine = {one.path for one in machine.blocks if one.pluggable or one.kind is Kind.LOOP}
    for node in Path("/dev").iterdir():
        if node not in fine:
            refused(["write", file, str(node), "--dry-run"])


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/proc/kcore"])
def test_character_devices_and_odd_files(name: str, image: Callable[..., Path]) -> None:
    if not Path(name).exists():
        pytest.skip(f"no {name} here")
    message = refused(["write", str(image()), name, "--practice-file", "--yes", "--serial", name])
    assert "refused" in message


def test_memory_is_no_stick(tmp_path: Path, image: Callable[..., Path]) -> None:
    """/dev/mem is not in every container: make the node, only to be refused by its kind."""
    if os.geteuid() != 0:
        pytest.skip("nodes need root")
    os.mknod(tmp_path / "mem", stat.S_IFCHR | 0o600, os.makedev(1, 1))
    assert "character device" in refused(["write", str(image()), str(tmp_path / "mem")])


def test_a_loop_device_that_is_a_window_on_the_disk(
    disk: Path, attach: Callable[..., Path], image: Callable[..., Path]
) -> None:
    device = attach(disk, "--read-only")
    for wish in ([], ["--force-fixed", str(disk)]):
        message = refused(
            ["write", str(image()), str(device), "--yes", "--serial", str(disk), *wish]
        )
        assert "window on the block device" in message


def test_the_node_is_swapped_after_the_check(
    disk: Path, loop: Callable[[int], Path], tmp_path: Path
) -> None:
    """Between examining and opening, the name comes to mean the system disk."""
    stick = loop(16 << 20)
    node = tmp_path / "node"
    os.mknod(node, stat.S_IFBLK | 0o600, stick.stat().st_rdev)
    wanted, _ = target.examine(str(node), Wish())
    node.unlink()
    os.mknod(node, stat.S_IFBLK | 0o600, disk.stat().st_rdev)
    with pytest.raises(B2ctError, match="not the device any more"):
        target.acquire(wanted)
    node.unlink()
    node.symlink_to(disk)
    with pytest.raises(B2ctError, match="not the device any more"):
        target.acquire(wanted)
    node.unlink()
    node.write_bytes(bytes(1 << 20))
    with pytest.raises(B2ctError, match="not the device any more"):
        target.acquire(wanted)
    node.unlink()
    with pytest.raises(B2ctError, match="not there any more"):
        target.acquire(wanted)


def test_a_forged_target_is_guarded_again(disk: Path) -> None:
    """Even a target that was never examined meets the guard once more before the first write."""
    machine = devices.gather()
    block = next(one for one in machine.blocks if one.path == disk)
    forged = target.Target(disk, "sdz", "x", block.size, block, (0, 0), Wish("x", True))
    safety.ALLOWED.discard(disk.stat().st_rdev)
    with pytest.raises((safety.ForbiddenOpenError, B2ctError)):
        target.acquire(forged)
    other = replace(forged, block=replace(block, number="7:250"))
    with pytest.raises(B2ctError, match="not the device any more"):
        target.acquire(other)


def test_a_practice_file_that_is_a_link_to_the_disk(
    disk: Path, tmp_path: Path, image: Callable[..., Path]
) -> None:
    link = tmp_path / "stick.img"
    link.symlink_to(disk)
    message = refused(
        ["write", str(image()), str(link), "--practice-file", "--yes", "--serial", str(link)]
    )
    assert "holds the running system" in message


def test_in_a_process_of_its_own(disk: Path, serial: str, image: Callable[..., Path]) -> None:
    """The whole program, exit code and message; the guard of the tests is in that process, too."""
    words = ["usb", "write", str(image()), str(disk), "--force-fixed", serial]
    done = subprocess.run(
        [sys.executable, "-m", "tests.stick.guarded", *words, "--yes", "--serial", serial],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 2
    assert "holds the running system" in done.stderr
    assert "Traceback" not in done.stderr
