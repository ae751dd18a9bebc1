"""The FAT32 writer against dosfstools and mtools: what we write they find without fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media.imagewriter import Copy, Data
from b2ct.media.key import fat32
from b2ct.media.key.fat32 import File, Volume
from tests.media.key import tools

HIDDEN = 2048
MIB = 2**20
STAMP = 1_700_000_000


def plan(files: dict[str, bytes], *, size: int | None = None, slack: int = 0) -> Volume:
    return fat32.plan(
        [File(path, (Data(data),)) for path, data in files.items()],
        label="B2CT", serial=0x1234ABCD, stamp=STAMP, hidden=HIDDEN, size=size, slack=slack,
    )  # fmt: skip


TREE = {
    "README.txt": b"hello\r\n" * 100,
    "ks/auto.ks": b"#" * 5000,
    "empty": b"",
    ".treeinfo": b"a",
    "images/pxeboot/vmlinuz": b"k" * 3_000_000,
    "exactly13char": b"13",
    "UPPER.TXT": b"u",
    "Packages/a-very-long-name-of-a-package-1.2.3-4.el9.x86_64.rpm": b"p" * 1234,
    "Packages/a-very-long-name-of-a-package-1.2.3-5.el9.x86_64.rpm": b"q" * 1234,
    "deep/er/and/deep/er/Ünïcode.txt": b"x" * 512,
}


@pytest.mark.parametrize(
    ("size", "slack", "cluster"),
    [
        (None, 0, 512),
        (None, 400 * MIB, 4096),
        (64 * MIB, 0, 512),
        (300 * MIB, 0, 4096),
        (9 * 2**30, 0, 8192),
        (40 * 2**30, 0, 32768),
    ],
)
def test_the_tools_find_no_fault(
    tmp_path: Path, size: int | None, slack: int, cluster: int
) -> None:
    volume = plan(TREE, size=size, slack=slack)
    image = tmp_path / "volume"
    tools.store(volume, image)
    said = tools.run("fsck.vfat", "-n", "-v", image)
    assert f"{cluster} bytes per cluster" in said
    assert "2048 hidden sectors" in said
    assert f"{volume.used}/{volume.geometry.clusters} clusters" in said
    assert volume.size == size or size is None
    assert volume.free >= slack
    assert tools.unpack(image, tmp_path / "out", 0) == TREE
    assert volume.geometry.offset(2) % 65536 + 0 == (-HIDDEN * 512) % 65536
    head = tools.run("mdir", "-i", image, "::/")
    assert "Volume in drive : is B2CT" in head
    assert "1234-ABCD" in head
    assert "2023-11-14  22:13" in head


def test_neighbours_of_the_limit_between_fat16_and_fat32(tmp_path: Path) -> None:
    """Whatever is asked for, a driver that counts clusters takes it for FAT32."""
    for size in (None, 34 * MIB, 35 * MIB, 67 * MIB, 133 * MIB, 261 * MIB, 270 * MIB):
        volume = plan({"a": b"a"}, size=size)
        assert volume.geometry.clusters >= 65525
        image = tmp_path / "volume"
        tools.store(volume, image)
        assert "32 bit entries" in tools.run("fsck.vfat", "-n", "-v", image)


part = st.text(st.sampled_from("abcXYZ089 .-_~+äß漢"), min_size=1, max_size=30).filter(
    lambda name: name == name.strip(". ") and not name.startswith(" ")
)
tree = st.dictionaries(
    st.lists(part, min_size=1, max_size=4).map("/".join), st.binary(max_size=3000), max_size=25
)


def _possible(files: dict[str, bytes]) -> bool:
    """No file is a folder as well, and no two names differ in case only."""
    known: dict[str, str] = {}
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            kind = above if depth < len(parts) else f"{above}\0"
            if known.setdefault(above.upper(), kind) != kind:
                return False
    return True


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(files=tree.filter(_possible))
def test_any_tree_comes_back(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    image = folder / "volume"
    tools.store(plan(files), image)
    tools.run("fsck.vfat", "-n", image)
    assert tools.unpack(image, folder / "out", 0) == files


def test_a_directory_of_many_names(tmp_path: Path) -> None:
    files = {f"Packages/python3-package-{n}-1.2.3-4.el9.noarch.rpm": b"" for n in range(5000)}
    image = tmp_path / "volume"
    tools.store(plan(files), image)
    tools.run("fsck.vfat", "-n", image)
    assert tools.paths(image, 0) == sorted(files)


def test_too_many_names_for_a_directory() -> None:
    with pytest.raises(B2ctError, match=r"/Packages has more names"):
        plan({f"Packages/{n:070}": b"" for n in range(10_000)})


def test_a_file_of_four_gibibytes() -> None:
    parts = (Copy(0, 2**31), Copy(2**31, 2**31))
    with pytest.raises(B2ctError, match=r"/images/install.img has 4294967296 bytes") as caught:
        fat32.plan(
            [File("images/install.img", parts)],
            label="B2CT", serial=1, stamp=STAMP, hidden=HIDDEN,
        )  # fmt: skip
    assert "netinstall" in caught.value.hint
    largest = File("images/install.img", (Copy(0, 2**32 - 1),))
    volume = fat32.plan([largest], label="B2CT", serial=1, stamp=STAMP, hidden=HIDDEN)
    assert volume.size > 2**32


@pytest.mark.parametrize("size", [0, 1 * MIB, 20 * MIB, 32 * MIB])
def test_too_small_says_how_much_is_needed(size: int) -> None:
    with pytest.raises(B2ctError, match=r"are too few: the key needs 3\d MiB") as caught:
        plan(TREE, size=size)
    needed = int(caught.value.message.split()[-2])
    assert plan(TREE, size=(needed - 1) * MIB).size == (needed - 1) * MIB


def test_contents_that_do_not_fit() -> None:
    files = {"images/install.img": bytes(60 * MIB)}
    with pytest.raises(B2ctError, match=r"50 MiB are too few: the key needs 6\d MiB"):
        plan(files, size=49 * MIB)


def test_too_large_for_an_mbr() -> None:
    with pytest.raises(B2ctError, match="MBR"):
        plan(TREE, size=3 * 2**40)


def test_a_file_that_is_a_folder_as_well() -> None:
    with pytest.raises(B2ctError, match="file and folder"):
        plan({"ks": b"", "ks/auto.ks": b""})


def test_pieces_are_in_order_and_do_not_overlap() -> None:
    at = 0
    for piece in plan(TREE).pieces:
        assert piece.offset >= at
        at = piece.offset + piece.segment.length


@pytest.mark.parametrize("stamp", [0, 315_532_800, 2**32 - 1, 4_354_819_199])
def test_times_that_fat_cannot_tell(tmp_path: Path, stamp: int) -> None:
    volume = fat32.plan(
        [File("a", (Data(b"a"),))], label="B2CT", serial=1, stamp=stamp, hidden=HIDDEN
    )
    image = tmp_path / "volume"
    tools.store(volume, image)
    year = "1980-01-01" if stamp < 400_000_000 else "210"
    assert year in tools.run("mdir", "-i", image, "::/")
