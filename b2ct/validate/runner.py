"""Runs the checks: nodes beside each other, the checks of one node one after the other.

Then, with every connection still open, the checks of the site. Results are told as they come;
Ctrl-C gives a report of what there is.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from b2ct import __version__
from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.ssh.answer import Asked
from b2ct.validate import collect, given, remedy
from b2ct.validate.advice import by_hand
from b2ct.validate.check import EVERY, Check, NotApplicableError, Severity, Subject
from b2ct.validate.cloud import Cloud
from b2ct.validate.interrupts import gentle
from b2ct.validate.results import NOT_LOOKED_AT, About, NodeReport, Outcome, Report, Result
from b2ct.validate.scrub import Scrubber
from b2ct.validate.verdict import Around, Evidence, carry_out

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.one.client import Client
    from b2ct.site.model import Node, Site

JOBS = 48
"""Nodes at once: most of the time is waiting."""
ANSWERS = Check(
    name=collect.ANSWERS,
    function=lambda: None,
    proves="the node answers over ssh and lets us become root",
    why="nothing else of it can be looked at, by us or by anybody who is to mend it",
    remedy="by hand: look at its console: is it on, and on the network?",
    severity=Severity.ERROR,
    subject=Subject.NODE,
    roles=EVERY,
    wants=(),
    group="every node",
    source=f"{__file__}:0",
)
"""What the connection itself proves; always the first."""


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    site: Site
    nodes: tuple[Node, ...]
    checks: tuple[Check, ...]
    options: given.Options = field(default_factory=given.Options)
    user: str = "root"
    jobs: int = JOBS

    def of_node(self, node: Node) -> tuple[Check, ...]:
        """The checks that concern a node, besides ANSWERS."""
        return tuple(check for check in self.checks if concerns(check, node, self.site))

    @property
    def of_site(self) -> tuple[Check, ...]:
        """The checks of the site as a whole."""
        return tuple(check for check in self.checks if check.subject is Subject.SITE)


class Listener(Protocol):
    """Who hears how it goes. Called from several threads; the node `""` is the site."""

    def begin(self, totals: Mapping[str, int]) -> None:
        """Names of the nodes, with how many checks each has."""

    def running(self, node: str, check: str) -> None:
        """A check begins."""

    def ended(self, node: str, result: Result) -> None:
        """A check has ended."""

    def done(self, node: str, unreachable: str) -> None:
        """Nothing more comes of this node; why, where it could not be asked."""


class Silent:
    """A Listener that tells nobody."""

    def begin(self, totals: Mapping[str, int]) -> None:
        """Nothing."""

    def running(self, node: str, check: str) -> None:
        """Nothing."""

    def ended(self, node: str, result: Result) -> None:
        """Nothing."""

    def done(self, node: str, unreachable: str) -> None:
        """Nothing."""


def concerns(check: Check, node: Node, site: Site) -> bool:
    """Whether a check is to be run on a node."""
    if check.subject is not Subject.NODE or node.role not in check.roles:
        return False
    return check.on != "squid" or places.runs_squid(site, node)


def run(
    plan: Plan,
    opens: Callable[[Node], Asked],
    *,
    listener: Listener | None = None,
    scrubber: Scrubber | None = None,
) -> Report:
    """Run all of it and report. `opens` connects to a node, or raises UnreachableError.

    Raises nothing for what goes wrong on nodes: that is in the report.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    running = _Run(plan, opens, listener or Silent(), scrubber or Scrubber())
    interrupted = running.all()
    return Report(
        site=plan.site.site.name,
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(time.monotonic() - clock, 3),
        version=__version__,
        checks=tuple(about(check) for check in (ANSWERS, *plan.checks)),
        nodes=tuple(running.states[node.name].report(plan.site) for node in plan.nodes),
        site_wide=tuple(running.site_wide),
        networks=tuple(plan.site.networks),
        interrupted=interrupted,
    )


def about(check: Check) -> About:
    """The metadata of a check that a report shows."""
    return About(check.name, check.group, check.proves, check.why, check.severity.value)


@dataclass
class _State:
    """A node while its checks run; written by one thread."""

    node: Node
    address: str
    results: list[Result] = field(default_factory=list)
    unreachable: str = ""
    asked: Asked | None = None
    host: Host | None = None

    def report(self, site: Site) -> NodeReport:
        return NodeReport(
            name=self.node.name,
            role=self.node.role.value,
            address=self.address,
            results=tuple(self.results),
            unreachable=self.unreachable,
            networks=tuple(interface.network for interface in self.node.interfaces),
            squid=places.runs_squid(site, self.node),
        )


