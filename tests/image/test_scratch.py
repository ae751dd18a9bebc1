"""Where an image is made, and that nothing of it stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image import scratch


def test_memory_where_there_is_enough(tmp_path: Path) -> None:
    chosen = scratch.choose(None, tmp_path, free=10 * scratch.GIB)
    assert chosen.memory == 8 * scratch.GIB
    assert chosen.described() == "working in memory (10 GiB are free)"


def test_else_the_disk_and_it_says_why(tmp_path: Path) -> None:
    chosen = scratch.choose(None, tmp_path, free=scratch.GIB)
    assert (chosen.parent, chosen.memory) == (tmp_path, 0)
    assert "only 1.0 GiB of memory" in chosen.described()


def test_a_folder_that_is_asked_for_is_used(tmp_path: Path) -> None:
    chosen = scratch.choose(tmp_path, tmp_path / "other", free=10 * scratch.GIB)
    assert (chosen.parent, chosen.memory) == (tmp_path, 0)
    with pytest.raises(B2ctError, match="--scratch"):
        scratch.choose(tmp_path / "missing", tmp_path)


def test_free_memory_knows_control_groups(tmp_path: Path) -> None:
    proc, group = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (group / "a/b").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8192 kB\n")
    assert scratch.free_memory(proc, group) == 8192 * 1024
    (proc / "self/cgroup").write_text("0::/a/b\n")
    for folder, limit in (("a/b", "max"), ("a", "4096000")):
        (group / folder / "memory.max").write_text(f"{limit}\n")
        (group / folder / "memory.current").write_text("96000\n")
    assert scratch.free_memory(proc, group) == 4000000


def test_a_claimed_folder_is_removed_whatever_happens(tmp_path: Path) -> None:
    def interrupted() -> None:
        with scratch.claimed(tmp_path / "s", shutil.rmtree) as folder:
            (folder / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "s").iterdir()) == []


def test_folders_of_the_killed_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    code = (
        "import shutil, sys, time\nfrom pathlib import Path\n"
        "from b2ct.image import scratch\n"
        f"with scratch.claimed(Path({str(tmp_path)!r}), shutil.rmtree) as folder:\n"
        "    print(folder, flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    with scratch.claimed(tmp_path, shutil.rmtree):
        assert folder.is_dir()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert folder.is_dir()
    with scratch.claimed(tmp_path, shutil.rmtree) as own:
        assert list(tmp_path.iterdir()) == [own]


def test_what_only_looks_like_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "b2ct-image-link").symlink_to("target")
    (tmp_path / "b2ct-image-file").write_text("x")
    (tmp_path / "other").mkdir()
    with scratch.claimed(tmp_path, shutil.rmtree):
        pass
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"target", "b2ct-image-link", "b2ct-image-file", "other"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with (
        pytest.raises(B2ctError, match="cannot make a folder"),
        scratch.claimed(tmp_path / "x", shutil.rmtree),
    ):
        pass
