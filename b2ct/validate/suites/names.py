"""Of every node: names, forward and backward, and who tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.site import places
from b2ct.validate import expect
from b2ct.validate.advice import by_hand, on_node
from b2ct.validate.check import Severity, check, fail, not_applicable
from b2ct.validate.facts import about, resolvers

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site


@check(
    proves="names of the site's nodes lead to their addresses",
    why="OpenNebula reaches hypervisors by name",
    remedy="in the report: the node's line of /etc/hosts is replaced",
)
def test_names_lead_to_nodes(host: Host, site: Site) -> None:
    wanted = {n.name: n.address for n in site.nodes if n.address}
    if not wanted:
        not_applicable("no node has a static address")
    names = list(wanted)
    found = _forward(host, names)
    for name, address in wanted.items():
        there = found.get(name, "")
        if there != address:
            fail(
                f"{name} leads to {there or 'nothing'}, it should be {address}",
                _known_as(site, name, address),
            )


def _known_as(site: Site, name: str, address: str) -> str:
    """The remedy: /etc/hosts has one line of this node, the right one."""
    full = f"{name}.{site.site.domain}" if site.site.domain else ""
    former = rf"/^{address}[[:space:]]/d; /[[:space:]]{name}\([[:space:].]\|$\)/d"
    line = " ".join(part for part in (address, full, name) if part)
    return on_node(f"sed -i '{former}' /etc/hosts; echo {line} >> /etc/hosts")


def _forward(host: Host, names: list[str]) -> dict[str, str]:
    """Name -> its first IPv4 address."""
    text = host.run(
        f"for n in {' '.join(names)}; do"
        " echo \"$n $(getent ahostsv4 $n | awk '{print $1; exit}')\"; done"
    ).stdout
    rows = (line.split() for line in text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


@check(
    proves="addresses of the site's nodes lead back to their names",
    why="logs, NFS and Kerberos go by the name of who calls",
    remedy="in the report: the node's line of /etc/hosts is replaced",
    severity=Severity.WARNING,
)
def test_addresses_lead_to_names(host: Host, site: Site) -> None:
    wanted = {n.address: n for n in site.nodes if n.address}
    if not wanted:
        not_applicable("no node has a static address")
    text = host.run(f"getent hosts {' '.join(wanted)}").stdout
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()}
    for address, node in wanted.items():
        good = {node.name, places.full_name(node, site)}
        if not good & set(rows.get(address, [])):
            said = " ".join(rows.get(address, [])) or "nothing"
            fail(
                f"{address} leads back to {said}, it should be {places.full_name(node, site)}",
                _known_as(site, node.name, address),
            )


@check(
    proves="the name servers are those of site.yaml",
    why="others may not know the site's names, or not answer this network",
    remedy="in the report: the name servers of /etc/resolv.conf are replaced",
    severity=Severity.WARNING,
)
def test_name_servers_are_as_asked(host: Host, site: Site, node: Node) -> None:
    wanted = expect.name_servers(site, node)
    if not wanted:
        not_applicable("site.yaml names no DNS servers for this node")
    found = about.of(host).name_servers
    missing = [server for server in wanted if server not in found]
    if missing:
        fail(
            f"not in /etc/resolv.conf: {', '.join(missing)} (it has: {', '.join(found) or 'none'})",
            on_node(
                "sed -i /^nameserver/d /etc/resolv.conf;"
                f" printf 'nameserver %s\\n' {' '.join(wanted)} >> /etc/resolv.conf"
            ),
        )


@check(
    proves="names outside the site can be resolved",
    why="squid finds the software's servers by name, and updates come from mirrors with names",
    remedy="by hand: `ssh {user}@{address} cat /etc/resolv.conf` shows the name servers: do "
    "they answer, and may {node} reach them (UDP port 53)?",
)
def test_outside_names_are_known(host: Host, site: Site, node: Node) -> None:
    servers = [
        url.split("/")[2].rpartition(":")[0] or url.split("/")[2] for url in site.cvmfs.stratum1
    ]
    names = [name for name in servers if not name.replace(".", "").isdigit()]
    if not names:
        not_applicable("site.yaml names no server outside by name")
    asked = _servers(host, site, node)
    if len(resolvers.dead(host, asked)) == len(asked):
        not_applicable("no name server answers: see name-servers-answer")
    done = host.run(
        f"for n in {' '.join(names[:3])}; do timeout 10 getent ahostsv4 $n && exit 0; done; exit 1"
    )
    assert done.rc == 0, f"no name server answers for {names[0]}"


@check(
    proves="every name server answers",
    why="each name is asked of the first one: with a dead one before a living one all waits",
    remedy="in the report: the name server is taken out of /etc/resolv.conf",
)
def test_name_servers_answer(host: Host, site: Site, node: Node) -> None:
    servers, wanted = _servers(host, site, node), expect.name_servers(site, node)
    dead = resolvers.dead(host, servers)
    if not dead:
        return
    others = [server for server in servers if server not in dead]
    asked = [server for server in dead if server in wanted]
    told = f"no answer from the name server {', '.join(dead)}"
    if asked or not others:
        fail(told, by_hand(f"may {{node}} reach {dead[0]} (UDP port 53), and is it one?"))
    patterns = "; ".join(f"/^nameserver *{server}$/d" for server in dead)
    fail(told, on_node(f"sed -i '{patterns}' /etc/resolv.conf"))


def _servers(host: Host, site: Site, node: Node) -> tuple[str, ...]:
    """The name servers that the machine asks; ends checks where these are not the site's."""
    servers = about.of(host).name_servers[: resolvers.MOST]
    if not servers:
        not_applicable("/etc/resolv.conf names no name servers")
    wanted = expect.name_servers(site, node)
    if wanted and not set(wanted) & set(servers):
        not_applicable("the name servers are others: see name-servers-are-as-asked")
    return servers
