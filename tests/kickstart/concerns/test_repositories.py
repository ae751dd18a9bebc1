"""Repository files of every release, and keys that are trusted only by their fingerprint."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, rendered, site, split_post

DISTRIBUTION_REPO = """\
[baseos]
name=BaseOS
enabled=1
gpgcheck=1

[crb]
name=CRB
gpgcheck=1
enabled=0

[powertools]
name=PowerTools
enabled = 0

[extras]
name=no word about enabled
"""


def repositories(
    root: Path, release: str | dict[str, object], **parts: object
) -> dict[str, dict[str, str]]:
    """The repositories of a machine after the %post section ran on it."""
    choice = release if isinstance(release, dict) else {"version": release}
    described = site(release=choice, **parts)
    folder = root / "etc/yum.repos.d"
    folder.mkdir(parents=True)
    (folder / "distribution.repo").write_text(DISTRIBUTION_REPO)
    keys = root / "etc/pki/rpm-gpg"
    keys.mkdir(parents=True)
    for name in catalogue.media(described.distribution, described.release.version).key_files:
        (keys / name).touch()
    _, script = split_post(rendered(described, Role.CONTROL)["repositories"].post)
    script = script.replace("/etc/yum.repos.d", str(folder)).replace(
        '"/etc/pki/rpm-gpg/$key"', f'"{keys}/$key"'
    )
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True)
    found: dict[str, dict[str, str]] = {}
    for file in folder.glob("*.repo"):
        # Strict: a repeated option, which yum and dnf judge differently, is an error.
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.read(file)
        found |= {name: dict(parser[name]) for name in parser.sections()}
    return found


@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_every_release_has_epel_and_opennebula_with_checked_signatures(
    release: str, tmp_path: Path
) -> None:
    found = repositories(tmp_path, release)
    row = catalogue.release(release)
    one = catalogue.opennebula(row.opennebula[0])
    assert found["b2ct-epel"]["gpgcheck"] == "1"
    assert found["b2ct-epel"]["baseurl"] == row.epel
    assert found["b2ct-epel"]["gpgkey"] == "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-b2ct-epel"
    assert found["opennebula"]["baseurl"].startswith("http")
    assert f"/{row.major}/" in found["opennebula"]["baseurl"]
    assert found["opennebula"]["gpgcheck"] == str(int(one.signed))
    assert found["opennebula"]["repo_gpgcheck"] == str(int(bool(one.fingerprint)))


@pytest.mark.parametrize(
    ("distribution", "path"), [("rocky", "/AlmaLinux/9/"), ("rhel", "/RedHat/9/")]
)
def test_the_family_of_the_distribution_is_in_the_path(
    distribution: str, path: str, tmp_path: Path
) -> None:
    choice: dict[str, object] = {"version": "el9", "distribution": distribution}
    if distribution == "rhel":
        choice["mirror"] = "https://mirror.example.org/rhel9/"
    found = repositories(tmp_path, choice)
    assert path in found["opennebula"]["baseurl"]


@pytest.mark.parametrize(("release", "name"), [("el8", "powertools"), ("el9", "crb")])
def test_the_repository_that_epel_needs_is_enabled(release: str, name: str, tmp_path: Path) -> None:
    found = repositories(tmp_path, release)
    assert found[name]["enabled"] == "1"
    assert found["baseos"]["enabled"] == "1"


@pytest.mark.parametrize("release", ["el6", "el7"])
def test_dead_mirrors_are_replaced_by_the_archive(release: str, tmp_path: Path) -> None:
    found = repositories(tmp_path, release)
    for name in ("baseos", "crb", "extras"):
        assert found[name]["enabled"] == "0"
    assert "vault.centos.org" in found["b2ct-base"]["baseurl"]
    assert "vault.centos.org" in found["b2ct-updates"]["baseurl"]
    assert found["b2ct-base"]["gpgcheck"] == "1"
    assert re.fullmatch(r"file://.*/RPM-GPG-KEY-CentOS-\d", found["b2ct-base"]["gpgkey"])


def test_a_site_s_own_mirrors_replace_all_others(tmp_path: Path) -> None:
    choice: dict[str, object] = {
        "version": "el9",
        "mirror": "https://mirror.example.org/9/BaseOS/?a=b&c=$basearch",
        "repositories": {
            "AppStream": "https://mirror.example.org/9/AppStream/",
            "epel": "https://mirror.example.org/epel/9/",
        },
    }
    one = {"mirror": "https://mirror.example.org/opennebula/"}
    found = repositories(tmp_path, choice, opennebula=one)
    enabled = {name: part["baseurl"] for name, part in found.items() if part["enabled"] == "1"}
    assert enabled == {
        "b2ct-base": "https://mirror.example.org/9/BaseOS/?a=b&c=$basearch",
        "b2ct-AppStream": "https://mirror.example.org/9/AppStream/",
        "b2ct-CRB": "https://mirror.example.org/9/CRB/?a=b&c=$basearch",
        "b2ct-epel": "https://mirror.example.org/epel/9/",
        "opennebula": "https://mirror.example.org/opennebula/",
    }


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real keys, exported to files, by fingerprint; and one file with two keys: `both`."""
    folder = tmp_path_factory.mktemp("keys")
    home = folder / "home"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    for name in ("first", "second"):
        subprocess.run(
            [*gpg, "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign"], check=True
        )
    listed = subprocess.run(
        [*gpg, "--with-colons", "--list-keys"], capture_output=True, text=True, check=True
    ).stdout
    made = {}
    for fingerprint in re.findall(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE):
        made[fingerprint] = folder / fingerprint
        with made[fingerprint].open("wb") as out:
            subprocess.run([*gpg, "--armor", "--export", fingerprint], stdout=out, check=True)
    made["both"] = folder / "both"
    with made["both"].open("wb") as out:
        subprocess.run([*gpg, "--armor", "--export"], stdout=out, check=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)
    return made


