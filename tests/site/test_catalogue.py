"""Every row is consistent with itself and with the rows it names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.site import catalogue
from b2ct.site.catalogue import (
    MEDIA,
    OPENNEBULA,
    RELEASES,
    Distribution,
    Media,
    OpenNebula,
    Release,
)


@pytest.mark.parametrize("row", RELEASES.values(), ids=lambda row: row.key)
def test_releases(row: Release) -> None:
    assert row.key == f"el{row.major}"
    assert row.pykickstart == f"RHEL{row.major}"
    assert row.ks_argument == ("inst.ks" if row.prefixed_arguments else "ks")
    assert row.init in {"systemd", "sysv"}
    assert row.firewall in {"firewalld", "iptables"}
    assert row.time_service in {"chronyd", "ntpd"}
    assert row.package_tool in {"dnf", "yum"}
    assert row.opennebula
    assert set(row.opennebula) <= set(OPENNEBULA)
    assert len(set(row.opennebula)) == len(row.opennebula)
    assert row.distributions
    published = {distribution for distribution, key in MEDIA if key == row.key}
    assert set(row.distributions) == published
    assert not row.end_of_life or re.fullmatch("20[0-9]{2}", row.end_of_life)
    assert row.key in catalogue.EPEL_FINGERPRINTS


def test_the_default_release_exists() -> None:
    assert catalogue.DEFAULT_RELEASE in RELEASES


@pytest.mark.parametrize("row", MEDIA.values(), ids=lambda row: row.title)
def test_media(row: Media) -> None:
    assert MEDIA[row.distribution, row.release] is row
    public = row.distribution is not Distribution.RHEL
    assert bool(row.iso) == bool(row.install_url) == bool(row.checksum) == public
    for url in (
        row.iso,
        row.checksum,
        row.install_url,
        row.key_url,
        *dict(row.repositories).values(),
    ):
        assert not url or re.fullmatch(r"https?://[a-z0-9.]+/[\x21-\x7e]+", url)
    assert not row.iso or row.iso.endswith(".iso")
    assert not row.install_url or row.install_url.endswith("/")
    assert row.checksum_signature in {"", "clear"} or row.checksum_signature.startswith("https://")
    assert not row.fingerprint or re.fullmatch("[0-9A-F]{40}", row.fingerprint)
    assert row.volume_ids
    assert row.key_files


def test_volume_ids_tell_releases_apart() -> None:
    names = [(row, name) for row in MEDIA.values() for name in row.volume_ids]
    for one, prefix in names:
        for other, name in names:
            assert one is other or not f"{name}-x".startswith(f"{prefix}-")


@pytest.mark.parametrize("row", OPENNEBULA.values(), ids=lambda row: row.version)
def test_opennebula(row: OpenNebula) -> None:
    assert OPENNEBULA[row.version] is row
    assert [key for key, release in RELEASES.items() if row.version in release.opennebula]
    filled = row.repository.format(family="AlmaLinux", major=9)
    assert f"/{row.version}/" in filled
    assert "{" not in filled
    assert row.signed == bool(row.key_url)
    assert not row.fingerprint or re.fullmatch("[0-9A-F]{40}", row.fingerprint)
    assert row.services
    assert row.node == ("opennebula-node-kvm",)
    assert row.gui_port in {9869, 2616}
    assert set(row.monitor) <= {"tcp", "udp"}


def test_epel() -> None:
    assert set(catalogue.EPEL_FINGERPRINTS) == set(RELEASES)
    assert len(set(catalogue.EPEL_FINGERPRINTS.values())) == len(RELEASES)
    for fingerprint in catalogue.EPEL_FINGERPRINTS.values():
        assert re.fullmatch("[0-9A-F]{40}", fingerprint)


def test_what_there_is_not() -> None:
    with pytest.raises(B2ctError, match="unknown release 'el5'"):
        catalogue.release("el5")
    with pytest.raises(B2ctError, match="there is no rocky el7") as caught:
        catalogue.media(Distribution.ROCKY, "el7")
    assert caught.value.hint == "el7 exists as centos, rhel"
    with pytest.raises(B2ctError, match=r"unknown OpenNebula version '6\.1'"):
        catalogue.opennebula("6.1")


@pytest.mark.parametrize("row", [*RELEASES.values(), *OPENNEBULA.values(), *MEDIA.values()])
def test_rows_are_written_by_name(row: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        type(row)(*vars(row).values())
