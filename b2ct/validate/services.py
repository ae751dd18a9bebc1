"""What checks of services share: one question for all units of a node, and how a failure reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.validate import expect
from b2ct.validate.advice import on_node
from b2ct.validate.check import fail, not_applicable
from b2ct.validate.facts import units
from b2ct.validate.facts.units import Unit

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site


def all_of(host: Host, site: Site, node: Node) -> dict[str, Unit]:
    """Every unit that the node is to have, with those that OpenNebula's own unit brings along."""
    names = expect.units(site, node)
    if expect.is_control(node):
        names += expect.COMPANIONS
    return units.of(host, names)


def named(host: Host, site: Site, node: Node, name: str) -> Unit:
    """One of them. Ends the check where this node is not to have it."""
    found = all_of(host, site, node)
    full = name if "." in name else f"{name}.service"
    if full not in found:
        not_applicable(f"this site's {node.role.value} node has no {name}")
    return found[full]


def must_run(host: Host, site: Site, node: Node, name: str) -> None:
    """Fail unless the unit is active."""
    unit = named(host, site, node, name)
    what = "timer" if unit.name.endswith(".timer") else "service"
    if not unit.known:
        fail(f"the {what} {unit.name} is not installed", _INSTALL)
    short = unit.name.removesuffix(".service")
    if unit.load == "masked":
        fail(
            f"the {what} {short} is masked",
            on_node(f"systemctl unmask {short}; systemctl start {short}"),
        )
    if not unit.running:
        fail(
            f"the {what} {short} is {unit.state}, it should run",
            on_node(f"systemctl start {short}; journalctl -u {short} -n 30"),
        )


_INSTALL = on_node("cat /run/b2ct/firstboot; tail -n 30 /var/log/b2ct/firstboot.log")


def runs(host: Host, site: Site, node: Node, name: str) -> bool:
    """Whether it is active; a unit that this node is not to have is not."""
    unit = all_of(host, site, node).get(name if "." in name else f"{name}.service")
    return unit is not None and unit.running


def needs(host: Host, site: Site, node: Node, name: str, check: str) -> None:
    """End a check that says nothing while the service is stopped: the other check finds that."""
    if not runs(host, site, node, name):
        not_applicable(f"{name} does not run: see {check}")
