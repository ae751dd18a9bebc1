"""Whatever links an image has: what is outside of its tree stays as it is.

Each test has a canary outside, at which the links of the tree point: a folder with the very names
that a build writes and removes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image import provision
from b2ct.image import tree as door
from b2ct.image.disk.kernels import newest
from b2ct.image.disk.make import place
from b2ct.image.disk.partitions import plan
from b2ct.image.rootfs import apt, archive, configure, rpm, rpmrows, selinux
from b2ct.image.rootfs.userns import Namespace
from b2ct.image.rootfs.workspace import Workspace
from b2ct.image.tree import Tree
from tests.image.disk import trees

OLD = (1_000_000_000, 1_000_000_000)


@pytest.fixture(params=["by the kernel", "step by step"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to resolve a name, as old kernels have only the second."""
    if request.param == "step by step":
        monkeypatch.setattr(door, "_has_openat2", lambda: False)
    elif not door._has_openat2():
        pytest.skip("this kernel has no openat2")
    return str(request.param)


@dataclass(frozen=True)
class Canary:
    """A folder outside of the tree."""

    folder: Path

    def plant(self, name: str) -> None:
        """A file of that name, with something in a folder of that name besides."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(f"mine: {name}")

    def seen(self) -> dict[str, tuple[object, ...]]:
        """All that can be told of it."""
        found: dict[str, tuple[object, ...]] = {}
        for path in (self.folder, *self.folder.rglob("*")):
            about = path.lstat()
            text = path.read_bytes() if path.is_file() else b""
            where = str(path.relative_to(self.folder))
            found[where] = (about.st_mode, about.st_uid, about.st_mtime_ns, about.st_ino, text)
        return found


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    (tmp_path / "home").mkdir()
    return Canary(tmp_path / "home")


def example(pattern: str) -> str:
    """A name that a pattern matches."""
    return pattern.replace("*", "x").lstrip("/")


def places(name: str) -> Iterator[str]:
    """A name and each folder above it: wherever a link could stand in the way."""
    path = PurePosixPath(name)
    yield from (str(one) for one in (path, *path.parents[:-1]))


def work(folder: Path) -> Workspace:
    return Workspace(folder, 0, Namespace(as_root=True), folder, note=lambda _text: None)


def excluded(tree: Path) -> None:
    apt._remove_excluded(tree, ["/usr/share/doc/*"])
    rpm._leave_out(tree, ["/usr/share/doc/*", "/lib/modules/*/kernel/sound/*"])


def disk(tree: Path) -> None:
    place(tree, trees.BOOT, plan(trees.layout(), "a worker"))
    newest(tree)


def labels(tree: Path) -> None:
    selinux.label(tree, work(tree.parent))
    selinux.may_label(tree)


def bundled(tree: Path) -> None:
    """As configure.apply does before and after the scripts."""
    inside = Tree(tree)
    inside.remove(configure._BUNDLE)
    inside.write(f"{configure._BUNDLE}/provision.sh", "#!/bin/sh\n")
    for folder in configure._TEMPORARY:
        inside.empty(folder)


def prepared(tree: Path) -> None:
    """What the bootstraps write before and after packages are installed."""
    inside = Tree(tree)
    inside.write(apt._POLICY, "#!/bin/sh\nexit 101\n", 0o755)
    inside.write(rpm.DRACUT, rpm._DRACUT_CONF)
    for mask in rpm._MASKED:
        inside.link(mask, "/dev/null")
        inside.remove(mask)
    inside.write("etc/machine-id", "")


# What is done to a tree, and the names that it reads, writes or removes.
DONE: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "apt cleans": (apt._clean, (*apt._LEFT, "etc/machine-id")),
    "dnf cleans": (
        rpm._clean,
        (*rpm._LEFT, "etc/machine-id", *(f"{one}/{rpm._DATABASE}" for one in rpmrows.DATABASES)),
    ),
    "excludes": (excluded, ("usr/share/doc/x", "lib/modules/6.1/kernel/sound/x")),
    "packs": (lambda tree: archive.pack(tree, tree.parent / "out.tar", 0), archive.VOLATILE),
    "prepares": (
        prepared,
        (apt._POLICY, rpm.DRACUT, *rpm._MASKED, "etc/machine-id", "usr/sbin/update-initramfs"),
    ),
    "configures": (
        bundled,
        (f"{configure._BUNDLE}/provision.sh", *(f"{one}/x" for one in configure._TEMPORARY)),
    ),
    "places": (disk, ("etc/fstab", "boot/grub/grub.cfg", "etc/kernel/cmdline")),
    "labels": (labels, (".autorelabel", ".b2ct-label", "etc/selinux/config")),
}


@pytest.mark.parametrize("doing", DONE)
def test_no_link_leads_a_build_out_of_the_tree(doing: str, tmp_path: Path, canary: Canary) -> None:
    act, names = DONE[doing]
    for name in map(example, names):
        canary.plant(name)
    for path in canary.folder.rglob("*"):
        os.utime(path, OLD)
    before = canary.seen()
    tried = 0
    for place_ in sorted({one for name in names for one in places(example(name))}):
        for target in (canary.folder / place_, Path("../" * 20, str(canary.folder)[1:], place_)):
            tree = tmp_path / "tree"
            tree.mkdir()
            (tree / place_).parent.mkdir(parents=True, exist_ok=True)
            (tree / place_).symlink_to(target)
            with suppress(OSError, B2ctError):  # a link to nowhere may end a build, no more
                act(tree)
            assert canary.seen() == before, f"through /{place_}"
            shutil.rmtree(tree)
            tried += 1
    assert tried >= 2 * len(names)


def test_every_module_of_images_goes_through_the_door() -> None:
    """A path that begins with the tree is handed to programs that follow no link, or not at all."""
    allowed = {"tree / _TRIED, _NAME, _PROBE, follow_symlinks=False"}
    room = Path(door.__file__).parent
    found = []
    for source in [*room.glob("*.py"), *room.glob("rootfs/*.py"), *room.glob("disk/*.py")]:
        for line in source.read_text().splitlines():
            if ("(tree / " in line or "= tree / " in line) and not any(a in line for a in allowed):
                found.append(f"{source.name}: {line.strip()}")
    assert found == []


def test_links_mean_what_they_mean_to_the_image(tmp_path: Path, canary: Canary) -> None:
    canary.plant("secret")
    tree = Tree(tmp_path / "tree")
    tree.path.mkdir()
    tree.write("usr/lib/modules/6.1/vmlinuz", b"kernel", 0o755)
    tree.link("lib", "/usr/lib")
    tree.link("sbin", "../../../usr/sbin")
    tree.link("outside", str(canary.folder / "secret"))
    tree.make_folder("usr/sbin")
    assert tree.read("lib/modules/6.1/vmlinuz") == b"kernel"
    assert tree.glob("/lib/modules/*/vm*") == ["/lib/modules/6.1/vmlinuz"]
    tree.write("sbin/tool", "text")
    assert (tree.path / "usr/sbin/tool").read_text() == "text"
    assert not tree.exists("outside")
    assert tree.is_link("outside")
    with pytest.raises(FileNotFoundError):
        tree.read("outside")
    assert tree.names("../../..") == ["lib", "outside", "sbin", "usr"]


def test_a_write_replaces_what_is_there_and_keeps_other_names_of_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write("file", "old", 0o600)
    (tmp_path / "other").hardlink_to(tmp_path / "file")
    tree.write("file", "new")
    assert (tmp_path / "other").read_text() == "old"
    assert tree.has("file", b"new", 0o644)
    assert not tree.has("file", b"new", 0o600)
    assert tree.names("/") == ["file", "other"]


def test_links_without_an_end_and_odd_files_are_errors(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.link("a", "b")
    tree.link("b", "/a")
    with pytest.raises(OSError, match=r"[Tt]oo many levels"):
        tree.read("a")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        tree.read("pipe")
    for name in ("", "/", "usr/.."):
        with pytest.raises(ValueError, match="names no file"):
            tree.remove(name)
    tree.remove("nothing/at/all")


def test_removing_keeps_what_a_link_points_at(tmp_path: Path, canary: Canary) -> None:
    canary.plant("folder/file")
    before = canary.seen()
    tree = Tree(tmp_path / "tree")
    tree.path.mkdir()
    tree.make_folder("full/deep")
    tree.link("full/deep/out", str(canary.folder))
    tree.link("full/out", str(canary.folder / "folder"))
    tree.remove_if_empty("full")
    assert tree.is_folder("full")
    tree.remove("full")
    assert not tree.exists("full")
    assert canary.seen() == before


def test_the_bundle_is_the_same_in_a_tree_as_in_a_folder(tmp_path: Path) -> None:
    nothing = provision.Configuration((), (), (), (), {"LC_ALL": "C"})
    provision.bundle(nothing, tmp_path / "bundle")
    found = {
        str(path.relative_to(tmp_path / "bundle")): path.read_bytes()
        for path in (tmp_path / "bundle").rglob("*")
        if path.is_file()
    }
    assert found == provision.entries(nothing)
