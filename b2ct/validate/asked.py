"""What a user asks to have validated, in the words of the command line, made a plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.validate.check import Check, Subject
from b2ct.validate.given import Options
from b2ct.validate.local import this_node
from b2ct.validate.runner import Plan

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.model import Node, Site


@dataclass(frozen=True)
class Asked:
    """The options of `b2ct validate` that say what is looked at, by their names."""

    nodes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    dirac: bool = False
    no_vms: bool = False
    local: bool = False
    jobs: int = 48
    user: str | None = None
    identity: Path | None = None


def plan(site: ChosenSite, checks: tuple[Check, ...], said: Asked) -> Plan:
    """Who is looked at, and for what. Raises B2ctError.

    With some of the nodes the checks of the site as a whole are left out.
    """
    nodes = _nodes(site.site, said)
    if said.dirac and not said.no_vms:
        site.allow("dirac_password", leaving=True)  # the live view leaves no room for a question
    if len(nodes) < len(site.site.nodes):
        checks = tuple(check for check in checks if check.subject is Subject.NODE)
    return Plan(
        site=site.site,
        nodes=nodes,
        checks=checks,
        options=Options(
            dirac=said.dirac,
            test_vms=not said.no_vms,
            folder=site.folder,
            identity=said.identity,
            dirac_password=partial(site.needed_secret, "dirac_password", leaving=True),
        ),
        user=said.user or "root",
        jobs=said.jobs,
    )


def _nodes(site: Site, said: Asked) -> tuple[Node, ...]:
    """The nodes to look at. Raises B2ctError for names that are none, and for none at all."""
    if not site.nodes:
        raise B2ctError("site.yaml names no nodes", hint="describe them under `nodes:`")
    unknown = [name for name in said.nodes if site.node(name) is None]
    if unknown:
        known = ", ".join(node.name for node in site.nodes)
        raise B2ctError(f"site.yaml has no node {unknown[0]!r}", hint=f"it has: {known}")
    found = tuple(
        node
        for node in site.nodes
        if (not said.nodes or node.name in said.nodes)
        and (not said.roles or node.role.value in said.roles)
    )
    if not found:
        raise B2ctError("no node has that name and that role", hint="leave out --node or --role")
    return _this_one(site, found, said) if said.local else found


def _this_one(site: Site, found: tuple[Node, ...], said: Asked) -> tuple[Node, ...]:
    if said.nodes and len(found) == 1:
        return found
    return (this_node(site.nodes),)
