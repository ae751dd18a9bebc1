"""Faults on real nodes: each is found by exactly its checks, and a healthy site raises no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.rehearsal.site import inside
from b2ct.rehearsal.site.lifecycle import Practice
from b2ct.site.load import load
from b2ct.validate import given, runner
from b2ct.validate.access import Access, opener
from b2ct.validate.collect import collect
from b2ct.validate.results import Outcome, Report
from tests.rehearsal.site.sites import needs_namespaces, standing
from tests.validate.faults.fault import Desk, Round, found
from tests.validate.faults.table import LOGINS, ROUNDS

pytestmark = needs_namespaces


@pytest.fixture(scope="module")
def site() -> Iterator[Practice]:
    with standing("faults", hypervisors=2) as made:
        yield made


def _validated(site: Practice, *groups: str) -> Report:
    model = load(site.site_yaml)
    options = given.Options(test_vms=False, folder=site.site_yaml.parent)
    checks = tuple(check for check in collect(()) if not groups or check.group in groups)
    plan = runner.Plan(site=model, nodes=model.nodes, checks=checks, options=options)
    access = Access(identity=site.key, known_hosts=site.known_hosts)
    with opener(model, access) as opens:
        return runner.run(plan, opens)


def _alarms(report: Report) -> list[str]:
    return [f"{check} on {node}: {r.message}" for (node, check), r in found(report).items()]


def test_every_fault_is_found_by_its_checks_alone(site: Practice, tmp_path: Path) -> None:
    """All in one test, as they share the nodes: pytest-xdist must not part them."""
    healthy = _validated(site)
    assert _alarms(healthy) == []
    assert healthy.count(Outcome.PASSED) > 150
    desk = Desk(site.name, site.nodes[0].address.rpartition(".")[0], tmp_path)
    wrong: list[str] = []
    for faults in ROUNDS[:-1]:
        this = Round(desk, faults)
        this.inject()
        report = _validated(site)
        wrong += this.wrong(report)
        this.undo(report)
    wrong += _refused_log_ins(site, desk)
    wrong += [f"not taken back: {alarm}" for alarm in _alarms(_validated(site))]
    # The last round stops the double of oned, which then forgets its cloud: the site ends with it.
    last = Round(desk, ROUNDS[-1])
    last.inject()
    wrong += last.wrong(_validated(site))
    assert not wrong, "\n".join(wrong)


def _refused_log_ins(site: Practice, desk: Desk) -> list[str]:
    """One at a time, by the checks that look at log-ins: each cause is told, and mended."""
    wrong: list[str] = []
    groups = ("site", "oneadmin", "disks", "control node")
    for fault in LOGINS:
        this = Round(desk, (fault,))
        this.inject()
        report = _validated(site, *groups)
        wrong += this.wrong(report)
        this.undo(report)
        # systemd's manager of oneadmin's log-ins could not start, either.
        inside.on(site.name, fault.on, "systemctl reset-failed")
    return wrong
