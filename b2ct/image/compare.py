"""Why two builds of one definition differ: the first layer that does, and the files in it."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.image.rootfs.cache import Layer

_SHOWN = 10


@dataclass(frozen=True)
class Side:
    """One of two builds."""

    cache: Path
    layers: Sequence[Layer]
    image: Path

    def archive(self, kind: str) -> Path | None:
        """Its layer of that kind, where it is kept."""
        paths = [self.cache / f"{layer.key}.tar" for layer in self.layers if layer.kind == kind]
        return next((path for path in paths if path.exists()), None)


def differences(first: Side, second: Side) -> list[str]:
    """What differs, a sentence each: files of the lowest differing layer, else of the image."""
    sums = {layer.kind: layer.sha256 for layer in first.layers}
    for layer in second.layers:
        if sums.get(layer.kind, layer.sha256) == layer.sha256:
            continue
        one, other = first.archive(layer.kind), second.archive(layer.kind)
        if one is None or other is None:
            return [f"the {layer.kind} layers differ"]
        found = list(of_archives(one, other))
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        return [f"the {layer.kind} layers differ", *found[:_SHOWN], *more]
    offset = first_difference(first.image, second.image)
    return ["all files are the same", f"the images differ first at byte {offset}"]


def of_archives(one: Path, other: Path) -> Iterator[str]:
    """The members in which two tar archives differ, sorted, each with what differs."""
    left, right = _members(one), _members(other)
    for name in sorted(left.keys() | right.keys()):
        if name not in left or name not in right:
            yield f"{name} is in one of them only"
        elif left[name] != right[name]:
            what = [key for key in left[name] if left[name][key] != right[name].get(key)]
            yield f"{name} differs in its {', '.join(what) or 'attributes'}"


def _members(path: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content = ""
            if member.isreg() and (source := archive.extractfile(member)):
                digest = hashlib.sha256()
                while block := source.read(1 << 20):
                    digest.update(block)
                content = digest.hexdigest()
            found[member.name.removeprefix(".") or "/"] = {
                "content": content,
                "type": member.type.decode("ascii", "replace"),
                "mode": f"{member.mode:o}",
                "owner": f"{member.uid}:{member.gid}",
                "time": str(member.mtime),
                "target": member.linkname,
                "attributes": str(sorted(member.pax_headers.items())),
            }
    return found


def first_difference(one: Path, other: Path) -> int:
    """The offset of the first byte in which two files differ; the size of the shorter, if none."""
    offset = 0
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            a, b = left.read(1 << 20), right.read(1 << 20)
            if a != b or not a:
                same = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
                return offset + next(same, min(len(a), len(b)))
            offset += len(a)
