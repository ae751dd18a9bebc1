"""The same tree is the same archive, wherever and whenever it is packed."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.image.rootfs import archive

EPOCH = 1_700_000_000


def tree(folder: Path, order: list[str], *, time: float) -> Path:
    for name in ("dev", "proc", "run", "sys", "etc"):
        (folder / name).mkdir(parents=True)
    for name in order:
        (folder / "etc" / name).write_text(name)
        os.utime(folder / "etc" / name, (time, time))
    (folder / "etc/link").symlink_to("a")
    os.link(folder / "etc/a", folder / "etc/hard")
    (folder / "run/lock").write_text("of a running system")
    return folder


def test_order_and_time_of_making_do_not_matter(tmp_path: Path) -> None:
    one = tree(tmp_path / "one", ["a", "b", "c"], time=EPOCH + 100.5)
    other = tree(tmp_path / "other", ["c", "a", "b"], time=EPOCH + 7000)
    for number, folder in enumerate((one, other)):
        archive.pack(folder, tmp_path / f"{number}.tar", EPOCH)
    assert files.sha256(tmp_path / "0.tar") == files.sha256(tmp_path / "1.tar")
    with tarfile.open(tmp_path / "0.tar") as opened:
        names = opened.getnames()
        assert names == sorted(names)
        assert max(member.mtime for member in opened) <= EPOCH
    assert "./run" in names
    assert "./run/lock" not in names


def test_earlier_times_stay(tmp_path: Path) -> None:
    archive.pack(tree(tmp_path / "t", ["a"], time=12345), tmp_path / "t.tar", EPOCH)
    with tarfile.open(tmp_path / "t.tar") as opened:
        assert opened.getmember("./etc/a").mtime == 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="owners and trusted attributes are root's to set")
def test_owners_modes_links_and_capabilities_come_back(tmp_path: Path) -> None:
    source = tree(tmp_path / "one", ["a", "b"], time=1)
    os.chown(source / "etc/b", 65534, 8)
    (source / "etc/b").chmod(0o4755)
    # cap_net_raw=ep, as ping(8) has it: linux/capability.h, struct vfs_cap_data
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(source / "etc/b", "security.capability", capability)
    archive.pack(source, tmp_path / "t.tar", EPOCH)
    archive.unpack(tmp_path / "t.tar", tmp_path / "two")
    found = (tmp_path / "two/etc/b").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (65534, 8, 0o4755)
    assert os.getxattr(tmp_path / "two/etc/b", "security.capability") == capability
    assert (tmp_path / "two/etc/a").samefile(tmp_path / "two/etc/hard")
    assert (tmp_path / "two/etc/link").readlink() == Path("a")


def test_damage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.tar").write_bytes(b"not an archive" * 100)
    with pytest.raises(B2ctError, match="tar failed"):
        archive.unpack(tmp_path / "t.tar", tmp_path / "t")


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    archive.remove(tmp_path / "nothing")


@pytest.mark.parametrize("left", [0, 5000, 1 << 20])
def test_a_full_cache_says_which_folder(tmp_path: Path, small_disk: Path, left: int) -> None:
    """However much of a block tar could still write, which decides what it says."""
    made = tree(tmp_path / "tree", ["a"], time=EPOCH)
    (made / "etc/large").write_bytes(os.urandom(5 << 20))
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes((4 << 20) - left))
    with pytest.raises(B2ctError, match=f"no space left in {small_disk}") as failed:
        archive.pack(made, small_disk / "layer.part", EPOCH)
    assert "XDG_CACHE_HOME" in failed.value.hint
