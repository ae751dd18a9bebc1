"""oned's answers as DIRAC's own driver understands them, rewritten while they come.

What DIRAC 9.1's OpenNebula_6_0_NodeDriver and CloudComputingElement make of an answer:
- list_sizes reads CPU and MEMORY as integers, and one template with CPU=0.5 that the user can see
  ends every submission: fractions are rounded up.
- getJobStatus takes every state but STOPPED for a running pilot, also that of a VM that is gone:
  DONE and UNDEPLOYED are shown as POWEROFF.
- cleanupPilots ends what is stopped or failed, in the order of the list, until it meets the first
  VM that runs, where it gives up (libcloud's Node has no created_at): those that have ended come
  first. A failed boot is an ACTIVE VM, which it would take for a running one: FAILED is shown.

A pool of thousands of VMs is held once, as the bytes that are sent. What needs no change stays as
it is, to the byte; so does what is no XML, from there on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import cached_property
from xml.parsers import expat

from b2ct.gateway.message import Document
from b2ct.one.states import VmState, lcm_name

_FAILED = str(int(VmState.FAILED))
"""A state that oned itself no longer uses (include/VirtualMachine.h), and drivers know."""
_POWEROFF = str(int(VmState.POWEROFF))
_ENDED = frozenset({_FAILED, _POWEROFF, str(int(VmState.STOPPED))})
_GONE = frozenset({str(int(VmState.DONE)), str(int(VmState.UNDEPLOYED))})
_ACTIVE = str(int(VmState.ACTIVE))
_NEVER_RAN = frozenset({"BOOT_FAILURE", "PROLOG_FAILURE"})

Path = list[str]


@dataclass
class _Found:
    """An element of an item, without children: its text, and where it stands in the item."""

    tag: str
    start: int
    end: int = 0
    text: str = ""


@dataclass(frozen=True)
class _Kind:
    """Documents of one form: their items, the elements of them to look at, what becomes of them.

    `change` gives new texts for what it found, by index, and whether the item comes first.
    """

    item: Path
    watched: list[Path]
    change: Callable[[list[_Found]], tuple[Mapping[int, str], bool]]

    @cached_property
    def depth(self) -> int:
        """Of the deepest that is watched."""
        return max(map(len, self.watched))


def _state(found: list[_Found]) -> tuple[Mapping[int, str], bool]:
    first = {entry.tag: number for number, entry in reversed(list(enumerate(found)))}
    if "STATE" not in first:
        return {}, False
    at = first["STATE"]
    state = found[at].text
    lcm = found[first["LCM_STATE"]].text.strip() if "LCM_STATE" in first else ""
    shown = state
    if state in _GONE:
        shown = _POWEROFF
    elif state == _ACTIVE and lcm_name(int(lcm) if lcm.isdecimal() else 0) in _NEVER_RAN:
        shown = _FAILED
    return {at: shown} if shown != state else {}, shown in _ENDED


def _numbers(found: list[_Found]) -> tuple[Mapping[int, str], bool]:
    whole = {number: _whole(entry.text) for number, entry in enumerate(found)}
    return {n: text for n, text in whole.items() if text != found[n].text}, False


def _whole(text: str) -> str:
    """Rounded up; what is no number stands for 1, as DIRAC makes no use of it but reads it."""
    if text.isascii() and text.isdecimal():
        return text
    try:
        return str(max(1, int(Decimal(text).to_integral_value(ROUND_CEILING))))
    except (InvalidOperation, ValueError, OverflowError):
        return "1"


def _vms(*item: str) -> _Kind:
    return _Kind([*item], [[*item, "STATE"], [*item, "LCM_STATE"]], _state)


_TEMPLATE = ["VMTEMPLATE_POOL", "VMTEMPLATE"]
_KINDS = {
    "one.vm.info": _vms("VM"),
    "one.vmpool.info": _vms("VM_POOL", "VM"),
    "one.vmpool.infoextended": _vms("VM_POOL", "VM"),
    "one.templatepool.info": _Kind(
        _TEMPLATE,
        [[*_TEMPLATE, "TEMPLATE", name] for name in ("CPU", "MEMORY")],
        _numbers,
    ),
}


class AsItIs:
    """A document that is passed on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, text: str) -> None:
        """The next piece."""
        self._parts.append(_escaped(text.encode()))

    def close(self) -> Document:
        """All of it."""
        return Document(self._parts)


