"""`b2ct practice packages`, then a whole image from its example definition."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from b2ct.core import files
from b2ct.core.run import run
from b2ct.image import definitions
from b2ct.rehearsal.packages import Practice
from tests.image import rehearsal
from tests.sharing import once


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


@pytest.fixture(scope="module")
def built(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an image that was built twice and came out the same, with its cache.

    `tree` in it is /etc of the image, as far as anybody may unpack it.
    """

    def make(folder: Path) -> None:
        folder.mkdir()
        words = ["image", "build", str(practice.folder / "practice-el9.yaml")]
        words += ["-o", str(folder / "el9.qcow2"), "--verify-reproducible"]
        env = {"XDG_CACHE_HOME": str(folder / "cache")}
        run([sys.executable, "-m", "b2ct.cli.main", *words], env=env, timeout=600)
        (layer,) = (
            path.with_suffix(".tar")
            for path in (folder / "cache/b2ct/layers").glob("*.json")
            if json.loads(path.read_text())["kind"] == "configuration"
        )
        (folder / "tree").mkdir()
        run(["tar", "-xf", layer, "-C", folder / "tree", "--no-same-owner", "./etc"])
        (folder / "tree/etc/shadow").chmod(0o600)

    return once(tmp_path_factory, "el-image", make)[0]


@pytest.fixture(scope="module")
def tree(built: Path) -> Path:
    return built / "tree"


def test_the_whole_definition_of_el9_becomes_an_image(built: Path) -> None:
    out = built / "el9.qcow2"
    info = json.loads(run(["qemu-img", "info", "--output=json", out]).stdout)
    assert info["format"] == "qcow2"
    manifest = json.loads((built / "el9.manifest.json").read_text())
    assert manifest["image"]["sha256"] == files.sha256(out)
    versions = {row["name"]: row["version"] for row in manifest["packages"]}
    assert versions["cvmfs"] == "2.13.3+practice-1"
    definition = definitions.load("el9-worker").definition
    assert {*definition.packages, definition.boot.kernel} <= set(versions)


def test_dnf_in_the_image_gets_cvmfs_from_its_repository_and_nothing_else(
    tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "dnf.conf").touch()
    told = run(
        [
            *("dnf", "--config", tmp_path / "dnf.conf", "--noplugins", "--quiet", "--releasever=9"),
            *("--installroot", tmp_path, f"--setopt=reposdir={tree}/etc/yum.repos.d"),
            *("repoquery", "--qf", "%{repoid} %{name}"),
        ],
        env={"HOME": str(tmp_path)},
    ).stdout
    assert set(told.splitlines()) == {
        "cvmfs cvmfs", "cvmfs cvmfs-config-default", "cvmfs cvmfs-fuse3", "cvmfs cvmfs-libs",
    }  # fmt: skip


def test_the_key_in_the_image_is_the_one_that_signed(tree: Path, practice: Practice) -> None:
    (key,) = (tree / "etc/pki/rpm-gpg").glob("b2ct-cvmfs*")
    shown = run(["gpg", "--show-keys", "--with-colons", key]).stdout
    assert f":{practice.fingerprint}:" in shown
    (repository,) = (tree / "etc/yum.repos.d").glob("*.repo")
    assert f"gpgkey=file:///etc/pki/rpm-gpg/{key.name}" in repository.read_text()


def test_what_the_definition_says_of_services_holds(tree: Path) -> None:
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    services = definitions.load("el9-worker").definition.services
    for unit, state in services.items():
        if state == "enabled":
            assert (wants / unit).is_symlink(), unit
        elif state == "masked":
            assert (tree / "etc/systemd/system" / unit).readlink() == Path("/dev/null"), unit


def test_nobody_has_a_password(tree: Path) -> None:
    shadow = (tree / "etc/shadow").read_text()
    fields = [line.split(":")[1] for line in shadow.splitlines()]
    assert fields
    assert all(field.startswith(("!", "*")) for field in fields)
