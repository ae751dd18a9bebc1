"""Remedies that a check itself gives: commands to paste, filled in as those of its metadata."""

from __future__ import annotations

import shlex


def on_node(command: str) -> str:
    """To be run on the node that the check looked at."""
    return f"ssh {{user}}@{{address}} {_quoted(command)}"


def on_control(command: str) -> str:
    """To be run on the control node."""
    return f"ssh {{user}}@{{control}} {_quoted(command)}"


def on(node: str, command: str) -> str:
    """To be run on a node of that name, in a check of the site."""
    return f"ssh {{user}}@{node} {_quoted(command)}"


def _quoted(command: str) -> str:
    """One word for the far shell where ours would take it apart."""
    return shlex.quote(command) if set(command) & set(";|&<>*$'\"()`") else command
