"""The VM that runs squid: its start script, and a real squid before a CVMFS-like origin."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from b2ct.context.squid import for_squid
from b2ct.core.errors import B2ctError
from b2ct.site.model import Site
from tests.context.sites import site
from tests.squids import SQUID, needs_squid, origin, running

CATALOG = zlib.compress(b"a catalog of files\n" * 4000)
DIGEST = hashlib.sha1(CATALOG).hexdigest()
OBJECT = f"/cvmfs/belle.cern.ch/data/{DIGEST[:2]}/{DIGEST[2:]}C"
MANIFEST = "/cvmfs/belle.cern.ch/.cvmfspublished"
OBJECTS = {OBJECT: CATALOG, MANIFEST: f"C{DIGEST}\nNbelle.cern.ch\n--\n".encode()}


def started(root: Path, described: Site) -> subprocess.CompletedProcess[str]:
    """Run the VM's own start script below a root of its own; its services are doubles."""
    for file in for_squid(described).files:
        target = root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
        target.chmod(file.mode)
    (root / "etc/squid").mkdir(exist_ok=True, parents=True)
    doubles = root / "doubles"
    doubles.mkdir()
    for name in ("systemctl", *([] if SQUID else ["squid"])):
        double = doubles / name
        double.write_text(f'#!/bin/sh\necho {name} "$@" >> {root}/calls\n')
        double.chmod(0o755)
    return subprocess.run(
        [root / "usr/libexec/b2ct/squid-start"],
        env={"PATH": f"{doubles}:/usr/sbin:/usr/bin:/sbin:/bin", "B2CT_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def conf(root: Path, **changes: object) -> str:
    done = started(root, site(**changes))
    assert done.returncode == 0, done.stderr
    return (root / "etc/squid/squid.conf").read_text()


def test_without_networks_nobody_could_use_it() -> None:
    with pytest.raises(B2ctError, match="no network that may use the squid"):
        for_squid(site(networks={}, nodes=[]))
    lines = for_squid(site(networks={}, nodes=[], squid={"clients": ["192.0.2.0/24"]})).files
    assert any("acl clients src 192.0.2.0/24\n" in file.text for file in lines)


def test_a_squid_neither_idles_nor_grows_old() -> None:
    (idle,) = (f.text for f in for_squid(site()).files if f.path == "/etc/b2ct/idle.conf")
    assert "MODE=off\n" in idle
    assert "LIFETIME=0\n" in idle


def test_its_cache_is_no_larger_than_the_disk_allows(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free // 2**20
    small = conf(tmp_path, disk_layout={"squid": "4 GiB"})
    found = re.search(r"^cache_dir ufs /var/spool/squid (\d+) 16 256$", small, re.MULTILINE)
    assert found
    assert int(found[1]) == 3481 or free < 5000
    large = started(tmp_path / "large", site(disk_layout={"squid": "900 TiB"}))
    assert "the disk has room for a cache of" in large.stderr
    text = (tmp_path / "large/etc/squid/squid.conf").read_text()
    room = re.search(r"^cache_dir ufs \S+ (\d+) ", text, re.MULTILINE)
    assert room
    assert 0.5 * free < int(room[1]) < free


def test_it_is_started_at_the_end(tmp_path: Path) -> None:
    conf(tmp_path)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-2:] == ["systemctl enable squid", "systemctl restart squid"]


@needs_squid
def test_a_configuration_that_squid_refuses_is_not_put_in_place(tmp_path: Path) -> None:
    done = started(tmp_path, site())
    assert done.returncode == 0
    template = tmp_path / "usr/share/b2ct/squid.conf"
    template.write_text("http_port many\n")
    before = (tmp_path / "etc/squid/squid.conf").read_text()
    env = {**os.environ, "PATH": f"{tmp_path}/doubles:/usr/sbin:/usr/bin:/bin"}
    again = subprocess.run(
        [tmp_path / "usr/libexec/b2ct/squid-start"],
        env={**env, "B2CT_ROOT": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert again.returncode != 0
    assert (tmp_path / "etc/squid/squid.conf").read_text() == before


@needs_squid
def test_squid_has_nothing_to_complain_about(tmp_path: Path) -> None:
    file = tmp_path / "parse.conf"
    file.write_text(conf(tmp_path))
    done = subprocess.run(
        [str(SQUID), "-k", "parse", "-f", file], capture_output=True, text=True, check=True
    )
    # What it says of this machine's own name is not about the configuration.
    lines = (done.stdout + done.stderr).splitlines()
    said = [line for line in lines if "rDNS" not in line and "public hostname" not in line]
    assert not [x for x in said if re.search(r"ERROR|WARNING|unrecognized|FATAL", x)], said


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_its_script_is_sound() -> None:
    (script,) = (f.text for f in for_squid(site()).files if f.path.endswith("squid-start"))
    for words in (["shellcheck", "-"], ["bash", "-n"]):
        done = subprocess.run(words, input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_squid
def test_vms_get_objects_from_it_and_nothing_else(tmp_path: Path) -> None:
    with origin(OBJECTS) as (port, server), origin() as (elsewhere, foreign):
        stratum1 = f"http://s1.example.org:{port}"
        with running(conf(tmp_path, cvmfs={"stratum1": [stratum1]})) as proxy:
            for path in (OBJECT, MANIFEST):
                first = proxy.ask(stratum1 + path)
                second = proxy.ask(stratum1 + path)
                assert (first[0], second[0]) == (200, 200)
                assert first[1].startswith("MISS")
                assert second[1].startswith("HIT")
            assert server.asked == 2
            for refused in (
                f"http://foreign.example.org:{elsewhere}{OBJECT}",
                f"http://foreign.example.org:{port}{OBJECT}",
                f"http://s1.example.org:{elsewhere}{OBJECT}",
                f"http://127.0.0.1:{port}{OBJECT}",
                f"https://s1.example.org:{port}{OBJECT}",
            ):
                assert proxy.ask(refused)[0] in {400, 403}, refused
            for tunnel in (f"s1.example.org:{port}", f"foreign.example.org:{elsewhere}"):
                assert proxy.ask(tunnel, method="CONNECT")[0] == 403
            assert proxy.ask(stratum1 + OBJECT, source="127.0.0.9")[0] == 403
            assert (server.asked, foreign.asked) == (2, 0)
            # A repository that the server does not have: CVMFS goes on to the next one.
            assert proxy.ask(f"{stratum1}/cvmfs/other.cern.ch/.cvmfspublished")[0] == 404
            log = proxy.log.read_text()
    # The second fetch may be answered from memory or from disk.
    hits = [line for line in log.splitlines() if re.search(r"TCP_(MEM_)?HIT/200", line)]
    assert len(hits) == 2


@needs_squid
@pytest.mark.parametrize("collapsed", [True, False])
def test_vms_that_start_together_make_one_request(collapsed: bool, tmp_path: Path) -> None:
    with origin(OBJECTS) as (port, server):
        stratum1 = f"http://s1.example.org:{port}"
        text = conf(tmp_path, cvmfs={"stratum1": [stratum1]})
        if not collapsed:
            text = text.replace("collapsed_forwarding on\n", "")
        with running(text) as proxy, ThreadPoolExecutor(6) as vms:
            server.allowed.clear()
            answers = [vms.submit(proxy.ask, stratum1 + OBJECT) for _ in range(6)]
            # The origin answers when all have asked; who comes later finds the object there.
            time.sleep(1)
            server.allowed.set()
            assert [answer.result()[0] for answer in answers] == [200] * 6
            # Without the rule this would be noticed.
            assert (server.asked == 1) == collapsed
