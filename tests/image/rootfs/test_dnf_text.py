"""The pure parts of the EL path: rows, dnf's configuration, what its errors mean."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image import definitions
from b2ct.image.model import Definition, System
from b2ct.image.rootfs import dnfconf, dnfsaid, rpmrows
from b2ct.image.rootfs.aptsaid import MirrorError, UnknownPackageError
from tests.image import rehearsal

KEYS = {name: [Path(f"/keys/{name}-0.asc")] for name in ("base", "cvmfs", "epel", "site")}


def definition(**repositories: Any) -> Definition:
    rows = {
        "base": {"url": "http://m.example.org/9", "base": True, "keys": [{"file": "/k"}]},
        "cvmfs": {"url": "http://c.example.org/9", "packages": ["cvmfs", "cvmfs-*"]},
        **repositories,
    }
    return Definition.model_validate(rehearsal.el(rows))


def parsed(chosen: Definition, urls: dict[str, str] | None = None, *, base: bool = False) -> Any:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(dnfconf.repositories(chosen, urls or {}, KEYS, base=base))
    return parser


def test_a_repository_with_a_list_gives_nothing_else() -> None:
    told = parsed(definition())
    assert told["cvmfs"]["includepkgs"] == "cvmfs cvmfs-*"
    assert told["cvmfs"]["gpgkey"] == "file:///keys/cvmfs-0.asc"
    assert told["cvmfs"]["gpgcheck"] == "1"
    assert "includepkgs" not in told["base"]


def test_what_a_repository_is_for_no_further_one_gives() -> None:
    epel = {"url": "http://e.example.org/9", "packages": ["cloud-init", "python-*"]}
    told = parsed(definition(epel=epel, site={"url": "http://s.example.org/9"}))
    assert told["site"]["excludepkgs"] == "cloud-init cvmfs cvmfs-* python-*"
    assert told["epel"]["excludepkgs"] == "cvmfs cvmfs-*"
    # Of the distribution's own python-* there are many, and EPEL's list takes nothing from them.
    assert "excludepkgs" not in told["base"]


def test_the_base_layer_sees_the_distribution_only() -> None:
    assert parsed(definition(), base=True).sections() == ["base"]


def test_the_mirror_that_answered_is_the_only_address() -> None:
    base = {"url": "http://a.example.org", "mirrors": ["http://b.example.org"], "base": True}
    told = parsed(definition(base=base), {"base": "http://b.example.org"})
    assert told["base"]["baseurl"] == "http://b.example.org"
    assert parsed(definition(base=base))["base"]["baseurl"] == (
        "http://a.example.org http://b.example.org"
    )


def test_dnf_checks_signatures_and_takes_nothing_unasked() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(dnfconf.main(rpmrows.ROWS["9"]))
    settings = dict(parser["main"])
    assert settings["gpgcheck"] == settings["localpkg_gpgcheck"] == "1"
    assert settings["install_weak_deps"] == settings["plugins"] == "0"
    assert settings["tsflags"] == "nodocs"
    assert settings["module_platform_id"] == "platform:el9"
    assert "module_platform_id" not in dnfconf.main(rpmrows.ROWS["7"])


@pytest.mark.parametrize(
    ("major", "folder"), [("9", "/var/lib/rpm"), ("10", "/usr/lib/sysimage/rpm")]
)
def test_the_database_is_where_the_release_has_it(major: str, folder: str) -> None:
    """Debian's rpm would write it into root's home."""
    assert f"%_dbpath {folder}\n" in dnfconf.macros(rpmrows.ROWS[major])


@pytest.mark.parametrize(
    ("distribution", "release", "expected"),
    [
        ("almalinux", "9.5", {"almalinux-release", "dnf", "glibc-minimal-langpack"}),
        ("rocky", "8", {"rocky-release", "dnf"}),
        ("centos", "10", {"centos-stream-release", "dnf"}),
        ("centos", "7", {"centos-release", "yum", "passwd"}),
    ],
)
def test_base_packages(distribution: str, release: str, expected: set[str]) -> None:
    system = System(distribution=distribution, release=release, packaging="rpm")
    found = set(rpmrows.base_packages(system))
    assert expected | {"filesystem", "bash", "rpm"} <= found
    assert ("glibc-minimal-langpack" in found) == (rpmrows.major(system) >= "8" or release == "10")


@pytest.mark.parametrize(
    ("distribution", "release", "message"),
    [("almalinux", "11", "release 11"), ("debian", "9", "does not use rpm")],
)
def test_an_unknown_system_is_refused(distribution: str, release: str, message: str) -> None:
    with pytest.raises(B2ctError, match=message):
        rpmrows.base_packages(System(distribution=distribution, release=release, packaging="rpm"))


@pytest.mark.parametrize("name", ["el9-worker", "el8-worker", "el6-worker"])
def test_our_definitions_have_a_row(name: str) -> None:
    assert rpmrows.base_packages(definitions.load(name).definition.system)


# What dnf 4.14 and rpm 4.18 printed, shortened.
SAID = [
    (["Error: Unable to find a match: htop2"], UnknownPackageError, "'htop2'"),
    (
        ["Error: Failed to download metadata for repo 'baseos': Cannot download repomd.xml"],
        MirrorError,
        "does not give its index (repo 'baseos')",
    ),
    (
        [
            "[MIRROR] a.rpm: Curl error (6): Couldn't resolve host name for http://m.example.org/a.rpm",
            "Error: Error downloading packages:",
        ],
        MirrorError,
        "what its index promises (http://m.example.org/a.rpm)",
    ),
    (
        ["Package a-1.rpm is not signed", "Error: GPG check FAILED"],
        B2ctError,
        "a-1.rpm is not signed",
    ),
    (
        [
            "Public key for a-1.rpm is not installed. Failing package is: a",
            "Error: GPG check FAILED",
        ],
        B2ctError,
        "not signed by the key",
    ),
    (
        ["Problem opening package a-1.rpm", "Error: GPG check FAILED"],
        B2ctError,
        "a-1.rpm was changed",
    ),
    (
        [
            "Error: ",
            " Problem: conflicting requests",
            "  - nothing provides libx needed by a-1.x86_64",
        ],
        B2ctError,
        "nothing provides libx, which a-1.x86_64 needs",
    ),
    (
        [
            "Error: GPG check FAILED",
            "[Errno 28] No space left on device: '/root/base/var/log/dnf.log'",
        ],
        B2ctError,
        "no space left",
    ),
    (
        ["  At least 12MB more space needed on the / filesystem.", "No match for argument: x"],
        B2ctError,
        "no space left",
    ),
    (["something new"], B2ctError, "something new"),
    ([], B2ctError, "it printed nothing"),
]


@pytest.mark.parametrize(("said", "kind", "message"), SAID)
def test_what_dnf_says(said: list[str], kind: type[B2ctError], message: str) -> None:
    error = dnfsaid.explain("packages layer", said)
    assert isinstance(error, kind)
    assert message in error.lines()[0]
    assert error.hint
    assert error.lines()[2:] == [f"  | {line}" for line in said]
