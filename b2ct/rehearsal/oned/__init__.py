"""A test double of oned, the OpenNebula daemon: XML-RPC on loopback, with state.

    from b2ct.rehearsal.oned import Clock, OnedDouble

    with OnedDouble() as one:
        one.url, one.auth                  # "http://127.0.0.1:PORT/RPC2", "oneadmin:opennebula"
        server = pyone.OneServer(one.url, session=one.auth)

As fixtures: `from tests.rehearsal.oned.fixtures import oned, oned_still` in a conftest.py:
`oned` runs at 50 times the speed of real time, in `oned_still` time stands until `tick`.
A large cloud at once:
`from b2ct.rehearsal.oned.bulk import fill; fill(one, hosts=500, templates=200, vms=5000)`.

Options of OnedDouble:
- `release`: "5.12", "6.10" (default), "7.0" or "7.4", the rows of releases.py.
- `clock`: `Clock(scale=50)` (default: 50 times as fast as real time), `Clock()` (stands still,
  moved by `one.tick(seconds)`), `Clock(per_call=0.5)` (each call moves it: deterministic for
  clients that poll).
- `timing=Timing(...)`: how long copies, monitoring, scheduling, booting take, in its seconds.
- `capacity=Capacity(image=(total, free, used) in MB, system=...)`: of the datastores.
- `onegate="http://..."`: ONEGATE_ENDPOINT in oned.conf (without it, TOKEN=YES is refused).
- `port`: a fixed port instead of any.

What oned has when new: users 0 oneadmin and 1 serveradmin, groups 0 and 1 (users), cluster 0,
datastores 0 system, 1 default (images), 2 files, security group 0, the default access rules. No
host: `one.add_host("node01", cores=8, memory_gb=16)`. Datastore 1 takes image files only from
its SAFE_DIRS (`/var/tmp` when new), as the real one does. `one.mount("/var/tmp", tmp_path)` lets
a path prefix of the front-end be somewhere else on this machine; it serves URLs too:
`one.mount("http://fe.example", "http://127.0.0.1:8080")`.

Time: `one.tick(5)`, `one.step()` (to the next event), `one.until(lambda: ...)`. Inside:
`one.cloud.images[3].state`, `one.cloud.vms`, `.templates`, `.vnets`, `.hosts`, `.users`,
`.groups`, `.clusters`, `.datastores`, `.secgroups`, `.acl.rules` (numbers as keys;
`.named(name)`). `one.calls` is the list of methods called; `one.rpc("one.image.info", 3)` is a
call without pyone; `one.cloud.unimplemented` names what was asked for and is not there.

Faults, `one.faults`: `stick_image("name*")` (LOCKED for ever), `fail_image("name", "text")`,
`fail_boot("vm*")`, `fail_prolog(...)`, `clear()`, and of the transport
`http(kind, method="one.image.*", times=1, skip=0)` with the kinds refuse, hang, reset,
truncated, garbage, status (`status=502`) and slow (`seconds=2`): see faults.HttpFault. `reset`
and `truncated` carry the call out and lose the answer. `one.faults.before.append(f)` calls
`f(method)` before each call. `one.stop()` and `one.start()` refuse and accept connections;
`one.restart()` also loses what drivers were doing: an image in mid-copy stays LOCKED.
`one.cloud.hosts[0].fail("text")` is a dead node. Parallel one.template.allocate calls with one
name make several templates, as on the real server (`one.cloud.race_gap = 0` turns that off).

A user who instantiates needs USE on the image, the network and each security group of that
network, as on the real server: group 0 is open to all, others are not unless chmod makes them so.

test_contract.py replays the recordings of a real 6.10.5 against it; NOT_IMPLEMENTED.md lists
what the double does not do or what is not compared, with reasons.
"""

from __future__ import annotations

from b2ct.rehearsal.oned.clock import Clock
from b2ct.rehearsal.oned.cloud import Capacity, Cloud, Timing
from b2ct.rehearsal.oned.faults import Faults, HttpFault
from b2ct.rehearsal.oned.server import OnedDouble

__all__ = ["Capacity", "Clock", "Cloud", "Faults", "HttpFault", "OnedDouble", "Timing"]
