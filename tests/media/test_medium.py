"""The site fitted to the installer at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.installer import Installer
from b2ct.media.medium import fit, install_source, prepare
from b2ct.site.catalogue import Distribution, Role
from b2ct.site.model import Site

NETINSTALL = Installer(
    path=Path("boot.iso"),
    size=1,
    volume_id="AlmaLinux-9-5-x86_64-dvd",
    arch="x86_64",
    release="el9",
    distribution="AlmaLinux",
    distribution_key="almalinux",
    version="9.5",
    repositories=(),
    boot_modes=("bios-cd",),
    kernel="images/pxeboot/vmlinuz",
    initrd="images/pxeboot/initrd.img",
    stage2="images/install.img",
    boot_configs=(),
    device="hd:LABEL=AlmaLinux-9-5-x86_64-dvd",
)
DVD = replace(NETINSTALL, repositories=("BaseOS", "AppStream"))
NODES: Any = [{"name": "one", "role": "control"}, {"name": "hv01", "role": "hypervisor"}]


def site(**parts: Any) -> Site:
    return Site.model_validate(parts)


def test_what_the_site_leaves_open_the_image_decides_and_it_is_told() -> None:
    fitted, assumed = fit(site(), replace(NETINSTALL, release="el10", distribution_key="rocky"))
    assert fitted.release.version == "el10"
    assert fitted.distribution is Distribution.ROCKY
    assert fitted.opennebula_version == "7.4"
    assert len(assumed) == 2


def test_what_the_site_says_is_kept() -> None:
    said = {"version": "el9", "distribution": "almalinux", "mirror": "http://mirror.example.org/9/"}
    fitted, assumed = fit(site(release=said), NETINSTALL)
    assert fitted.release.mirror == "http://mirror.example.org/9/"
    assert assumed == ()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"release": {"version": "el8"}}, "asks for el8, but boot.iso installs el9"),
        ({"release": {"distribution": "rocky"}}, "asks for rocky, but boot.iso is AlmaLinux 9.5"),
        ({"opennebula": {"version": "4.14"}}, "OpenNebula 4.14 does not install on el9"),
    ],
)
def test_contradictions_are_refused_with_both_sides(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(B2ctError, match=message) as refused:
        fit(site(**parts), NETINSTALL)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("wanted", "image", "kind"),
    [
        ("auto", NETINSTALL, "network"),
        ("auto", DVD, "medium"),
        ("network", DVD, "network"),
        ("medium", DVD, "medium"),
    ],
)
def test_packages_come_from_where_they_are(wanted: str, image: Installer, kind: str) -> None:
    assert install_source(site(installer={"source": wanted}), image).kind == kind


def test_a_medium_without_packages_cannot_be_insisted_on() -> None:
    with pytest.raises(B2ctError, match="holds no packages"):
        install_source(site(installer={"source": "medium"}), NETINSTALL)


def test_one_role_has_one_entry() -> None:
    made = prepare(site(), NETINSTALL, roles=[Role.CONTROL])
    assert list(made.files) == ["/ks/control.ks"]
    assert [entry.kickstart for entry in made.entries] == ["/ks/control.ks"]


def test_several_roles_get_an_entry_that_serves_them_all_first() -> None:
    both = [Role.CONTROL, Role.HYPERVISOR, Role.CONTROL]
    made = prepare(site(nodes=NODES), NETINSTALL, roles=both, nodes=["hv01", "hv01"])
    assert list(made.files) == ["/ks/auto.ks", "/ks/control.ks", "/ks/hypervisor.ks", "/ks/hv01.ks"]
    assert len(made.entries) == len({entry.title for entry in made.entries}) == 4


def test_nothing_asked_for() -> None:
    with pytest.raises(B2ctError, match="a role or a node"):
        prepare(site(), NETINSTALL, roles=[])
