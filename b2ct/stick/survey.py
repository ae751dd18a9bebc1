"""The answer of `b2ct usb list`: every device, whether it is offered, and why not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from b2ct.stick import devices, guard
from b2ct.stick.devices import Block, Kind, Machine
from b2ct.stick.guard import Reason
from b2ct.stick.trouble import mib


@dataclass(frozen=True)
class Entry:
    """A whole device, and what speaks against writing it."""

    block: Block
    partitions: tuple[Block, ...]
    mounts: tuple[str, ...]
    reasons: tuple[Reason, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs. Sizes in bytes."""
        block = self.block
        return {
            "device": str(block.path),
            "kind": block.kind.value,
            "vendor": block.vendor,
            "model": block.model,
            "serial": guard.identity(block),
            "transport": block.transport,
            "removable": block.pluggable,
            "size": block.size,
            "mounts": list(self.mounts),
            "contents": contents(block, self.partitions),
            "offered": not self.reasons,
            "reasons": [{"code": one.code, "text": one.text} for one in self.reasons],
        }

    def lines(self) -> list[str]:
        """For people."""
        block = self.block
        size = mib(block.size) if block.size else "no medium"
        found = [f"{block.path}  {size}  {guard.describe(block)}"]
        found += [f"    {line}" for line in contents(block, self.partitions)]
        found += [f"    mounted at {', '.join(self.mounts)}"] if self.mounts else []
        found += [f"    not offered: {one.text}" for one in self.reasons]
        return found


def contents(block: Block, partitions: tuple[Block, ...]) -> list[str]:
    """What is on a device, a line for each part."""
    found = []
    for one in (block, *partitions):
        what = ", ".join(one.signatures)
        label = f' "{one.content.label}"' if one.content.label else ""
        if what or label or one.kind is Kind.PARTITION:
            found.append(f"{one.name}  {mib(one.size)}  {what or 'unknown'}{label}")
    return found


def entry(machine: Machine, block: Block) -> Entry:
    """What is known of one device."""
    upon = machine.upon(block)
    points = sorted({use.point for use in machine.uses if use.point and use.number in upon})
    return Entry(block, machine.partitions(block), tuple(points), guard.reasons(machine, block))


def survey(machine: Machine, *, everything: bool = False) -> tuple[Entry, ...]:
    """The disks and sticks, offered ones first; with `everything` loop devices and layers too."""
    entries = [entry(machine, block) for block in _worth_showing(machine, everything)]
    return tuple(sorted(entries, key=lambda one: (bool(one.reasons), one.block.name)))


def look() -> Machine:
    """The machine now; as root also what signatures are on the sticks."""
    machine = devices.gather()
    if os.geteuid() == 0:
        for block in machine.blocks:
            if block.kind is Kind.DISK and block.pluggable and block.size:
                machine = devices.with_signatures(machine, block)
    return machine


def _worth_showing(machine: Machine, everything: bool) -> Iterator[Block]:
    for block in machine.blocks:
        if block.kind is Kind.DISK or (everything and block.kind is not Kind.PARTITION):
            yield block
