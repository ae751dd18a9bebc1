"""A site's squid, asked on its own machine: every repository twice, and what it must refuse.

One command makes all requests; what the answers mean is decided by b2ct.squid.check, which
`b2ct squid check` uses as well.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from b2ct.squid import check as checks
from b2ct.squid.ask import Answer, Proxy

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.core.findings import Finding
    from b2ct.site.model import Site

OUTSIDER = "127.0.0.2"
"""An address of every Linux machine, which the squid's list of clients does not have."""
AT_ONCE, SECONDS = 24, 10
LARGEST = 2800
"""Bytes of an answer: in base64 they are fewer than a pipe takes in one piece."""
Key = tuple[str, str, str]
"""Method, source address or empty, URL."""


def rows(host: Host, site: Site) -> tuple[Finding, ...]:
    """What there is to say about the squid on this node."""
    squid, wanted = Proxy("127.0.0.1", site.squid.port), checks.targets(site)
    said = host.run(command(squid, wanted)).stdout
    return of(squid, wanted, said)


def of(squid: Proxy, wanted: Sequence[checks.Target], said: str) -> tuple[Finding, ...]:
    """The rows of b2ct.squid.check for what the command printed."""
    answers = parse(said)
    numbers = {key: number for number, key in enumerate(requests(wanted))}
    turns: Counter[Key] = Counter()
    lock = Lock()

    def ask(_: Proxy, url: str, *, method: str = "GET", source: str = "", **__: object) -> Answer:
        key = (method, source, url)
        with lock:  # b2ct.squid.check asks from several threads
            turns[key] += 1
            turn = turns[key]
        number = numbers.get(key, -1)
        return answers.get((number, turn)) or answers.get((number, 1)) or SILENT

    now = next((int(line[4:]) for line in said.splitlines() if line.startswith("now ")), 0)
    return tuple(checks.check(squid, wanted, ask, now, outsider=OUTSIDER))


def requests(wanted: Sequence[checks.Target]) -> list[Key]:
    """All that is asked: what concerns squid itself, then every repository."""
    own: list[Key] = [
        ("GET", "", "/"),
        ("GET", "", checks.COUNTERS),
        ("GET", "", checks.FOREIGN),
        ("CONNECT", "", checks.TUNNEL),
        *([("GET", OUTSIDER, wanted[0].url)] if wanted else []),
    ]
    return [*own, *(("GET", "", target.url) for target in wanted)]


def command(squid: Proxy, wanted: Sequence[checks.Target]) -> str:
    """The shell command: a line `NUMBER TURN BASE64` for each answer; repositories twice."""
    urls = {target.url for target in wanted}
    asked = []
    for number, (method, source, url) in enumerate(requests(wanted)):
        turns = "1 2" if url in urls and not source else "1"
        words = shlex.join(_curl(squid, method, source, url))
        asked.append(f"ask {number} '{turns}' {words} &")
    # Who gave no answer is not asked twice.
    ask = (
        "ask() { n=$1; turns=$2; shift 2; for t in $turns; do a=$("
        f'"$@" 2>/dev/null | head -c {LARGEST} | base64 | tr -d "\\n"); echo "$n $t $a";'
        ' [ "$a" ] || break; done; }'
    )
    batches = (" ".join(asked[i : i + AT_ONCE]) for i in range(0, len(asked), AT_ONCE))
    return f"{ask}; echo now $(date +%s); {' wait; '.join(batches)} wait"


def _curl(squid: Proxy, method: str, source: str, url: str) -> list[str]:
    words = ["curl", "-s", "-i", "--max-time", str(SECONDS)]
    words += ["--interface", source] if source else []
    if url.startswith("/"):
        return [*words, "--noproxy", "*", f"{squid}{url}"]
    words += ["--noproxy", "", "-x", str(squid)]
    # curl itself makes CONNECT of an https URL.
    return [*words, f"https://{url}/" if method == "CONNECT" else url]


def parse(said: str) -> dict[tuple[int, int], Answer]:
    """(number, turn) -> answer."""
    found = {}
    for line in said.splitlines():
        number, _, rest = line.partition(" ")
        turn, _, data = rest.partition(" ")
        if number.isdigit() and turn.isdigit():
            found[int(number), int(turn)] = answer(data)
    return found


SILENT = Answer(0, {}, b"no answer", connected=False)


def answer(data: str) -> Answer:
    """From what `curl -i` printed, in base64; SILENT for nothing."""
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error:
        raw = b""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split()
    if len(words) < 2 or not words[1].isdigit():
        return SILENT
    rows = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, colon, value in rows if colon}
    return Answer(int(words[1]), headers, body)
