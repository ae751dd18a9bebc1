"""Between the nodes: networks, packet sizes, log-ins of oneadmin, clocks."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from b2ct.context import proxies
from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.validate import expect, services, wiring
from b2ct.validate.advice import HANDS, by_hand, on, on_control
from b2ct.validate.check import Severity, fail, not_applicable, site_check
from b2ct.validate.facts import about, accounts, between, links, logins, paths, sockets, sshd
from b2ct.validate.facts.between import Way

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site
    from b2ct.validate.given import Hosts

USUAL_MTU = 1500
APART = 1.0
"""Seconds between two clocks."""
ALL_PAIRS = 16
"""Hypervisors up to which every pair is tried; with more each logs in to its next NEXT ones."""
NEXT = 8


def _ways(site: Site, hosts: Hosts) -> tuple[Way, ...]:
    """On every network a ring through the nodes that have a static address there."""
    found: list[Way] = []
    for name, network in site.networks.items():
        addresses = {
            node.name: str(interface.address)
            for node in site.nodes
            for interface in node.interfaces
            if node.name in hosts
            and interface.network == name
            and isinstance(interface.address, IPv4Address)
        }
        found += between.ring(name, addresses, network.mtu or USUAL_MTU)
    if not found:
        not_applicable("no network has two nodes with static addresses that answer")
    return tuple(found)


def _pinged(site: Site, hosts: Hosts) -> list[tuple[Way, bool, bool]]:
    ways = _ways(site, hosts)
    mine = {name: [way for way in ways if way.source == name] for name in hosts}
    said = hosts.each(lambda name, host: between.pings(host, mine[name]) if mine[name] else {})
    return [(way, *said[way.source].get(way.address, (False, False))) for way in ways]


@site_check(
    proves="on every network each node reaches the next",
    why="a wrong VLAN or cable shows here, and nowhere on the machines themselves",
    remedy="by hand: compare the VLANs of the switch ports with `networks` of site.yaml",
)
def test_networks_connect_nodes(site: Site, hosts: Hosts) -> None:
    lost = [way for way, small, _ in _pinged(site, hosts) if not small]
    if lost:
        way = lost[0]
        more = f"; and {len(lost) - 1} more ways" if len(lost) > 1 else ""
        fail(
            f"{way.source} does not reach {way.target} ({way.address}) on the network"
            f" {way.network}{more}",
            _wires(way, site),
        )


@site_check(
    proves="packets of full size pass on every network, end to end",
    why="small packets pass and large ones vanish: log-ins work, and copies of images hang",
    remedy="by hand: raise the MTU of the switch ports, or lower `mtu` of the network in site.yaml",
)
def test_full_packets_pass(site: Site, hosts: Hosts) -> None:
    rows = _pinged(site, hosts)
    if not any(small for _, small, _ in rows):
        not_applicable("no node reaches another: see networks-connect-nodes")
    lost = [w for w, small, large in rows if small and not large and not _narrow(w, site, hosts)]
    if lost:
        way = lost[0]
        more = f"; and {len(lost) - 1} more ways" if len(lost) > 1 else ""
        fail(
            f"packets of {way.size} bytes do not pass from {way.source} to {way.target} on the"
            f" network {way.network}{more}",
            _wires(way, site),
        )


def _wires(way: Way, site: Site) -> str:
    """Neither end is at fault: what lies between them is."""
    show = on(way.source, site, f"ping -M do -s {way.size - between.HEADERS} {way.address}")
    return by_hand(f"look at the switch ports of {way.source} and {way.target}; `{show}` tries it")


def _narrow(way: Way, site: Site, hosts: Hosts) -> bool:
    """A device at one of its ends is too narrow: mtu-is-right says so of that node."""
    if not site.networks[way.network].mtu:
        return False
    for name in (way.source, way.target):
        node = site.node(name)
        for wire in wiring.wires(site, node) if node else ():
            if wire.network == way.network:
                address = wire.address
                found = links.of(hosts[name]).links.values()
                if any(address in link.addresses and link.mtu < way.size for link in found):
                    return True
    return False


@site_check(
    proves="the clocks of all nodes agree",
    why="logs cannot be compared, and a VM's lease or token may have ended before it began",
    remedy="in the report: chronyc makestep, on the node whose clock is wrong",
)
def test_clocks_agree(site: Site, hosts: Hosts) -> None:
    if len(hosts) < 2:
        not_applicable("only one node answers")
    read = hosts.each(lambda _, host: between.clock(host))
    found = {name: reading for name, reading in read.items() if reading}
    if len(found) < 2:
        not_applicable("fewer than two nodes tell their time")
    middle = sorted(one.ahead for one in found.values())[len(found) // 2]
    for name, one in found.items():
        away = abs(one.ahead - middle)
        if away - one.unsure > APART:
            how = "ahead of" if one.ahead > middle else "behind"
            fail(
                f"the clock of {name} is {away:.1f} s {how} the others",
                on(name, site, "chronyc -n makestep"),
            )


def _control(site: Site, hosts: Hosts) -> Node:
    control = places.control_of(site)
    if control is None or control.name not in hosts:
        not_applicable("the control node does not answer: see answers-ssh")
    if "9869" not in about.of(hosts[control.name])["passwd"]:
        not_applicable("there is no oneadmin 9869 on the control node: see oneadmin-is-9869")
    return control


def _hypervisors(site: Site, hosts: Hosts) -> list[str]:
    names = [node.name for node in site.nodes if expect.is_hypervisor(node) and node.name in hosts]
    if not names:
        not_applicable("no hypervisor answers")
    return names


def _strangers(site: Site, hosts: Hosts) -> dict[str, tuple[str, ...]]:
    """Node -> answering nodes whose host keys oneadmin there does not know."""
    said = hosts.each(lambda _, host: accounts.known(accounts.of(host)["known"]))
    return {
        name: tuple(other for other in hosts if other != name and other not in known)
        for name, known in said.items()
        if known is not None and site.node(name)
    }


@site_check(
    proves="oneadmin knows the host keys of all nodes, everywhere",
    why="disks are copied and VMs moved from node to node by ssh, which refuses unknown machines",
    remedy="ssh {user}@{control} b2ct-register",
)
def test_oneadmin_knows_the_nodes(site: Site, hosts: Hosts) -> None:
    _control(site, hosts)
    for name, missing in _strangers(site, hosts).items():
        if missing:
            fail(f"oneadmin on {name} does not know the host key of ", items=missing)


def _reached(site: Site, hosts: Hosts) -> dict[str, str]:
    """Hypervisor -> why oneadmin cannot log in; without those of which a check says why."""
    control = _control(site, hosts)
    names = _hypervisors(site, hosts)
    unknown = _strangers(site, hosts).get(control.name, ())
    said = between.log_ins(hosts[control.name], {"-": names})
    return {
        name: why
        for (_, name), why in said.items()
        if not why or not _explained(name, unknown, site, hosts)
    }


def _explained(name: str, unknown: tuple[str, ...], site: Site, hosts: Hosts) -> bool:
    """Another check finds why nobody gets in there."""
    host = hosts[name]
    account = about.of(host)["passwd"]
    return bool(
        name in unknown
        or "9869" not in account
        or account.endswith(("nologin", "false"))
        or accounts.loose(paths.of(host))
        or accounts.distrust(accounts.of(host)["authorized"], site)
    )


def _not_in(source: str, name: str, more: str, site: Site, hosts: Hosts) -> None:
    """oneadmin could not log in to `name`, and cannot now: why, in words and in ssh's own, and what
    mends that very cause. Nothing where it was a moment's trouble."""
    control = _control(site, hosts).name
    since, way = logins.now(hosts[name]), "-" if source == control else source
    said = between.log_ins(hosts[control], {way: [name]}, again=True)[way, name]
    if not said:
        return
    found = logins.why(said, logins.ask(hosts[name], since), name)
    if found.mends.startswith(HANDS):
        mend = found.mends.replace("there", f"on {name}", 1)
    elif found.mends.startswith(logins.CONTROL):
        mend = on_control(found.mends.removeprefix(logins.CONTROL))
    else:
        mend = on(name, site, found.mends)
    fail(
        f"oneadmin cannot log in from {source} to {name}: {found.words}; ssh says:"
        f" {said[:200]}{more}",
        mend,
    )


