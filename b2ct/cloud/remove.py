"""Deleting what B2CT made and site.yaml has no more. What is used is refused by the server, too."""

from __future__ import annotations

import time
from contextlib import suppress

from b2ct.cloud.session import NETWORK_DEADLINE, Run
from b2ct.cloud.steps import Step
from b2ct.one import ownership
from b2ct.one.faults import InUseError, MissingError

PAUSE = 0.2
"""Seconds between attempts at a cluster that networks are just leaving."""


def remove(run: Run, step: Step) -> None:
    """Delete it. Raises InUseError; somebody who was faster is no error."""
    with suppress(MissingError):
        if step.kind == "rule":
            run.one.acls.delete(step.oid)
        elif step.kind == "cluster":
            _cluster(run, step.oid)
        else:
            run.kinds[step.kind].delete(step.oid)
    if step.kind in ownership.ACCOUNTS:
        run.say_of_accounts(ownership.forgotten(step.kind, step.oid))


def _cluster(run: Run, oid: int) -> None:
    """Delete a cluster. oned takes a deleted network out of it only after the answer."""
    end = time.monotonic() + NETWORK_DEADLINE
    while True:
        _empty(run, oid)
        try:
            return run.one.clusters.delete(oid)
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
