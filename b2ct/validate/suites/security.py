"""Of every node: who can reach it, who can log in, and what is readable to whom."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from b2ct.validate import expect, services
from b2ct.validate.advice import on_node
from b2ct.validate.check import HYPERVISOR, Severity, check, fail, not_applicable
from b2ct.validate.expect import Opening
from b2ct.validate.facts import paths, sockets, sshd, walls

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

KEYS_ONLY = {"no", "without-password", "prohibit-password", "forced-commands-only"}
_FIREWALL = on_node("/usr/libexec/b2ct/firewall")


def _zones(host: Host, site: Site, node: Node) -> tuple[walls.Zone, ...]:
    name = expect.release_of(site).firewall
    services.needs(host, site, node, name, "firewall-runs")
    if name != "firewalld":
        not_applicable("this release has iptables, whose rules are not compared")
    zones = walls.of(host)
    if zones is None:
        not_applicable("firewalld does not answer: see firewall-runs")
    return zones


def _compared(host: Host, site: Site, node: Node) -> tuple[frozenset[Opening], frozenset[Opening]]:
    """What should be open, and what is."""
    wanted = expect.openings(site, node)
    if wanted is None:
        not_applicable("site.yaml names no networks with a cidr: the machine took its own")
    found = frozenset(one for zone in _zones(host, site, node) for one in zone.openings)
    return wanted, found


def _missing(host: Host, site: Site, node: Node, *, migration: bool) -> None:
    wanted, found = _compared(host, site, node)
    everybody = {(one.port, one.protocol) for one in found if not one.source}
    missing = sorted(
        str(one)
        for one in wanted - found
        if (one.port, one.protocol) not in everybody and (one.port == expect.MIGRATION) is migration
    )
    if missing:
        fail("the firewall does not let through: ", _FIREWALL, missing)


@check(
    proves="the firewall runs",
    why="without it every service of the node is open to whoever reaches the network",
    remedy="in the report: systemctl start, with the name of this release's firewall",
)
def test_firewall_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, expect.release_of(site).firewall)


@check(
    proves="the firewall lets through what the node's role needs",
    why="a service that runs behind a closed port is no service",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firewall",
)
def test_firewall_has_its_openings(host: Host, site: Site, node: Node) -> None:
    _missing(host, site, node, migration=False)


@check(
    proves="the firewall lets VMs be moved between hypervisors",
    why="live migration, and so maintenance without ending jobs, needs these ports",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firewall",
    roles=HYPERVISOR,
)
def test_migration_ports_are_open(host: Host, site: Site, node: Node) -> None:
    _missing(host, site, node, migration=True)


@check(
    proves="the firewall lets nothing through but what site.yaml leads to",
    why="what is open without a reason is what somebody breaks in by",
    remedy="in the report: firewall-cmd, with the opening that is to be closed",
)
def test_firewall_has_no_other_openings(host: Host, site: Site, node: Node) -> None:
    zones = _zones(host, site, node)
    for zone in zones:
        if zone.target == "ACCEPT":
            fail(
                f"the zone {zone.name} ({', '.join(zone.interfaces) or 'by address'}) lets all"
                " through",
                _closed(f"--zone={zone.name} --set-target=default", permanent=True),
            )
    wanted, _ = _compared(host, site, node)
    more = {
        str(one): f"--zone={zone.name} {_taken_away(one)}"
        for zone in zones
        for one in sorted(zone.openings - wanted, key=str)
    }
    more |= {
        other: f"--zone={zone.name} {_of_other(other)}" for zone in zones for other in zone.others
    }
    if more:
        fail("the firewall also lets through: ", _closed(*more.values()), list(more))


def _taken_away(one: Opening) -> str:
    """The option of firewall-cmd that closes an opening."""
    if not one.source:
        service = next((s for s, p in walls.SERVICES.items() if p == (one.port, one.protocol)), "")
        # As a port or as a service: what is not there is no mistake to firewall-cmd.
        both = f" --remove-service={service}" if service else ""
        return f"--remove-port={one.port}/{one.protocol}{both}"
    rule = (
        f'rule family="ipv4" source address="{one.source}" port port="{one.port}"'
        f' protocol="{one.protocol}" accept'
    )
    return f"--remove-rich-rule='{rule}'"


def _of_other(other: str) -> str:
    if other.startswith("the service "):
        return f"--remove-service={other.removeprefix('the service ')}"
    return f"--remove-rich-rule='{other}'"


def _closed(*changes: str, permanent: bool = False) -> str:
    """The remedy: now, and for the next start."""
    lasting = [f"firewall-cmd --permanent {change}" for change in changes]
    now = [] if permanent else [f"firewall-cmd {change}" for change in changes]
    return on_node("; ".join([*now, *lasting, *(["firewall-cmd --reload"] if permanent else [])]))


@check(
    proves="what is only for the machine itself listens to nobody else",
    why="the database, the event queue and the consoles' gateway ask for no password or a weak one",
    remedy="by hand: `ssh {user}@{address} ss -lntp` names the program: have it listen on "
    "127.0.0.1 alone",
)
def test_inner_services_stay_inside(host: Host, node: Node) -> None:
    listening = sockets.of(host)
    watched = {**expect.LOCAL_PORTS, 16509: "libvirt without encryption"}
    if not expect.is_control(node):
        watched.pop(3306)
    bad = [
        f"{what} ({port}/tcp on {one.address})"
        for port, what in watched.items()
        for one in sockets.tcp(listening, port)[:1]
        if not all(each.local for each in sockets.tcp(listening, port))
    ]
    assert not bad, f"open to others: {', '.join(bad)}"


@check(
    proves="the services listen where others can reach them",
    why="they answer on the machine itself, and to nobody else",
    remedy="by hand: say `host: 0.0.0.0` in the service's file below /etc/one of {node}, and "
    "restart the service",
)
def test_services_listen_for_others(host: Host, site: Site, node: Node) -> None:
    listening = sockets.of(host)
    for port, unit in expect.ports(site, node).items():
        if not services.runs(host, site, node, unit):
            continue  # another check says so
        found = sockets.tcp(listening, port)
        if found and all(one.local for one in found):
            name = unit.removesuffix(".service")
            fail(f"{name} listens on {found[0].address}:{port} only: nobody else reaches it")


@check(
    proves="every service listens on its port",
    why="whoever needs it looks for it there",
    remedy="in the report: systemctl restart, with the service's name",
)
def test_services_have_their_ports(host: Host, site: Site, node: Node) -> None:
    listening = sockets.of(host)
    missing = [
        (port, unit.removesuffix(".service"))
        for port, unit in expect.ports(site, node).items()
        # These have a check of their own, which asks them.
        if port not in (2633, 2474, 5030, expect.one_of(site).gui_port, site.squid.port, 80)
        and services.runs(host, site, node, unit)
        and not sockets.tcp(listening, port)
    ]
    if missing:
        port, unit = missing[0]
        fail(f"nobody listens on {port}/tcp ({unit})", on_node(f"systemctl restart {unit}"))


@check(
    proves="sshd admits nobody by password",
    why="passwords of servers are guessed all day long",
    remedy='ssh {user}@{address} \'sed -i "1i PasswordAuthentication no" /etc/ssh/sshd_config;'
    " systemctl reload sshd'",
)
def test_sshd_takes_no_passwords(host: Host) -> None:
    said = sshd.of(host)
    # Its name until OpenSSH 8.7.
    old, new = "challengeresponseauthentication", "kbdinteractiveauthentication"
    for name in ("passwordauthentication", new if new in said else old):
        assert said.get(name) == "no", f"sshd says `{name} {said.get(name)}`, it should say no"
    assert said.get("permitemptypasswords", "no") == "no", "sshd admits empty passwords"


@check(
    proves="root logs in by key only",
    why="root's password may be a short one for the console",
    remedy='ssh {user}@{address} \'sed -i "1i PermitRootLogin prohibit-password"'
    " /etc/ssh/sshd_config; systemctl reload sshd'",
)
def test_root_logs_in_by_key_only(host: Host) -> None:
    said = sshd.of(host).get("permitrootlogin", "yes")
    assert said in KEYS_ONLY, f"sshd says `PermitRootLogin {said}`, it should be prohibit-password"


@check(
    proves="sshd's settings can be applied",
    why="sshd would not start again after the next restart: nobody could log in",
    remedy="by hand: `ssh {user}@{address} sshd -t` names the line of /etc/ssh/sshd_config: "
    "correct it before sshd starts again",
)
def test_sshd_settings_are_right(host: Host) -> None:
    done = host.run("PATH=$PATH:/usr/sbin sshd -T")
    if done.rc != 0:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        fail(f"sshd refuses its own settings: {said[:150]}")


def _root_keys(host: Host) -> tuple[str, ...]:
    return sshd.keys(host.run("cat /root/.ssh/authorized_keys 2>/dev/null").stdout)


@check(
    proves="every administrator of site.yaml can log in",
    why="in a night of trouble the right person is locked out",
    remedy="in the report: the keys of `admins` are added to /root/.ssh/authorized_keys",
    severity=Severity.WARNING,
)
def test_admins_can_log_in(host: Host, site: Site) -> None:
    if not site.admins:
        not_applicable("site.yaml names no administrators")
    there = set(_root_keys(host))
    missing = [
        admin.name
        for admin in site.admins
        if not there & {" ".join(key.split()[:2]) for key in admin.ssh_keys}
    ]
    if missing:
        keys = [key for one in site.admins if one.name in missing for key in one.ssh_keys]
        lines = " ".join(shlex.quote(" ".join(key.split()[:2])) for key in keys)
        fail(
            f"no key of {', '.join(missing)} is in /root/.ssh/authorized_keys",
            on_node(f"printf '%s\\n' {lines} >> /root/.ssh/authorized_keys"),
        )


@check(
    proves="nobody else's key opens root's account",
    why="keys of people who left, or of whoever once broke in, stay for ever",
    remedy="by hand: delete the line from /root/.ssh/authorized_keys of {node}, or add its "
    "owner to `admins` of site.yaml",
    severity=Severity.WARNING,
)
def test_no_other_keys_of_root(host: Host, site: Site) -> None:
    if not site.admins:
        not_applicable("site.yaml names no administrators")
    known = {" ".join(key.split()[:2]) for admin in site.admins for key in admin.ssh_keys}
    others = [key for key in _root_keys(host) if key not in known]
    assert not others, (
        f"{len(others)} key(s) in /root/.ssh/authorized_keys belong to nobody in site.yaml, such as"
        f" ...{others[0][-16:]}"
    )


@check(
    proves="sshd's private host keys are closed to others",
    why="who has one can stand between the nodes; the control node's also signs oneadmin's key",
    remedy="ssh {user}@{address} 'chmod 600 /etc/ssh/ssh_host_*_key'",
)
def test_host_keys_are_closed(host: Host) -> None:
    found = [e for path, e in paths.of(host).items() if path.startswith("/etc/ssh/ssh_host_")]
    if not found:
        not_applicable("sshd keeps its host keys elsewhere")
    bad = [e for e in found if e.open or e.user != "root"]
    assert not bad, f"{bad[0].path if bad else ''} is {bad[0] if bad else ''}, others may read it"


@check(
    proves="root's keys and the node's pinned host key are as ssh wants them",
    why="sshd ignores keys in a folder that others may change, and the next log-in fails",
    remedy="ssh {user}@{address} 'chmod 700 /root/.ssh; chmod 600 /root/.ssh/authorized_keys'",
)
def test_root_keys_are_closed(host: Host) -> None:
    found = paths.of(host)
    for path in ("/root/.ssh", "/root/.ssh/authorized_keys"):
        entry = found.get(path)
        if entry and (entry.mode & 0o022 or entry.user != "root"):
            fail(f"{path} is {entry}: others may change it")


@check(
    proves="the log of the installation is closed to others",
    why="the kickstart in it may hold the hash of root's password",
    remedy="ssh {user}@{address} 'chmod 700 /var/log/b2ct; chmod -R go= /var/log/b2ct'",
)
def test_installation_log_is_closed(host: Host) -> None:
    folder = paths.of(host).get("/var/log/b2ct")
    if folder is None:
        not_applicable("there is no /var/log/b2ct")
    assert not folder.open and folder.user == "root", f"/var/log/b2ct is {folder}, others may look"


@check(
    proves="the machine offers the host key that site.yaml pins",
    why="otherwise something else answers in its place, or the key was made anew",
    remedy="by hand: was {node} installed anew? Then take its key (`ssh-keyscan {address}`) "
    "into `host_key` of site.yaml. Else find out who answers there",
)
def test_host_key_is_the_pinned_one(host: Host, node: Node) -> None:
    if not node.host_key:
        not_applicable("site.yaml pins no host key of this node")
    pinned = " ".join(node.host_key.split()[:2])
    there = sshd.keys(host.run("cat /etc/ssh/ssh_host_*_key.pub").stdout)
    assert pinned in there, "none of the machine's host keys is the one that site.yaml pins"