@site_check(
    proves="oneadmin logs in from the control node to every hypervisor",
    why="OpenNebula starts, watches and ends VMs by ssh",
    remedy="in the report: what mends it, by what ssh and the hypervisor's sshd say",
)
def test_oneadmin_reaches_hypervisors(site: Site, hosts: Hosts) -> None:
    rows = _reached(site, hosts)
    if not rows:
        not_applicable("no hypervisor can let oneadmin in: see the group oneadmin")
    bad = {name: why for name, why in rows.items() if why}
    if bad:
        for number, name in enumerate(bad, start=1):
            more = f" (and not to {_some(list(bad)[number:])})" if len(bad) > number else ""
            _not_in(_control(site, hosts).name, name, more, site, hosts)


@site_check(
    proves="oneadmin logs in from every hypervisor to the others, with the key that is lent to it",
    why="VMs are moved, and their disks copied, from hypervisor to hypervisor",
    remedy="in the report: what mends it, by what ssh and the hypervisor's sshd say",
)
def test_hypervisors_reach_each_other(site: Site, hosts: Hosts) -> None:
    good = [name for name, why in _reached(site, hosts).items() if not why]
    if len(good) < 2:
        not_applicable("fewer than two hypervisors let oneadmin in")
    control = hosts[_control(site, hosts).name]
    unknown = _strangers(site, hosts)
    most = len(good) if len(good) <= ALL_PAIRS else NEXT
    ways = {name: [*good[index + 1 :], *good[:index]][:most] for index, name in enumerate(good)}
    for (name, target), why in between.log_ins(control, ways).items():
        if why and target not in unknown.get(name, ()):
            if (
                sshd.parse(hosts[name].run(sshd.SETTINGS).stdout).get("allowagentforwarding")
                == "no"
            ):
                change = "s/^ *AllowAgentForwarding .*/AllowAgentForwarding yes/I"
                files = "/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf"
                fail(
                    f"the sshd of {name} does not pass on the key that is lent to oneadmin"
                    " (AllowAgentForwarding no)",
                    on(name, site, f"sed -i '{change}' {files}; systemctl reload sshd"),
                )
            _not_in(name, target, "", site, hosts)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


