"""oneadmin on every node: the account as which OpenNebula works, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.validate import expect
from b2ct.validate.advice import on_node
from b2ct.validate.check import HYPERVISOR, check, fail, not_applicable
from b2ct.validate.facts import about, accounts, paths
from b2ct.validate.facts.paths import ONE

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site


@check(
    proves="oneadmin has the numbers 9869:9869 and its home",
    why="files on shared storage belong to numbers, not to names",
    remedy="in the report: usermod, with what is wrong",
)
def test_oneadmin_is_9869(host: Host, node: Node) -> None:
    words = about.of(host)["passwd"].split(":")
    if len(words) < 7:
        fail("there is no user oneadmin", on_node("cat /run/b2ct/firstboot"))
    if words[2:4] != ["9869", "9869"]:
        # No process may run as oneadmin meanwhile.
        stop, start = "systemctl stop opennebula; ", "; systemctl start opennebula"
        change = "groupmod -g 9869 oneadmin; usermod -u 9869 -g 9869 oneadmin"
        fail(
            f"oneadmin is {words[2]}:{words[3]}, it should be 9869:9869",
            on_node(f"{stop}{change}{start}" if expect.is_control(node) else change),
        )
    if words[5] != ONE:
        fail(
            f"oneadmin's home is {words[5]}, it should be {ONE}",
            on_node(f"usermod -d {ONE} oneadmin"),
        )
    if words[6].endswith(("nologin", "false")):
        fail(f"oneadmin's shell is {words[6]}", on_node("usermod -s /bin/bash oneadmin"))


def _oneadmin(host: Host) -> None:
    if "9869" not in about.of(host)["passwd"]:
        not_applicable("there is no oneadmin 9869: see oneadmin-is-9869")


@check(
    proves="oneadmin's keys are closed to others",
    why="sshd ignores keys that others may change, and who reads a private one gets in everywhere",
    remedy="ssh {user}@{address} 'cd /var/lib/one; chown -R oneadmin: .ssh; chmod 700 .ssh;"
    " chmod 600 .ssh/authorized_keys'",
)
def test_oneadmin_keys_are_closed(host: Host) -> None:
    _oneadmin(host)
    if wrong := accounts.loose(paths.of(host)):
        path, said = wrong
        fail(
            f"{path} is {said}; it should be oneadmin's alone",
            on_node(f"chown oneadmin: {path}; chmod {'go-w' if path == ONE else 'go='} {path}"),
        )


@check(
    proves="the node lets oneadmin in with what the control node has certified",
    why="without it OpenNebula can neither monitor this node nor start VMs on it",
    remedy="ssh {user}@{address} b2ct-trust",
    roles=HYPERVISOR,
)
def test_control_node_is_trusted(host: Host, site: Site) -> None:
    _oneadmin(host)
    if wrong := accounts.distrust(accounts.of(host)["authorized"], site):
        fail(wrong)


@check(
    proves="oneadmin refuses machines whose host keys it does not know",
    why="OpenNebula's default takes any key on first sight: anybody can pose as a hypervisor",
    remedy="ssh {user}@{address} 'sed -i \"s/^ *StrictHostKeyChecking.*/StrictHostKeyChecking"
    " yes/\" /var/lib/one/.ssh/config'",
)
def test_oneadmin_checks_host_keys(host: Host) -> None:
    _oneadmin(host)
    said = accounts.of(host)["strict"]
    if not said:
        not_applicable("ssh of this release does not tell its settings")
    assert said in ("true", "yes", "ask"), f"oneadmin's ssh says StrictHostKeyChecking {said}"