def importing(root: Path, offered: Path, expected: str) -> Machine:
    """A machine to which a mirror offers a key, and whose catalogue expects a fingerprint."""
    made = machine(root, site(), Role.CONTROL)
    step = made.path(made.step("repositories"))
    pinned = catalogue.EPEL_FINGERPRINTS["el9"], catalogue.opennebula("6.10").fingerprint
    text = step.read_text()
    for fingerprint in pinned:
        assert fingerprint in text
        text = text.replace(fingerprint, expected or "''")
    step.write_text(text)
    made.double("rpm")
    # curl's last but one argument is the file to write.
    made.double("curl", f'cp "{offered}" "${{@: -2:1}}"')
    return made


needs_gpg = pytest.mark.skipif(not shutil.which("gpg"), reason="gpg is not installed")


@needs_gpg
def test_the_right_key_is_imported(keys: dict[str, Path], tmp_path: Path) -> None:
    fingerprint = next(iter(keys))
    made = importing(tmp_path, keys[fingerprint], fingerprint)
    made.run(made.step("repositories"))
    for name in ("epel", "opennebula"):
        file = made.path(f"/etc/pki/rpm-gpg/RPM-GPG-KEY-b2ct-{name}")
        assert file.read_bytes() == keys[fingerprint].read_bytes()
    assert len(made.calls("rpm")) == 2


@needs_gpg
def test_what_follows_the_key_in_its_file_is_not_imported(
    keys: dict[str, Path], tmp_path: Path
) -> None:
    """gpg stops where rpm may read on."""
    first, second = list(keys)[:2]
    offered = tmp_path / "offered"
    packed = subprocess.run(
        ["gpg", "--dearmor"], input=keys[second].read_bytes(), capture_output=True, check=True
    ).stdout
    offered.write_bytes(b"A key.\n" + keys[first].read_bytes() + packed)
    made = importing(tmp_path / "m", offered, first)
    made.run(made.step("repositories"))
    file = made.path("/etc/pki/rpm-gpg/RPM-GPG-KEY-b2ct-epel")
    assert file.read_bytes() == keys[first].read_bytes()


def test_no_key_comes_over_a_redirection_to_http(tmp_path: Path) -> None:
    """curl itself refuses; where it is too old to know how, the option is left out."""
    for known, expected in (("--proto-redir <protocols>", True), ("", False)):
        made = machine(tmp_path / str(expected), site(), Role.CONTROL)
        made.double("rpm")
        made.double("curl", f'test "$1" = --help && echo "{known}" && exit; exit 6')
        made.run(made.step("repositories"), check=False)
        asked = made.calls("curl")[-1]
        assert ("--proto-redir" in asked) == expected
        assert ("=https" in asked) == expected


@needs_gpg
@pytest.mark.parametrize("offered", ["other", "both", "junk"])
def test_any_other_key_is_refused(offered: str, keys: dict[str, Path], tmp_path: Path) -> None:
    """Another key, a file that holds a second key besides the right one, and what is no key."""
    first, second = list(keys)[:2]
    (tmp_path / "junk").write_text("<html>captive portal</html>\n")
    file = {"other": keys[second], "both": keys["both"], "junk": tmp_path / "junk"}[offered]
    made = importing(tmp_path / "m", file, first)
    done = made.run(made.step("repositories"), check=False)
    assert done.returncode == 75
    assert "the signing key of epel" in done.stdout or "the right signing key" in done.stdout
    assert made.calls("rpm") == []
    assert not made.path("/etc/pki/rpm-gpg").exists()


@needs_gpg
def test_a_key_that_nobody_pinned_is_named(keys: dict[str, Path], tmp_path: Path) -> None:
    fingerprint = next(iter(keys))
    made = importing(tmp_path, keys[fingerprint], "")
    done = made.run(made.step("repositories"))
    assert f"the signing key of opennebula is not pinned: took {fingerprint}" in done.stdout


def test_a_mirror_that_is_silent_is_waited_for(tmp_path: Path) -> None:
    made = machine(tmp_path, site(), Role.CONTROL)
    made.double("rpm")
    made.double("curl", "exit 6")
    done = made.run(made.step("repositories"), check=False)
    assert done.returncode == 75
    assert "does not answer" in done.stdout.splitlines()[-1]


def test_a_mirror_of_baseos_brings_the_others_with_it(tmp_path: Path) -> None:
    base = "https://mirror.example.org/9/BaseOS/x86_64/os/"
    found = repositories(tmp_path, {"version": "el9", "mirror": base})
    for name in ("AppStream", "CRB"):
        part = found[f"b2ct-{name}"]
        assert part["baseurl"] == base.replace("BaseOS", name)
        assert part["gpgcheck"] == "1"
        assert part.get("skip_if_unavailable", "0") == str(int(name == "CRB"))
