"""DIRAC's configuration text as plain dictionaries, read by diraccfg as DIRAC reads it."""

from __future__ import annotations

from typing import Any

from diraccfg import CFG


def tree(text: str) -> dict[str, Any]:
    """Sections and options: names to texts, or to dictionaries."""
    return _plain(CFG().loadFromBuffer(text))


def site(text: str, name: str = "CLOUD.Torino.it") -> dict[str, Any]:
    """The section of a site of the grid CLOUD."""
    found: dict[str, Any] = tree(text)["Resources"]["Sites"]["CLOUD"][name]
    return found


def _plain(section: Any) -> dict[str, Any]:
    return {
        **{name: section.getOption(name) for name in section.listOptions()},
        **{name: _plain(section[name]) for name in section.listSections()},
    }
