"""The site fitted to the installer at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.installer import Installer, inspect
from b2ct.media.medium import _packages, fit, install_source, prepare
from b2ct.site.catalogue import Distribution, Role
from b2ct.site.model import Site
from tests.media import isos
from tests.supply.test_packages import repository

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
    assert list(made.files) == ["/ks/auto.ks", "/ks/control.ks", "/ks/hypervisor.ks"]
    assert len(made.entries) == len({entry.title for entry in made.entries}) == 4
    assert made.entries[-1].kickstart == "/ks/hypervisor.ks"
    assert made.entries[-1].extra_arguments == ("b2ct.node=hv01",)


def test_a_thousand_nodes_share_their_role_s_kickstart() -> None:
    names = [f"hv{number:04}" for number in range(300)]
    nodes: Any = [{"name": name, "role": "hypervisor"} for name in names]
    few = prepare(site(nodes=nodes[:3]), NETINSTALL, roles=[], nodes=names[:3])
    many = prepare(site(nodes=nodes), NETINSTALL, roles=[], nodes=names)
    assert list(many.files) == list(few.files) == ["/ks/hypervisor.ks"]
    grown = len(many.files["/ks/hypervisor.ks"]) - len(few.files["/ks/hypervisor.ks"])
    assert grown < 300 * 200
    assert len(many.entries) == 300


def test_el6_nodes_have_kickstarts_of_their_own() -> None:
    """Its loader reads the network from the text."""
    el6 = replace(NETINSTALL, release="el6", distribution="CentOS", distribution_key="centos")
    made = prepare(site(nodes=NODES), el6, roles=[], nodes=["hv01"])
    assert list(made.files) == ["/ks/hv01.ks"]
    assert made.entries[0].extra_arguments == ()


def test_nothing_asked_for() -> None:
    with pytest.raises(B2ctError, match="a role or a node"):
        prepare(site(), NETINSTALL, roles=[])


UNKNOWN = replace(NETINSTALL, distribution="Scientific Linux", distribution_key="", version="9.4")


@pytest.mark.parametrize("said", [{}, {"distribution": "almalinux"}])
def test_an_unknown_rebuild_never_gets_another_one_s_packages(said: dict[str, Any]) -> None:
    with pytest.raises(B2ctError, match=r"Scientific Linux 9\.4, whose packages") as refused:
        prepare(site(release=said), UNKNOWN, roles=[Role.HYPERVISOR])
    assert "release: {mirror: URL}" in refused.value.hint


def test_an_unknown_rebuild_with_a_mirror_of_its_own_is_installed_from_there() -> None:
    release = {"mirror": "https://mirror.example.org/sl9/"}
    made = prepare(site(release=release), UNKNOWN, roles=[Role.HYPERVISOR])
    assert "https://mirror.example.org/sl9/" in made.kickstarts[0].text
    assert "almalinux.org" not in made.kickstarts[0].text


def test_oracle_linux_has_its_own_packages() -> None:
    image = replace(NETINSTALL, distribution="Oracle Linux", distribution_key="oracle")
    text = prepare(site(), image, roles=[Role.HYPERVISOR]).kickstarts[0].text
    assert "https://yum.oracle.com/repo/OracleLinux/OL9/baseos/latest/x86_64/" in text
    assert "ol9_codeready_builder" in text
    assert "almalinux.org" not in text


def minimal(folder: Path, names: list[str]) -> Installer:
    """An image with a repository of these packages, and nothing else."""
    repository(folder / "repo", tuple(names))
    extra = {
        f"Minimal/repodata/{file.name}": file.read_bytes()
        for file in (folder / "repo/repodata").iterdir()
    }
    return inspect(isos.build("el9", folder, extra=extra, payload=4096))


def test_a_minimal_image_is_a_source_only_if_it_has_all_that_is_asked_for(tmp_path: Path) -> None:
    chosen = site()
    asked = _packages(prepare(chosen, NETINSTALL, roles=[Role.HYPERVISOR]).kickstarts)
    assert {"@core", "libvirt"} <= set(asked)
    names = [name for name in asked if not name.startswith("@")]
    for folder, has, kind in (
        ("whole", names, "medium"),
        ("less", [name for name in names if name != "libvirt"], "network"),
    ):
        (tmp_path / folder).mkdir()
        image = minimal(tmp_path / folder, has)
        made = prepare(chosen, image, roles=[Role.HYPERVISOR])
        assert made.source.kind == kind
        told = "packages from the network: el9.iso has no libvirt"
        assert (told in made.assumed) == (kind == "network")
        assert ("repo.almalinux.org" in made.kickstarts[0].text) == (kind == "network")
    insisted = site(installer={"source": "medium"})
    with pytest.raises(B2ctError, match=r"has no libvirt, but site\.yaml says `source: medium`"):
        prepare(insisted, image, roles=[Role.HYPERVISOR])
