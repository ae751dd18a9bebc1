"""The site as a picture: control nodes above, hypervisors below, networks as lines between them.

Many nodes are tiles in groups instead: lines of so many plugs cannot be followed.
Lengths are in SVG user units. Everything that colour says is also said by a sign and by words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.validate.results import NodeReport, Outcome, Report

_WIDTH, _HEIGHT, _GAP = 150, 62, 18
_EDGE = 3
"""Above and below everything: half of the thickest line around a box, and a little air."""
_LINE = 26
"""Between two networks."""
_PORT = 16
"""Between the plugs of a node."""
_WITH_LINES = 7
"""Nodes in a row; with more, networks are not drawn."""
_BESIDE = 3
"""Nodes in a row that are readable in the narrow column beside the findings."""
_NAME = 13
"""Letters of a name that fit into a box. Cut names would look the same; a tile breaks its line."""
_TILES_BESIDE = 40
"""Tiles that make the narrow column about as high as a screen."""


@dataclass(frozen=True)
class Mark:
    """A node, and what is said of it."""

    name: str
    role: str
    state: str
    """`good`, `warning`, `bad` or `lost`."""
    said: str
    """In words: `2 wrong`."""
    squid: bool


@dataclass(frozen=True)
class Box:
    """A node in a picture with lines."""

    mark: Mark
    x: int
    y: int


@dataclass(frozen=True)
class Group:
    """Nodes of one role on the same networks."""

    title: str
    marks: tuple[Mark, ...]


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
    """All that is drawn: boxes with lines, or groups of tiles."""

    width: int = 0
    height: int = 0
    boxes: tuple[Box, ...] = ()
    buses: tuple[Bus, ...] = ()
    plugs: tuple[Plug, ...] = ()
    groups: tuple[Group, ...] = ()
    wide: bool = False
    """It takes the whole width of the page."""
    box_width: int = _WIDTH
    box_height: int = _HEIGHT


def draw(report: Report) -> Picture:
    """Lay out the nodes of a report."""
    above = [node for node in report.nodes if node.role != "hypervisor"]
    below = [node for node in report.nodes if node.role == "hypervisor"]
    columns = max(len(above), len(below), 1)
    if columns > _WITH_LINES or any(len(node.name) > _NAME for node in report.nodes):
        wide = len(report.nodes) > _TILES_BESIDE
        return Picture(groups=_groups(report, [*above, *below]), wide=wide)
    used = [name for name in report.networks if any(name in n.networks for n in report.nodes)]
    first = _EDGE + (_HEIGHT + _GAP if above else 0)
    buses = tuple(Bus(name, first + 14 + at * _LINE, at) for at, name in enumerate(used))
    under = (buses[-1].y if buses else first) + _GAP + 10
    width = columns * (_WIDTH + _GAP) + _GAP
    wide = columns > _BESIDE
    boxes, plugs = [], []
    for row, y in ((above, _EDGE), (below, under)):
        # A phone shows the left end of a wide picture first: there must be something there.
        left = _GAP if wide else (width - len(row) * (_WIDTH + _GAP) + _GAP) // 2
        for at, node in enumerate(row):
            box = Box(_mark(report, node), left + at * (_WIDTH + _GAP), y)
            boxes.append(box)
            plugs += [_plug(box, bus, node) for bus in buses if bus.name in node.networks]
    bottom = under + _HEIGHT if below else under - 10
    return Picture(width, bottom + _EDGE, tuple(boxes), buses, tuple(plugs), wide=columns > _BESIDE)


def _plug(box: Box, bus: Bus, node: NodeReport) -> Plug:
    place = node.networks.index(bus.name) - (len(node.networks) - 1) / 2
    x = box.x + _WIDTH // 2 + round(place * _PORT)
    if box.y < bus.y:
        return Plug(x, box.y + _HEIGHT, bus.y, bus.number)
    return Plug(x, bus.y, box.y, bus.number)


def _groups(report: Report, nodes: Sequence[NodeReport]) -> tuple[Group, ...]:
    """What lines would say of networks, the title of a group says."""
    found: dict[str, list[Mark]] = {}
    for node in nodes:
        title = " on ".join(filter(None, (node.role, ", ".join(node.networks))))
        found.setdefault(title, []).append(_mark(report, node))
    return tuple(
        Group(f"{title}: {len(marks)} node{'s' if len(marks) > 1 else ''}", tuple(marks))
        for title, marks in found.items()
    )


def _mark(report: Report, node: NodeReport) -> Mark:
    return Mark(node.name, node.role, *judged(report, node), node.squid)


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
