from __future__ import annotations

from b2ct.one.objects import base
from b2ct.one.objects.host import Cluster, Host
from b2ct.one.states import HostState
from tests.one.recorded import labelled, numbered


def test_a_host() -> None:
    found = base.one(numbered(44).value, Host.parse)
    assert (found.name, found.state, found.cluster) == ("node01", HostState.MONITORED, "default")
    assert (found.max_cpu, found.max_memory, found.used_cpu) == (800, 16777216, 0)
    assert found.usable
    assert found.last_seen == 1795218486


def test_a_cluster() -> None:
    (found,) = base.pool(labelled("clusterpool").value, Cluster.parse, "CLUSTER")
    assert (found.name, found.hosts, found.datastores) == ("default", (), (0, 1, 2))
