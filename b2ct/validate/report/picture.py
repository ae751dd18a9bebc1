"""The site as a picture: control nodes above, hypervisors below, networks as lines between them.

Lengths are in SVG user units. Everything that colour says is also said by a sign and by words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.validate.results import NodeReport, Outcome, Report

_WIDTH, _HEIGHT, _GAP = 132, 62, 18
_LINE = 26
"""Between two networks."""
_PORT = 16
"""Between the plugs of a node."""
_WITH_LINES = 7
"""Nodes in a row; with more, networks are not drawn: lines of so many plugs cannot be followed."""
_COLUMNS = 6


@dataclass(frozen=True)
class Box:
    """A node."""

    name: str
    role: str
    x: int
    y: int
    state: str
    """`good`, `warning`, `bad` or `lost`."""
    said: str
    """In words: `2 wrong`."""
    squid: bool


@dataclass(frozen=True)
class Bus:
    """A network."""

    name: str
    y: int
    number: int
    """By which its line style is chosen."""


@dataclass(frozen=True)
class Plug:
    """Where a node touches a network."""

    x: int
    top: int
    bottom: int
    number: int


@dataclass(frozen=True)
class Picture:
    """All that is drawn."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    buses: tuple[Bus, ...]
    plugs: tuple[Plug, ...]
    box_width: int = _WIDTH
    box_height: int = _HEIGHT


def draw(report: Report) -> Picture:
    """Lay out the nodes of a report."""
    above = [node for node in report.nodes if node.role != "hypervisor"]
    below = [node for node in report.nodes if node.role == "hypervisor"]
    if max(len(above), len(below)) > _WITH_LINES:
        return _grid(report, above, below)
    used = [name for name in report.networks if any(name in n.networks for n in report.nodes)]
    columns = max(len(above), len(below), 1)
    first = _HEIGHT + _GAP if above else 4
    buses = tuple(Bus(name, first + 14 + at * _LINE, at) for at, name in enumerate(used))
    under = (buses[-1].y if buses else first) + _GAP + 10
    width = columns * (_WIDTH + _GAP) + _GAP
    boxes, plugs = [], []
    for row, y in ((above, 0), (below, under)):
        left = (width - len(row) * (_WIDTH + _GAP) + _GAP) // 2
        for at, node in enumerate(row):
            box = _box(report, node, left + at * (_WIDTH + _GAP), y + 1)
            boxes.append(box)
            plugs += [_plug(box, bus, node) for bus in buses if bus.name in node.networks]
    bottom = under + _HEIGHT if below else under - 10
    return Picture(width, bottom + 2, tuple(boxes), buses, tuple(plugs))


def _plug(box: Box, bus: Bus, node: NodeReport) -> Plug:
    place = node.networks.index(bus.name) - (len(node.networks) - 1) / 2
    x = box.x + _WIDTH // 2 + round(place * _PORT)
    if box.y < bus.y:
        return Plug(x, box.y + _HEIGHT, bus.y, bus.number)
    return Plug(x, bus.y, box.y, bus.number)


def _grid(report: Report, above: Sequence[NodeReport], below: Sequence[NodeReport]) -> Picture:
    """Many nodes: boxes only, those of the control nodes in rows of their own."""
    boxes, rows = [], 0
    for nodes in (above, below):
        for at, node in enumerate(nodes):
            x = _GAP + at % _COLUMNS * (_WIDTH + _GAP)
            boxes.append(_box(report, node, x, 1 + (rows + at // _COLUMNS) * (_HEIGHT + _GAP)))
        rows += -(-len(nodes) // _COLUMNS)
    width = _COLUMNS * (_WIDTH + _GAP) + _GAP
    return Picture(width, rows * (_HEIGHT + _GAP) + 2, tuple(boxes), (), ())


def _box(report: Report, node: NodeReport, x: int, y: int) -> Box:
    state, said = judged(report, node)
    return Box(node.name, node.role, x, y, state, said, node.squid)


def judged(report: Report, node: NodeReport) -> tuple[str, str]:
    """The state of a node, and the same in words."""
    if node.unreachable:
        return "lost", "not reached"
    warnings = {about.name for about in report.checks if about.severity == "warning"}
    bad = [r.check for r in node.results if r.outcome in (Outcome.FAILED, Outcome.NOT_RUN)]
    wrong = sum(check not in warnings for check in bad)
    if wrong:
        return "bad", f"{wrong} wrong"
    if bad:
        return "warning", f"{len(bad)} warning{'s' if len(bad) > 1 else ''}"
    passed = sum(result.outcome is Outcome.PASSED for result in node.results)
    return ("good", f"{passed} passed") if passed else ("lost", "not looked at")
