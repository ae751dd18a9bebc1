"""XML from outside, read safely: no document types, hence no entities; malformed is one line."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from b2ct.one.faults import BrokenError
from b2ct.one.text import Attributes, Item

Element = ET.Element


class _Plain(ET.TreeBuilder):
    """Refuses the first document type it meets."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise BrokenError(
            "the server's answer declares a document type, which no OpenNebula does: refused",
            hint="does the endpoint really lead to OpenNebula?",
        )


def tree(body: str) -> Element:
    """The root of an XML body. Raises BrokenError when it is malformed or has a document type."""
    parser = ET.XMLParser(target=_Plain())  # noqa: S314 - document types are refused above
    try:
        parser.feed(body)
        return parser.close()
    except ET.ParseError as err:
        line, column = err.position
        raise BrokenError(
            f"the server's answer is malformed XML (line {line}, column {column})",
            hint="try again; if it stays so, an object may hold characters that XML cannot",
        ) from None


def text(element: Element, path: str, default: str = "") -> str:
    """The text at a path, or the default."""
    return (element.findtext(path) or default).strip()


def integer(element: Element, path: str, default: int = 0) -> int:
    """The integer at a path; the default where there is none, or none that is a number."""
    try:
        return int(text(element, path) or default)
    except ValueError:
        return default


def number(element: Element, path: str, default: float = 0.0) -> float:
    """The number at a path; the default where there is none."""
    try:
        return float(text(element, path) or default)
    except ValueError:
        return default


def flag(element: Element, path: str) -> bool:
    """1 and YES are true."""
    return text(element, path).upper() in ("1", "YES")


def ids(element: Element, path: str) -> tuple[int, ...]:
    """The IDs listed below a path, ascending."""
    found = (one.text or "" for one in element.iterfind(f"{path}/ID"))
    return tuple(sorted(int(value) for value in found if value.strip().lstrip("-").isdigit()))


def attributes(element: Element | None) -> Attributes:
    """TEMPLATE or USER_TEMPLATE: an element with children is a vector, one without is a text."""
    return Attributes(_pairs(element if element is not None else ()))


def _pairs(children: Iterable[Element]) -> Iterable[tuple[str, Item]]:
    for child in children:
        if len(child):
            yield child.tag, {inner.tag: inner.text or "" for inner in child}
        else:
            yield child.tag, child.text or ""
