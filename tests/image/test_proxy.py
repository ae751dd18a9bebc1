"""Image builds through a proxy that wants a password: a real squid, apt-get, dnf and Packer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from urllib.parse import quote

import pytest

from b2ct.core import proxy
from b2ct.core.errors import B2ctError
from b2ct.core.proxy import Inside, Proxy
from b2ct.core.run import find_tool, run
from b2ct.image import packer, provision
from b2ct.image.definitions import load
from b2ct.image.packer import Base
from b2ct.image.repositories import addresses
from b2ct.image.rootfs.cell import Cell
from b2ct.image.rootfs.userns import find
from b2ct.rehearsal.packages import Practice
from tests import proxies
from tests.image import rehearsal
from tests.kickstart.oracle import parse
from tests.proxies import PASSWORD, Institute, needs_proxy, no_environment

__all__ = ["no_environment"]  # a fixture
SECRET = quote(PASSWORD, safe="")
EL9 = load("el9-worker").definition


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    return rehearsal.shared(tmp_path_factory)


@pytest.fixture(scope="module")
def squid() -> Iterator[Institute]:
    with proxies.institute() as running:
        yield running


class Watch(threading.Thread):
    """Whether any process had the password among its words, looked at all the time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen = False
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.02):
            words = proxies.words_of_all()
            self.seen = self.seen or SECRET in words or PASSWORD in words

    def stop(self) -> bool:
        self._end.set()
        self.join()
        return self.seen


@needs_proxy
@pytest.mark.usefixtures("no_environment")
def test_dnf_fetches_what_is_outside_through_it_and_the_rest_directly(
    practice: Practice, squid: Institute, tmp_path: Path
) -> None:
    assert practice.rpm is not None
    (parent,) = (path for path in practice.definitions if "el9" in path.name)
    with proxies.serving(practice.rpm) as outside, proxies.serving(practice.rpm) as inside:
        (tmp_path / "el.yaml").write_text(
            f"extends: {parent}\nrepositories:\n  base: {{url: '{outside.outside}/base'}}\n"
            f"  cvmfs: {{url: '{inside.inside}/cvmfs'}}\n"
        )
        (tmp_path / "site.yaml").write_text(
            f"proxy: {{url: '{squid.url}', user: {squid.user}}}\n"
            "secrets: {proxy_password: {file: password}}\n"
        )
        (tmp_path / "password").write_text(PASSWORD)
        (tmp_path / "password").chmod(0o600)
        watch = Watch()
        watch.start()
        done = subprocess.run(
            [sys.executable, "-m", "b2ct", "image", "build", "el.yaml", "--json"],
            cwd=tmp_path, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert not watch.stop(), "the password was among the words of a process"
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "el.qcow2").stat().st_size > 1 << 20
    assert any(path.endswith(".rpm") for path, _ in outside.asked)
    assert any(path.endswith(".rpm") for path, _ in inside.asked)
    assert all(by_proxy for _, by_proxy in outside.asked)
    assert not any(by_proxy for _, by_proxy in inside.asked)
    assert not [url for url in squid.asked() if f":{inside.port}/" in url]
    assert PASSWORD not in done.stderr + done.stdout
    left = [
        path for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "password" and path.stat().st_size < 1 << 20
        and SECRET.encode() in path.read_bytes()
    ]  # fmt: skip
    assert left == []


