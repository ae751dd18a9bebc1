"""A practice site for DIRAC: gateway and reaper as their units start them, under a real systemd."""

from __future__ import annotations

import json
import os
import re
import shlex
import ssl
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from b2ct.rehearsal.site import inside
from b2ct.rehearsal.site.lifecycle import Practice
from b2ct.site.load import load
from b2ct.supply import wheel
from b2ct.validate import given, runner
from b2ct.validate.access import Access, opener
from b2ct.validate.collect import collect
from tests.rehearsal.site.sites import needs_namespaces, standing, wait

pytestmark = needs_namespaces
POWEROFF, DONE = "8", "6"


@dataclass(frozen=True)
class Cloud:
    """The site, and XML-RPC as DIRAC's server and as oneadmin speak it."""

    site: Practice

    def on(self, command: str) -> str:
        return inside.on(self.site.name, "one", command).stdout.strip()

    def dirac(self, method: str, *arguments: Any) -> Any:
        trusted = ssl.create_default_context(cafile=self.site.certificate)
        url = f"https://{self.site.nodes[0].address}:2635/RPC2"
        session = f"dirac:{self.site.password.read_text().strip()}"
        with xmlrpc.client.ServerProxy(url, context=trusted) as server:
            return getattr(server, method)(session, *arguments)

    def oneadmin(self, method: str, *arguments: Any) -> Any:
        url = f"http://{self.site.nodes[0].address}:2633/RPC2"
        session = (self.site.site_yaml.parent / "one_auth").read_text().strip()
        with xmlrpc.client.ServerProxy(url) as server:
            return getattr(server, method)(session, *arguments)

    def vm(self, name: str) -> int:
        """A VM of DIRAC's, made through the gateway and powered off."""
        good, made = self.dirac("one.template.instantiate", 0, name, False, "", False)[:2]
        assert good, made
        # Refused as long as it does not run.
        wait(lambda: bool(self.oneadmin("one.vm.action", "poweroff-hard", made)[0]))
        self.reaches(made, POWEROFF)
        return int(made)

    def state(self, number: int) -> str:
        _, text = self.oneadmin("one.vm.info", number, False)[:2]
        return str(text.partition("<STATE>")[2].partition("<")[0])

    def reaches(self, number: int, state: str) -> None:
        wait(lambda: self.state(number) == state)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with standing("dirac", hypervisors=1, dirac=True) as made:
        yield Cloud(made)


def test_the_gateway_comes_up_by_itself_and_is_not_root(cloud: Cloud) -> None:
    wait(lambda: cloud.on("systemctl is-active b2ct-gateway || :") == "active")
    main = cloud.on("systemctl show --value -p MainPID b2ct-gateway")
    assert cloud.on(f"stat -c %U /proc/{main}") == "b2ct-gateway"
    status = cloud.on(f"cat /proc/{main}/status")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapBnd:\t0000000000000000" in status
    assert cloud.on("systemctl --failed --plain --no-legend") == ""


def test_b2ct_came_with_the_medium_and_nobody_installed_it(cloud: Cloud) -> None:
    assert f"identity={wheel.identity()}\n" in cloud.on("cat /opt/b2ct/about") + "\n"
    assert cloud.on("readlink /opt/b2ct") == f"b2ct-{wheel.identity()[:12]}"
    cloud.on("/opt/b2ct/bin/python -c 'import b2ct, paramiko'")
    assert cloud.on("ls /var/lib/b2ct/program") == ""


