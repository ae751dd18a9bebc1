"""Of every node: what installed it, its release, its services, its clock."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from b2ct.site import catalogue, places
from b2ct.validate import expect, services
from b2ct.validate.advice import by_hand, on_node
from b2ct.validate.check import Severity, check, fail, not_applicable
from b2ct.validate.facts import about, clock, processes

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

WARNING = Severity.WARNING
STALE = 90
"""Days without any installed package after which updates are mentioned."""
NEAR = 0.85
"""Share of a limit of processes from which it is mentioned."""
OFF = 1.0
"""Seconds by which a clock may be wrong: logs and certificates bear more, job times do not."""


@check(
    proves="a kickstart of B2CT installed this machine",
    why="what was installed by hand may lack anything that the other checks take for granted",
    remedy="by hand: make a key with `b2ct usb image`, and install {node} from it",
)
def test_kickstart_installed_it(host: Host) -> None:
    said = about.of(host).installation
    assert said, "/etc/b2ct/installation is missing: no kickstart of B2CT installed this machine"
    assert said.get("installed_by") == "b2ct", (
        "/etc/b2ct/installation does not say installed_by=b2ct"
    )


@check(
    proves="the machine was installed as the node that site.yaml describes",
    why="a machine in the wrong role, or two swapped ones, look healthy and do the wrong work",
    remedy="by hand: correct the MAC addresses of {node} in site.yaml, or install the machine "
    "again",
)
def test_node_is_who_it_should_be(host: Host, node: Node) -> None:
    said = about.of(host).installation
    if not said:
        not_applicable("no kickstart installed it: see kickstart-installed-it")
    name, role = said.get("node", "?"), said.get("role", "?")
    assert name == node.name, f"the machine was installed as {name}, site.yaml calls it {node.name}"
    assert role == node.role.value, (
        f"the machine was installed as a {role} node, site.yaml says {node.role.value}"
    )


@check(
    proves="the first boot has finished all its steps",
    why="until then OpenNebula, its keys or its firewall are missing",
    remedy="ssh {user}@{address} 'systemctl restart --no-block b2ct-firstboot; sleep 5; tail "
    "-n 30 /var/log/b2ct/firstboot.log'",
)
def test_first_boot_is_done(host: Host) -> None:
    said = about.of(host)
    if said.practice:
        not_applicable("a practice node has no first boot")
    if said["firstboot"] != "done":
        fail(f"the first boot has not finished: {said['firstboot'] or 'it says nothing'}")


@check(
    proves="the release is the one that site.yaml asks for",
    why="OpenNebula's packages and this kickstart fit one release only",
    remedy="by hand: install {node} again from a medium made of this site.yaml",
)
def test_release_is_as_asked(host: Host, site: Site) -> None:
    said = about.of(host)
    if said.practice:
        not_applicable("a practice node has the release of the machine that it runs on")
    wanted = expect.release_of(site)
    media = catalogue.media(site.distribution, site.release.version)
    family = media.os_id or site.distribution.value
    found = f"{said.os.get('ID', '?')} {said.os.get('VERSION_ID', '?').partition('.')[0]}"
    assert found == f"{family} {wanted.major}", (
        f"it runs {said.os.get('PRETTY_NAME', found)}, site.yaml says {family} {wanted.major}"
    )


@check(
    proves="the release still gets security updates",
    why="holes found from now on stay open",
    remedy="by hand: plan the move: `b2ct catalogue` shows maintained releases",
    severity=WARNING,
)
def test_release_is_maintained(site: Site) -> None:
    row = catalogue.release(site.release.version)
    assert not row.end_of_life, f"updates of {row.key} ended in {row.end_of_life}"


@check(
    proves="the machine's name is the one of site.yaml",
    why="OpenNebula and the other nodes know it by that name",
    remedy="in the report: hostnamectl set-hostname, with the full name",
)
def test_host_name_is_right(host: Host, site: Site, node: Node) -> None:
    said = about.of(host)["hostname"]
    good = {places.full_name(node, site), *([node.name] if not site.site.domain else [])}
    if said == node.name and about.of(host)["fqdn"] == places.full_name(node, site):
        return
    if said not in good:
        full = places.full_name(node, site)
        fail(
            f"the machine calls itself {said}, it should be {full}",
            on_node(f"hostnamectl set-hostname {full} || hostname {full}"),
        )


@check(
    proves="services come back after a restart of the machine",
    why="after the next power cut the node would stay half dead",
    remedy="in the report: systemctl enable, with the services' names",
)
def test_services_start_at_boot(host: Host, site: Site, node: Node) -> None:
    wanted = set(expect.units(site, node))
    off = [
        unit.name.removesuffix(".service")
        for unit in services.all_of(host, site, node).values()
        if unit.known and unit.name in wanted | {"apache2.service"} and unit.file == "disabled"
    ]
    if off:
        names = " ".join(off)
        fail(f"not started at boot: {', '.join(off)}", on_node(f"systemctl enable {names}"))


@check(
    proves="no service has failed",
    why="something that the distribution or the site wanted is not there",
    remedy="in the report: systemctl restart, with the service's name",
    severity=WARNING,
)
def test_nothing_else_failed(host: Host, site: Site, node: Node) -> None:
    watched = {unit.name for unit in services.all_of(host, site, node).values()}
    names = [line.split()[0].lstrip("*●") for line in about.of(host).lines("failed")]
    failed = [name for name in names if name and name not in watched]
    if failed:
        fail("failed: ", on_node(f"systemctl restart {' '.join(failed)}"), failed)


@check(
    proves="SELinux enforces its policy",
    why="it is what keeps a broken-out VM from the rest of the machine",
    remedy="ssh {user}@{address} setenforce 1",
)
def test_selinux_enforces(host: Host) -> None:
    said = about.of(host)
    if said.debian and said["selinux"] in ("", "Disabled"):
        not_applicable("Debian has no SELinux")
    assert said["selinux"] == "Enforcing", (
        f"SELinux is {said['selinux'].lower() or 'not there'}, it should be enforcing"
    )


@check(
    proves="SELinux will enforce its policy after the next restart",
    why="the protection would be gone after a power cut",
    remedy="ssh {user}@{address} sed -i s/^SELINUX=.*/SELINUX=enforcing/ /etc/selinux/config",
    severity=WARNING,
)
def test_selinux_stays_enforcing(host: Host) -> None:
    said = about.of(host)
    if said.debian and not said["selinux-config"]:
        not_applicable("Debian has no SELinux")
    found = said["selinux-config"] or "missing"
    assert found == "enforcing", f"/etc/selinux/config says {found}, it should say enforcing"


@check(
    proves="the time service runs",
    why="clocks drift apart, and certificates and job records become wrong",
    remedy="in the report: systemctl start, with the name of this release's time service",
)
def test_time_service_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, expect.release_of(site).time_service)


@check(
    proves="the clock follows a time server, and is right",
    why="certificates, logs and job times need it",
    remedy="ssh {user}@{address} 'chronyc -n online; chronyc -n makestep; chronyc -n sources'",
)
def test_clock_is_in_sync(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, expect.release_of(site).time_service, "time-service-runs")
    if expect.release_of(site).time_service != "chronyd":
        not_applicable("this release has ntpd, which is not asked")
    found = clock.of(host)
    if found is None:
        fail("chronyd runs, but does not answer", on_node("systemctl restart chronyd"))
    if not found.synchronised:
        missing = _other_servers(host, site)
        fail(
            "the clock follows no time server: none of them answers",
            _ask(site) if missing else by_hand("can {node} reach its time servers (UDP port 123)?"),
        )
    assert found.offset <= OFF, f"the clock is {found.offset:.1f} s off"


def _other_servers(host: Host, site: Site) -> list[str]:
    """Time servers of site.yaml that the machine does not ask."""
    said = {line.split()[0] for line in about.of(host).lines("ntp")}
    return [name for name in site.site.ntp if name not in said]


def _ask(site: Site) -> str:
    """The remedy: the machine asks the site's time servers, and no others."""
    service = expect.release_of(site).time_service
    file = "/etc/chrony.conf" if service == "chronyd" else "/etc/ntp.conf"
    return on_node(
        f"sed -i '/^ *\\(server\\|pool\\|peer\\) /d' {file};"
        f" printf 'server %s iburst\\n' {' '.join(site.site.ntp)} >> {file};"
        f" systemctl restart {service}"
    )


