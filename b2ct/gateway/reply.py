"""An answer of oned, read while it comes: neither its bytes nor a tree of it are kept.

A long document in it, a pool of thousands of VMs, goes on in pieces to who wants it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn
from xml.parsers import expat

from b2ct.gateway.message import Answer, Failure, Fault, Success, Value
from b2ct.one.faults import BrokenError

BUFFER = 16384
"""Characters that are passed on at once."""
SHORT = 65536
"""Characters of all that is not the document: an error's text, numbers."""
_ARRAY = ["methodResponse", "params", "param", "value", "array", "data", "value"]
_MEMBER = ["methodResponse", "fault", "value", "struct", "member"]


def parse(body: bytes) -> Answer:
    """A whole answer. Raises BrokenError for what is none."""
    pieces: list[str] = []
    reader = Reader(pieces.append)
    reader.feed(body)
    answer = reader.close()
    return Success("".join(pieces)) if answer == Success("") else answer


class Reader:
    """An answer, piece by piece. The document of a success goes to `document`."""

    def __init__(self, document: Callable[[str], None]) -> None:
        self._document = document
        # Whatever the answer declares: it is UTF-8 or it is refused.
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.buffer_text = True
        self._parser.buffer_size = BUFFER
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._path: list[str] = []
        self._text: list[str] = []
        self._short = 0
        self._typed: tuple[Value | None] | None = None
        self._array: list[Value | None] = []
        self._name = ""
        self._fault: dict[str, Value | None] = {}

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """The next bytes. Raises BrokenError."""
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as err:
            raise BrokenError(
                f"the server's answer is malformed XML (line {err.lineno})",
                hint="try again; if it stays so, an object may hold characters that XML cannot",
            ) from None

    def close(self) -> Answer:
        """The answer, where the document is the empty text. Raises BrokenError for what is none."""
        self.feed(b"", final=True)
        match self._array:
            case [True, str() | int() as value, *_]:
                return Success(value)
            case [False, str() as text, int() as code, int() as object_id, *_]:
                return Failure(text, code, object_id)
            case [False, str() as text, int() as code]:
                return Failure(text, code)
        match self._fault:
            case {"faultCode": int() as code, "faultString": str() as text}:
                return Fault(code, text)
        raise BrokenError("the answer is not of the form that OpenNebula's answers have")

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._path.append(tag)
        if len(self._path) > 10 or len(self._array) > 10:
            raise BrokenError("the answer is not of the form that OpenNebula's answers have")
        self._text = []
        if tag == "value":
            self._typed = None

    def _characters(self, text: str) -> None:
        in_value = self._path[:7] == _ARRAY and self._path[7:] in ([], ["string"])
        if in_value and self._array == [True]:
            self._document(text)
            return
        self._short += len(text)
        if self._short > SHORT:
            raise BrokenError("the answer is not of the form that OpenNebula's answers have")
        self._text.append(text)

    def _end(self, tag: str) -> None:
        path, self._path = self._path, self._path[:-1]
        text = "".join(self._text)
        self._text = []
        if tag == "value":
            value = self._typed[0] if self._typed else text
            self._typed = None
            if path == _ARRAY:
                self._array.append(value)
            elif path[:-1] == _MEMBER:
                self._fault[self._name] = value
        elif tag == "name" and path[:-1] == _MEMBER:
            self._name = text
        elif path[-2:-1] == ["value"]:
            self._typed = (_typed(tag, text),)

    def _refuse(self, *_: object) -> NoReturn:
        raise BrokenError(
            "the server's answer declares a document type, which no OpenNebula does: refused",
            hint="does the endpoint really lead to OpenNebula?",
        )


def _typed(tag: str, text: str) -> Value | None:
    """The value that oned wrote; None for what is none of a known type."""
    if tag == "string":
        return text
    if tag in ("i4", "int", "i8") and re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        return int(text)
    return {"1": True, "0": False}.get(text) if tag == "boolean" else None