class _Run:
    """One run, while it lasts."""

    def __init__(
        self, plan: Plan, opens: Callable[[Node], Asked], listener: Listener, scrubber: Scrubber
    ) -> None:
        self.plan = plan
        self.opens = opens
        self.listener = listener
        self.scrubber = scrubber
        self.stopped = threading.Event()
        self.states = {
            node.name: _State(node, places.reached(node, plan.site)) for node in plan.nodes
        }
        self.site_wide: list[Result] = []

    def all(self) -> bool:
        """Whether it was interrupted."""
        plan = self.plan
        totals = {node.name: 1 + len(plan.of_node(node)) for node in plan.nodes}
        self.listener.begin({**totals, **({"": len(plan.of_site)} if plan.of_site else {})})
        interrupted = False
        try:
            self._nodes()
            self._site()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self.stopped.set()
            for state in self.states.values():
                if state.asked is not None:
                    state.asked.close()
        return interrupted

    def _nodes(self) -> None:
        """All nodes, by a few threads, which an interrupted main thread need not wait for."""
        todo: queue.SimpleQueue[_State] = queue.SimpleQueue()
        ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        for state in self.states.values():
            todo.put(state)
        for _ in range(min(self.plan.jobs, len(self.states))):
            threading.Thread(target=self._work, args=(todo, ended), daemon=True).start()
        for _ in self.states:
            broken = ended.get()
            if broken is not None:
                raise broken

    def _work(
        self,
        todo: queue.SimpleQueue[_State],
        ended: queue.SimpleQueue[BaseException | None],
    ) -> None:
        while not self.stopped.is_set():
            try:
                state = todo.get_nowait()
            except queue.Empty:
                return
            try:
                self._node(state)
            except BaseException as err:  # a defect of ours: told by the main thread
                ended.put(err)
            else:
                ended.put(None)

    def _node(self, state: _State) -> None:
        name = state.node.name
        if self._connect(state):
            for check in self.plan.of_node(state.node):
                if self.stopped.is_set():
                    return
                self._check(state, check)
        self.listener.done(name, state.unreachable)

    def _connect(self, state: _State) -> bool:
        from b2ct.validate.backend import host_of

        name = state.node.name
        self.listener.running(name, ANSWERS.name)
        started = time.monotonic()
        result = Result(ANSWERS.name, Outcome.PASSED)
        try:
            state.asked = self.opens(state.node)
            state.host = host_of(state.asked)
        except B2ctError as err:
            state.unreachable = self.scrubber.clean(err.message)
            hint = by_hand(err.hint or ANSWERS.remedy)
            result = Result(ANSWERS.name, Outcome.FAILED, state.unreachable, hint)
        if self.stopped.is_set():
            if state.asked is not None:
                state.asked.close()
            return False
        seconds = round(time.monotonic() - started, 3)
        self._tell(state, Result(**{**vars(result), "seconds": seconds}))
        return not state.unreachable

    def _check(self, state: _State, check: Check) -> None:
        node, host = state.node, state.host
        if state.unreachable:
            reason = f"{NOT_LOOKED_AT}{state.unreachable}"
            hint = by_hand(f"mend `{ANSWERS.name}` of {node.name}, then run this again")
            self._tell(state, Result(check.name, Outcome.NOT_RUN, reason, hint))
            return
        self.listener.running(node.name, check.name)
        arguments = partial(
            given.arguments, check, self.plan.site, self.plan.options, host=host, node=node
        )
        hosts = {node.name: host} if host is not None else {}
        result = carry_out(check, arguments, self._around(node, lambda: _evidence(hosts)))
        if self.stopped.is_set():
            return  # what was cut off is no finding
        if state.asked is not None and state.asked.lost:
            state.unreachable = self.scrubber.clean(state.asked.lost)
        self._tell(state, result)

    def _tell(self, state: _State, result: Result) -> None:
        state.results.append(result)
        self.listener.ended(state.node.name, result)

    def _site(self) -> None:
        """In the main thread: Ctrl-C goes right into the check, which then cleans up."""
        checks = self.plan.of_site
        if not checks:
            return
        answering = {
            name: state.host
            for name, state in self.states.items()
            if state.host is not None and not state.unreachable
        }
        cloud = _CloudOfSite(self)
        hosts = given.Hosts(answering)
        around = self._around(None, lambda: _evidence(answering))
        with gentle(note), closing(cloud):
            for check in checks:
                self.listener.running("", check.name)
                arguments = partial(
                    given.arguments, check, self.plan.site, self.plan.options,
                    hosts=hosts, cloud=cloud.client,
                )  # fmt: skip
                result = carry_out(check, arguments, around)
                self.site_wide.append(result)
                self.listener.ended("", result)
        self.listener.done("", "")

    def _around(self, node: Node | None, evidence: Callable[[], Evidence]) -> Around:
        values = remedy.values(node, self.plan.site, self.plan.user)
        return Around(values, self.scrubber, evidence)


class _CloudOfSite:
    """OpenNebula's client on the control node, made when the first check wants it."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._cloud: Cloud | None = None

    def client(self) -> Client:
        """Raises NotApplicableError without a control node, B2ctError where it does not answer."""
        if self._cloud is None:
            self._cloud = Cloud(self._asked(), learn=self._run.scrubber.learn, notice=note)
        return self._cloud.client()

    def close(self) -> None:
        if self._cloud is not None:
            self._cloud.close()

    def _asked(self) -> Asked:
        control = places.control_of(self._run.plan.site)
        if control is None:
            raise NotApplicableError("site.yaml names no control node")
        state = self._run.states.get(control.name)
        if state is None or state.asked is None or state.unreachable:
            raise B2ctError(
                f"the control node {control.name} does not answer",
                hint=f"first mend `{ANSWERS.name}` of {control.name}",
            )
        return state.asked


def _evidence(hosts: Mapping[str, Host]) -> Evidence:
    """The commands since the last call, of several nodes with their names before them."""
    taken = {name: host.backend.evidence() for name, host in hosts.items()}
    if len(taken) == 1:
        return next(iter(taken.values()))
    return {
        f"{command}    # on {name}": answer
        for name, commands in taken.items()
        for command, answer in commands.items()
    }
