from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from b2ct.site.model import Node
from b2ct.ssh.answer import Asked
from b2ct.validate import given
from b2ct.validate.check import CONTROL, HYPERVISOR, Check, not_applicable
from b2ct.validate.results import NOT_LOOKED_AT, Outcome, Report, Result
from b2ct.validate.runner import ANSWERS, Plan, Silent, run
from tests.validate.made_up import FakeNode, away, node_check, site, whole_check


def plan(*checks: Check, **more: object) -> Plan:
    made = site()
    return Plan(site=made, nodes=made.nodes, checks=checks, **more)  # type: ignore[arg-type]


def opens(fakes: Mapping[str, FakeNode | None]) -> Callable[[Node], Asked]:
    def opened(node: Node) -> Asked:
        fake = fakes.get(node.name, FakeNode(node.name))
        if fake is None:
            raise away(node.name)
        return fake

    return opened


def outcomes(report: Report) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, result in report.results():
        found.setdefault(name, []).append(f"{result.check} {result.outcome}")
    return found


def passes(host: Any) -> None:
    host.run("true")


def nothing() -> None:
    not_applicable("none")


def fails(host: Any) -> None:
    host.run("ls")
    raise AssertionError("it does")


def test_each_node_gets_the_checks_of_its_role() -> None:
    report = run(
        plan(
            node_check("everywhere", passes),
            node_check("control", passes, roles=CONTROL),
            node_check("virtual", fails, roles=HYPERVISOR),
            node_check("squid", nothing, on="squid"),
        ),
        opens({}),
    )
    reached = "answers-ssh passed"
    assert outcomes(report) == {
        "one": [reached, "everywhere passed", "control passed", "squid skipped"],
        "hv1": [reached, "everywhere passed", "virtual failed"],
        "hv2": [reached, "everywhere passed", "virtual failed"],
    }
    (name, failure), _ = report.failures()
    assert (name, failure.message, failure.remedy) == ("hv1", "it does", "ssh root@10.77.0.2 mend")
    assert failure.evidence == ("$ ls\nhv1: ls",)
    assert report.checks[0].name == ANSWERS.name
    assert [node.squid for node in report.nodes] == [True, False, False]
    assert Report.from_json(report.as_json()) == report


def test_a_node_that_does_not_answer_is_one_failure_and_the_run_goes_on() -> None:
    seen = list[object]()
    report = run(
        plan(
            node_check("everywhere", passes),
            whole_check("together", lambda hosts: seen.append(list(hosts))),
        ),
        opens({"hv1": None}),
    )
    assert outcomes(report)["hv1"] == ["answers-ssh failed"]
    assert len(outcomes(report)["hv2"]) == 2
    hv1 = report.nodes[1]
    assert hv1.unreachable == "hv1 does not answer"
    assert (hv1.results[0].message, hv1.results[0].remedy) == (
        "hv1 does not answer", "by hand: is it on?",
    )  # fmt: skip
    assert seen == [["one", "hv2"]]


def test_a_node_that_is_lost_on_the_way() -> None:
    checks = [node_check(f"c{n}", lambda host, n=n: host.run(f"c{n}")) for n in range(4)]
    for check in checks:
        object.__setattr__(check, "wants", ("host",))
    fake = FakeNode("hv1", lost_after=2)
    report = run(plan(*checks), opens({"hv1": fake}))
    assert outcomes(report)["hv1"] == [
        "answers-ssh passed", "c0 passed", "c1 passed", "c2 not-run", "c3 not-run",
    ]  # fmt: skip
    hv1 = report.nodes[1]
    assert hv1.unreachable == "the connection to hv1 was lost: gone"
    assert hv1.results[-1].message.startswith(NOT_LOOKED_AT)
    assert len(fake.commands) == 3  # nobody asks again


def test_the_same_command_is_asked_once_unless_it_is_to_be_fresh() -> None:
    fake = FakeNode("one")
    run(
        plan(
            node_check("a", lambda host: host.run("ls %s", "a b")),
            node_check("b", lambda host: host.run("ls 'a b'")),
            node_check("c", lambda host: given.fresh(host, "ls %s", "a b")),
        ),
        opens({"one": fake}),
    )
    assert fake.commands == ["ls 'a b'"] * 2


