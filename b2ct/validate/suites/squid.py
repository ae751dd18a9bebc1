"""The site's squid: does it serve CVMFS to the site, from its cache, and nothing to others?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from b2ct.core.findings import Finding, Verdict
from b2ct.validate import expect, services
from b2ct.validate.advice import by_hand, on_node
from b2ct.validate.check import Severity, check, fail, not_applicable
from b2ct.validate.facts import paths, proxy, room, sections, sockets

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

_CONFIG = {
    "parse": "PATH=$PATH:/usr/sbin squid -k parse 2>&1 | grep -E 'FATAL|ERROR|Bungled' | head -n 2",
    "clients": "grep -hE '^ *acl +clients +src ' /etc/squid/squid.conf",
    "cache": "grep -hE '^ *cache_dir ' /etc/squid/squid.conf",
    "limits": "grep -hE '^ *(maximum|minimum)_object_size ' /etc/squid/squid.conf",
    "spool": f"df -P -k {expect.SPOOL}",
}
_ANEW = on_node("/usr/libexec/b2ct/firstboot.d/*-squid")
"""What the first boot did: squid.conf as it was installed, its folder, a restart."""


def _rows(host: Host, site: Site, node: Node) -> dict[str, Finding]:
    """What b2ct.squid.check says, by its subject; ends checks of a squid that does not answer."""
    _alive(host, site, node)
    rows = {row.subject: row for row in proxy.rows(host, site)}
    if "answers" in rows:
        not_applicable("squid does not answer: see squid-answers")
    return rows


def _alive(host: Host, site: Site, node: Node) -> None:
    services.needs(host, site, node, "squid", "squid-runs")


def _must(row: Finding | None) -> None:
    """Fail as the row does."""
    if row is None or row.verdict is Verdict.SKIPPED:
        not_applicable(row.text if row else "it was not looked at")
    if row.verdict is not Verdict.OK:
        fail(f"squid, {row.subject}: {row.text}", _ANEW)


@check(
    proves="squid runs",
    why="without it VMs fetch no software, and no job can run",
    remedy="ssh {user}@{address} systemctl start squid",
    on="squid",
)
def test_squid_runs(host: Host, site: Site, node: Node) -> None:
    if not services.runs(host, site, node, "squid") and _foreign_spool(host):
        not_applicable("it ends when it cannot write its cache: see cache-is-squids-own")
    services.must_run(host, site, node, "squid")


@check(
    proves="squid answers on its port",
    why="VMs look for it there",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_squid_answers(host: Host, site: Site, node: Node) -> None:
    _alive(host, site, node)
    if not sockets.tcp(sockets.of(host), site.squid.port):
        fail(f"nobody listens on port {site.squid.port}, where squid should")
    for row in proxy.rows(host, site):
        if row.subject == "answers":
            fail(row.text)


@check(
    proves="squid's configuration has no mistakes",
    why="it runs by an older one now, and will not start again",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_squid_configuration_is_right(host: Host) -> None:
    said = sections.ask(host, _CONFIG)["parse"]
    assert not said, f"squid says: {said.splitlines()[0][:150]}"


@check(
    proves="squid's clients are the site's networks, all of them and no others",
    why="VMs of a network that is not named are refused",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_squid_knows_its_clients(host: Host, site: Site) -> None:
    wanted = {str(n.cidr) for n in site.networks.values() if n.cidr}
    wanted |= {str(cidr) for cidr in site.squid.clients}
    if not wanted:
        not_applicable("site.yaml names no networks with a cidr: squid took the machine's own")
    lines = sections.ask(host, _CONFIG)["clients"].splitlines()
    found = {word for line in lines for word in line.partition("#")[0].split()[3:]}
    found -= {"127.0.0.1/32", "127.0.0.1"}
    if not lines or found & {"all", "0.0.0.0/0"}:
        not_applicable("its list is not the site's: see squid-refuses-foreign-clients")
    missing, more = sorted(wanted - found), sorted(found - wanted)
    assert not missing, f"squid does not admit {', '.join(missing)}"
    assert not more, f"squid also admits {', '.join(more)}, which site.yaml does not name"


@check(
    proves="squid refuses clients that are not the site's",
    why="an open proxy is found within hours, and used to attack others in the site's name",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_squid_refuses_foreign_clients(host: Host, site: Site, node: Node) -> None:
    _must(_rows(host, site, node).get("other clients"))


@check(
    proves="squid refuses servers that have no CVMFS",
    why="VMs would reach anything on the web through it, and others the site's own servers",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_squid_refuses_other_servers(host: Host, site: Site, node: Node) -> None:
    _must(_rows(host, site, node).get("other servers"))


@check(
    proves="squid refuses tunnels",
    why="by CONNECT anything at all passes through it",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_squid_refuses_tunnels(host: Host, site: Site, node: Node) -> None:
    _must(_rows(host, site, node).get("CONNECT"))


@check(
    proves="every CVMFS repository of site.yaml can be fetched through squid",
    why="VMs cannot mount what no server gives",
    remedy="in the report: what mends it, by what squid answered",
    on="squid",
)
def test_repositories_come_through_squid(host: Host, site: Site, node: Node) -> None:
    rows = _rows(host, site, node)
    if "clients" in rows:
        fail("squid refuses the machine that it runs on", _ANEW)
    for name in site.cvmfs.repositories:
        if name in rows:
            at = [row for row in rows.values() if row.subject.startswith(f"{name} at ")]
            why = f" ({at[0].subject}: {at[0].text})" if at else ""
            refused = any("refuses" in row.text for row in at)
            fail(
                f"{name}: {rows[name].text}{why}",
                _ANEW if refused else by_hand(at[0].remedy if at else rows[name].remedy),
            )


@check(
    proves="every stratum-1 of site.yaml answers through squid",
    why="the next one that fails may be the last: VMs go on with the others until then",
    remedy="by hand: `b2ct squid check` says which, and why: VMs take another server meanwhile",
    severity=Severity.WARNING,
    on="squid",
)
def test_all_stratum1s_answer(host: Host, site: Site, node: Node) -> None:
    rows = _rows(host, site, node)
    lost = {name for name in site.cvmfs.repositories if name in rows}
    bad = [
        row
        for row in rows.values()
        if " at " in row.subject
        and row.verdict is not Verdict.OK
        and row.subject.partition(" at ")[0] not in lost
    ]
    if bad:
        more = f"; and {len(bad) - 1} more" if len(bad) > 1 else ""
        fail(f"{bad[0].subject}: {bad[0].text}{more}", by_hand(bad[0].remedy))


@check(
    proves="an object of CVMFS that is fetched a second time comes from squid's cache",
    why="else every VM fetches everything from far away, and the servers' operators complain",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_second_fetch_is_a_hit(host: Host, site: Site, node: Node) -> None:
    rows = _rows(host, site, node)
    if "clients" in rows or all(name in rows for name in site.cvmfs.repositories):
        not_applicable("nothing can be fetched: see repositories-come-through-squid")
    _must(rows.get("cache"))


@check(
    proves="most of what VMs ask for comes from the cache",
    why="a cache that is too small or wrongly used is slow for all VMs",
    remedy="by hand: is `cache_dir` large enough, and its volume? does something else than CVMFS"
    " use the squid? `ssh {user}@{address} tail /var/log/squid/access.log` shows it",
    severity=Severity.WARNING,
    on="squid",
)
def test_cache_is_of_use(host: Host, site: Site, node: Node) -> None:
    row = _rows(host, site, node).get("all clients")
    if row is None or row.verdict is Verdict.SKIPPED:
        not_applicable(row.text if row else "it was not looked at")
    assert row.verdict is Verdict.OK, f"squid, {row.subject}: {row.text}"


@check(
    proves="squid has its cache on disk",
    why="after a restart everything would be fetched again",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_cache_is_on_disk(host: Host) -> None:
    said = sections.ask(host, _CONFIG)["cache"]
    assert said, "squid.conf has no cache_dir: the cache is in memory alone"
    assert expect.SPOOL in said, f"the cache is not in {expect.SPOOL}: {said.splitlines()[0][:100]}"


@check(
    proves="squid's cache fits on its volume",
    why="squid stops when the disk below it is full",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_cache_fits_its_volume(host: Host) -> None:
    said = sections.ask(host, _CONFIG)
    size = re.search(r"cache_dir +\w+ +\S+ +(\d+)", said["cache"])
    found = room.parse(said["spool"])
    if not size or not found:
        not_applicable("squid has no cache on disk: see cache-is-on-disk")
    megabytes = found[0].size // 1024
    assert int(size[1]) <= megabytes * 0.95, (
        f"the cache may grow to {size[1]} MiB, its volume has {megabytes} MiB"
    )
    assert found[0].used < 0.97, f"{found[0].place} is full: {found[0].used:.0%} used"


@check(
    proves="squid can write its cache",
    why="squid ends when it has something to write there, and does not start again",
    remedy="ssh {user}@{address} 'chown -R squid:squid /var/spool/squid; systemctl restart squid'",
    on="squid",
)
def test_cache_is_squids_own(host: Host) -> None:
    if expect.SPOOL not in paths.of(host):
        fail(f"{expect.SPOOL} is missing")
    wrong = _foreign_spool(host)
    assert not wrong, wrong


def _foreign_spool(host: Host) -> str:
    """Why squid cannot write its cache, in words; empty: it can, or there is none."""
    entry = paths.of(host).get(expect.SPOOL)
    if entry is None:
        return ""
    # Debian calls the account `proxy`.
    if entry.user not in ("squid", "proxy"):
        return f"{expect.SPOOL} is {entry}, it should be squid's"
    return (
        ""
        if entry.mode & 0o700 == 0o700
        else f"{expect.SPOOL} is {entry}: squid cannot write there"
    )


@check(
    proves="squid keeps files of the sizes that CVMFS has",
    why="catalogs have up to hundreds of MB: what is above the limit is fetched again by every VM",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-squid",
    on="squid",
)
def test_cache_keeps_cvmfs(host: Host) -> None:
    lines = sections.ask(host, _CONFIG)["limits"]
    found = {row[0]: _mib(row[1], row[2]) for row in _LIMIT.findall(lines)}
    most, least = found.get("maximum", 4.0), found.get("minimum", 0.0)
    assert most >= LARGEST, f"squid keeps nothing above {most:g} MiB (maximum_object_size)"
    assert least <= 0, f"squid keeps nothing below {least:g} MiB (minimum_object_size)"


LARGEST = 200.0
"""MiB that a file of CVMFS may have: catalogs are kept below that (doc-cvmfs, nested catalogs)."""
_LIMIT = re.compile(r"(maximum|minimum)_object_size +(\d+) *(\w*)")


def _mib(number: str, unit: str) -> float:
    """A size of squid.conf: bytes, where it has no unit."""
    factor = {"kb": 2**10, "mb": 2**20, "gb": 2**30}.get(unit.lower(), 1)
    return int(number) * factor / 2**20
