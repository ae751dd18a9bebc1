"""The control node: OpenNebula's services, its database, its secrets and its keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from b2ct import __version__
from b2ct.context import wpad
from b2ct.supply import wheel
from b2ct.validate import expect, services
from b2ct.validate.advice import by_hand, on_node
from b2ct.validate.check import CONTROL, Severity, check, fail, not_applicable
from b2ct.validate.facts import frontend, paths
from b2ct.validate.facts.paths import ONE, ONE_AUTH, ONED_CONF

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site


@check(
    proves="the database runs",
    why="OpenNebula keeps everything there: without it oned does not start",
    remedy="ssh {user}@{control} 'systemctl start mariadb; systemctl restart opennebula'",
    roles=CONTROL,
)
def test_database_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, expect.database(site))


@check(
    proves="OpenNebula keeps its data in that database",
    why="the default, sqlite, becomes slow with some hundreds of VMs and cannot be backed up live",
    remedy="by hand: `onedb sqlite2sql` moves the data (docs of OpenNebula); then `DB = [ "
    'BACKEND = "mysql", ...` in /etc/one/oned.conf of {control}',
    roles=CONTROL,
)
def test_database_is_used(host: Host, site: Site) -> None:
    _configured(host)
    said = frontend.of(host, site)["backend"].lower()
    if not said:
        fail("/etc/one/oned.conf names no database (`DB = [ BACKEND = ...`)")
    assert "mysql" in said, f"oned.conf says {said}, it should say mysql"


@check(
    proves="the database isolates transactions as OpenNebula's manual asks",
    why="with the default, pools with many changes block each other",
    remedy='ssh {user}@{control} \'printf "[mysqld]\\ntransaction-isolation = READ-COMMITTED\\n" '
    ">> /etc/my.cnf.d/b2ct.cnf; systemctl restart mariadb'",
    roles=CONTROL,
    severity=Severity.WARNING,
)
def test_database_isolation_is_right(host: Host, site: Site) -> None:
    said = frontend.of(host, site)
    if not said["isolation"] and "mysql" not in said["backend"].lower():
        not_applicable("OpenNebula does not use this database: see database-is-used")
    found = said["isolation"].partition("=")[2].strip() or "nothing"
    assert found.upper() == "READ-COMMITTED", f"transaction-isolation is {found}"


@check(
    proves="the database takes what is written",
    why="OpenNebula starts, answers, and forgets or refuses all that is new",
    remedy="ssh {user}@{control} 'mysql -e \"SET GLOBAL read_only = 0\"'",
    roles=CONTROL,
)
def test_database_takes_writes(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, expect.database(site), "database-runs")
    said = frontend.of(host, site)["readonly"]
    if not said:
        not_applicable("the database does not let root ask")
    assert said == "0", "the database is read-only (read_only is ON)"


@check(
    proves="oned runs",
    why="without oned nothing of the cloud answers, and no VM can be started",
    remedy="ssh {user}@{control} 'systemctl start opennebula; tail -n 20 /var/log/one/oned.log'",
    roles=CONTROL,
)
def test_oned_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, "opennebula")


def _configured(host: Host) -> None:
    if ONED_CONF not in paths.of(host):
        not_applicable(f"{ONED_CONF} is missing: see oned-configuration-is-closed")


def _oned(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, "opennebula", "oned-runs")


@check(
    proves="oned answers",
    why="a process that runs and does not answer is as good as none",
    remedy="by hand: `ssh {user}@{control} tail -n 30 /var/log/one/oned.log` says why; "
    "`systemctl restart opennebula` there ends no VM",
    roles=CONTROL,
)
def test_oned_answers(host: Host, site: Site, node: Node) -> None:
    _oned(host, site, node)
    assert frontend.of(host, site).oned_answers, "nobody answers at http://127.0.0.1:2633/RPC2"


@check(
    proves="the scheduler runs",
    why="VMs would stay PENDING for ever",
    remedy="ssh {user}@{control} systemctl start opennebula-scheduler",
    roles=CONTROL,
)
def test_scheduler_runs(host: Host, site: Site, node: Node) -> None:
    _oned(host, site, node)
    if not services.named(host, site, node, "opennebula-scheduler").known:
        not_applicable("this version's oned brings its scheduler along")
    services.must_run(host, site, node, "opennebula-scheduler")


@check(
    proves="the hook manager runs",
    why="what the site does when hosts or VMs fail is done by it",
    remedy="ssh {user}@{control} systemctl start opennebula-hem",
    roles=CONTROL,
    severity=Severity.WARNING,
)
def test_hook_manager_runs(host: Host, site: Site, node: Node) -> None:
    _oned(host, site, node)
    if not services.named(host, site, node, "opennebula-hem").known:
        not_applicable("this version has no hook manager of its own")
    services.must_run(host, site, node, "opennebula-hem")


@check(
    proves="the agent of oneadmin's SSH key runs",
    why="disks are copied from hypervisor to hypervisor with the key that it lends",
    remedy="ssh {user}@{control} systemctl start opennebula-ssh-agent",
    roles=CONTROL,
)
def test_ssh_agent_runs(host: Host, site: Site, node: Node) -> None:
    _oned(host, site, node)
    if not services.named(host, site, node, "opennebula-ssh-agent").known:
        not_applicable("this version has no SSH agent of its own")
    services.must_run(host, site, node, "opennebula-ssh-agent")


@check(
    proves="the web interface runs",
    why="people look at the cloud with it",
    remedy="in the report: systemctl start, with the name of this version's service",
    roles=CONTROL,
)
def test_sunstone_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, expect.gui(site)[0])


@check(
    proves="Sunstone answers over HTTP",
    why="a browser would show an error, or nothing",
    remedy="in the report: systemctl restart, where it does not answer; where it answers with "
    "an error, the log that says why",
    roles=CONTROL,
)
def test_sunstone_answers(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, expect.gui(site)[0], "sunstone-runs")
    said = frontend.of(host, site)["gui"]
    if said != "200":
        unit = expect.gui(site)[0]
        _answers_wrong("Sunstone", expect.one_of(site).gui_port, said, unit)


def _answers_wrong(what: str, port: int, code: str, unit: str) -> NoReturn:
    """A service that is silent is started anew; one that answers with an error says why."""
    if code in ("", "000"):
        fail(f"{what} at port {port} does not answer", on_node(f"systemctl restart {unit}"))
    fail(
        f"{what} at port {port} answers with {code}",
        by_hand(f"`{on_node(f'journalctl -u {unit} -n 30')}` and its log in /var/log/one say why"),
    )


@check(
    proves="OneFlow runs",
    why="services of several VMs are started by it",
    remedy="ssh {user}@{control} systemctl start opennebula-flow",
    roles=CONTROL,
)
def test_oneflow_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, "opennebula-flow")


@check(
    proves="OneFlow answers over HTTP",
    why="a service that is asked for would never come",
    remedy="in the report: systemctl restart, where it does not answer; where it answers with "
    "an error, the log that says why",
    roles=CONTROL,
)
def test_oneflow_answers(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, "opennebula-flow", "oneflow-runs")
    said = frontend.of(host, site)["flow"]
    # Without credentials it says 401, which only a living OneFlow does.
    if said not in ("200", "401", "403"):
        _answers_wrong("OneFlow", 2474, said, "opennebula-flow")


@check(
    proves="OneGate runs",
    why="VMs report by it that they are ready",
    remedy="ssh {user}@{control} systemctl start opennebula-gate",
    roles=CONTROL,
)
def test_onegate_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, "opennebula-gate")


@check(
    proves="OneGate answers over HTTP",
    why="VMs could not report that they are ready",
    remedy="in the report: systemctl restart, where it does not answer; where it answers with "
    "an error, the log that says why",
    roles=CONTROL,
)
def test_onegate_answers(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, "opennebula-gate", "onegate-runs")
    said = frontend.of(host, site)["gate"]
    if not said.isdigit() or said == "000" or int(said) >= 500:
        _answers_wrong("OneGate", 5030, said, "opennebula-gate")


@check(
    proves="VMs are told where OneGate is",
    why="a template that says TOKEN=YES cannot be instantiated without it",
    remedy='ssh {user}@{control} \'sed -i "/^ *ONEGATE_ENDPOINT/d" /etc/one/oned.conf; echo '
    '"ONEGATE_ENDPOINT = \\"http://{address}:5030\\"" >> /etc/one/oned.conf; systemctl '
    "restart opennebula'",
    roles=CONTROL,
)
def test_onegate_is_announced(host: Host, site: Site) -> None:
    if "opennebula-gate" not in expect.one_of(site).services:
        not_applicable("this version has no OneGate")
    _configured(host)
    said = frontend.of(host, site)["endpoint"]
    assert said, "/etc/one/oned.conf has no ONEGATE_ENDPOINT"
    place = re.match(r"https?://([^:/]+)", said)
    assert place and place[1] not in ("localhost", "127.0.0.1", "0.0.0.0"), (  # noqa: S104 - a name
        f"ONEGATE_ENDPOINT is {said}, which no VM can reach"
    )


@check(
    proves="the administrator's password is closed to others",
    why="whoever reads one_auth owns the cloud",
    remedy="ssh {user}@{control} 'chown oneadmin:oneadmin /var/lib/one/.one/one_auth; chmod "
    "600 /var/lib/one/.one/one_auth'",
    roles=CONTROL,
)
def test_one_auth_is_closed(host: Host) -> None:
    entry = paths.of(host).get(ONE_AUTH)
    if entry is None:
        fail(
            f"{ONE_AUTH} is missing: oned cannot start without it",
            by_hand(f"write `oneadmin:PASSWORD` into {ONE_AUTH} of {{control}}, mode 0600"),
        )
    assert entry.user == "oneadmin" and not entry.mode & 0o077, (
        f"one_auth is {entry}; it should be oneadmin's alone, mode 0600"
    )


@check(
    proves="the credentials of OpenNebula's services are closed to others",
    why="with those of OneFlow or Sunstone one may act as any user",
    remedy="ssh {user}@{control} 'chmod 600 /var/lib/one/.one/*_auth'",
    roles=CONTROL,
)
def test_service_credentials_are_closed(host: Host) -> None:
    found = [
        entry
        for path, entry in paths.of(host).items()
        if path.startswith(f"{ONE}/.one/") and path.endswith(("_auth", "_key")) and path != ONE_AUTH
    ]
    bad = [entry for entry in found if entry.open]
    if bad:
        fail(f"others may read {bad[0].path} ({bad[0]})", on_node(f"chmod 600 {bad[0].path}"))


@check(
    proves="OpenNebula's configuration is closed to others",
    why="the password of the database is in it",
    remedy="ssh {user}@{control} 'chown root:oneadmin /etc/one/oned.conf; chmod 640"
    " /etc/one/oned.conf'",
    roles=CONTROL,
)
def test_oned_configuration_is_closed(host: Host) -> None:
    entry = paths.of(host).get(ONED_CONF)
    if entry is None:
        fail("/etc/one/oned.conf is missing", on_node("cat /run/b2ct/firstboot"))
    assert not entry.open, f"/etc/one/oned.conf is {entry}; others may read it"


@check(
    proves="no password was left over from the installation",
    why="the first boot deletes it as soon as OpenNebula has it",
    remedy="ssh {user}@{control} shred -u /etc/b2ct/oneadmin_password",
    roles=CONTROL,
)
def test_no_password_was_left(host: Host) -> None:
    assert "/etc/b2ct/oneadmin_password" not in paths.of(host), (
        "/etc/b2ct/oneadmin_password is still there"
    )


@check(
    proves="oneadmin's key is certified by this machine's host key",
    why="hypervisors let oneadmin in by that certificate: without it no host is monitored",
    remedy="ssh {user}@{control} /usr/libexec/b2ct/sign-oneadmin",
    roles=CONTROL,
)
def test_oneadmin_key_is_certified(host: Host, site: Site) -> None:
    said = frontend.of(host, site)
    signed = re.search(r"Signing CA: \S+ (SHA256:\S+)", said["certificate"])
    if not signed:
        fail("oneadmin's key has no certificate (/var/lib/one/.ssh/id_*-cert.pub)")
    # `Valid: from A to B` in the machine's own time, or `Valid: forever`.
    ends = re.search(r"Valid: from \S+ to (\d\S+)", said["certificate"])
    if ends and ends[1] <= said["now"]:
        fail(f"oneadmin's certificate has expired on {ends[1].partition('T')[0]}")
    assert signed[1] in said["hostkeys"], (
        "oneadmin's certificate was signed by a key that is none of this machine's host keys"
    )


@check(
    proves="hypervisors are registered by themselves",
    why="a hypervisor that is installed now would wait for ever",
    remedy="ssh {user}@{control} systemctl start b2ct-register.timer",
    roles=CONTROL,
)
def test_registration_runs(host: Host, site: Site, node: Node) -> None:
    services.must_run(host, site, node, "b2ct-register.timer")


@check(
    proves="no hypervisor waits for its registration, and none was refused",
    why="a refused one offers another host key than before: it was installed anew, or it is not it",
    remedy="ssh {user}@{control} b2ct-register",
    roles=CONTROL,
)
def test_registration_is_complete(host: Host, site: Site) -> None:
    lines = frontend.of(host, site)["registered"].splitlines()
    waiting = [line for line in lines if " waits: " in line]
    if waiting:
        name = waiting[0].split()[0]
        remedy = f"b2ct-register --forget {name}" if "REFUSED" in waiting[0] else "b2ct-register"
        fail(waiting[0][:200], on_node(remedy))


@check(
    proves="unused VMs are looked for regularly",
    why="VMs of pilots that ended would fill the cloud",
    remedy="ssh {user}@{control} systemctl start b2ct-reaper.timer",
    roles=CONTROL,
)
def test_reaper_runs(host: Host, site: Site, node: Node) -> None:
    if not expect.reaps(site):
        not_applicable("site.yaml wants no reaper, or names no user of DIRAC")
    services.must_run(host, site, node, "b2ct-reaper.timer")


@check(
    proves="the reaper can do its work",
    why="the timer runs, and terminates nothing",
    remedy="ssh {user}@{control} 'systemctl start b2ct-reaper; journalctl -u b2ct-reaper -n 20 "
    "--no-pager'",
    roles=CONTROL,
    severity=Severity.WARNING,
)
def test_reaper_works(host: Host, site: Site, node: Node) -> None:
    if not expect.reaps(site):
        not_applicable("site.yaml wants no reaper, or names no user of DIRAC")
    services.needs(host, site, node, "b2ct-reaper.timer", "reaper-runs")
    if "/opt/b2ct/bin/b2ct" not in paths.of(host):
        fail(
            "B2CT is not installed in /opt/b2ct",
            f"b2ct self deploy --node {node.name}",
        )
    assert "Result=success" in frontend.of(host, site)["reaped"], "its last run failed"


@check(
    proves="the control node's B2CT is the one that looks at it",
    why="what was mended since is not mended there",
    remedy="b2ct self deploy --node {node}",
    roles=CONTROL,
    severity=Severity.WARNING,
)
def test_program_is_current(host: Host, site: Site) -> None:
    if not (expect.reaps(site) or site.gateway):
        not_applicable("site.yaml wants neither reaper nor gateway: nothing there needs B2CT")
    said = dict(
        line.split("=", 1)
        for line in frontend.of(host, site)["program"].splitlines()
        if "=" in line
    )
    assert said, "there is no B2CT in /opt/b2ct that came from a medium or by `b2ct self deploy`"
    here, there = wheel.identity()[:12], said.get("identity", "")[:12]
    assert there == here, f"{said.get('version')} ({there}) is there, {__version__} ({here}) here"


@check(
    proves="the web server of the proxy file runs",
    why="stock images find the squid by it",
    remedy="ssh {user}@{control} systemctl start httpd",
    roles=CONTROL,
)
def test_wpad_server_runs(host: Host, site: Site, node: Node) -> None:
    if not expect.serves_wpad(site, node):
        not_applicable("site.yaml wants no wpad.dat, or leads to no squid")
    services.must_run(host, site, node, "httpd")


@check(
    proves="the proxy file names the site's squid",
    why="stock images would fetch software from far away, or not at all",
    remedy="by hand: `ssh {user}@{control} curl -i http://127.0.0.1/wpad.dat` shows it; "
    "/var/www/b2ct-wpad/wpad.dat is as the kickstart wrote it: see docs/squid.md",
    roles=CONTROL,
)
def test_wpad_file_is_right(host: Host, site: Site, node: Node) -> None:
    if not expect.serves_wpad(site, node):
        not_applicable("site.yaml wants no wpad.dat, or leads to no squid")
    services.needs(host, site, node, "httpd", "wpad-server-runs")
    said = frontend.of(host, site)["wpad"]
    head, _, body = said.replace("\r", "").partition("\n\n")
    assert " 200" in head.partition("\n")[0], "http://wpad/wpad.dat is not served"
    assert wpad.MEDIA_TYPE in head, f"wpad.dat is not served as {wpad.MEDIA_TYPE}"
    wanted = wpad.of(site)
    places = [f":{wanted.port}"] if wanted.here else list(wanted.proxies)
    missing = [place for place in places if place not in body]
    assert "FindProxyForURL" in body and not missing, (
        f"wpad.dat does not name {missing[0] if missing else 'FindProxyForURL'}"
    )