@check(
    proves="the time servers are those of site.yaml",
    why="a site that names its own often has no way to others",
    remedy="in the report: the lines of /etc/chrony.conf that name other servers are replaced",
    severity=WARNING,
)
def test_time_servers_are_as_asked(host: Host, site: Site) -> None:
    if not site.site.ntp:
        not_applicable("site.yaml names no time servers")
    if missing := _other_servers(host, site):
        fail(f"not asked for the time: {', '.join(missing)}", _ask(site))


@check(
    proves="the time zone is that of site.yaml",
    why="logs of several machines are hard to read side by side otherwise",
    remedy="in the report: timedatectl set-timezone, with the site's zone",
    severity=WARNING,
)
def test_time_zone_is_right(host: Host, site: Site) -> None:
    wanted = site.site.timezone
    found = about.of(host)["timezone"].partition("zoneinfo/")[2]
    if {found, wanted} <= {"", "UTC", "Etc/UTC", "Universal", "Etc/Universal", "Etc/UCT", "UCT"}:
        return
    if found != wanted:
        fail(
            f"the time zone is {found or 'UTC'}, not {wanted}",
            on_node(f"timedatectl set-timezone {wanted}"),
        )


@check(
    proves="the machine runs the newest kernel that is installed",
    why="updates of the kernel count only after a restart",
    remedy="by hand: when no VM runs there any more (`b2ct drain {node}`): ssh "
    "{user}@{address} reboot",
    severity=WARNING,
)
def test_newest_kernel_runs(host: Host) -> None:
    said = about.of(host)
    kernels = said.lines("kernels")
    if not kernels or said["kernel"] not in kernels:
        not_applicable("its kernel is not below /boot")
    assert said["kernel"] == kernels[-1], (
        f"{said['kernel']} runs, but {kernels[-1]} is installed: a restart is due"
    )


