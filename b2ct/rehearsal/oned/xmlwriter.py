"""XML as oned writes it: no white space, CDATA for what users may have written."""

from __future__ import annotations

from collections.abc import Iterable


def el(tag: str, value: object) -> str:
    """`<TAG>value</TAG>`, unescaped: for numbers and names, which oned restricts."""
    return f"<{tag}>{value}</{tag}>"


def cdata(tag: str, value: object) -> str:
    return f"<{tag}><![CDATA[{value}]]></{tag}>"


def ids(tag: str, numbers: Iterable[int]) -> str:
    """A collection of ids in ascending order: `<VMS><ID>1</ID></VMS>`."""
    return f"<{tag}>{''.join(el('ID', n) for n in sorted(numbers))}</{tag}>"


def vector(tag: str, attributes: dict[str, str]) -> str:
    """A vector attribute; oned keeps these in a sorted map."""
    inner = "".join(cdata(name, attributes[name]) for name in sorted(attributes))
    return f"<{tag}>{inner}</{tag}>"