def deploy(cloud: Cloud, *words: str) -> dict[str, Any]:
    folder = cloud.site.site_yaml.parent
    done = subprocess.run(
        [sys.executable, "-m", "b2ct", "self", "deploy", "--site", cloud.site.site_yaml,
         "--identity", folder / "admin", "--known-hosts", folder / "known_hosts", "--json", *words],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_newer_b2ct_takes_its_place_by_ssh(cloud: Cloud) -> None:
    assert not deploy(cloud)["changed"], "it came with the medium a moment ago"
    cloud.on("cd /opt; cp -r b2ct/. b2ct-0123456789ab; sed -i s/^identity=.*/identity=0123/ "
             "b2ct-0123456789ab/about; ln -sfn b2ct-0123456789ab b2ct")  # fmt: skip
    assert not deploy(cloud, "--dry-run")["changed"]
    assert cloud.on("readlink /opt/b2ct") == "b2ct-0123456789ab"
    done = deploy(cloud)
    assert done["changed"]
    assert done["now"]["identity"] == wheel.identity()
    assert cloud.on("readlink /opt/b2ct") == f"b2ct-{wheel.identity()[:12]}"
    assert cloud.on("ls -d /opt/b2ct-0123456789ab /var/lib/b2ct/program-* || :") == (
        "/opt/b2ct-0123456789ab"
    )
    wait(lambda: cloud.on("systemctl is-active b2ct-gateway || :") == "active")


def test_dirac_is_let_in_and_nothing_else_is_let_through(cloud: Cloud) -> None:
    good, pool = cloud.dirac("one.templatepool.info", -2, -1, -1)[:2]
    assert good
    assert "<NAME>b2ct-worker</NAME>" in pool
    assert cloud.dirac("one.hostpool.info")[:2] == [
        False, "This gateway does not allow the method.",
    ]  # fmt: skip
    log = [json.loads(line) for line in cloud.on("cat /var/log/b2ct-gateway/audit.log").split("\n")]
    assert [row["verdict"] for row in log if "verdict" in row][-2:] == ["done", "refused"]
    assert cloud.site.password.read_text().strip() not in str(log)


def test_a_new_certificate_is_taken_up(cloud: Cloud) -> None:
    before = cloud.on("stat -c %i /run/b2ct-gateway/cert.pem")
    cloud.on("touch /etc/grid-security/hostcert.pem")
    wait(lambda: cloud.on("stat -c %i /run/b2ct-gateway/cert.pem") != before)
    assert cloud.dirac("one.vmpool.info", -3, -1, -1, -1)[0]


def _found(cloud: Cloud) -> dict[str, str]:
    """The checks of what only a site with DIRAC has: those that fail, and their remedies."""
    model = load(cloud.site.site_yaml)
    names = {"reaper-runs", "reaper-works", "program-is-current", "dirac-user-is-as-described"}
    checks = tuple(check for check in collect(()) if check.name in names)
    options = given.Options(test_vms=False, folder=cloud.site.site_yaml.parent)
    plan = runner.Plan(model, model.nodes[:1], checks, options)
    access = Access(identity=cloud.site.key, known_hosts=cloud.site.known_hosts)
    with opener(model, access) as opens:
        return {result.check: result.remedy for _, result in runner.run(plan, opens).failures()}


@pytest.mark.parametrize(
    ("check", "breaks"),
    [
        ("reaper-runs", "systemctl stop b2ct-reaper.timer"),
        ("reaper-works", "mv /opt/b2ct/bin/b2ct /opt/b2ct/bin/gone"),
        ("program-is-current", "sed -i s/^identity=.*/identity=0123/ /opt/b2ct/about"),
        ("reaper-works", "mv /etc/b2ct/reaper.yaml /root/; systemctl start b2ct-reaper || :;"
         " mv /root/reaper.yaml /etc/b2ct/"),
    ],
)  # fmt: skip
def test_a_reaper_that_does_nothing_is_found(cloud: Cloud, check: str, breaks: str) -> None:
    assert _found(cloud) == {}
    cloud.on(breaks)
    found = _found(cloud)
    assert list(found) == [check]
    if "gone" in breaks:
        cloud.on("mv /opt/b2ct/bin/gone /opt/b2ct/bin/b2ct")
    elif found[check] == "b2ct self deploy --node one":
        assert deploy(cloud, "--node", "one")["changed"]
    else:
        cloud.on(shlex.split(found[check])[2])
    assert _found(cloud) == {}


def test_a_user_of_dirac_without_its_rights_is_found(cloud: Cloud) -> None:
    """The check is called `dirac-user-is-as-described`."""
    rules = cloud.oneadmin("one.acl.info")[1]
    number = max(map(int, re.findall(r"<ID>(\d+)</ID>", rules)))  # apply made it last
    assert cloud.oneadmin("one.acl.delrule", number)[0]
    assert _found(cloud) == {"dirac-user-is-as-described": "b2ct apply --site site.yaml"}
    cloud_apply(cloud)
    assert _found(cloud) == {}


def cloud_apply(cloud: Cloud) -> None:
    """What the remedy says, by somebody who is asked nothing."""
    folder = cloud.site.site_yaml.parent
    argv = [sys.executable, "-m", "b2ct", "apply", "--site", "site.yaml", "--yes"]
    env = {
        **os.environ, "ONE_AUTH": f"{folder}/one_auth", "NO_PROXY": "*",
        "ONE_XMLRPC": f"http://{cloud.site.nodes[0].address}:2633/RPC2",
    }  # fmt: skip
    subprocess.run(argv, cwd=folder, env=env, check=True, timeout=120, capture_output=True)


def test_the_reaper_ends_what_is_unused_and_nothing_else(cloud: Cloud) -> None:
    assert cloud.on("systemctl is-active b2ct-reaper.timer") == "active"
    unused, other = cloud.vm("VMDIRAC3_1"), cloud.vm("somebody")
    cloud.on("systemctl start b2ct-reaper")
    assert cloud.state(unused) == POWEROFF, "it is off for some seconds only"
    cloud.on("sed -i 's/ poweroff: .*/ poweroff: 0 s/' /etc/b2ct/reaper.yaml")
    cloud.on("systemctl start b2ct-reaper")
    cloud.reaches(unused, DONE)
    assert cloud.state(other) == POWEROFF
    journal = cloud.on("cat /var/log/b2ct-reaper/journal")
    told = [json.loads(line) for line in journal.splitlines()]
    assert [(row["event"], row["vm"]) for row in told] == [
        ("terminate", unused), ("terminated", unused),
    ]  # fmt: skip