@check(
    proves="updates are installed now and then",
    why="most break-ins use holes for which updates had been there for months",
    remedy="by hand: when no VM runs there any more (`b2ct drain {node}`): ssh "
    "{user}@{address} dnf -y upgrade",
    severity=WARNING,
)
def test_updates_are_installed(host: Host) -> None:
    said = about.of(host)
    if not (said["packages"].isdigit() and said["now"].isdigit()):
        not_applicable("the machine does not say when packages were last installed")
    days = (int(said["now"]) - int(said["packages"])) // 86400
    assert days <= STALE, f"no package was installed or updated for {days} days"


@check(
    proves="packages are taken only from repositories whose signatures are checked",
    why="whoever stands between mirror and machine could install anything",
    remedy="in the report: sed -i, with gpgcheck=1 for the repositories that it names",
)
def test_packages_are_signed(host: Host, site: Site) -> None:
    said = about.of(host)
    found = [name.strip("[]") for name in said.lines("unsigned")]
    # OpenNebula 4.14 and the rOCCI server were never signed by anybody: docs/security.md.
    known = {"b2ct-rocci"} | (set() if expect.one_of(site).signed else {"opennebula"})
    bad = [name for name in found if name not in known]
    if bad:
        change = "; ".join(f"/^\\[{name}]/,/^\\[/s/^gpgcheck *=.*/gpgcheck=1/" for name in bad)
        fail(
            f"signatures are not checked for: {', '.join(bad)}",
            on_node(f"sed -i {shlex.quote(change)} /etc/yum.repos.d/*.repo"),
        )


@check(
    proves="logs of the journal survive a restart",
    why="after a crash they are the only witness",
    remedy="ssh {user}@{address} 'mkdir -p /var/log/journal; systemctl restart systemd-journald'",
    severity=WARNING,
)
def test_journal_is_kept(host: Host, site: Site) -> None:
    if expect.release_of(site).init != "systemd":
        not_applicable("this release has no journal")
    assert about.of(host)["journal"], "/var/log/journal is missing: logs end with each restart"


@check(
    proves="there is room for processes, and few dead ones are left",
    why="at its limit oneadmin starts no VM any more, and nobody logs in",
    remedy="in the report: systemctl restart, with the service that leaves dead processes behind",
    severity=WARNING,
)
def test_processes_are_few(host: Host) -> None:
    found = processes.of(host)
    if found.zombies > processes.MANY_DEAD:
        told = f"{found.zombies} dead processes were left behind by {found.parent}"
        unit = found.unit
        fail(told, on_node(f"systemctl restart {unit}") if unit else by_hand("end that program"))
    for who, count, limit in found.counts:
        if limit and count > NEAR * limit:
            fail(
                f"{who} has {count} of at most {limit} processes and threads",
                by_hand(
                    f"`ps -eLf` on {{node}} shows them; {found.raise_by(who)} raises the limit"
                ),
            )
