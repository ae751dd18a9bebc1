"""The definitions that are shipped."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from b2ct.core.data import data_folder
from b2ct.image import definitions
from b2ct.image.definitions import Loaded
from b2ct.site import catalogue

IMAGES = data_folder("images")
NAMES = sorted(path.stem for path in IMAGES.glob("*.yaml"))
PARTS = sorted((IMAGES / "parts").glob("*.yaml"))
WITH_SYSTEMD = [name for name in NAMES if name != "el6-worker"]


def load(name: str) -> Loaded:
    return definitions.load(str(IMAGES / f"{name}.yaml"))


def test_the_workers_that_there_are() -> None:
    assert [
        *("debian-12-worker", "el6-worker", "el8-worker", "el9-worker", "ubuntu-2404-worker")
    ] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_loads(name: str) -> None:
    definition = load(name).definition
    assert definition.title
    assert all(path.is_relative_to(IMAGES) for path in definition.scripts)
    assert all(file.source is None or file.source.is_file() for file in definition.files.values())


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_a_part_is_valid_and_used(path: Path) -> None:
    assert definitions.check(path) is None
    used = {source.resolve() for name in NAMES for source in load(name).sources}
    assert path.resolve() in used


@pytest.mark.parametrize("name", NAMES)
def test_what_every_worker_has(name: str) -> None:
    definition = load(name).definition
    # cloud-init's OpenNebula datasource reads the context by `sudo -u nobody`.
    assert {"cloud-init", "sudo", "openssh-server", "autofs", "qemu-guest-agent"} <= set(
        definition.packages
    )
    assert {"cvmfs", "cvmfs-config-default", definition.boot.kernel} <= set(definition.packages)
    assert any(argument.startswith("console=ttyS0") for argument in definition.boot.arguments)
    assert {"machine-id", "host-keys", "cloud-init", "logs"} <= set(definition.sysprep)
    assert "belle.cern.ch" in definition.cvmfs.repositories
    assert not definition.users


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_taken_on_trust(name: str) -> None:
    for repository in load(name).definition.repositories.values():
        assert repository.keys
        for key in repository.keys:
            # A keyring of the host came signed, a key that is fetched is pinned.
            assert key.fingerprint or str(key.file).startswith("/usr/share/keyrings/")
    cvmfs = load(name).definition.repositories["cvmfs"]
    assert cvmfs.packages == ("cvmfs", "cvmfs-*")
    assert not cvmfs.base


@pytest.mark.parametrize(("name", "release"), [("el9-worker", "el9"), ("el8-worker", "el8")])
def test_fingerprints_and_trees_are_those_of_the_catalogue(name: str, release: str) -> None:
    repositories = load(name).definition.repositories
    row = catalogue.media(catalogue.Distribution.ALMALINUX, release)
    assert row.fingerprint in {key.fingerprint for key in repositories["baseos"].keys}
    assert repositories["baseos"].url == row.install_url
    assert repositories["appstream"].url == dict(row.repositories)["AppStream"]


def test_el6_is_historical_and_says_so() -> None:
    definition = load("el6-worker").definition
    assert definition.system.end_of_life == date(2020, 11, 30)
    assert "historical" in definition.title
    epel = definition.repositories["epel"]
    assert epel.keys[0].fingerprint == catalogue.EPEL_FINGERPRINTS["el6"]
    assert epel.packages, "EPEL gives only what is named"
    centos = catalogue.media(catalogue.Distribution.CENTOS, "el6")
    assert definition.repositories["os"].keys[0].fingerprint == centos.fingerprint
    assert "Known not to work" in (IMAGES / "el6-worker.yaml").read_text()


@pytest.mark.parametrize("name", WITH_SYSTEMD)
def test_the_others_are_maintained_when_this_is_written(name: str) -> None:
    end = load(name).definition.system.end_of_life
    assert end is not None
    assert end > date(2026, 11, 21)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_is_nothing_that_a_vm_needs(name: str) -> None:
    """Drivers of virtio, AHCI and IDE, of the CD and its file system, and licences."""
    needed = [
        *(
            "drivers/virtio/virtio_pci.ko",
            "drivers/block/virtio_blk.ko",
            "drivers/net/virtio_net.ko",
        ),
        *("drivers/scsi/virtio_scsi.ko", "drivers/ata/ahci.ko", "drivers/ata/ata_piix.ko"),
        *("drivers/scsi/sr_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/cdrom/cdrom.ko"),
        *("fs/isofs/isofs.ko", "fs/ext4/ext4.ko", "fs/fuse/fuse.ko", "fs/autofs/autofs4.ko"),
        *("fs/fat/vfat.ko", "fs/nls/nls_iso8859-1.ko", "drivers/char/hw_random/virtio-rng.ko"),
        *("drivers/net/ethernet/intel/e1000/e1000.ko", "drivers/char/virtio_console.ko"),
    ]
    paths = [f"{top}/lib/modules/6.1.0/kernel/{path}" for path in needed for top in ("", "/usr")]
    paths += ["/usr/share/doc/bash/copyright", "/usr/share/licenses/bash/COPYING"]
    paths += ["/usr/lib/systemd/systemd", "/boot/vmlinuz-6.1.0", "/etc/ssl/certs/ca.pem"]
    for pattern in load(name).definition.exclude:
        # As dpkg matches: `*` goes across `/`.
        expression = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        assert not [path for path in paths if expression.fullmatch(path)], pattern


@pytest.mark.parametrize("name", WITH_SYSTEMD)
def test_the_services_of_the_worker(name: str) -> None:
    services = load(name).definition.services
    assert services["b2ct-idle.service"] == "enabled"
    assert services["autofs.service"] == "enabled"
