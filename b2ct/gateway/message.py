"""XML-RPC calls and answers: bytes to typed values and back, with nothing of the bytes kept.

A call may hold scalars only (https://xmlrpc.com/spec.md: string, int, i4, boolean), as all calls of
oned that are allowed do. Structs, arrays and everything else of XML are refused while they are
read: what is not expected at a place ends the parse there, so neither depth nor number of elements
can grow.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from b2ct.gateway.errors import FAULT_TYPE, Malformed

Value = str | int | bool

BEGINNING = 8192
"""Bytes of a call that are read before it is known whose it is: half a millisecond at most."""
MOST_PARAMETERS = 8
"""The longest allowed call has six."""
NAME = re.compile(r"[A-Za-z0-9_.:/]{1,64}")
INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
I4 = 2**31

# What may stand where. An element that is not here ends the parse.
_INSIDE: dict[str, frozenset[str]] = {
    "": frozenset({"methodCall"}),
    "methodCall": frozenset({"methodName", "params"}),
    "params": frozenset({"param"}),
    "param": frozenset({"value"}),
    "value": frozenset({"string", "int", "i4", "boolean"}),
}
_TEXT = frozenset({"methodName", "value", "string", "int", "i4", "boolean"})
# xmlrpc-c refuses characters beyond the Basic Multilingual Plane; XML 1.0 knows no controls.
_UTF8 = codecs.getincrementaldecoder("utf-8")
_ODD = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


@dataclass(frozen=True)
class Request:
    """A call as it was sent. `repr` shows neither the session nor any other value."""

    method: str
    values: tuple[Value, ...] = field(repr=False)


@dataclass(frozen=True)
class Document:
    """A long text as it stands in an answer: escaped, in UTF-8, in pieces."""

    pieces: list[bytes] = field(repr=False)


@dataclass(frozen=True)
class Success:
    """oned did it; `value` is an ID or an XML document."""

    value: Value | Document = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """oned, or the gateway in its form, refused: a text, a code and the object's ID (-1: none)."""

    text: str
    code: int
    object_id: int = -1


@dataclass(frozen=True)
class Fault:
    """An XML-RPC fault."""

    code: int
    text: str


Answer = Success | Failure | Fault


def parse(body: bytes) -> Request:
    """Read a call. Raises Malformed for everything that is not exactly one."""
    return _Reader().read(body)


def beginning(body: bytes) -> Request:
    """The method, and the values that stand whole in the beginning of a long call.

    What follows may be anything: `parse` has the last word. Raises Malformed.
    """
    return _Reader().read(body[:BEGINNING], final=False)


def call(method: str, values: Sequence[Value]) -> bytes:
    """Write a call."""
    params = "".join(f"<param>{_value(value)}</param>" for value in values)
    return (
        f"{_HEAD}<methodCall><methodName>{escape(method)}</methodName>"
        f"<params>{params}</params></methodCall>\n"
    ).encode()


def answer(made: Answer) -> list[bytes]:
    """Write an answer as oned does: an array of values, or a fault; in pieces.

    A document's pieces are moved, so that nobody else holds what a client does not take.
    """
    if isinstance(made, Fault):
        inner = (
            "<fault><value><struct>"
            f"<member><name>faultCode</name><value><i4>{made.code}</i4></value></member>"
            f"<member><name>faultString</name>{_value(made.text)}</member>"
            "</struct></value></fault>"
        )
        return [f"{_HEAD}<methodResponse>{inner}</methodResponse>\n".encode()]
    begin = f"{_HEAD}<methodResponse><params><param><value><array><data>"
    end = "</data></array></value></param></params></methodResponse>\n"
    values: tuple[Value, ...]
    if isinstance(made, Failure):
        values = (False, made.text, made.code, made.object_id)
    elif isinstance(made.value, Document):
        begin += f"{_value(True)}<value><string>"
        end = f"</string></value>{_value(0)}{end}"
        pieces = [begin.encode(), *made.value.pieces, end.encode()]
        made.value.pieces.clear()
        return pieces
    else:
        values = (True, made.value, 0)
    return [f"{begin}{''.join(map(_value, values))}{end}".encode()]