@site_check(
    proves="all hypervisors are of one minor release",
    why="a VM that is moved to an older QEMU may not run there",
    remedy="in the report: dnf -y upgrade, on the older ones, after b2ct drain",
    severity=Severity.WARNING,
)
def test_hypervisors_are_alike(site: Site, hosts: Hosts) -> None:
    names = _hypervisors(site, hosts)
    said = hosts.each(lambda name, host: about.of(host).os if name in names else {})
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(said[name].get("VERSION_ID", "?"), []).append(name)
    if len(found) > 1:
        told = "; ".join(f"{release}: {_some(who)}" for release, who in found.items())
        oldest = min(found, key=lambda release: [int(n) for n in re.findall("[0-9]+", release)])
        fail(
            f"hypervisors are of different releases: {told}",
            by_hand(
                f"when no VM runs on {found[oldest][0]} any more (`b2ct drain {found[oldest][0]}`):"
                f" {on(found[oldest][0], site, 'dnf -y upgrade')}"
            ),
        )


@site_check(
    proves="every hypervisor reaches the squid, at the address that VMs are told",
    why="VMs are on the hypervisors' networks: what stops these stops them",
    remedy="by hand: look at what lies between hypervisor and squid: firewalls, switches, routes",
)
def test_squid_is_reached(site: Site, hosts: Hosts) -> None:
    try:
        squids = [url for group in proxies.of(site, ()).groups for url in group]
    except B2ctError:
        squids = []
    if not squids:
        not_applicable("site.yaml does not say where the squid is")
    names = _hypervisors(site, hosts)
    if not _squid_answers(site, hosts):
        not_applicable("squid does not answer on its own machine: see squid-runs and squid-answers")
    said = hosts.each(lambda name, host: between.silent(host, squids) if name in names else ())
    for name in names:
        if said[name]:
            url = said[name][0]
            show = on(name, site, f"curl -v --max-time 5 {url}; nft list ruleset")
            fail(f"{name} does not reach the squid at {url}", by_hand(f"`{show}` shows why"))


def _squid_answers(site: Site, hosts: Hosts) -> bool:
    """As far as the site itself runs it: its own checks look at the rest."""
    for node in site.nodes:
        if places.runs_squid(site, node) and node.name in hosts:
            host = hosts[node.name]
            if not services.runs(host, site, node, "squid"):
                return False
            if not sockets.tcp(sockets.of(host), site.squid.port):
                return False
    return True