def test_each_asks_all_nodes_at_once_in_their_order() -> None:
    everybody = threading.Barrier(3, timeout=10)
    said = dict[str, str]()

    def ask(name: str, host: Any) -> str:
        everybody.wait()
        return str(host.run("who").stdout)

    report = run(
        plan(whole_check("together", lambda hosts: said.update(hosts.each(ask)))), opens({})
    )
    assert report.site_wide[0].outcome is Outcome.PASSED
    assert said == {name: f"{name}: who\n" for name in ("one", "hv1", "hv2")}
    assert list(said) == ["one", "hv1", "hv2"]


def test_a_check_of_the_site_tells_on_which_node() -> None:
    def wrong(hosts: Any) -> None:
        hosts["hv2"].run("date")
        raise AssertionError("off")

    (result,) = run(plan(whole_check("clocks", wrong)), opens({})).site_wide
    assert result.evidence == ("$ date    # on hv2\nhv2: date",)
    assert result.remedy == "ssh 10.77.0.1 mend"


def test_the_cloud_of_a_control_node_that_is_away_is_not_asked() -> None:
    report = run(plan(whole_check("cloud", lambda cloud: cloud)), opens({"one": None}))
    (result,) = report.site_wide
    assert (result.outcome, result.message) == (
        Outcome.NOT_RUN, "the control node one does not answer",
    )  # fmt: skip
    assert "answers-ssh" in result.remedy


def test_nodes_run_beside_each_other() -> None:
    together = threading.Barrier(3, timeout=10)

    def meet() -> None:
        together.wait()

    report = run(plan(node_check("meet", meet)), opens({}))
    assert report.count(Outcome.PASSED) == 6


def test_as_many_at_once_as_was_said() -> None:
    at_once, most, lock = [0], [0], threading.Lock()

    def count() -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        with lock:
            at_once[0] -= 1

    run(plan(node_check("count", count), jobs=1), opens({}))
    assert most == [1]


def test_a_defect_of_ours_is_not_swallowed() -> None:
    def broken(_node: Node) -> Asked:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(plan(), broken)


def test_every_connection_is_given_back() -> None:
    fakes = {name: FakeNode(name) for name in ("one", "hv1", "hv2")}
    run(plan(node_check("a", fails)), opens(dict(fakes)))
    assert all(fake.closed.is_set() for fake in fakes.values())


class _Interrupting(Silent):
    """Presses Ctrl-C when all that can has ended."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._lock = threading.Lock()

    def ended(self, node: str, result: Result) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_gives_what_there_is_and_waits_for_nobody() -> None:
    fakes = {"hv1": FakeNode("hv1")}
    report = run(
        plan(
            node_check("quick", passes),
            node_check("slow", lambda host, node: node.name != "hv1" or host.run("hang")),
            whole_check("never", lambda: None),
        ),
        opens(dict(fakes)),
        listener=_Interrupting(after=8),  # all but the one that hangs
    )
    assert report.interrupted
    assert outcomes(report)["hv1"] == ["answers-ssh passed", "quick passed"]
    assert outcomes(report)["hv2"] == ["answers-ssh passed", "quick passed", "slow passed"]
    assert report.site_wide == ()
    assert fakes["hv1"].closed.is_set()


def test_ctrl_c_in_a_check_of_the_site_lets_it_clean_up_undisturbed() -> None:
    did = list[str]()

    def vm(hosts: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        finally:
            os.kill(os.getpid(), signal.SIGINT)  # somebody impatient
            time.sleep(0.05)
            did.append(hosts["one"].run("remove").stdout)

    before = signal.getsignal(signal.SIGINT)
    report = run(plan(whole_check("vm", vm), whole_check("after", lambda: None)), opens({}))
    assert report.interrupted
    assert did == ["one: remove\n"]
    assert report.site_wide == ()
    assert signal.getsignal(signal.SIGINT) is before
