"""Programs in cells try to get out: the classical escapes, by system calls from Perl."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError
from b2ct.image.rootfs import confine
from b2ct.image.rootfs.cell import Cell
from b2ct.image.rootfs.userns import Namespace, find
from tests.image.rootfs.inside import UserNamespace

PROGRAMS = (
    "bash",
    "cat",
    "chroot",
    "id",
    "ls",
    "mkdir",
    "mknod",
    "mount",
    "perl",
    "sleep",
    "touch",
)
ATTACK = Path(__file__).with_name("escapes.pl")


@dataclass(frozen=True)
class Ground:
    """A tree, a canary outside of it, and a service of the host."""

    tree: Path
    canary: Path
    port: int
    folder: Path
    handle: int
    """An open folder of the host: the canary's."""

    def attack(self) -> list[str]:
        """The words that try all ways out, in the tree."""
        return ["perl", "/escapes.pl", str(self.canary), str(self.port), str(self.handle)]

    def told(self, namespace: Namespace, words: Sequence[str | Path]) -> dict[str, str]:
        """Run in the namespace, with an open folder of the host; what each attack came to."""
        done = subprocess.run(
            namespace.command(words), capture_output=True, text=True, pass_fds=(self.handle,),
            stdin=subprocess.DEVNULL, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return dict(line.split("\t", 1) for line in done.stdout.splitlines())


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    tree = tmp_path / "work/tree"
    for folder in ("tmp", "usr/bin", "etc"):
        (tree / folder).mkdir(parents=True)
    (tree / "bin").symlink_to("usr/bin")
    for program in PROGRAMS:
        _copy(Path(shutil.which(program) or pytest.skip(f"no {program} here")), tree)
    (tree / "bin/sh").symlink_to("bash")
    shutil.copy(ATTACK, tree / "escapes.pl")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/canary").write_text("canary\n")
    handle = os.open(tmp_path / "home", os.O_RDONLY | os.O_DIRECTORY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield Ground(tree, tmp_path / "home/canary", port, tmp_path, handle)
    os.close(handle)
    assert (tmp_path / "home/canary").read_text() == "canary\n"


def _copy(program: Path, tree: Path) -> None:
    """A program of this host with its libraries."""
    shutil.copy(program, tree / "usr/bin" / program.name)
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"(/\S+) \(0x", said):
        target = tree / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, target)


@pytest.fixture(params=["root", "user"])
def namespace(request: pytest.FixtureRequest) -> Namespace:
    """As root of this host, and of a user namespace."""
    if os.geteuid() != 0:
        if request.param == "root":
            pytest.skip("only root is root")
        return find()
    try:
        found = find()
    except B2ctError as err:
        pytest.skip(str(err))
    return found if request.param == "root" else UserNamespace(as_root=True)


def got_through(told: dict[str, str]) -> list[str]:
    return [name for name, what in told.items() if what == "done"]


def test_the_attacks_succeed_where_there_is_no_cell(ground: Ground) -> None:
    """What the builds did until 1.0: a chroot in namespaces. The attacks are real ones."""
    if os.geteuid() != 0:
        pytest.skip("only root can be harmed so")
    told = ground.told(
        Namespace(as_root=True), ["unshare", "--root", ground.tree, "--wd", "/", *ground.attack()]
    )
    assert {"out of a chroot", "mknod", "the host's network", "a new mount namespace"} <= set(
        got_through(told)
    )


@pytest.mark.parametrize("chroots", [False, True])
def test_nothing_of_the_tree_leaves_it(
    ground: Ground, namespace: Namespace, *, chroots: bool
) -> None:
    words = Cell("inside", ground.tree, chroots=chroots).command(ground.attack(), env={})
    told = ground.told(namespace, words)
    assert got_through(told) == []
    assert len(told) > 25
    kept = confine.CAPABILITIES | ({18} if chroots else set())
    assert int(told["capabilities"], 16) == sum(1 << number for number in kept)
    assert told["no new privileges"] == "1"
    if chroots:
        assert "escapes.pl" in told["the root has"]  # the tree's own root, and no other
        assert "home" not in told["the root has"]


def test_scripts_of_a_package_leave_dnfs_chroot_for_its_cell_only(
    ground: Ground, namespace: Namespace
) -> None:
    (ground.folder / "work/cell").mkdir()
    cell = Cell(
        "beside", ground.tree, chroots=True, root=ground.folder / "work/cell",
        writable=(ground.folder / "work",),
    )  # fmt: skip
    told = ground.told(namespace, cell.command(["chroot", ground.tree, *ground.attack()], env={}))
    assert got_through(told) == []
    assert "usr" in told["the root has"]  # out of the tree it came, into the cell
    assert "home" not in told["the root has"].split()
    for forbidden in ("cat /etc/shadow", "touch /usr/mine", "ls /home", f"cat {ground.canary}"):
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run(
                namespace.command(cell.command(["sh", "-c", forbidden], env={})),
                check=True, capture_output=True,
            )  # fmt: skip


def test_to_apt_the_host_is_read_only_except_where_it_works(
    ground: Ground, namespace: Namespace
) -> None:
    cell = Cell("aside", ground.tree, writable=(ground.folder / "work",))
    (ground.tree / "lock").symlink_to(ground.canary)
    script = f"! (echo x >{ground.tree}/lock) 2>/dev/null && echo fine >{ground.tree}/etc/x"
    subprocess.run(namespace.command(cell.command(["sh", "-c", script], env={})), check=True)
    assert (ground.tree / "etc/x").read_text() == "fine\n"


def test_mounts_of_a_cell_do_not_follow_links_of_the_tree(
    ground: Ground, namespace: Namespace
) -> None:
    outside = ground.canary.parent
    for name in ("dev", "proc", "sys"):
        (ground.tree / name).symlink_to(outside)
    words = namespace.command(Cell("inside", ground.tree).command(["ls", "/"], env={}))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert "cannot make a cell for ls" in done.stderr
    assert sorted(path.name for path in outside.iterdir()) == ["canary"]


def test_codes_signals_paths_and_open_files_go_through(ground: Ground) -> None:
    namespace = find()
    cell = Cell("inside", ground.tree, descriptors="--status-fd")

    def done(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
        argv = namespace.command(cell.command(words))
        return subprocess.run(argv, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload, no-any-return]

    assert done("bash", "-c", "exit 7").returncode == 7
    assert done("bash", "-c", "kill -TERM $$").returncode == 128 + 15
    assert done("nothing-here").returncode == 127
    assert (
        done("bash", "-c", 'echo "$@"', "x", f"{ground.tree}/etc/y", "/z").stdout == "/etc/y /z\n"
    )
    reading, writing = os.pipe()
    try:
        words = ("bash", "-c", 'echo said >&"$2"', "x", "--status-fd", str(writing))
        assert done(*words, pass_fds=(writing,)).returncode == 0
        assert os.read(reading, 100) == b"said\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_a_failure_names_the_program(ground: Ground) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root is root")
    with pytest.raises(CommandError, match="ls failed with exit code 2"):
        Cell("inside", ground.tree).run(["ls", "/nothing"])
