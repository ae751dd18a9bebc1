"""The whole way from a definition to a QCOW2, on practice packages: real tools, no network."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from b2ct.image.rootfs import userns
from b2ct.rehearsal.packages import Practice
from tests.image import rehearsal
from tests.image.rootfs.others import another

KINDS = ["base", "packages", "configuration"]


@dataclass(frozen=True)
class Place:
    """A folder with a cache and definitions of its own."""

    folder: Path
    practice: Practice

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def layers(self) -> Path:
        return self.folder / "cache/b2ct/layers"

    def define(self, text: str, name: str = "ours") -> Path:
        """A definition that extends the practice worker."""
        path = self.folder / f"{name}.yaml"
        parent = next(one for one in self.practice.definitions if "el9" in one.name)
        path.write_text(f"extends: {parent}\n{text}\n")
        return path

    def environment(self) -> dict[str, str]:
        rest = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
        return {**rest, "XDG_CACHE_HOME": str(self.folder / "cache")}

    def argv(self, definition: Path, *words: str | Path) -> list[str]:
        argv = [sys.executable, "-m", "b2ct", "image", "build", definition, *words]
        return [str(word) for word in argv]

    def build(self, definition: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(definition, *words),
            cwd=self.out,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def built(self, definition: Path, *words: str | Path) -> dict[str, Any]:
        """Build and return what --json says."""
        done = self.build(definition, "--json", *words)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def left(self) -> list[str]:
        """What is in the folders that should be empty: of the output, and to work in."""
        scratch = self.folder / "cache/b2ct/scratch"
        folders = [self.out, *([scratch] if scratch.exists() else [])]
        return [str(path) for folder in folders for path in folder.iterdir()]


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


def _place(folder: Path, practice: Practice) -> Place:
    (folder / "out").mkdir()
    return Place(folder, practice)


@pytest.fixture
def place(tmp_path: Path, practice: Practice) -> Place:
    """With an empty cache."""
    return _place(tmp_path, practice)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory, practice: Practice) -> Place:
    """With a cache that has the layers, for the tests that leave it as it is."""
    made = _place(tmp_path_factory.mktemp("warm"), practice)
    made.built(made.define("", "plain"), "-o", made.folder / "plain.qcow2")
    return made


@pytest.fixture
def out(warm: Place) -> Iterator[Place]:
    yield warm
    for path in warm.out.iterdir():
        path.unlink()


def test_an_image_has_its_papers(warm: Place) -> None:
    image = warm.folder / "plain.qcow2"
    done = subprocess.run(["sha256sum", "-c", f"{image.name}.sha256"], cwd=warm.folder, check=False)
    assert done.returncode == 0
    manifest = json.loads((warm.folder / "plain.manifest.json").read_text())
    assert set(manifest["layers"]) == set(KINDS)
    assert {package["name"] for package in manifest["packages"]} >= {"cvmfs", "cloud-init"}
    argv = [sys.executable, "-m", "b2ct", "image", "verify", str(image)]
    assert subprocess.run(argv, check=False).returncode == 0
    info = subprocess.run(["qemu-img", "info", "--output=json", image], stdout=-1, check=True)
    assert json.loads(info.stdout)["virtual-size"] == manifest["image"]["virtual_size"]
    assert subprocess.run(["qemu-img", "check", "-q", image], check=False).returncode == 0
    left = {path.name for path in warm.folder.iterdir() if path.name.startswith((".", "b2ct"))}
    assert left == set()


def test_again_it_is_the_same_from_the_cache(out: Place) -> None:
    found = out.built(out.define("", "plain"), "-o", "again.qcow2")
    assert all(layer["cached"] for layer in found["layers"].values())
    first = json.loads((out.folder / "plain.manifest.json").read_text())
    assert found["sha256"] == first["image"]["sha256"]
    assert [Path(path).name for path in found["files"]][-1] == "again.qcow2"


def test_a_change_of_the_configuration_makes_that_layer_only(out: Place) -> None:
    changed = out.define("files: {/etc/site: {text: ours}}", "changed")
    found = out.built(changed, "-o", "changed.qcow2")
    cached = {kind: layer["cached"] for kind, layer in found["layers"].items()}
    assert cached == {"base": True, "packages": True, "configuration": False}
    first = json.loads((out.folder / "plain.manifest.json").read_text())
    assert found["sha256"] != first["image"]["sha256"]


def test_dry_run_tells_the_steps_and_writes_nothing(out: Place) -> None:
    changed = out.define("files: {/etc/site: {text: dry}}", "dry")
    done = out.build(changed, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "unpack the packages layer" in done.stdout
    assert "make the configuration layer" in done.stdout
    assert str(out.out / "dry.qcow2") in done.stdout
    plan = json.loads(out.build(changed, "--dry-run", "--json").stdout)
    assert [plan["layers"][kind]["cached"] for kind in KINDS] == [True, True, False]
    assert out.left() == []


def test_an_output_is_replaced_only_by_force(out: Place) -> None:
    plain = out.define("", "plain")
    (out.out / "x.qcow2").write_text("precious")
    done = out.build(plain, "-o", "x.qcow2")
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert (out.out / "x.qcow2").read_text() == "precious"
    (out.out / "x.manifest.json.sig").write_text("of another image")
    out.built(plain, "-o", "x.qcow2", "--force")
    assert (out.out / "x.qcow2").read_bytes()[:4] == b"QFI\xfb"
    assert not (out.out / "x.manifest.json.sig").exists()


def test_it_is_signed(out: Place, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    found = out.built(out.define("", "plain"), "-o", "s.qcow2", "--sign-key", key)
    assert str(out.out / "s.manifest.json.sig") in found["files"]
    done = out.build(out.define("", "plain"), "-o", "t.qcow2", "--sign-key", tmp_path / "none")
    assert done.returncode == 2
    assert "there is no key" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-o", "no/such/x.qcow2"], "there is no folder"),
        (["-o", "."], "not an ordinary file"),
        (["--scratch", "/no/such"], "--scratch /no/such"),
        (["--base", "x.qcow2"], "--engine packer"),
        (["--engine", "packer"], "--base"),
        (["--engine", "packer", "--base", "x", "--verify-reproducible"], "VM never makes the same"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(out: Place, words: list[str], expected: str) -> None:
    done = out.build(out.define("", "plain"), *words)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert out.left() == []


def test_a_script_that_fails_is_named_with_its_last_words(out: Place) -> None:
    (out.folder / "break.sh").write_text("#!/bin/sh\necho about to fail\necho why >&2\nexit 7\n")
    done = out.build(out.define("scripts: [break.sh]", "broken"))
    assert done.returncode == 2
    assert "the script break.sh failed in the image with exit code 7" in done.stderr
    for word in ("about to fail", "why"):
        assert f"  | {word}" in done.stderr
    assert out.left() == []


HOSTILE = """#!/bin/sh
# In the way of all that comes after it: sysprep, clean-up, boot loader, SELinux, packing.
cd /
for name in tmp var/tmp var/cache var/log etc/kernel boot/grub .autorelabel; do
    rm -rf "$name"
    ln -s "CANARY/$name" "$name"
