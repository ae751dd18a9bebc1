"""The cluster of hypervisors, networks and datastores."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud.kinds.datastore import DATASTORE
from b2ct.cloud.kinds.kind import DEFAULT, ObjectKind, Wanted
from b2ct.one.faults import InUseError, MissingError
from b2ct.one.kinds import Clusters
from b2ct.one.objects.host import Cluster

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.live import Live
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client

DEADLINE = 60.0
"""Seconds for networks to leave a cluster that is deleted."""
PAUSE = 0.2
"""Seconds between attempts at it."""


@dataclass(frozen=True, kw_only=True)
class WantedCluster(Wanted):
    """A cluster as it shall be."""

    datastores: tuple[str, ...]
    """Those that shall be in it; further ones are nobody's concern."""


class ClusterKind(ObjectKind[WantedCluster, Cluster]):
    """That of `cloud.cluster`."""

    name, made, deleted = "cluster", 30, 70
    late = True
    own = 100

    def pool(self, one: Client) -> Clusters:
        """Clusters."""
        return one.clusters

    def known(self, _live: Live) -> Mapping[str, int]:
        """OpenNebula's own."""
        return {DEFAULT: 0}

    def wanted(self, described: Described) -> Iterator[WantedCluster]:
        """One, if site.yaml has it, with all datastores."""
        if name := described.site.cloud.cluster:
            datastores = (wanted.name for wanted in DATASTORE.wanted(described))
            yield WantedCluster(name=name, datastores=tuple(sorted(datastores)))

    def shown(self, wanted: WantedCluster) -> dict[str, str]:
        """Its datastores: hosts and networks say themselves in which cluster they are."""
        return {"datastores": ", ".join(wanted.datastores)}

    def there(self, item: Cluster, wanted: WantedCluster, view: View) -> dict[str, str]:
        """The wanted ones that are in it."""
        names = (n for n in wanted.datastores if view.id(DATASTORE, n) in item.datastores)
        return {"datastores": ", ".join(names)}

    def make(self, run: Run, wanted: WantedCluster) -> None:
        """Then its datastores come into it."""
        run.make(self, wanted.name, lambda: run.one.clusters.allocate(wanted.name))
        run.mark(self, wanted.name)
        self._join(run, wanted, ())

    def change(self, run: Run, wanted: WantedCluster, item: Cluster, names: Set[str]) -> None:
        """Those that are not yet in it come into it."""
        super().change(run, wanted, item, names)
        if "datastores" in names:
            self._join(run, wanted, item.datastores)

    def _join(self, run: Run, wanted: WantedCluster, there: Iterable[int]) -> None:
        """Add the wanted datastores; those that do not exist are left out."""
        for name in wanted.datastores:
            datastore = run.ids.get((DATASTORE.name, name))
            if datastore is not None and datastore not in there:
                run.one.clusters.add_datastore(run.id(self, wanted.name), datastore)

    def used(self, item: Cluster, view: View) -> str:
        """By datastores that would be in none. Hosts and networks hold it themselves."""
        for datastore in view.stay(DATASTORE):
            if datastore.clusters == (item.id,):
                return f"datastore {datastore.name} is in it, and in no other"
        return ""

    def remove(self, run: Run, oid: int) -> None:
        """Empty it and delete it. oned takes a deleted network out of it after the answer only."""
        end = time.monotonic() + DEADLINE
        while True:
            _empty(run, oid)
            try:
                return super().remove(run, oid)
            except InUseError:
                there = run.one.clusters.get(oid)
                if there.hosts or there.datastores or time.monotonic() >= end:
                    raise
            run.one.sleep(PAUSE)


def _empty(run: Run, oid: int) -> None:
    """Take what is in other clusters, too, out of one that is deleted."""
    cluster = run.one.clusters.get(oid)
    for datastore in cluster.datastores:
        with suppress(MissingError):
            run.one.clusters.remove_datastore(oid, datastore)
    for network in cluster.networks:
        with suppress(MissingError):
            run.one.clusters.remove_network(oid, network)


CLUSTER = ClusterKind()
