"""Repositories as apt and dnf read them: the text, and that apt itself understands it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.run import find_tool
from b2ct.image import repositories
from b2ct.image.model import Definition


@dataclass(frozen=True)
class Ring:
    data: bytes
    suffix: str = ".asc"


BASE = {"url": "http://deb.example.org/debian", "base": True}
CVMFS = {"url": "http://cvmfs.example.org/apt", "packages": ["cvmfs", "cvmfs-*"]}
KEYS = {"debian": [Ring(b"old", ".gpg"), Ring(b"new")], "cvmfs": [Ring(b"cvmfs")]}


def definition(packaging: str, **repos: Any) -> Definition:
    system = {"distribution": "debian", "release": "12", "packaging": packaging}
    if packaging == "apt":
        system["suite"] = "bookworm"
    return Definition.model_validate(
        {
            "title": "t",
            "system": system,
            "boot": {"kernel": "linux-image-amd64"},
            "repositories": repos,
        }
    )


def texts(files: tuple[repositories.RootFile, ...]) -> dict[str, str]:
    return {file.path: file.data.decode() for file in files}


def test_apt() -> None:
    cvmfs = {**CVMFS, "suites": ["bookworm-prod"]}
    assert texts(repositories.kept(definition("apt", debian=BASE, cvmfs=cvmfs), KEYS)) == {
        "/usr/share/keyrings/b2ct-debian.gpg": "old",
        "/usr/share/keyrings/b2ct-debian-1.asc": "new",
        "/etc/apt/sources.list.d/b2ct-debian.sources": (
            "Types: deb\nURIs: http://deb.example.org/debian\nSuites: bookworm\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/b2ct-debian.gpg /usr/share/keyrings/b2ct-debian-1.asc\n"
        ),
        "/usr/share/keyrings/b2ct-cvmfs.asc": "cvmfs",
        "/etc/apt/sources.list.d/b2ct-cvmfs.sources": (
            "Types: deb\nURIs: http://cvmfs.example.org/apt\nSuites: bookworm-prod\n"
            "Components: main\nSigned-By: /usr/share/keyrings/b2ct-cvmfs.asc\n"
        ),
        "/etc/apt/preferences.d/b2ct-cvmfs": (
            'Package: cvmfs cvmfs-*\nPin: origin "cvmfs.example.org"\nPin-Priority: 500\n\n'
            'Package: *\nPin: origin "cvmfs.example.org"\nPin-Priority: -1\n'
        ),
    }


def test_a_pin_by_what_the_index_says_of_itself() -> None:
    pins = {"cvmfs": ["release o=CernVM, n=bookworm-prod"]}
    found = texts(repositories.kept(definition("apt", debian=BASE, cvmfs=CVMFS), KEYS, pins))
    preferences = found["/etc/apt/preferences.d/b2ct-cvmfs"]
    assert preferences.count("Pin: release o=CernVM, n=bookworm-prod\n") == 2


@pytest.mark.parametrize("url", ["http://deb.example.org/cvmfs", "file:///srv/cvmfs"])
def test_a_host_that_others_share_or_none_is_not_pinned(url: str) -> None:
    """Or nothing of Debian could be installed from a site's one mirror."""
    cvmfs = {**CVMFS, "url": url}
    found = texts(repositories.kept(definition("apt", debian=BASE, cvmfs=cvmfs), KEYS))
    assert "/etc/apt/preferences.d/b2ct-cvmfs" not in found


def test_a_flat_repository_has_no_components() -> None:
    flat = {"url": "http://deb.example.org/flat", "suites": ["./"]}
    (source,) = texts(repositories.kept(definition("apt", flat=flat), {})).values()
    assert source == "Types: deb\nURIs: http://deb.example.org/flat\nSuites: ./\n"


def test_dnf_leaves_the_base_to_the_release_package() -> None:
    cvmfs = {**CVMFS, "mirrors": ["http://mirror.example.org/rpm"]}
    found = texts(repositories.kept(definition("rpm", baseos=BASE, cvmfs=cvmfs), KEYS))
    assert found == {
        "/etc/pki/rpm-gpg/b2ct-cvmfs.asc": "cvmfs",
        "/etc/yum.repos.d/b2ct-cvmfs.repo": (
            "[cvmfs]\nname=cvmfs for debian 12\n"
            "baseurl=http://cvmfs.example.org/apt http://mirror.example.org/rpm\n"
            "enabled=1\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/b2ct-cvmfs.asc\n"
            "includepkgs=cvmfs cvmfs-*\n"
        ),
    }


@pytest.mark.parametrize("packaging", ["apt", "rpm"])
def test_what_is_not_kept_is_there_only_in_passing(packaging: str) -> None:
    wanted = definition(packaging, cvmfs={**CVMFS, "keep": False})
    assert repositories.kept(wanted, KEYS) == ()
    assert repositories.passing(wanted, KEYS) == repositories.configuration(wanted, KEYS)
    assert repositories.passing(wanted, KEYS) != ()


@pytest.mark.skipif(find_tool("apt-get") is None, reason="apt is not installed")
def test_apt_reads_sources_and_pins(tmp_path: Path) -> None:
    cvmfs = {**CVMFS, "suites": ["bookworm-prod"]}
    for file in repositories.kept(definition("apt", debian=BASE, cvmfs=cvmfs), KEYS):
        path = tmp_path / file.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    (tmp_path / "etc/apt/apt.conf.d").mkdir()
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir "{tmp_path}";\nDir::State::Status "/dev/null";\nAPT::Architecture "amd64";\n'
    )
    uris, policy = (
        subprocess.run(
            words,
            env={"APT_CONFIG": str(config), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        )
        for words in (["apt-get", "--print-uris", "update"], ["apt-cache", "policy"])
    )
    assert uris.stderr == policy.stderr == ""
    wanted = {
        "'http://cvmfs.example.org/apt/dists/bookworm-prod/InRelease'",
        "'http://deb.example.org/debian/dists/bookworm/InRelease'",
    }
    assert {line.split()[0] for line in uris.stdout.splitlines()} >= wanted
