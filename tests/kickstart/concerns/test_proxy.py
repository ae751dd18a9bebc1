"""The proxy on an installed machine: real dnf, curl and Ruby through a real squid, no others."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.rehearsal.packages import Practice
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests import proxies
from tests.image import rehearsal
from tests.kickstart.concerns.machine import Machine, machine, rendered, site, split_post, user
from tests.kickstart.concerns.test_frontend import with_recording
from tests.proxies import OUTSIDE, PASSWORD, Folder, Institute, needs_proxy, no_environment

__all__ = ["no_environment"]  # a fixture
URL = "http://proxy.example.org:3128"
ONED = """\
DB = [ BACKEND = "sqlite" ]
DATASTORE_MAD = [
    EXECUTABLE = "one_datastore",
    ARGUMENTS  = "-t 15 -d dummy,fs,lvm,ceph,dev -s shared,ssh"
]
MARKET_MAD = [
    EXECUTABLE = "one_market",
    ARGUMENTS  = "-t 15 -m http,s3,one,linuxcontainers"
]
IPAM_MAD = [ executable = "one_ipam", ARGUMENTS = "-t 1" ]
"""


def on(
    root: Path,
    url: str = URL,
    name: str = "",
    role: Role = Role.CONTROL,
    word: str = "",
    **parts: object,
) -> Machine:
    """A machine of a site with this proxy, after its %post."""
    described = site(
        proxy={"url": url, **({"user": name} if name else {})},
        secrets={"proxy_password": {"file": "x"}} if name else {},
        **parts,
    )
    made = machine(root, described, role)
    made.environment["B2CT_ONE_USER"] = user()
    config = made.path(catalogue.release(described.release.version).package_config)
    config.parent.mkdir(parents=True, exist_ok=True)
    if not config.exists():
        config.write_text(
            "[main]\ngpgcheck=1\nproxy = http://old:1\nproxy_username=old\nbest=True\n"
        )
    if word:
        made.path("/etc/b2ct/proxy_password").write_text(f"{word}\n")
    for step in ("proxy", "repositories"):
        _, script = split_post(rendered(described, role)[step].post)
        folder = made.path("/etc/yum.repos.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "distribution.repo").write_text("[crb]\nenabled=0\n")
        script = script.replace("/etc/yum.repos.d", str(folder))
        script = script.replace("/usr/sbin/b2ct-proxy", str(made.path("/usr/sbin/b2ct-proxy")))
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], check=True, stdin=subprocess.DEVNULL,
            env={**os.environ, "B2CT_ROOT": str(root), **made.environment},
        )  # fmt: skip
    return made


@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_the_package_manager_is_told_in_its_own_file(release: str, tmp_path: Path) -> None:
    made = on(tmp_path, release={"version": release})
    row = catalogue.release(release)
    config = made.path(row.package_config)
    assert row.package_config == ("/etc/dnf/dnf.conf" if row.major >= 8 else "/etc/yum.conf")
    assert config.read_text() == f"[main]\nproxy={URL}\ngpgcheck=1\nbest=True\n"
    assert config.stat().st_mode & 0o777 == 0o644
    assert made.path("/etc/b2ct/proxy_password").exists() is False


def test_a_password_makes_the_file_roots_own(tmp_path: Path) -> None:
    made = on(tmp_path, name="b2ct", word=PASSWORD)
    config = made.path("/etc/dnf/dnf.conf")
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.read_text().count("proxy") == 2  # the key, and the name of the server
    assert PASSWORD not in config.read_text()  # it is encoded
    again = made.run("/usr/sbin/b2ct-proxy", "--apply")
    assert config.read_text().count("proxy=") == 1
    assert PASSWORD not in again.stdout + again.stderr


def test_a_new_password_is_typed_and_told_to_all(tmp_path: Path) -> None:
    made = on(tmp_path, name="b2ct", word="old")
    tool = [str(made.path("/usr/sbin/b2ct-proxy"))]
    env = {**os.environ, "B2CT_ROOT": str(tmp_path), **made.environment}
    for typed, code in (("", 1), ("p\xe4ss\n", 1), ("new word\n", 0)):
        done = subprocess.run(
            tool, input=typed, capture_output=True, text=True, env=env, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
    assert made.path("/etc/b2ct/proxy_password").read_text() == "new word\n"
    for name in ("/etc/dnf/dnf.conf", "/etc/b2ct/outside"):
        assert "b2ct:new%20word@proxy.example.org:3128" in made.path(name).read_text()
    assert made.path("/etc/b2ct/outside").stat().st_mode & 0o777 == 0o640
    assert "systemctl restart opennebula" in done.stdout
    assert made.run("/usr/sbin/b2ct-proxy", "--hurry", check=False).returncode == 2


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("name", ["", "b2ct"])
def test_shellcheck_finds_nothing(name: str, tmp_path: Path) -> None:
    made = on(tmp_path, name=name, word=PASSWORD if name else "")
    scripts = (
        "/usr/sbin/b2ct-proxy", "/usr/libexec/b2ct/lib.sh", "/usr/libexec/b2ct/outside/one_market"
    )  # fmt: skip
    words = ["shellcheck", "-s", "bash", "-S", "style", "-e", "SC1091,SC2034,SC2154"]
    done = subprocess.run(
        [*words, *(str(made.path(script)) for script in scripts)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == ""


def test_repositories_inside_are_asked_without_it(tmp_path: Path) -> None:
    on(
        tmp_path,
        release={
            "version": "el9",
            "mirror": "http://10.9.0.5/9/BaseOS/x86_64/os/",
            "repositories": {"epel": "https://mirror.example.com/epel/9/"},
        },
        opennebula={"mirror": "http://mirror.b2ct.example.org/one/"},
    )
    found = {
        file.name: re.findall(r"^(\[.*\]|proxy=.*)$", file.read_text(), re.MULTILINE)
        for file in (tmp_path / "etc/yum.repos.d").iterdir()
    }
    direct = "proxy=_none_"
    assert found["b2ct-epel.repo"] == ["[b2ct-epel]"]
    assert found["opennebula.repo"] == ["[opennebula]", direct]
    assert found["b2ct-base.repo"] == [
        "[b2ct-base]", direct, "[b2ct-AppStream]", direct, "[b2ct-CRB]", direct,
    ]  # fmt: skip


def test_only_two_drivers_of_opennebula_are_told(tmp_path: Path) -> None:
    made = with_recording(on(tmp_path, name="b2ct", word=PASSWORD))
    for folder in ("etc/one", "var/lib/one", "root"):
        made.path(folder).mkdir(parents=True, exist_ok=True)
    made.path("/etc/one/oned.conf").write_text(ONED)
    made.double("systemctl")
    done = made.run(made.step("opennebula-frontend"))
    text = made.path("/etc/one/oned.conf").read_text()
    told = dict(re.findall(r'EXECUTABLE = "(.*/)?(\w+)"', text, re.IGNORECASE)[::-1])
    assert re.findall(r'= "([^"]*one_\w+)"', text) == [
        "/usr/libexec/b2ct/outside/one_datastore", "/usr/libexec/b2ct/outside/one_market",
        "one_ipam",
    ], told  # fmt: skip
    calls = "".join(file.read_text() for file in tmp_path.glob("*.calls"))
    assert PASSWORD not in done.stdout + done.stderr + calls
    units = tmp_path / "etc/systemd"
    assert not units.exists() or "proxy" not in "".join(
        file.read_text() for file in units.rglob("*.conf")
    )
    # Run once more, as after half of it: the names stay as they are.
    made.run(made.step("opennebula-frontend"))
    assert made.path("/etc/one/oned.conf").read_text().count("libexec/b2ct/outside/") == 2


def test_a_hypervisor_has_nothing_of_opennebula_to_tell(tmp_path: Path) -> None:
    made = on(tmp_path, role=Role.HYPERVISOR)
    assert not made.path("/usr/libexec/b2ct/outside").exists()
    assert not made.path("/etc/b2ct/outside").exists()


@pytest.fixture(scope="module")
def squid() -> Iterator[Institute]:
    with proxies.institute() as running:
        yield running


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


@needs_proxy
@pytest.mark.usefixtures("no_environment")
class TestThroughSquid:
    """Each program as the machine has it; servers outside have a name that squid alone knows."""

    def test_dnf(self, practice: Practice, squid: Institute, tmp_path: Path) -> None:
        assert practice.rpm is not None
        with proxies.serving(practice.rpm) as outside, proxies.serving(practice.rpm) as inside:
            made = on(
                tmp_path, squid.url, squid.user, word=squid.password,
                release={"version": "el9", "repositories": {"epel": f"{outside.outside}/base/"}},
                opennebula={"mirror": f"{inside.inside}/cvmfs/"},
            )  # fmt: skip
            words = [
                "dnf", "--config", str(made.path("/etc/dnf/dnf.conf")), "--noplugins", "--quiet",
                f"--setopt=reposdir={made.path('/etc/yum.repos.d')}", "--releasever=9",
                "--setopt=repo_gpgcheck=0", f"--installroot={tmp_path}/root",
                "--setopt=*.repo_gpgcheck=0", f"--setopt=cachedir={tmp_path}/cache",
                "--repo=b2ct-epel", "--repo=opennebula", "repoquery", "--qf", "%{repoid} %{name}",
            ]  # fmt: skip
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=120, check=False,
                env={**os.environ, "HOME": str(tmp_path)},
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "opennebula cvmfs" in done.stdout
        assert "b2ct-epel bash" in done.stdout
        assert outside.asked
        assert all(by_proxy for _, by_proxy in outside.asked)
        assert inside.asked
        assert not any(by_proxy for _, by_proxy in inside.asked)

    @pytest.mark.skipif(not shutil.which("gpg"), reason="gpg is not installed")
    def test_the_keys_of_the_first_boot(self, squid: Institute, tmp_path: Path) -> None:
        """curl of the step itself; what it gets is no key, which it says."""
        (tmp_path / "web").mkdir()
        (tmp_path / "web/epel.key").write_text("no key\n")
        with proxies.serving(tmp_path / "web") as outside:
            made = on(tmp_path / "m", squid.url, squid.user, word=squid.password)
            step = made.path(made.step("repositories"))
            key = catalogue.release("el9").epel_key
            assert key in step.read_text()
            step.write_text(step.read_text().replace(key, f"{outside.outside}/epel.key"))
            done = made.run(made.step("repositories"), check=False)
        assert "holds no OpenPGP key" in done.stdout + done.stderr
        assert outside.asked == [("/epel.key", True)]
        assert PASSWORD not in done.stdout + done.stderr

    @pytest.fixture
    def driver(self, squid: Institute, tmp_path: Path) -> Machine:
        """OpenNebula's two drivers, which run what the test puts in their place."""
        made = on(tmp_path / "m", squid.url, squid.user, word=squid.password)
        made.path("/usr/lib/one/mads").mkdir(parents=True)
        return made

    def runs(self, made: Machine, name: str, body: str, *words: str) -> str:
        mad = made.path(f"/usr/lib/one/mads/{name}")
        mad.write_text(f"#!/bin/sh\n{body}\n")
        mad.chmod(0o755)
        return made.run(f"/usr/libexec/b2ct/outside/{name}", *words).stdout

    def test_images_of_markets_are_downloaded(
        self, driver: Machine, served: tuple[Folder, Folder]
    ) -> None:
        """As OpenNebula's downloader.sh does it, and with all that its driver was told."""
        outside, inside = served
        body = 'for url in "$@"; do curl --fail -sS -k -L "$url"; done'
        for name in ("one_datastore", "one_market"):
            told = self.runs(
                driver, name, body, f"{outside.outside}/image", f"{inside.inside}/image"
            )
            assert told == "an image\nan image\n"
        assert outside.asked == [("/image", True)] * 2
        assert inside.asked == [("/image", False)] * 2

    @pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")
    def test_markets_are_asked_with_the_password(
        self, driver: Machine, served: tuple[Folder, Folder], squid: Institute
    ) -> None:
        """OpenNebula's monitors give Net::HTTP host and port of http_proxy, and nothing else."""
        outside, inside = served
        ruby = (
            "require 'net/http'; proxy = URI(ENV['http_proxy']); "
            "ARGV.each {|url| uri = URI(url); "
            "puts Net::HTTP.start(uri.hostname, uri.port, proxy.host, proxy.port, "
            ":use_ssl => uri.scheme == 'https') "
            "{|http| http.request(Net::HTTP::Get.new(uri.request_uri)) }.body }"
        )
        refused = squid.refused()
        told = self.runs(
            driver, "one_market", f"exec ruby -e {shlex.quote(ruby)} \"$@\"",
            f"{outside.outside}/image", f"{inside.inside}/image",
        )  # fmt: skip
        assert told == "an image\nan image\n"
        assert outside.asked == [("/image", True)]
        assert inside.asked == [("/image", False)]
        assert squid.refused() == refused

    @pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")
    def test_xml_rpc_of_a_driver_stays_inside(
        self, driver: Machine, served: tuple[Folder, Folder]
    ) -> None:
        """OpenNebula's own client names no proxy; others of Ruby go by the environment."""
        _, inside = served
        ruby = (
            "require 'net/http'; uri = URI(ARGV[0]); "
            "puts Net::HTTP.new(uri.hostname, uri.port, nil).get('/image').body, "
            "Net::HTTP.get(uri)"
        )
        told = self.runs(
            driver, "one_datastore", f"exec ruby -e {shlex.quote(ruby)} \"$@\"",
            f"{inside.inside}/image",
        )  # fmt: skip
        assert told == "an image\nan image\n"
        assert inside.asked == [("/image", False)] * 2

    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[tuple[Folder, Folder]]:
        (tmp_path / "web").mkdir()
        (tmp_path / "web/image").write_text("an image\n")
        with (
            proxies.serving(tmp_path / "web") as outside,
            proxies.serving(tmp_path / "web") as inside,
        ):
            assert OUTSIDE in outside.outside
            yield outside, inside
