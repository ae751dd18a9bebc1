"""Remedies that a check itself gives: commands to paste, filled in as those of its metadata.

A remedy is one of three. A command is pasted as it is, and mends. What begins with HANDS wants
somebody to decide, or to go there; commands in it only show something. What begins with GIVEN is
of a check that always gives a command of its own: the manual has it, no report does.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2ct.site.model import Site

HANDS = "by hand: "
GIVEN = "in the report: "


def by_hand(text: str) -> str:
    """What no command mends."""
    return text if text.startswith(HANDS) else f"{HANDS}{text}"


def on_node(command: str) -> str:
    """To be run on the node that the check looked at."""
    return f"ssh {{user}}@{{address}} {_quoted(command)}"


def on_control(command: str) -> str:
    """To be run on the control node."""
    return f"ssh {{user}}@{{control}} {_quoted(command)}"


def on(name: str, site: Site, command: str) -> str:
    """To be run on the node of that name, at its address, in a check of the site."""
    from b2ct.site.places import reached

    node = site.node(name)
    return f"ssh {{user}}@{reached(node, site) if node else name} {_quoted(command)}"


def _quoted(command: str) -> str:
    """One word for the far shell where ours would take it apart."""
    return shlex.quote(command) if set(command) & set(";|&<>*$'\"()`") else command
