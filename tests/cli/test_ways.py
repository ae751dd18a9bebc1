"""What `ssh NAME` can reach, every verb can: an alias, another port, a jump host, a pinned key."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cloud import Cloud, cloud
from tests.cloud.shop import a_qcow2
from tests.ssh.sshds import Ground, ground, needs_sshd, site_address

__all__ = ["cloud"]
pytestmark = [
    needs_sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="the sshd of a test lets its own user in"),
]


@pytest.fixture
def here(cloud: Cloud, tmp_path: Path) -> Iterator[Ground]:
    """`one` lets in who comes over `gate`; both have another port, and only ssh_config says so."""
    root = tmp_path / "machines"
    root.mkdir()
    with ground(root, "one", "gate") as made:
        home = cloud.folder / ".ssh"
        home.mkdir(mode=0o700)
        shutil.copy(made.key, home / "id_ed25519")
        one, gate = made["one"], made["gate"]
        (home / "known_hosts").write_text(
            f"[{gate.address}]:{gate.port} {gate.host_key}\nfront-end {one.host_key}\n"
        )
        (home / "config").write_text(
            f"Host one front-end {site_address(one)}\n  HostName {one.address}\n"
            f"  Port {one.port}\n  ProxyJump the-gate\n  HostKeyAlias front-end\n"
            f"Host the-gate\n  HostName {gate.address}\n  Port {gate.port}\n"
        )
        yield made


def through_the_gate(here: Ground) -> bool:
    return all(
        "Accepted publickey" in (here[name].root / "sshd.log").read_text(errors="replace")
        for name in ("gate", "one")
    )


def test_register_image(here: Ground, cloud: Cloud) -> None:
    place = cloud.front_end / "b2ct"
    place.mkdir()
    cloud.double.rpc("one.datastore.update", 1, f'SAFE_DIRS="/var/tmp {place}"', 1)
    image = a_qcow2(cloud.folder / "worker.qcow2")
    done = cloud.b2ct("register-image", image, "--ssh", "front-end", "--folder", place)
    assert "image 0 (worker) is registered" in done.stdout, done.stderr
    assert through_the_gate(here)


def test_register_image_over_a_jump_host_that_is_named(here: Ground, cloud: Cloud) -> None:
    place = cloud.front_end / "b2ct"
    place.mkdir()
    cloud.double.rpc("one.datastore.update", 1, f'SAFE_DIRS="/var/tmp {place}"', 1)
    (cloud.folder / ".ssh/config").unlink()
    one, gate = here["one"], here["gate"]
    with (cloud.folder / ".ssh/known_hosts").open("a") as known:
        known.write(f"[{one.address}]:{one.port} {one.host_key}\n")
    image = a_qcow2(cloud.folder / "worker.qcow2")
    done = cloud.b2ct(
        "register-image", image, "--folder", place, "--ssh", f"{one.address}:{one.port}",
        "--jump", f"{gate.address}:{gate.port}",
    )  # fmt: skip
    assert "image 0 (worker) is registered" in done.stdout, done.stderr
    assert through_the_gate(here)


def test_validate(here: Ground, cloud: Cloud) -> None:
    (cloud.folder / "site.yaml").write_text(here.text(pinned=False))
    done = cloud.b2ct("validate", "--node", "one", "--only", "names-*", "--no-report", "--no-vms")
    assert "one" in done.stdout, done.stderr
    assert "UNREACHABLE" not in done.stdout
    assert through_the_gate(here)


def test_self_deploy(here: Ground, cloud: Cloud) -> None:
    """It logs in and looks, and finds that no installation of ours is there."""
    (cloud.folder / "site.yaml").write_text(here.text(pinned=False))
    done = cloud.b2ct("self", "deploy", "--node", "one", "--dry-run")
    assert done.returncode != 0
    assert "ssh" not in done.stderr.splitlines()[0]
    assert through_the_gate(here)
