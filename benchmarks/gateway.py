"""How much does the gateway add to a call? Against oned directly.

    .venv/bin/python benchmarks/gateway.py [--calls 200] [--vms 100] [--oned URL --auth FILE]

Each call is made in turn: directly over a new connection, through a gateway over a new connection
without TLS and with it, and with TLS over a connection that is kept. Left out, --oned is a test
double on loopback; with --oned, a live one as oneadmin, in which a user, its VMs on hold and a
template are made and removed again. Times are of the client, in milliseconds; `added` is the
difference of medians to the direct way.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import ssl
import statistics
import sys
import tempfile
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from b2ct.rehearsal.oned import OnedDouble  # noqa: E402
from tests.gateway.authority import Authority  # noqa: E402
from tests.gateway.process import Running, running  # noqa: E402

CONTEXT = (
    'CONTEXT = [ USERDATA = "I2Nsb3VkLWNvbmZpZwpydW5jbWQ6CiAtIFtlY2hvLCBoaV0K", '
    'USERDATA_ENCODING = "base64", NETWORK = "YES" ]'
)
TEMPLATE = (
    'NAME="{name}"\nCPU="0.1"\nMEMORY="32"\nCONTEXT=[ NETWORK="YES", SSH_PUBLIC_KEY="ssh-ed25519 '
    'AAAAC3NzaC1lZDI1NTE5AAAAIJ1oWJ2tYe0n2m4j4Yb2yQy7Yw0o0n8h2b1c3d4e5f6g a", TOKEN="NO" ]'
)
Call = Callable[[], None]


@dataclass(frozen=True)
class Ground:
    """What is asked for: a user's VMs and a template that it may use."""

    url: str
    session: str
    template: int
    vm: int


def main() -> None:
    """Parse the arguments, make the ground, measure, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--vms", type=int, default=100)
    parser.add_argument("--oned", metavar="URL")
    parser.add_argument("--auth", type=Path, metavar="FILE")
    options = parser.parse_args()
    if bool(options.oned) != bool(options.auth):
        parser.error("--oned and --auth come together")
    with contextlib.ExitStack() as stack:
        if options.oned:
            url, auth = options.oned, options.auth.read_text().strip()
        else:
            double = stack.enter_context(OnedDouble())
            url, auth = double.url, double.auth
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="b2ct-bench-")))
        ground = stack.enter_context(_ground(url, auth, options.vms))
        _measure(ground, folder, options.calls, stack)


@contextlib.contextmanager
def _ground(url: str, auth: str, vms: int) -> Iterator[Ground]:
    one = _Client(url)
    name, password = f"b2ct-bench-{secrets.token_hex(4)}", secrets.token_hex(12)
    session = f"{name}:{password}"
    user = one("one.user.allocate", auth, name, password, "")
    template = one("one.template.allocate", session, TEMPLATE.format(name=name))
    made = []
    try:
        for number in range(max(1, vms)):
            # On hold: nothing is scheduled meanwhile.
            made.append(
                one("one.template.instantiate", session, template, f"bench-{number}", True, "")
            )
        yield Ground(url, session, template, made[0])
    finally:
        pool = xmlrpc.client.ServerProxy(url)
        found: Any = pool.one.vmpool.info(auth, user, -1, -1, -1)
        for vm in _ids(found[1]):
            with contextlib.suppress(RuntimeError):
                one("one.vm.action", auth, "terminate-hard", vm)
        one("one.template.delete", auth, template, False)
        one("one.user.delete", auth, user)


def _ids(pool: str) -> list[int]:
    from xml.etree import ElementTree as ET

    return [int(vm.findtext("ID") or "") for vm in ET.fromstring(pool).iterfind("VM")]


class _Client:
    """Calls to one address. `keep`: over one connection; else over a new one each."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None, keep: bool = False) -> None:
        self._url = url
        self._context = context
        self._proxy = self._new() if keep else None

    def _new(self) -> xmlrpc.client.ServerProxy:
        return xmlrpc.client.ServerProxy(self._url, context=self._context)

    def __call__(self, method: str, *values: Any) -> Any:
        """The answer's value. Raises RuntimeError for a refusal."""
        if self._proxy:
            answer: Any = getattr(self._proxy, method)(*values)
        else:
            with self._new() as proxy:
                answer = getattr(proxy, method)(*values)
        if answer[0] is not True:
            raise RuntimeError(f"{method}: {answer[1]}")
        return answer[1]


