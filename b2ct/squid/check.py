"""What is asked of a squid, and what the answers mean. `Ask` is the only effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.context import proxies, servers
from b2ct.core.errors import B2ctError
from b2ct.core.findings import Finding, Verdict
from b2ct.site import stratum
from b2ct.squid import manifest
from b2ct.squid.ask import Answer, Proxy, is_here, proxy

if TYPE_CHECKING:
    from b2ct.site.model import Site
    from b2ct.squid.manifest import Manifest

Ask = Callable[..., Answer]
"""As b2ct.squid.ask.ask."""
FOREIGN = "http://b2ct-check.invalid/"
"""No name below .invalid exists (RFC 6761): a squid that lets it through fails to resolve it."""
TUNNEL = "b2ct-check.invalid:443"
_START = "is squid running there, and its port open to this machine? (systemctl status squid)"
AT_ONCE = 6
COUNTERS = "/squid-internal-mgr/counters"
ENOUGH, FEWEST_HITS = 1000, 0.5
"""From so many requests on a lower share of hits is mentioned: CVMFS's files never change, and all
VMs of a site fetch the same ones."""
DAY = 86400
BEHIND = DAY
"""Seconds by which a stratum-1 may trail the newest before it is mentioned."""


@dataclass(frozen=True)
class Target:
    """A repository on a server."""

    repository: str
    server: str
    """HOST or HOST:PORT."""
    url: str


def _row(squid: Proxy, subject: str, verdict: Verdict, text: str, remedy: str = "") -> Finding:
    return Finding(subject, verdict, text, remedy, of=str(squid))


def squids(site: Site, chosen: Sequence[str]) -> tuple[Proxy, ...]:
    """Those to look at: the named ones, else those that VMs are told. Raises B2ctError."""
    if chosen:
        return tuple(dict.fromkeys(proxy(url) for url in chosen))
    groups = proxies.of(site, ()).groups
    if not groups:
        raise B2ctError(
            "site.yaml does not say where the squid is", hint="name it: --squid http://HOST:3128"
        )
    return tuple(dict.fromkeys(proxy(url) for group in groups for url in group))


def targets(site: Site) -> tuple[Target, ...]:
    """Every repository on every stratum-1 that may serve it."""
    found = []
    for domain in servers.domains(site, site.cvmfs.repositories):
        for repository in site.cvmfs.repositories:
            if stratum.domain_of(repository) == domain.name:
                for url in domain.urls:
                    full = url.replace("@fqrn@", repository) + "/.cvmfspublished"
                    found.append(Target(repository, urlsplit(full).netloc, full))
    return tuple(found)


def check(
    squid: Proxy, wanted: Sequence[Target], ask: Ask, now: int, *, outsider: str = ""
) -> list[Finding]:
    """Everything about one squid. `now` in seconds since 1970; `outsider`: see `--from`."""
    first = ask(squid, "/")
    if first.status == 0:
        return [_row(squid, "answers", Verdict.FAILED, f"does not answer: {first.reason}", _START)]
    if not first.squid_error:
        text = f"something answers ({first.status}), but it is no squid"
        return [_row(squid, "answers", Verdict.FAILED, text, "is that squid's port?")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pairs = list(pool.map(lambda one: _twice(squid, one, ask), wanted))
    rows = [_foreign(squid, ask), _tunnel(squid, ask), _outsider(squid, wanted, ask, outsider)]
    if _admits_nothing(pairs):
        rows.append(
            _row(
                squid, "clients", Verdict.FAILED, "refuses every request of this machine",
                "run this on a machine of the site's networks, or add this one's network to"
                " `squid.clients` of site.yaml and to squid's `acl clients`",
            )
        )  # fmt: skip
        return rows
    rows += _repositories(squid, pairs, now)
    rows += [_hits(squid, pairs), _counters(squid, ask)]
    return rows


@dataclass(frozen=True)
class Pair:
    """A target fetched twice; the second only when the first succeeded."""

    target: Target
    first: Answer
    second: Answer | None


def _twice(squid: Proxy, target: Target, ask: Ask) -> Pair:
    first = ask(squid, target.url)
    return Pair(target, first, ask(squid, target.url) if first.status == 200 else None)


def _admits_nothing(pairs: Sequence[Pair]) -> bool:
    denied = [pair.first.squid_error == "ERR_ACCESS_DENIED" for pair in pairs]
    return bool(denied) and all(denied)


def _foreign(squid: Proxy, ask: Ask) -> Finding:
    answer = ask(squid, FOREIGN)
    if answer.status in (403, 407):
        return _row(squid, "other servers", Verdict.OK, "are refused")
    return _row(
        squid, "other servers", Verdict.FAILED,
        f"a server that is no stratum-1 was not refused ({_said(answer)})",
        "squid.conf needs `http_access allow servers` and then `http_access deny all`: see"
        " `b2ct context render --for squid --format files`",
    )  # fmt: skip


def _tunnel(squid: Proxy, ask: Ask) -> Finding:
    answer = ask(squid, TUNNEL, method="CONNECT")
    if 400 <= answer.status < 500:
        return _row(squid, "CONNECT", Verdict.OK, "is refused")
    return _row(
        squid, "CONNECT", Verdict.FAILED, f"is not refused ({_said(answer)})",
        "squid.conf needs `acl tunnels method CONNECT` and `http_access deny tunnels` first",
    )  # fmt: skip


def _outsider(squid: Proxy, wanted: Sequence[Target], ask: Ask, outsider: str) -> Finding:
    name = "other clients"
    if not outsider or not wanted:
        return _row(
            squid, name, Verdict.SKIPPED,
            "not tested: run this on a machine outside, or with --from ADDRESS",
        )  # fmt: skip
    answer = ask(squid, wanted[0].url, source=outsider)
    if not answer.connected:
        return _row(squid, name, Verdict.OK, f"{outsider} gets no connection")
    if answer.status in (403, 407):
        return _row(squid, name, Verdict.OK, f"{outsider} is refused")
    return _row(
        squid, name, Verdict.FAILED, f"{outsider} is not refused ({_said(answer)})",
        "squid.conf needs `http_access deny !clients`; close the port to others, too",
    )  # fmt: skip


def _said(answer: Answer) -> str:
    """Status and squid's word for it; a refusal would have come at once."""
    return f"{answer.status} {answer.squid_error}".rstrip() if answer.status else answer.reason


