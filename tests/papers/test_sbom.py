from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from b2ct.papers import sbom
from b2ct.papers.about import Package
from tests.image.images import PACKAGES, about

IMAGE = Path(__file__)


def assert_valid(text: str) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, str(problem)[:2000]


def test_it_is_valid_cyclonedx() -> None:
    text = sbom.render(about(IMAGE))
    assert_valid(text)
    bill = json.loads(text)
    assert bill["specVersion"] == "1.6"
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert bill["metadata"]["component"]["hashes"][0]["content"] == about(IMAGE).sha256
    assert [part["name"] for part in bill["components"]] == ["bash", "g++", "tzdata"]
    licenses = bill["components"][0]["licenses"]
    assert licenses == [{"license": {"name": "GPL-3.0-or-later"}}]


def test_the_validator_would_notice() -> None:
    bill = json.loads(sbom.render(about(IMAGE)))
    bill["components"][0]["type"] = "nonsense"
    with pytest.raises(AssertionError):
        assert_valid(json.dumps(bill))


# A package URL has no name of slashes and blanks alone, nor have dpkg and rpm.
NAMES = st.text(min_size=1).filter(lambda name: name.strip().strip("/"))
WORDS = st.text(min_size=1)


@settings(max_examples=25)
@given(st.lists(st.builds(Package, NAMES, WORDS, WORDS, st.text(), st.text()), max_size=4))
def test_whatever_a_database_says_the_bill_is_valid(packages: list[Package]) -> None:
    assert_valid(sbom.render(about(IMAGE, packages=packages)))


@pytest.mark.parametrize(
    ("package", "changes", "expected"),
    [
        (PACKAGES[0], {}, "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12"),
        (
            PACKAGES[1],
            {"distribution": "ubuntu", "release": "24.04"},
            "pkg:deb/ubuntu/g%2B%2B@4:12.2.0-3?arch=amd64&distro=ubuntu-24.04&upstream=gcc-defaults",
        ),
        (
            Package("openssl-libs", "1:3.0.7-27.el9", "x86_64", "openssl"),
            {"distribution": "almalinux", "release": "9", "packaging": "rpm"},
            "pkg:rpm/almalinux/openssl-libs@3.0.7-27.el9"
            "?arch=x86_64&distro=almalinux-9&epoch=1&upstream=openssl",
        ),
    ],
)
def test_package_urls(package: Package, changes: dict[str, str], expected: str) -> None:
    found = sbom.purl_of(package, about(IMAGE, **changes))
    assert found == PackageURL.from_string(expected)


def test_the_same_image_has_the_same_bill_in_any_process(tmp_path: Path) -> None:
    """Whatever the order of sets, the clock and the order of the packages are."""
    code = (
        "from tests.image.images import *; from b2ct.papers import sbom; import sys\n"
        "many = [Package(f'p{n}', '1', 'all') for n in range(50)]\n"
        f"print(sbom.render(about(Path({str(IMAGE)!r}), packages=many[::int(sys.argv[1])])))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, order], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for seed, order in (("1", "1"), ("2", "-1"))
    }  # fmt: skip
    assert len(found) == 1


def test_serial_numbers_differ_between_images(tmp_path: Path) -> None:
    one = json.loads(sbom.render(about(IMAGE)))["serialNumber"]
    other = json.loads(sbom.render(about(IMAGE, sha256="0" * 64)))["serialNumber"]
    assert one != other
