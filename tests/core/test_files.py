"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from b2ct.core import files
from b2ct.core.errors import B2ctError


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_takes_its_name_at_the_end_only(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with files.atomic(target, mode=0o640) as out:
        out.write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert _left(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, B2ctError])
def test_when_anything_goes_wrong_the_old_file_stays(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(error), files.atomic(target) as out:  # noqa: PT012 - the body fails
        out.write(b"half")
        raise error("no")
    assert target.read_bytes() == b"old"
    assert _left(tmp_path) == ["out"]


def test_a_killed_process_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from b2ct.core import files\n"
        "with files.atomic(Path(sys.argv[1])) as out:\n"
        "    out.write(b'half' * 100000); print('writing', flush=True); time.sleep(600)"
    )
    target = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        child.send_signal(signal.SIGKILL)
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "words", "remedy"),
    [
        ("none/out", "no such file or directory", "create the folder first"),
        ("file/out", "not a directory", "not a folder"),
        ("folder", "is a directory", "give a file name"),
        ("x" * 300, "file name too long", ""),
    ],
)
def test_refusals_name_the_remedy(tmp_path: Path, name: str, words: str, remedy: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(B2ctError, match=words) as caught:
        files.write(tmp_path / name, b"x")
    assert remedy in caught.value.hint
    assert _left(tmp_path) == ["file", "folder"]


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    with (  # noqa: PT012 - the body fails
        pytest.raises(B2ctError, match="no space left on device") as caught,
        files.atomic(tmp_path / "out") as out,
    ):
        out.write(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "another disk" in caught.value.hint
    assert _left(tmp_path) == []


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(B2ctError, match="not an ordinary file"):
        files.write(pipe, b"x")
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(B2ctError, match="not an ordinary file"):
        files.write(tmp_path / "link", b"x")
    assert Path("/dev/null").is_char_device()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files.write(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"


def test_long_names_have_room_for_the_temporary_one(tmp_path: Path) -> None:
    files.write(tmp_path / ("磁" * 85), b"x")  # 255 bytes
    assert len(_left(tmp_path)) == 1


def test_a_relative_path_is_taken_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with files.atomic(Path("out")) as out:
        os.chdir("elsewhere")
        out.write(b"x")
    assert (tmp_path / "out").exists()


def test_sha256(tmp_path: Path) -> None:
    data = b"x" * 3_000_000
    (tmp_path / "f").write_bytes(data)
    seen: list[int] = []
    assert files.sha256(tmp_path / "f", seen.append) == hashlib.sha256(data).hexdigest()
    assert sum(seen) == len(data)
    with pytest.raises(B2ctError, match="cannot read"):
        files.sha256(tmp_path / "none")