@needs_proxy
@pytest.mark.usefixtures("no_environment")
def test_apt_get_of_a_build_goes_through_it(
    practice: Practice, squid: Institute, tmp_path: Path
) -> None:
    assert practice.apt is not None
    for name in ("lists/partial", "archives/partial", "tree"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "status").touch()
    ring = practice.folder / "practice-key.asc"
    with proxies.serving(practice.apt) as outside, proxies.serving(practice.apt) as inside:
        (tmp_path / "sources.list").write_text(
            "".join(
                f"deb [signed-by={ring}] {url} bookworm-prod main\n"
                for url in (outside.outside, inside.inside)
            )
        )
        options = {
            "Dir::Etc::SourceList": "sources.list", "Dir::State::Lists": "lists",
            "Dir::State::Status": "status", "Dir::Cache": "archives",
        }  # fmt: skip
        words = [w for n, v in options.items() for w in ("-o", f"{n}={tmp_path / v}")]
        words += ["-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Sandbox::User="]
        words += ["-o", "APT::Update::Error-Mode=any", "update"]
        cell = Cell("aside", tmp_path / "tree", network=True, writable=(tmp_path,))
        command = cell.command(["apt-get", *words], env={"TMPDIR": str(tmp_path)})
        assert SECRET not in " ".join(command)
        run(find().command(command), env=squid.chosen().environment([inside.inside]))
    assert outside.asked
    assert all(by_proxy for _, by_proxy in outside.asked)
    assert inside.asked
    assert not any(by_proxy for _, by_proxy in inside.asked)


def test_a_cell_without_network_hears_of_no_proxy(tmp_path: Path) -> None:
    (told,) = [w for w in Cell("inside", tmp_path).command(["true"], env={}) if w.startswith("{")]
    assert json.loads(told)["passed"] == []


class TestPacker:
    """The second engine: Packer itself, the scripts in its VM, and the installer's kickstart."""

    CHOSEN = Proxy("http://proxy.example.org:3128", Inside((), (IPv4Network("192.0.2.0/24"),)))

    def test_the_scripts_in_the_vm_are_told(self, tmp_path: Path) -> None:
        with proxy.through(self.CHOSEN):
            found = packer.variables(EL9, Base("x.qcow2"), tmp_path)["environment"]
        assert "https_proxy=http://proxy.example.org:3128" in found
        assert packer.variables(EL9, Base("x.qcow2"), tmp_path)["environment"] == []

    @pytest.mark.skipif(find_tool("packer") is None, reason="no packer here")
    def test_packer_takes_the_template(self, tmp_path: Path) -> None:
        (tmp_path / "base.qcow2").write_bytes(b"not read by validate")
        packer.lay_out(EL9, provision.plan(EL9), {}, tmp_path, packer.version())
        base = Base(str(tmp_path / "base.qcow2"))
        with proxy.through(Proxy(self.CHOSEN.url, Inside(), "me", lambda: PASSWORD)):
            values = packer.variables(EL9, base, tmp_path)
        (tmp_path / "v.pkrvars.json").write_text(json.dumps(values))
        done = run(
            ["packer", "validate", "-only=qemu.cloud", f"-var-file={tmp_path}/v.pkrvars.json",
             tmp_path],
            env={"CHECKPOINT_DISABLE": "1"}, check=False,
        )  # fmt: skip
        assert done.code == 0, done.stdout + done.stderr

    def test_the_installer_is_told_but_for_what_is_inside(self) -> None:
        with proxy.through(self.CHOSEN):
            told = parse(packer.seed(EL9, "ssh-ed25519 AAAA")["worker.ks"], "el9")
        assert told.url.proxy == "http://proxy.example.org:3128"
        assert {row.proxy for row in told.repo.repoList} == {"http://proxy.example.org:3128"}
        with proxy.through(Proxy(self.CHOSEN.url, Inside(("almalinux.org",)))):
            told = parse(packer.seed(EL9, "ssh-ed25519 AAAA")["worker.ks"], "el9")
        assert not told.url.proxy

    def test_a_password_is_not_served_to_everybody(self, tmp_path: Path) -> None:
        secret = Proxy(self.CHOSEN.url, Inside(), "me", lambda: PASSWORD)
        with proxy.through(secret):
            assert PASSWORD not in "".join(packer.seed(EL9, "ssh-ed25519 AAAA").values())
            with pytest.raises(B2ctError, match="wants a password") as caught:
                packer.build(EL9, {}, Base("boot.iso"), tmp_path, folder=tmp_path, say=print)
        assert "--base" in caught.value.hint


def test_all_that_a_build_fetches_is_known() -> None:
    found = addresses(EL9)
    assert any(url.startswith("https://repo.almalinux.org") for url in found)
    assert any("cvmrepo" in url for url in found)
