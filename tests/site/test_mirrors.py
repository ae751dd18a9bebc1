"""What belongs to a mirror of BaseOS."""

from __future__ import annotations

from typing import Any

import pytest

from b2ct.kickstart.render import network_source
from b2ct.site import advice, mirrors
from b2ct.supply.packages import repositories
from tests.kickstart.concerns.machine import site

BASE = "https://mirror.example.org/9/BaseOS/x86_64/os/"


def urls(release: str, mirror: str, **choice: Any) -> dict[str, str]:
    described = site(release={"version": release, "mirror": mirror, **choice})
    return {one.name: one.url for one in mirrors.further(described, release)}


def warned(release: str, mirror: str, **choice: Any) -> list[str]:
    described = site(release={"version": release, "mirror": mirror, **choice})
    return [text for text in advice.warnings(described) if "release.mirror" in text]


@pytest.mark.parametrize(
    ("release", "mirror", "choice", "wanted"),
    [
        ("el9", BASE, {}, {
            "AppStream": BASE.replace("BaseOS", "AppStream"), "CRB": BASE.replace("BaseOS", "CRB"),
        }),
        ("el8", "http://m/8/BaseOS/", {}, {
            "AppStream": "http://m/8/AppStream/", "PowerTools": "http://m/8/PowerTools/",
        }),
        ("el9", "http://sat/rhel9/baseos/os/", {"distribution": "rhel"}, {
            "AppStream": "http://sat/rhel9/appstream/os/",
            "codeready-builder": "http://sat/rhel9/codeready-builder/os/",
        }),
        ("el9", BASE, {"repositories": {"crb": "http://m/x/", "epel": "http://m/e/"}}, {
            "crb": "http://m/x/", "AppStream": BASE.replace("BaseOS", "AppStream"),
        }),
        ("el7", "http://m/7/os/", {}, {}),
        ("el9", "http://m/dvd/", {}, {}),
    ],
)  # fmt: skip
def test_what_is_beside_it(
    release: str, mirror: str, choice: dict[str, Any], wanted: dict[str, str]
) -> None:
    assert urls(release, mirror, **choice) == wanted


def test_check_says_what_a_mirror_is_not_known_to_have() -> None:
    assert warned("el9", BASE) == warned("el7", "http://m/7/os/") == []
    first, second = warned("el9", "http://m/dvd/")
    assert "AppStream is not known" in first
    assert "repositories: {CRB: URL}" in second
    assert len(warned("el9", "http://m/dvd/", repositories={"appstream": "http://m/a/"})) == 1


def test_the_installer_takes_no_repository_that_may_be_missing() -> None:
    described = site(release={"version": "el9", "mirror": BASE})
    source = network_source(described, "el9")
    assert source.repositories == (("AppStream", BASE.replace("BaseOS", "AppStream")),)
    assert BASE.replace("BaseOS", "CRB") in repositories(described)