def _repositories(squid: Proxy, pairs: Sequence[Pair], now: int) -> list[Finding]:
    """A row for each repository on each server; and one for a repository that none has."""
    heads = {pair.target: _head(pair) for pair in pairs}
    rows = []
    for repository in dict.fromkeys(pair.target.repository for pair in pairs):
        mine = [pair for pair in pairs if pair.target.repository == repository]
        found = [head for pair in mine if (head := heads[pair.target])]
        newest = max((head.published for head in found), default=0)
        rows += [_one(squid, pair, heads[pair.target], newest, now) for pair in mine]
        if not found:
            rows.append(
                _row(
                    squid, repository, Verdict.FAILED, "no stratum-1 gives it through this squid",
                    "VMs cannot mount it: see the rows above; is its name right in site.yaml?",
                )
            )  # fmt: skip
    return rows


def _head(pair: Pair) -> Manifest | None:
    if pair.first.status != 200:
        return None
    head = manifest.parse(pair.first.body)
    return head if head and head.name == pair.target.repository else None


def _one(squid: Proxy, pair: Pair, head: Manifest | None, newest: int, now: int) -> Finding:
    where = f"{pair.target.repository} at {pair.target.server}"
    if head is None:
        state, text, remedy = _trouble(pair.target, pair.first)
        return _row(squid, where, state, text, remedy)
    text = f"revision {head.revision}, published {_ago(now - head.published)} ago"
    if newest - head.published > BEHIND:
        return _row(
            squid, where, Verdict.WARNING, f"{text}, {_ago(newest - head.published)} behind others",
            "the stratum-1 trails, or squid keeps too long: VMs see old software there",
        )  # fmt: skip
    return _row(squid, where, Verdict.OK, text)


def _trouble(target: Target, answer: Answer) -> tuple[Verdict, str, str]:
    """What an answer that is no manifest means."""
    host, _, port = target.server.partition(":")
    why = answer.squid_error or _STATUS.get(answer.status, "")
    state, said, remedy = _TROUBLES.get(why, (Verdict.WARNING, "answers {said}", _OTHER))
    told = {
        "host": host, "port": port or "80", "server": target.server,
        "said": _said(answer),
    }  # fmt: skip
    return state, said.format(**told), remedy.format(**told)


