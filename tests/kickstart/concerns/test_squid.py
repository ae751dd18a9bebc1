"""The rendered squid.conf, parsed and run by a real squid before a small origin server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import machine, site
from tests.squids import SQUID, needs_squid, origin, running


def conf(root: Path, release: str = "el9", squid: str = "1", **parts: object) -> str:
    """squid.conf as the first boot makes it of the rendered template."""
    described = site(release={"version": release}, **parts)
    made = machine(root, described, Role.CONTROL, {"B2CT_SQUID": squid})
    for folder in ("etc/squid", "var/spool/squid"):
        made.path(folder).mkdir(parents=True)
    for name in ("rpm", "systemctl", "chkconfig", "service", "chown"):
        made.double(name)
    if not SQUID:
        made.double("squid")
    made.run(made.step("squid"))
    file = made.path("/etc/squid/squid.conf")
    return file.read_text() if file.exists() else ""


@needs_squid
@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_squid_reads_it(release: str, tmp_path: Path) -> None:
    text = conf(tmp_path, release)
    # `squid -k parse` ran in the step itself; its complaints go to stderr with exit code 0.
    file = tmp_path / "parse.conf"
    file.write_text(text)
    done = subprocess.run(
        [str(SQUID), "-k", "parse", "-f", file], capture_output=True, text=True, check=True
    )
    # What it says of this machine's own name is not about the configuration.
    lines = (done.stdout + done.stderr).splitlines()
    said = [line for line in lines if "rDNS" not in line and "public hostname" not in line]
    assert not [x for x in said if re.search(r"ERROR|WARNING|unrecognized|FATAL", x)], said
    assert ("collapsed_forwarding on" in text) == (release != "el6")


def test_it_is_sized_to_its_volume(tmp_path: Path) -> None:
    text = conf(tmp_path)
    found = re.search(r"^cache_dir ufs /var/spool/squid (\d+) 16 256$", text, re.MULTILINE)
    assert found
    # No volume of its own here: two fifths of what is free.
    free = shutil.disk_usage(tmp_path).free // 2**20
    assert 0.3 * free < int(found[1]) < 0.5 * free
    assert "@" not in text


def test_only_the_machine_whose_turn_it_is_runs_it(tmp_path: Path) -> None:
    assert conf(tmp_path, squid="0") == ""


def test_networks_that_nobody_named_are_those_it_is_connected_to(tmp_path: Path) -> None:
    described = site(networks={}, nodes=[])
    made = machine(tmp_path, described, Role.CONTROL, {"B2CT_SQUID": "1"})
    for folder in ("etc/squid", "var/spool/squid"):
        made.path(folder).mkdir(parents=True)
    for name in ("rpm", "systemctl", "chown", "squid"):
        made.double(name)
    made.double("ip", "echo '10.7.0.0/24 proto kernel src 10.7.0.1'")
    made.run(made.step("squid"))
    assert "acl clients src 10.7.0.0/24\n" in made.path("/etc/squid/squid.conf").read_text()
    assert made.calls("ip") == ["-4 route show dev lo scope link"]


@needs_squid
def test_a_real_squid_serves_the_stratum_ones_and_nobody_else(tmp_path: Path) -> None:
    with origin() as (port, handler), origin() as (elsewhere, foreign):
        text = conf(
            tmp_path,
            cvmfs={"stratum1": [f"http://s1.example.org:{port}"]},
        )
        with running(text) as proxy:
            good = f"http://s1.example.org:{port}/cvmfs/belle.cern.ch/.cvmfspublished"
            assert proxy.ask(good)[0] == 200
            status, cache = proxy.ask(good)
            assert status == 200
            assert cache.startswith("HIT")
            assert handler.asked == 1
            for refused in (
                f"http://foreign.example.org:{port}/x",
                f"http://foreign.example.org:{elsewhere}/x",
                f"http://s1.example.org:{elsewhere}/x",
                f"http://127.0.0.1:{port}/x",
                f"http://s1Xexample.org:{port}/x",
                f"http://s1.example.org:{port}@foreign.example.org:{elsewhere}/x",
                f"http://foreign.example.org:{elsewhere}/http://s1.example.org:{port}/x",
                f"http://127.0.0.1:{proxy.port}/squid-internal-mgr/info",
            ):
                assert proxy.ask(refused)[0] in {400, 403}, refused
            assert proxy.ask(f"s1.example.org:{port}", method="CONNECT")[0] == 403
            # Another machine than those of the site.
            assert proxy.ask(good, source="127.0.0.9")[0] == 403
            assert (handler.asked, foreign.asked) == (1, 0)


def test_a_port_that_is_http_s_own_may_be_left_out(tmp_path: Path) -> None:
    text = conf(tmp_path, cvmfs={"stratum1": ["http://s1.example.org"]})
    assert "acl servers url_regex -i ^http://s1[.]example[.]org(:80)?/\n" in text


def test_destinations_are_admitted_besides(tmp_path: Path) -> None:
    described = site(squid={"destinations": ["db.example.org"], "clients": ["192.0.2.0/24"]})
    made = machine(tmp_path, described, Role.CONTROL)
    text = made.path("/usr/share/b2ct/squid.conf").read_text()
    assert "acl servers url_regex -i ^http://db[.]example[.]org(:80|:8000)?/\n" in text
    assert "squid 192.0.2.0/24\n" in made.path("/etc/b2ct/networks").read_text()


def test_where_squids_exist_none_is_installed(tmp_path: Path) -> None:
    described = site(squid={"external": ["http://squid.example.org:3128"]})
    made = machine(tmp_path, described, Role.CONTROL)
    assert not made.path("/usr/share/b2ct/squid.conf").exists()
    assert not list(made.path("/usr/libexec/b2ct/firstboot.d").glob("*-squid"))
