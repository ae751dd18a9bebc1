"""What a person added to a VM template of B2CT's stays, in vectors and lists too. Pure.

oned replaces an attribute as a whole, so what is sent also holds what was there from a person:
`OS=[UUID=...]`, a second disk, a further network card, `MODEL` of a card, a label. Of several
vectors B2CT's are: the disk with the worker's image, and the cards that carry B2CT_MADE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from b2ct.cloud.register.images import split
from b2ct.one import labels
from b2ct.one.text import Attributes, Item, Vector

FAMILY = "B2CT_IMAGE"
"""Attribute of a VM template: the name whose current version it starts from."""
_OVERRULED = MappingProxyType(
    {"DISK": ("IMAGE_ID", "IMAGE_UID"), "NIC": ("NETWORK_ID", "NETWORK_UID")}
)
"""IDs would win over the names that B2CT writes."""
_UNMARKED = {"NETWORK", "NETWORK_UNAME", "MODEL"}
"""What a card of B2CT's had, and nothing more, before cards were marked."""


def kept(wanted: Attributes, there: Attributes) -> Attributes:
    """The attributes of `wanted`, with what a person added to them in `there`."""
    made: list[tuple[str, Item]] = []
    for name in (*wanted, *(name for name in ("NIC",) if name in there and name not in wanted)):
        made += [(name, item) for item in _laid(name, wanted, there)]
    return Attributes(made)


def _laid(name: str, wanted: Attributes, there: Attributes) -> Sequence[Item]:
    new, old = wanted.get(name, ()), there.get(name, ())
    if name == "LABELS":
        return (_labels(wanted.text(name), there.text(name)),)
    if name not in ("DISK", "NIC") and (len(new) != 1 or isinstance(new[0], str)):
        return new
    vectors = there.vectors(name)
    ours = {"DISK": _our_disk(wanted, there), "NIC": _our_card}.get(name, _first(vectors))
    if any(isinstance(item, str) for item in old):
        return new
    return _places(name, wanted.vectors(name), vectors, ours)


def _places(
    name: str, new: Sequence[Vector], old: Sequence[Vector], ours: Callable[[Vector], bool]
) -> list[Item]:
    """B2CT's vectors where B2CT's were, in their order; a person's where they were."""
    left = list(new)
    places: list[Item] = []
    for vector in old:
        if not ours(vector):
            places.append(vector)
        elif left:
            places.append(_over(name, left.pop(0), old, ours))
    places += [_over(name, vector, old, ours) for vector in left]
    return places


def _over(name: str, new: Vector, old: Sequence[Vector], ours: Callable[[Vector], bool]) -> Vector:
    """A vector of B2CT's with what a person added to the one that it takes the place of."""
    same = (v for v in old if ours(v) and (name != "NIC" or v.get("NETWORK") == new.get("NETWORK")))
    before: Mapping[str, str] = next(same, {})
    return {**{k: v for k, v in before.items() if k not in _OVERRULED.get(name, ())}, **new}


def _first(vectors: Sequence[Vector]) -> Callable[[Vector], bool]:
    return lambda vector: vector is vectors[0]


def _our_disk(wanted: Attributes, there: Attributes) -> Callable[[Vector], bool]:
    """The first disk with an image of the worker's, before or now; else the first with an image."""
    families = {wanted.text(FAMILY), there.text(FAMILY)}
    disks = there.vectors("DISK")
    named = [disk for disk in disks if split(disk.get("IMAGE", ""))[0] in families]
    found = [*named, *(disk for disk in disks if disk.get("IMAGE") or disk.get("IMAGE_ID"))][:1]
    return lambda disk: bool(found) and disk is found[0]


def _our_card(card: Vector) -> bool:
    unmarked = set(card) == _UNMARKED and card["MODEL"] == "virtio"
    return card.get(labels.MADE) == "YES" or unmarked


def _labels(wanted: str, there: str) -> str:
    words = [word.strip() for word in there.split(",") if word.strip()]
    return ",".join(dict.fromkeys([*words, *wanted.split(",")]))
