"""Writing: one pass, little memory, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media import imagewriter, remaster
from b2ct.media.imagewriter import CHUNK, Copy, Data, Stream
from b2ct.media.installer import inspect
from b2ct.media.remaster import Entry
from tests.media import isos, oracles

FILES = {"/ks/x.ks": b"# x\n"}
ENTRIES = (Entry("X", "/ks/x.ks"),)
REMASTER = """
import sys, time
from pathlib import Path
from b2ct.cli.main import _terminate
from b2ct.core.errors import B2ctError
from b2ct.media import remaster
from b2ct.media.installer import inspect
from b2ct.media.remaster import Entry
import signal
signal.signal(signal.SIGTERM, _terminate)
source, out, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
def progress(count):
    print("wrote", flush=True)
    time.sleep(pause)
try:
    entries = [Entry("X", "/ks/x.ks")]
    plan = remaster.plan(inspect(source), files={"/ks/x.ks": b"x"}, entries=entries)
    remaster.write(plan, out, progress=progress)
except B2ctError as err:
    print(err.message)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def _stream(source: Path, segments: tuple[imagewriter.Segment, ...]) -> Stream:
    stat = source.stat()
    size = sum(segment.length for segment in segments)
    return Stream(source, stat.st_size, stat.st_mtime_ns, segments, size, size, False, 40_000)


def _plan(source: Path) -> remaster.Plan:
    return remaster.plan(
        inspect(source), files=FILES, entries=ENTRIES, source_date_epoch=isos.EPOCH
    )


@pytest.mark.parametrize("seed", range(6))
def test_segments_become_the_file(tmp_path: Path, seed: int) -> None:
    noise = random.Random(seed)
    source = tmp_path / "source"
    content = noise.randbytes(3 * CHUNK + 12_345)
    source.write_bytes(content)
    segments: list[imagewriter.Segment] = [Copy(0, 50_000)]
    expected = bytearray(content[:50_000])
    for _ in range(noise.randrange(1, 40)):
        if noise.random() < 0.5:
            at = noise.randrange(len(content))
            length = noise.randrange(0, min(len(content) - at, 2 * CHUNK) + 1)
            segments.append(Copy(at, length))
            expected += content[at : at + length]
        else:
            data = noise.randbytes(noise.choice((0, 1, 2048, 100_000, CHUNK)))
            segments.append(Data(data))
            expected += data
    out = tmp_path / "out"
    told: list[int] = []
    written = imagewriter.write(
        _stream(source, tuple(segments)), out, progress=told.append, sha256=True
    )
    got = out.read_bytes()
    assert written.size == len(got) == len(expected) == sum(told)
    assert got[:40_000] == expected[:40_000]
    assert got[40_512:] == expected[40_512:]
    assert written.md5 == hashlib.md5(expected).hexdigest()
    assert got[40_000:40_512].startswith(f"ISO MD5SUM = {written.md5};".encode())
    assert written.sha256 == hashlib.sha256(got).hexdigest()


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.EOPNOTSUPP, None])
def test_a_file_system_that_shares_no_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    def refuse(_source: int, _target: int, count: int, *_: int) -> int:
        if refusal is None or count < 1000:
            return 0  # what some file systems do instead
        raise OSError(refusal, os.strerror(refusal))

    remaster.write(_plan(isos.sample("el10")), tmp_path / "shared.iso")
    monkeypatch.setattr("b2ct.media.imagewriter.os.copy_file_range", refuse)
    remaster.write(_plan(isos.sample("el10")), tmp_path / "copied.iso")
    assert (tmp_path / "copied.iso").read_bytes() == (tmp_path / "shared.iso").read_bytes()


