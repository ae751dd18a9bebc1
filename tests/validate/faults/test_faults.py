"""Faults on real nodes: each is found by exactly its checks, and a healthy site raises no alarm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from b2ct.site.load import load
from b2ct.validate import given, runner
from b2ct.validate.access import Access, opener
from b2ct.validate.collect import collect
from b2ct.validate.practice.site import Practice
from b2ct.validate.results import Outcome, Report
from tests.validate.faults.fault import Round, found
from tests.validate.faults.table import ROUNDS
from tests.validate.practice.sites import needs_namespaces, standing

pytestmark = needs_namespaces


@pytest.fixture(scope="module")
def site() -> Iterator[Practice]:
    with standing("faults", hypervisors=2) as made:
        yield made


def _validated(site: Practice) -> Report:
    model = load(site.site_yaml)
    options = given.Options(test_vms=False, folder=site.site_yaml.parent)
    plan = runner.Plan(site=model, nodes=model.nodes, checks=collect(()), options=options)
    access = Access(identity=site.key, known_hosts=site.known_hosts)
    with opener(model, access) as opens:
        return runner.run(plan, opens)


def _alarms(report: Report) -> list[str]:
    return [f"{check} on {node}: {r.message}" for (node, check), r in found(report).items()]


def test_every_fault_is_found_by_its_checks_alone(site: Practice) -> None:
    """All in one test, as they share the nodes: pytest-xdist must not part them."""
    healthy = _validated(site)
    assert _alarms(healthy) == []
    assert healthy.count(Outcome.PASSED) > 150
    network = site.nodes[0].address.rpartition(".")[0]
    wrong: list[str] = []
    for number, faults in enumerate(ROUNDS):
        this = Round(site.name, network, faults)
        if number == len(ROUNDS) - 1:
            # The last round stops the double of oned, which then forgets its cloud.
            wrong += [f"not taken back: {alarm}" for alarm in _alarms(_validated(site))]
        this.inject()
        report = _validated(site)
        wrong += this.wrong(report)
        this.undo(report)
    assert not wrong, "\n".join(wrong)