_OTHER = "a trouble of that server: VMs take another one meanwhile"
_ADMIT = "add http://{server} to `cvmfs.stratum1` and to squid's `acl servers`"
_LET_OUT = "let the squid out to {host}, TCP port {port} (firewall of the institute?)"
_STATUS = {0: "silent", 200: "other", 403: "ERR_ACCESS_DENIED", 404: "missing"}
_TROUBLES = {
    "silent": (Verdict.FAILED, "no answer: {said}", "try again; is squid overloaded?"),
    "other": (
        Verdict.FAILED,
        "answers, but not with this CVMFS repository",
        "a captive portal, or another proxy in between? ask the network's staff",
    ),
    "missing": (Verdict.SKIPPED, "this server does not have it", ""),
    "ERR_ACCESS_DENIED": (Verdict.FAILED, "squid refuses it", _ADMIT),
    "ERR_DNS_FAIL": (
        Verdict.FAILED,
        "squid cannot resolve {host}",
        "check /etc/resolv.conf where squid runs, and the server's name",
    ),
    # Squid 5 says so when no name server answers it, too.
    "ERR_READ_ERROR": (
        Verdict.FAILED,
        "squid cannot resolve {host}, or the connection broke",
        "check /etc/resolv.conf where squid runs; else the firewall, for TCP port {port}",
    ),
    "ERR_CONNECT_FAIL": (Verdict.FAILED, "squid cannot reach it", _LET_OUT),
    "ERR_READ_TIMEOUT": (Verdict.FAILED, "it does not answer squid", _LET_OUT),
}
"""Squid's own names of errors, and ours of statuses."""


def _hits(squid: Proxy, pairs: Sequence[Pair]) -> Finding:
    """Of what was fetched twice in a row, how much squid had the second time."""
    seconds = [pair.second for pair in pairs if pair.second is not None]
    said = [answer.hit for answer in seconds if answer.hit is not None]
    if not said:
        return _row(
            squid, "cache", Verdict.SKIPPED, "nothing says what it had (no X-Cache header)", ""
        )
    text = f"{sum(said)} of {len(said)} second fetches came from the cache"
    if all(said):
        return _row(squid, "cache", Verdict.OK, text)
    state = Verdict.WARNING if any(said) else Verdict.FAILED
    return _row(
        squid, "cache", state, text,
        "check `cache_dir`, its room (df) and `minimum_expiry_time 0` in squid.conf",
    )  # fmt: skip


def _counters(squid: Proxy, ask: Ask) -> Finding:
    """Hits of all clients since squid started: it tells them to its own machine."""
    name, near = "all clients", Proxy("127.0.0.1", squid.port)
    answers = [ask(squid, COUNTERS), *([ask(near, COUNTERS)] if is_here(squid.host) else [])]
    for answer in answers:
        rows = dict(re.findall(r"^([a-z_.]+) = ([0-9]+)", answer.body.decode("latin-1"), re.M))
        requests, hits = (int(rows.get(f"client_http.{name}", -1)) for name in ("requests", "hits"))
        if answer.status == 200 and requests >= 0 and hits >= 0:
            return _ratio(squid, requests, hits)
    text = "its counters are shown on its own machine only: run this there"
    return _row(squid, name, Verdict.SKIPPED, text)


def _ratio(squid: Proxy, requests: int, hits: int) -> Finding:
    share = f"{100 * hits / requests:.0f} %" if requests else "none"
    text = f"{hits} hits in {requests} requests since squid started ({share})"
    if requests < ENOUGH or hits >= FEWEST_HITS * requests:
        return _row(squid, "all clients", Verdict.OK, text)
    return _row(
        squid, "all clients", Verdict.WARNING, text,
        "is `cache_dir` large enough (50 GB) and writable? do many VMs start at once, or does"
        " something else than CVMFS use it? (access.log)",
    )  # fmt: skip


def _ago(seconds: int) -> str:
    seconds = max(0, seconds)
    for unit, name in ((DAY, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