_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return f"<value><boolean>{int(value)}</boolean></value>"
    if isinstance(value, int):
        return f"<value><i4>{value}</i4></value>"
    return f"<value><string>{escape(value, {chr(13): '&#13;'})}</string></value>"


class _Reader:
    """One call, element by element."""

    def __init__(self) -> None:
        # The encoding that the document declares is not followed: it is UTF-8 or it is refused.
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.ProcessingInstructionHandler = self._refuse
        self._parser.XmlDeclHandler = self._declaration
        self._parser.buffer_text = True
        self._path: list[str] = []
        self._seen: set[str] = set()
        self._text: list[str] = []
        self._typed: Value | None = None
        self._values: list[Value] = []
        self._method: str | None = None

    def read(self, body: bytes, *, final: bool = True) -> Request:
        try:
            # expat would follow a byte order mark into UTF-16.
            if "\0" in _UTF8().decode(body, final):
                raise Malformed("an encoding other than UTF-8")
            self._parser.Parse(body, final)
        except expat.ExpatError as err:
            raise Malformed(f"malformed XML at line {err.lineno}") from None
        except (ValueError, LookupError):
            raise Malformed("an encoding other than UTF-8") from None
        if self._method is None:
            raise Malformed("no methodName")
        return Request(self._method, tuple(self._values))

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        above = self._path[-1] if self._path else ""
        if tag not in _INSIDE.get(above, frozenset()):
            self._refuse_element(tag)
        if attributes:
            raise Malformed("an element has attributes")
        if above == "methodCall":
            if tag in self._seen or (tag == "params" and "methodName" not in self._seen):
                raise Malformed("methodName and params come once each, in this order")
            self._seen.add(tag)
        if tag == "value":
            self._typed = None
        elif above == "value" and (self._typed is not None or "".join(self._text).strip()):
            raise Malformed("a value with more than one content")
        if tag == "param" and len(self._values) >= MOST_PARAMETERS:
            raise Malformed("too many parameters")
        self._text = []
        self._path.append(tag)
        if tag == "param":
            self._seen.discard("value")
        elif tag == "value":
            if "value" in self._seen:
                raise Malformed("a param with several values")
            self._seen.add("value")

    def _end(self, tag: str) -> None:
        self._path.pop()
        text = "".join(self._text)
        self._text = []
        if tag == "methodName":
            if not NAME.fullmatch(text):
                raise Malformed("no name of a method")
            self._method = text
        elif tag in ("string", "int", "i4", "boolean"):
            self._typed = _typed(tag, text)
        elif tag == "value":
            if self._typed is not None and text.strip():
                raise Malformed("a value with more than one content")
            self._values.append(_typed("string", text) if self._typed is None else self._typed)
        elif tag == "param" and "value" not in self._seen:
            raise Malformed("a param without a value")

    def _characters(self, text: str) -> None:
        if self._path and self._path[-1] in _TEXT:
            self._text.append(text)
        elif text.strip():
            raise Malformed("text outside of a value")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
            raise Malformed("an encoding other than UTF-8")

    def _refuse_element(self, tag: str) -> NoReturn:
        if self._path and self._path[-1] == "value" and tag in _OTHER_TYPES:
            raise Malformed("a value that is neither text, integer nor boolean", FAULT_TYPE)
        raise Malformed("no XML-RPC call")

    def _refuse(self, *_: object) -> NoReturn:
        raise Malformed("a document type, entity or processing instruction")


_OTHER_TYPES = frozenset({"struct", "array", "double", "base64", "dateTime.iso8601", "nil", "i8"})


def _typed(tag: str, text: str) -> Value:
    if tag == "string":
        if _ODD.search(text):
            raise Malformed("a character that OpenNebula cannot take")
        return text
    if tag == "boolean":
        if text.strip() not in ("0", "1"):
            raise Malformed("a boolean that is neither 0 nor 1")
        return text.strip() == "1"
    if not INTEGER.fullmatch(text.strip()) or not -I4 <= int(text) < I4:
        raise Malformed("an integer of more than 32 bits, or none")
    return int(text)