@pytest.mark.skipif(not shutil.which("mkfs.xfs"), reason="xfsprogs is missing")
def test_a_file_system_that_shares_blocks(big_source: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(1000 * 2**20)
    subprocess.run(["mkfs.xfs", "-q", str(disk)], check=True)
    with _mounted(tmp_path / "xfs", "loop", disk, kind="xfs") as folder:
        source = folder / "source.iso"
        noise = random.Random(1)
        with big_source.open("rb") as original, source.open("wb") as file:
            file.write(original.read(3 * 2**20))
            for _ in range(290):
                file.write(noise.randbytes(2**20))
            file.truncate(big_source.stat().st_size)
        os.sync()
        before = os.statvfs(folder)
        remaster.write(_plan(source), folder / "out.iso")
        after = os.statvfs(folder)
        assert (before.f_bfree - after.f_bfree) * before.f_frsize < 30 * 2**20
        assert oracles.media_check(folder / "out.iso")


def test_the_sha256_is_that_of_the_file(tmp_path: Path) -> None:
    out = tmp_path / "out.iso"
    written = remaster.write(_plan(isos.sample("el9")), out, sha256=True)
    assert written.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert isos.run("checkisomd5", "--md5sumonly", out).split()[1] == written.md5
    assert remaster.write(_plan(isos.sample("el9")), out).sha256 is None


@pytest.fixture
def big_source(tmp_path: Path) -> Path:
    """An installer of 300 MB, most of it a hole that takes no room."""
    source = isos.build("el6", tmp_path / "build", payload=4096)
    data = bytearray(source.read_bytes())
    sectors = 150_000
    at = 16 * 2048 + 80
    data[at : at + 8] = sectors.to_bytes(4, "little") + sectors.to_bytes(4, "big")
    data[:512] = bytes(512)
    source.write_bytes(data)
    os.truncate(source, sectors * 2048)
    return source


def test_memory_does_not_grow_with_the_image(big_source: Path, tmp_path: Path) -> None:
    script = (
        REMASTER.replace('print("wrote", flush=True)', "pass").replace("sys.exit(2)", "raise")
        # not ru_maxrss, which begins with the memory of the process that started this one
        + "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, big_source, tmp_path / "out.iso", "0"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    kilobytes = int(done.stdout.split()[-1])
    assert kilobytes < 64 * 1024
    assert (tmp_path / "out.iso").stat().st_size > 300_000_000


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_write_leaves_nothing_under_the_name(
    big_source: Path, tmp_path: Path, sent: signal.Signals, existing: bool
) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    out = folder / "out.iso"
    if existing:
        out.write_text("the one from last week")
    with subprocess.Popen(
        [sys.executable, "-c", REMASTER, big_source, out, "0.2"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == b"wrote\n"
        process.send_signal(sent)
        process.wait(timeout=30)
    assert process.returncode in {130, -sent}
    if existing:
        assert out.read_text() == "the one from last week"
    else:
        assert not out.exists()
    if sent != signal.SIGKILL:  # which no program can clean up after
        assert [path.name for path in folder.iterdir()] == ["out.iso"] * existing


@contextlib.contextmanager
def _mounted(
    folder: Path, options: str, device: Path | str = "none", kind: str = "tmpfs"
) -> Iterator[Path]:
    folder.mkdir()
    argv = ["mount", "-t", kind, "-o", options, str(device), str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(argv, check=False, capture_output=True).returncode
    ):
        pytest.skip("this user cannot mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_noticed_before_the_work(tmp_path: Path) -> None:
    with _mounted(tmp_path / "small", "size=1m") as small:
        with pytest.raises(B2ctError, match=r"the disk has \d MiB free") as caught:
            remaster.write(_plan(isos.sample("el9")), small / "out.iso")
        assert "free some space" in caught.value.hint
        assert not list(small.iterdir())


def test_a_disk_that_fills_up_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagewriter, "_need_space", lambda *_: None)
    with _mounted(tmp_path / "small", "size=1m") as small:
        with pytest.raises(B2ctError, match="no space left") as caught:
            remaster.write(_plan(isos.sample("el9")), small / "out.iso")
        assert "free some space" in caught.value.hint
        assert not list(small.iterdir())


def test_a_target_that_cannot_take_so_big_a_file(tmp_path: Path) -> None:
    script = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 2**20,) * 2)\n"
    done = subprocess.run(
        [sys.executable, "-c", script + REMASTER, isos.sample("el9"), tmp_path / "out.iso", "0"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_read_only_target(tmp_path: Path) -> None:
    with _mounted(tmp_path / "ro", "size=64m,ro") as folder:
        with pytest.raises(B2ctError, match="read-only") as caught:
            remaster.write(_plan(isos.sample("el9")), folder / "out.iso")
        assert "-o" in caught.value.hint


@pytest.mark.parametrize(
    ("target", "why"), [("missing/out.iso", "no such file"), (".", "is a directory")]
)
def test_targets_that_are_refused(tmp_path: Path, target: str, why: str) -> None:
    with pytest.raises(B2ctError, match=why):
        remaster.write(_plan(isos.sample("el9")), tmp_path / target)
    assert not list(tmp_path.iterdir())


def test_the_source_is_never_the_target(tmp_path: Path) -> None:
    source = tmp_path / "source.iso"
    shutil.copy(isos.sample("el9"), source)
    before = source.read_bytes()
    (tmp_path / "link.iso").symlink_to(source)
    for out in (source, tmp_path / "link.iso"):
        with pytest.raises(B2ctError, match="the source itself"):
            remaster.write(_plan(source), out)
    assert source.read_bytes() == before


def test_a_source_that_changed_meanwhile(tmp_path: Path) -> None:
    source = tmp_path / "source.iso"
    shutil.copy(isos.sample("el9"), source)
    plan = _plan(source)
    time.sleep(0.02)
    with source.open("ab") as file:
        file.write(b"x")
    with pytest.raises(B2ctError, match="changed"):
        remaster.write(plan, tmp_path / "out.iso")
    cut = replace(plan.stream, source_size=4096, source_modified=0)
    source.write_bytes(bytes(4096))
    os.utime(source, ns=(0, 0))
    with pytest.raises(B2ctError, match="shorter"):
        imagewriter.write(cut, tmp_path / "out.iso")
    assert [path.name for path in tmp_path.iterdir()] == ["source.iso"]


def test_a_source_that_cannot_be_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    plan = _plan(isos.sample("el9"))
    monkeypatch.setattr("b2ct.media.imagewriter.os.preadv", broken)
    with pytest.raises(B2ctError, match=r"cannot read .*input/output error"):
        remaster.write(plan, tmp_path / "out.iso")
    assert not list(tmp_path.iterdir())


def test_a_device_of_this_process_is_not_left_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    remaster.write(_plan(isos.sample("el9")), tmp_path / "out.iso")
    assert len(set(os.listdir("/proc/self/fd"))) == len(before)  # noqa: PTH208
    assert oracles.media_check(tmp_path / "out.iso")
