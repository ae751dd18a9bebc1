"""The Debian worker from its definition to a login, by the commands that a person types."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from b2ct.core.files import sha256
from b2ct.core.run import run
from tests.image.worker import Built

pytestmark = pytest.mark.boot
MOST = 250 << 20
"""Bytes that the image crosses the network with, for every VM."""


def test_twice_the_same_bytes(debian_worker: Built) -> None:
    digest = sha256(debian_worker.image)
    assert f"twice the same: SHA-256 {digest}" in debian_worker.said
    sums = debian_worker.folder / "worker.qcow2.sha256"
    assert sums.read_text() == f"{digest}  worker.qcow2\n"


def test_it_is_small_and_its_papers_are_right(debian_worker: Built) -> None:
    assert debian_worker.image.stat().st_size < MOST
    done = debian_worker.run("image", "verify", "worker.qcow2")
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((debian_worker.folder / "worker.manifest.json").read_text())
    names = {package["name"] for package in manifest["packages"]}
    wanted = {"cloud-init", "sudo", "openssh-server", "autofs", "cvmfs", "cvmfs-config-default"}
    assert wanted | {"qemu-guest-agent", "linux-image-amd64"} <= names


def test_another_configuration_keeps_the_packages(debian_worker: Built, tmp_path: Path) -> None:
    """A site's own definition: only the last layer is made anew, as --dry-run says before."""
    ours = tmp_path / "ours.yaml"
    ours.write_text(
        f"extends: {debian_worker.definition}\n"
        "title: ours\n"
        'files:\n  /etc/motd: {text: "a site\'s own\\n"}\n'
    )
    out = tmp_path / "ours.qcow2"
    told = debian_worker.run("image", "build", ours, "-o", out, "--dry-run", "--json")
    layers = json.loads(told.stdout)["layers"]
    assert {kind: layer["cached"] for kind, layer in layers.items()} == {
        "base": True, "packages": True, "configuration": False,
    }  # fmt: skip
    done = debian_worker.run("image", "build", ours, "-o", out)
    assert done.returncode == 0, done.stderr
    assert "packages layer: making" not in done.stderr
    assert sha256(out) != sha256(debian_worker.image)


def test_it_boots_takes_its_context_and_can_be_logged_in_to(
    debian_worker: Built, tmp_path: Path
) -> None:
    """BIOS with an OpenNebula CONTEXT CD, UEFI with a NoCloud seed."""
    done = debian_worker.run(
        *("image", "test", "worker.qcow2", "--quick", "--json"),
        *("--jobs", "2", "--consoles", tmp_path / "consoles"),
    )
    consoles = "\n".join(
        path.read_text(errors="replace") for path in (tmp_path / "consoles").glob("*.log")
    )
    assert done.returncode == 0, done.stdout + done.stderr + consoles[-8000:]
    results = json.loads(done.stdout)
    assert [(row["scenario"]["firmware"], row["scenario"]["source"]) for row in results] == [
        ("bios", "opennebula"), ("uefi", "nocloud"),
    ]  # fmt: skip
    assert all(finding["verdict"] == "ok" for row in results for finding in row["findings"])
    assert all(row["login"] and row["power_off"] for row in results)


def test_a_copy_that_was_cut_is_refused(debian_worker: Built, tmp_path: Path) -> None:
    """By its papers, and before minutes are spent on a boot of it."""
    half = tmp_path / "half.qcow2"
    with debian_worker.image.open("rb") as image:
        half.write_bytes(image.read(90 << 20))
    for paper in debian_worker.folder.glob("worker.*"):
        if paper != debian_worker.image:
            name = paper.name.replace("worker", "half", 1)
            (tmp_path / name).write_bytes(paper.read_bytes())
    done = debian_worker.run("image", "verify", half)
    assert done.returncode == 1
    assert "half.qcow2" in done.stdout + done.stderr
    done = debian_worker.run("image", "test", half)
    assert done.returncode == 2
    assert "is damaged, perhaps a copy that was cut" in done.stderr
    assert "starting" not in done.stderr


def test_an_image_that_cannot_start_is_told_so(debian_worker: Built, tmp_path: Path) -> None:
    """It has no root file system: the test ends when the console says so, not when time is over."""
    broken = tmp_path / "broken.qcow2"
    shutil.copyfile(debian_worker.image, broken)
    # What follows GRUB's own partition: the ESP, and the beginning of the root file system.
    run(["qemu-io", "-f", "qcow2", "-c", "write -z 2M 256M", broken])
    done = debian_worker.run(
        *("image", "test", broken, "--firmware", "bios", "--context", "nocloud")
    )
    assert done.returncode == 1
    assert "the VM did not start" in done.stdout


def test_nobody_has_a_password(worker_tree: Path) -> None:
    rows = [line.split(":") for line in (worker_tree / "etc/shadow").read_text().splitlines()]
    assert rows
    assert all(password.startswith(("!", "*")) for _, password, *_ in rows)
