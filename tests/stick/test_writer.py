"""The writer on a device in memory: order, zeros, faults, interruptions, lies."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.core.errors import EXIT_INTERRUPTED, EXIT_VERDICT, B2ctError
from b2ct.stick import writer
from b2ct.stick.image import open_image
from b2ct.stick.layout import HEAD, TAIL, layout
from b2ct.stick.trouble import StickError, StoppedError
from b2ct.stick.writer import burn
from tests.stick.faulty import FaultyDoor, failing

MIB = 1 << 20


@contextmanager
def quiet(_label: str, _total: int | None) -> Iterator[Callable[[int], None]]:
    yield lambda _count: None


def interrupting(label: str, after: int) -> Callable[..., object]:
    """A progress that presses Ctrl-C when that phase has come that far."""

    @contextmanager
    def progress(phase: str, _total: int | None) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if phase == label and done >= after:
                raise KeyboardInterrupt

        yield advance

    return progress


def write(door: FaultyDoor, image: Path, progress: object = quiet) -> writer.Burnt:
    with open_image(image) as source:
        return burn(door, source, progress, again=image)  # type: ignore[arg-type]


def test_the_device_has_the_image_and_no_old_end(image: Callable[..., Path]) -> None:
    file, door = image(), FaultyDoor(32 * MIB)
    done = write(door, file)
    data = file.read_bytes()
    assert bytes(door.memory[: len(data)]) == data
    assert done.sha256 == hashlib.sha256(data).hexdigest()
    assert not any(door.memory[-TAIL:])
    assert done.zeroed >= 5 * MIB


def test_the_start_is_blanked_first_and_written_last(image: Callable[..., Path]) -> None:
    file, door = image(), FaultyDoor(32 * MIB)
    states: list[bool] = []
    door.before = lambda action, offset: states.append(any(door.memory[:HEAD]))
    write(door, file)
    actions = [(action, offset) for action, offset, _ in door.log]
    assert actions[0] == ("zero", 0)
    head = actions.index(("write", 0))
    assert not any(states[1:head])
    body = [
        a
        for a in actions[head + 1 :]
        if a[0] in ("write", "zero") and a[1] < len(file.read_bytes())
    ]
    assert body == []
    assert actions[head - 1][0] == "sync"
    assert actions[head + 1][0] == "sync"


@given(
    blocks=st.lists(st.sampled_from("dz h"), min_size=1, max_size=24),
    odd=st.integers(0, 511),
    extra=st.integers(0, 6),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pattern_of_data_zeros_and_holes(
    tmp_path: Path, blocks: list[str], odd: int, extra: int
) -> None:
    file = tmp_path / "image"
    unit = 256 << 10
    with file.open("wb") as out:
        for index, kind in enumerate(blocks):
            if kind != "h":
                out.seek(index * unit)
                out.write({"d": b"x", "z": b"\0", " ": b"\0" * 99 + b"y"}[kind][:100].ljust(1) * 9)
                out.write(b"x" * (unit - 99) if kind == "d" else bytes(unit // 2))
        out.truncate(len(blocks) * unit - unit + 1 + odd)
    size = file.stat().st_size
    door = FaultyDoor(-(-size // 512) * 512 + extra * 256 * 512)
    write(door, file)
    assert bytes(door.memory[:size]) == file.read_bytes()
    start = max(-(-size // 512) * 512, door.size - TAIL)
    assert not any(door.memory[start:])


@pytest.mark.parametrize(
    "size", [1, 511, 512, 4096, HEAD - 1, HEAD, HEAD + 1, 4 * MIB, 4 * MIB + 1]
)
def test_sizes_at_the_edges(tmp_path: Path, size: int) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"\xa5" * size)
    for room in (-(-size // 512) * 512, -(-size // 512) * 512 + 512, 8 * MIB):
        door = FaultyDoor(room)
        write(door, file)
        assert bytes(door.memory[:size]) == b"\xa5" * size
        assert not any(door.memory[size : -(-size // 512) * 512])
        if size < HEAD:
            assert not any(door.memory[size : min(HEAD, room)])


def test_too_small(image: Callable[..., Path]) -> None:
    file = image()
    door = FaultyDoor(file.stat().st_size - 512)
    with pytest.raises(B2ctError, match="only") as caught:
        write(door, file)
    assert caught.value.exit_code == 2
    assert door.log == []


def test_marks_of_a_large_device() -> None:
    plan = layout(1 << 30, 64 << 30, 512)
    assert plan.marks == tuple([1 << power for power in range(30, 36)] + [(64 << 30) - 4096])
    assert layout(64 << 30, 64 << 30, 512).marks == ()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EIO, "failed to write at byte 4194304"),
        (errno.ENOSPC, "lies about its size"),
        (errno.ENODEV, "pulled out"),
        (errno.ENXIO, "pulled out"),
        (errno.EREMOTEIO, "failed to write"),
        (errno.EROFS, "write-protected"),
    ],
)
def test_a_write_that_fails(image: Callable[..., Path], number: int, words: str) -> None:
    door = FaultyDoor(32 * MIB)
    file = image(12 * MIB)
    with file.open("r+b") as out:
        out.write(b"\x11" * (12 * MIB))
    done = failing("write", 4 * MIB, number)
    door.before = lambda action, offset: done(action, offset) if offset < 20 * MIB else None
    with pytest.raises(StickError, match="NOT usable") as caught:
        write(door, file)
    assert words in caught.value.message
    assert "4194304" in caught.value.message
    assert "b2ct usb restore" in caught.value.hint
    assert caught.value.exit_code == EXIT_VERDICT
    assert not any(door.memory[:HEAD])


@pytest.mark.parametrize("action", ["zero", "sync"])
def test_zeroing_or_syncing_that_fails(image: Callable[..., Path], action: str) -> None:
    door = FaultyDoor(32 * MIB)
    door.before = failing(action, 0, errno.EIO)
    with pytest.raises(StickError, match="NOT usable"):
        write(door, image())


def test_pulled_out_by_the_kernels_word(image: Callable[..., Path]) -> None:
    """The first error of a stick that is pulled out is often a plain EIO."""
    door = FaultyDoor(32 * MIB)
    door.lost = True
    door.before = failing("write", 2 * MIB, errno.EIO)
    with pytest.raises(StickError, match="pulled out"):
        write(door, image())


def test_a_read_back_that_fails(image: Callable[..., Path]) -> None:
    door = FaultyDoor(32 * MIB)
    door.before = failing("read", 4 * MIB, errno.EIO)
    with pytest.raises(StickError, match=r"failed to read at byte 4194304.*do NOT use"):
        write(door, image())
    assert not any(door.memory[:HEAD])


@pytest.mark.parametrize("bad", [0, 511, MIB, 4 * MIB + 77, (9 << 20) + 511])
def test_a_bit_that_flips(image: Callable[..., Path], bad: int) -> None:
    door = FaultyDoor(32 * MIB)

    def spoil(offset: int, data: bytearray) -> None:
        if offset <= bad < offset + len(data):
            data[bad - offset] ^= 0x40

    door.spoil = spoil
    with pytest.raises(
        StickError, match=rf"other bytes than were written: .* byte {bad} "
    ) as caught:
        write(door, image())
    assert "1 of 10 MiB" in caught.value.message
    assert not any(door.memory[:HEAD])


def test_bytes_that_differ_only_once(image: Callable[..., Path]) -> None:
    door = FaultyDoor(32 * MIB)
    seen: list[int] = []

    def spoil(offset: int, data: bytearray) -> None:
        if offset == 4 * MIB and not seen:
            seen.append(offset)
            data[5] ^= 1

    door.spoil = spoil
    with pytest.raises(StickError, match="not when asked again"):
        write(door, image())


def test_a_fake_that_wraps_inside_the_image(image: Callable[..., Path]) -> None:
    door = FaultyDoor(64 * MIB, real=8 * MIB)
    door.reach = lambda offset: offset % (8 * MIB)
    with pytest.raises(StickError, match="other bytes than were written"):
        write(door, image(12 * MIB))


def test_a_fake_that_drops_what_is_beyond(image: Callable[..., Path]) -> None:
    """The image fits into what is really there: only the marks can tell."""
    door = FaultyDoor(64 * MIB, real=16 * MIB)
    door.reach = lambda offset: offset if offset < 16 * MIB else None
    with pytest.raises(StickError, match=f"lies about its size.*byte {64 * MIB - 4096}"):
        write(door, image())
    assert not any(door.memory[:HEAD])


def test_a_fake_that_wraps_onto_the_image(image: Callable[..., Path]) -> None:
    door = FaultyDoor(64 * MIB, real=9 * MIB)
    door.reach = lambda offset: offset % (9 * MIB)  # the last block lands at 1 MiB - 4 KiB
    with pytest.raises(StickError, match="lies about its size"):
        write(door, image(8 * MIB))


def test_ctrl_c_while_writing(image: Callable[..., Path]) -> None:
    door = FaultyDoor(32 * MIB)
    with pytest.raises(StoppedError, match="NOT usable") as caught:
        write(door, image(), interrupting("writing", 2 * MIB))
    assert caught.value.exit_code == EXIT_INTERRUPTED
    assert "write it again" in caught.value.hint
    assert not any(door.memory[:HEAD])


def test_ctrl_c_again_and_again(image: Callable[..., Path]) -> None:
    """The impatient hear the truth, too."""
    door = FaultyDoor(32 * MIB)
    pressed: list[int] = []

    def before(action: str, offset: int) -> None:
        if pressed or (action == "write" and 2 * MIB <= offset < 16 * MIB):
            pressed.append(offset)
            raise KeyboardInterrupt

    door.before = before
    with pytest.raises(StoppedError, match="NOT usable"):
        write(door, image())
    assert len(pressed) == 2
    assert not any(door.memory[:HEAD])


def test_ctrl_c_while_verifying(image: Callable[..., Path]) -> None:
    door, file = FaultyDoor(32 * MIB), image()
    with pytest.raises(StoppedError, match="written, but NOT verified") as caught:
        write(door, file, interrupting("verifying", 1))
    assert f"b2ct usb verify {file} /dev/faulty" in caught.value.hint
    assert bytes(door.memory[: 9 * MIB]) == file.read_bytes()[: 9 * MIB]


def test_an_image_that_changes_meanwhile(image: Callable[..., Path]) -> None:
    door, file = FaultyDoor(32 * MIB), image()

    def touch(action: str, offset: int) -> None:
        if action == "write" and offset >= 2 * MIB:
            with file.open("r+b") as out:
                out.seek(7 * MIB)
                out.write(b"later")

    door.before = touch
    with pytest.raises(StickError, match="was changed while it was read"):
        write(door, file)
    assert not any(door.memory[:HEAD])


def test_an_image_that_shrinks_meanwhile(image: Callable[..., Path]) -> None:
    door, file = FaultyDoor(64 * MIB), image(40 * MIB)
    with file.open("r+b") as out:
        out.write(b"\x22" * (40 * MIB))

    def cut(action: str, offset: int) -> None:
        if action == "write" and MIB <= offset < 5 * MIB:
            with file.open("r+b") as out:
                out.truncate(20 * MIB)

    door.before = cut
    with pytest.raises(StickError, match=r"become shorter|was changed"):
        write(door, file)
    assert not any(door.memory[:HEAD])