def document(method: str, *, adapt: bool) -> AsItIs | Adapted:
    """What takes the document in the answer to a call."""
    kind = _KINDS.get(method) if adapt else None
    return Adapted(kind) if kind else AsItIs()


@dataclass
class Adapted:
    """A document whose items are changed and put in order."""

    kind: _Kind
    _before: list[bytes] = field(default_factory=list)
    _first: list[bytes] = field(default_factory=list)
    _others: list[bytes] = field(default_factory=list)
    _pending: bytearray = field(default_factory=bytearray)
    """What was fed and is in none of the lists yet."""
    _base: int = 0
    """Where in the document the pending bytes begin."""
    _path: Path = field(default_factory=list)
    _item: int = -1
    """Where in the document the item under way begins; -1: none is."""
    _found: list[_Found] = field(default_factory=list)
    _broken: bool = False

    def __post_init__(self) -> None:
        """The parser, whose handlers are methods of this."""
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, text: str) -> None:
        """The next piece."""
        data = text.encode()
        self._pending += data
        self._parse(data, final=False)
        if self._broken:
            self._others.append(self._taken(len(self._pending)))

    def close(self) -> Document:
        """All of it."""
        self._parse(b"", final=True)
        last = _escaped(bytes(self._pending))
        return Document([*self._before, *self._first, *self._others, last])

    def _parse(self, data: bytes, *, final: bool) -> None:
        if not self._broken:
            try:
                self._parser.Parse(data, final)
            except (expat.ExpatError, _NotOneError):
                self._broken = True

    def _taken(self, length: int) -> bytes:
        """The first pending bytes, escaped; they are pending no more."""
        taken = bytes(self._pending[:length])
        del self._pending[:length]
        self._base += length
        return _escaped(taken)

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        path = self._path
        path.append(tag)
        # Called for each of a million elements, of which most lie deeper than anything watched.
        if len(path) > self.kind.depth:
            if len(path) > _DEEPEST:
                raise _NotOneError
            return
        if path == self.kind.item:
            at = self._parser.CurrentByteIndex
            if not self._before:
                self._before.append(self._taken(at - self._base))
            self._item, self._found = at, []
        elif path in self.kind.watched and self._item >= 0:
            self._found.append(_Found(tag, self._parser.CurrentByteIndex))
            self._parser.CharacterDataHandler = self._characters

    def _characters(self, text: str) -> None:
        self._found[-1].text += text

    def _end(self, tag: str) -> None:
        path = self._path
        if len(path) <= self.kind.depth and self._item >= 0:
            if path == self.kind.item:
                self._ended(self._behind(tag))
                self._item = -1
            elif path in self.kind.watched:
                self._parser.CharacterDataHandler = None
                self._found[-1].end = self._behind(tag)
        path.pop()

    def _behind(self, tag: str) -> int:
        """Where the element ends. Of `<A/>` the parser is behind it, of `<A></A>` before `</A>`."""
        at = self._parser.CurrentByteIndex
        closing = f"</{tag}>".encode()
        there = self._pending[at - self._base : at - self._base + len(closing)]
        return at + len(closing) if there == closing else at

    def _ended(self, end: int) -> None:
        changes, first = self.kind.change(self._found)
        for number in sorted(changes, reverse=True):
            found = self._found[number]
            new = f"<{found.tag}>{changes[number]}</{found.tag}>".encode()
            self._pending[found.start - self._base : found.end - self._base] = new
            # Positions count the document as it came.
            self._base += found.end - found.start - len(new)
        (self._first if first else self._others).append(self._taken(end - self._base))

    def _refuse(self, *_: object) -> None:
        raise _NotOneError


class _NotOneError(Exception):
    """No document of oned's."""


_DEEPEST = 32


def _escaped(data: bytes) -> bytes:
    for plain, entity in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b"\r", b"&#13;")):
        data = data.replace(plain, entity)
    return data