done
for way in CANARY/mine /proc/1/rootCANARY/mine /proc/self/fd/*/CANARY/mine; do
    if [ -e "$way" ]; then echo "found $way" >&2; exit 9; fi
done
"""


def test_a_hostile_script_leads_the_build_nowhere(out: Place, tmp_path: Path) -> None:
    """The canary is a folder of the builder, with the names that a build writes and removes."""
    canary = tmp_path / "canary"
    for name in ("mine", "tmp/x", "var/tmp/x", "var/cache/x", "var/log/x", "boot/grub/x"):
        (canary / name).parent.mkdir(parents=True, exist_ok=True)
        (canary / name).write_text(name)
    (out.folder / "hostile.sh").write_text(HOSTILE.replace("CANARY", str(canary)))
    done = out.build(out.define("scripts: [hostile.sh]", "hostile"))
    assert "found" not in done.stderr
    assert "Traceback" not in done.stderr
    seen = {str(path.relative_to(canary)) for path in canary.rglob("*") if path.is_file()}
    assert seen == {"mine", "tmp/x", "var/tmp/x", "var/cache/x", "var/log/x", "boot/grub/x"}


def test_scripts_have_no_network_and_none_of_our_environment(out: Place) -> None:
    (out.folder / "look.sh").write_text(
        '#!/bin/sh\n[ -z "$B2CT_TEST_SECRET" ] || exit 3\n'
        'while read -r line; do case $line in *:*) echo "interface ${line%%:*}";; esac; done '
        "</proc/net/dev\nexit 1\n"
    )
    os.environ["B2CT_TEST_SECRET"] = "x"
    try:
        done = out.build(out.define("scripts: [look.sh]", "look"))
    finally:
        del os.environ["B2CT_TEST_SECRET"]
    assert "exit code 1" in done.stderr
    told = [line.split()[-1] for line in done.stderr.splitlines() if "| interface " in line]
    assert told == ["lo"]


def test_an_unknown_package_is_named_with_its_line(out: Place) -> None:
    done = out.build(out.define("packages:\n  - no-such-package", "unknown"))
    assert done.returncode == 2
    assert f"{out.folder / 'unknown.yaml'}:3: " in done.stderr
    assert "no-such-package" in done.stderr
    assert out.left() == []


def test_offline_the_cache_must_have_it(out: Place, place: Place) -> None:
    found = out.built(out.define("", "plain"), "-o", "offline.qcow2", "--offline")
    assert found["layers"]["packages"]["cached"]
    done = place.build(place.define(""), "--offline")
    assert done.returncode == 2
    assert "offline: the packages layer of ours is not in the cache" in done.stderr
    assert place.left() == []


def test_source_date_epoch_is_obeyed(out: Place) -> None:
    env = {**out.environment(), "SOURCE_DATE_EPOCH": "1700000000"}
    argv = out.argv(out.define("", "plain"), "--dry-run", "--json")
    done = subprocess.run(argv, cwd=out.out, env=env, capture_output=True, text=True, check=True)
    plan = json.loads(done.stdout)
    assert plan["epoch"] == 1700000000
    assert not any(layer["cached"] for layer in plan["layers"].values())


def test_twice_the_same(out: Place) -> None:
    done = out.build(out.define("", "plain"), "-o", "v.qcow2", "--verify-reproducible")
    assert done.returncode == 0, done.stderr
    assert "twice the same" in done.stderr


def test_what_is_not_the_same_twice_is_named(out: Place) -> None:
    (out.folder / "chance.sh").write_text(
        "#!/bin/sh\ncat /proc/sys/kernel/random/uuid >/etc/by-chance\n"
    )
    done = out.build(out.define("scripts: [chance.sh]", "chance"), "--verify-reproducible")
    assert done.returncode == 1, done.stderr
    assert "the configuration layers differ; /etc/by-chance differs in its content" in done.stderr
    assert out.left() == []


def test_another_user_makes_the_same(practice: Practice) -> None:
    """Both from one definition in a folder that both may enter; none of them needs the other."""
    with another(ids=True) as other:
        open_to_all = other.home / "practice"
        shutil.copytree(practice.folder, open_to_all)
        for path in open_to_all.glob("*.yaml"):
            path.write_text(path.read_text().replace(str(practice.folder), str(open_to_all)))
        definition = next(open_to_all.glob("*el9*.yaml"))
        done = other.python("-m", "b2ct", "image", "build", definition, "--json", check=False)
        assert done.returncode == 0, done.stderr
        theirs = json.loads(done.stdout)
        image = Path(theirs["image"])
        assert image.stat().st_uid == other.home.stat().st_uid
        assert list((other.home / ".cache/b2ct/scratch").iterdir()) == []
        root = other.home / "root"
        root.mkdir()
        (root / "out").mkdir()
        ours = Place(root, practice).built(definition, "-o", root / "out/x.qcow2")
    assert ours["sha256"] == theirs["sha256"]
    assert ours["layers"]["base"]["key"] == theirs["layers"]["base"]["key"]


def test_a_damaged_layer_is_made_anew(place: Place) -> None:
    plain = place.define("")
    first = place.built(plain, "-o", "1.qcow2")
    for kind in ("configuration", "packages", "base"):
        archive = place.layers / f"{first['layers'][kind]['key']}.tar"
        with archive.open("r+b") as damaged:
            damaged.seek(archive.stat().st_size // 2)
            damaged.write(b"\xff" * 16)
    done = place.build(plain, "-o", "2.qcow2", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is damaged") == 3
    assert json.loads(done.stdout)["sha256"] == first["sha256"]


def test_two_builds_at_once_share_the_work(place: Place) -> None:
    argvs = [place.argv(place.define(""), "-o", f"{name}.qcow2", "--json") for name in "ab"]
    both = [
        subprocess.Popen(
            argv, cwd=place.out, env=place.environment(), stdout=-1, stderr=-1, text=True
        )
        for argv in argvs
    ]
    told = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len({json.loads(text)["sha256"] for text, _ in told}) == 1
    assert sum(text.count("base layer: making it") for _, text in told) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_build_leaves_nothing(warm: Place, tmp_path: Path, how: signal.Signals) -> None:
    """Killed while a script of the image runs: its processes die, and nothing is half there."""
    mark = f"97{os.getpid()}{int(how):02}"
    (tmp_path / "wait.sh").write_text(f"#!/bin/sh\nsleep {mark}\n")
    place = Place(tmp_path, warm.practice)
    place.out.mkdir()
    (tmp_path / "cache").symlink_to(warm.folder / "cache")
    definition = place.define("scripts: [wait.sh]", "waiting")
    before = {path: path.stat().st_mtime_ns for path in place.layers.glob("*.tar")}
    process = subprocess.Popen(
        place.argv(definition),
        cwd=place.out,
        env=place.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _until(lambda: _sleeping(mark) or process.poll() is not None)
    assert process.poll() is None
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    _until(lambda: not _sleeping(mark))
    if how != signal.SIGKILL:
        assert process.returncode == 130
        assert "interrupted" in told
        assert place.left() == []
    assert not any(path.suffix == ".qcow2" for path in place.out.rglob("*"))
    assert {path: path.stat().st_mtime_ns for path in place.layers.glob("*.tar")} == before
    assert list(place.layers.glob("*.part")) == []
    # The next build sweeps what could not be removed.
    found = place.built(place.define("", "plain"), "-o", "plain.qcow2")
    assert all(layer["cached"] for layer in found["layers"].values())
    assert sorted(place.left()) == sorted(found["files"])


def _sleeping(mark: str) -> bool:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(2400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within two minutes")


def test_a_full_disk_is_told_and_leaves_nothing(warm: Place, tmp_path: Path) -> None:
    """--scratch on a tmpfs of 16 MiB, mounted in a namespace around the whole program."""
    small = tmp_path / "small"
    small.mkdir()
    place = Place(tmp_path, warm.practice)
    place.out.mkdir()
    (tmp_path / "cache").symlink_to(warm.folder / "cache")
    changed = place.define("files: {/etc/site: {text: full}}")
    script = (
        'mount -t tmpfs -o size=16m none "$1"; small=$1; shift; "$@"; code=$?; '
        'echo "left: $(ls "$small")" >&2; exit $code'
    )
    argv = ["sh", "-c", f"cd {place.out}; {script}", "sh", str(small)]
    done = subprocess.run(
        userns.find().command([*argv, *place.argv(changed, "--scratch", small)]),
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "no space left" in done.stderr.lower()
    assert "--scratch" in done.stderr
    assert done.stderr.splitlines()[-1] == "left: "
    assert place.left() == []