def _measure(ground: Ground, folder: Path, calls: int, stack: contextlib.ExitStack) -> None:
    authority = Authority(folder / "authority")
    pair = authority.issue()
    limits = {"calls_per_second": 10000, "burst": 100000}
    files = {"certificate": str(pair.certificate), "key": str(pair.key)}
    user = ground.session.partition(":")[0]
    gates: dict[str, Running] = {}
    for name, more in (("plain", {}), ("tls", files)):
        (folder / name).mkdir()
        gates[name] = stack.enter_context(
            running(folder / name, ground.url, tls=bool(more), user=user, limits=limits, **more)
        )
    context = ssl.create_default_context(cafile=str(authority.certificate))
    secure = gates["tls"].url.replace("127.0.0.1", "localhost")
    ways = {
        "oned directly": _Client(ground.url),
        "gateway, no TLS": _Client(gates["plain"].url),
        "gateway, TLS": _Client(secure, context),
        "gateway, TLS, kept": _Client(secure, context, keep=True),
    }
    version = ways["oned directly"]("one.system.version", ground.session)
    print(f"OpenNebula {version} at {ground.url}; {calls} calls each")
    session, template = ground.session, ground.template
    for title, words in (
        ("one.vm.info", ("one.vm.info", session, ground.vm)),
        ("one.vmpool.info", ("one.vmpool.info", session, -2, -1, -1, -1)),
        ("one.template.instantiate",
         ("one.template.instantiate", session, template, "b", True, CONTEXT)),
        ("refused: one.vm.allocate", None),
    ):  # fmt: skip
        if words is None:
            gated = {name: way for name, way in ways.items() if name != "oned directly"}
            _print(title, _times(gated, calls, ("one.vm.allocate", session, "", False)))
        else:
            few = max(5, calls // 5) if "instantiate" in title else calls
            _print(title, _times(ways, few, words))
    _throughput(ways, ("one.vm.info", session, ground.vm))
    for name, gate in gates.items():
        print(f"memory of the gateway, {name}: {gate.memory('VmHWM'):.0f} MiB at most")


def _times(
    ways: Mapping[str, _Client], calls: int, words: tuple[Any, ...]
) -> dict[str, list[float]]:
    """Milliseconds of every call, every way once a round."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(calls + 3):
        for name, way in ways.items():
            start = time.perf_counter()
            with contextlib.suppress(RuntimeError):
                way(*words)
            if number >= 3:  # the first ones warm up
                times[name].append((time.perf_counter() - start) * 1000)
    return times


def _print(title: str, times: Mapping[str, list[float]]) -> None:
    print(f"\n{title:<32}{'median':>9}{'p95':>9}{'added':>9}")
    base = statistics.median(times["oned directly"]) if "oned directly" in times else None
    for name, found in times.items():
        median = statistics.median(found)
        p95 = sorted(found)[int(len(found) * 0.95)]
        added = "" if base is None else f"{median - base:9.2f}"
        print(f"  {name:<30}{median:9.2f}{p95:9.2f}{added}")


def _throughput(ways: Mapping[str, _Client], words: tuple[Any, ...]) -> None:
    """Eight clients at once, for two seconds each way."""
    print(f"\n{'calls a second, 8 clients at once':<32}")
    for name in ("oned directly", "gateway, no TLS", "gateway, TLS"):
        end = time.monotonic() + 2
        counts: list[int] = []

        def ask(way: _Client, end: float, counts: list[int]) -> None:
            done = 0
            while time.monotonic() < end:
                way(*words)
                done += 1
            counts.append(done)

        arguments = (ways[name], end, counts)
        threads = [threading.Thread(target=ask, args=arguments) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"  {name:<30}{sum(counts) / 2:9.0f}")


if __name__ == "__main__":
    main()
