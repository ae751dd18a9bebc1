"""The table of methods: what a call is, which arguments it takes, how its answer is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from b2ct.rehearsal.oned import template
from b2ct.rehearsal.oned.errors import Fault

if TYPE_CHECKING:
    from b2ct.rehearsal.oned.acl import Wanted
    from b2ct.rehearsal.oned.cloud import Cloud
    from b2ct.rehearsal.oned.entities import Entity
    from b2ct.rehearsal.oned.users import User

Answer = str | int | bool
Handler = Callable[..., Answer]
METHODS: dict[str, Handler] = {}
_TYPES = {"int": (int, "integer"), "str": (str, "string"), "bool": (bool, "boolean")}


@dataclass
class Call:
    """One request: who asks what of which cloud."""

    cloud: Cloud
    user: User
    method: str
    number: int

    @property
    def uid(self) -> int:
        return self.user.id

    @property
    def groups(self) -> set[int]:
        return self.user.groups

    @property
    def is_admin(self) -> bool:
        return self.uid == 0 or 0 in self.groups

    def parse(self, text: str) -> template.Template:
        """The attributes that the caller sent, as this release reads them."""
        found = template.parse(text)
        return found.trimmed() if self.cloud.release.trimmed else found

    def may(self, right: int, kind: str, target: Entity | None = None) -> None:
        """Raise the refusal if the caller may not."""
        self.may_all((right, kind, target))

    def may_all(self, *wanted: Wanted) -> None:
        """As `may`; the refusal names all that is missing."""
        self.cloud.acl.authorize(self.uid, self.groups, wanted)

    def may_see(self, kind: str, target: Entity) -> None:
        """For the calls that only tell: a lock does not hinder them."""
        if not self.cloud.acl.allowed(self.uid, self.groups, 1, kind, target):
            self.may(1, kind, target)


def method(name: str) -> Callable[[Handler], Handler]:
    """Register a handler: its annotations are the types of the arguments after the session."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = handler
        return handler

    return register


def bind(handler: Handler, arguments: list[Any]) -> list[Any]:
    """The arguments checked as xmlrpc-c does; more than are wanted are ignored.

    Raises: Fault -501 for too few or of the wrong type.
    """
    wanted = list(inspect.signature(handler).parameters.values())[1:]
    bound = []
    for index, parameter in enumerate(wanted):
        if index >= len(arguments):
            if parameter.default is inspect.Parameter.empty:
                raise Fault(-501, "Not enough parameters")
            break
        kind, name = _TYPES.get(str(parameter.annotation), (object, ""))
        value = arguments[index]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Fault(-501, f"Parameter that is supposed to be {name} is not")
        bound.append(value)
    return bound


def _value(value: Answer) -> str:
    if isinstance(value, bool):
        return f"<value><boolean>{int(value)}</boolean></value>\r\n"
    if isinstance(value, int):
        return f"<value><i4>{value}</i4></value>\r\n"
    return f"<value><string>{escape(value)}</string></value>\r\n"


_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>\r\n'


def _array(*values: str) -> bytes:
    inner = "".join(values)
    return (
        f"{_HEAD}<params>\r\n<param><value><array><data>\r\n{inner}</data></array></value>"
        "</param>\r\n</params>\r\n</methodResponse>\r\n"
    ).encode()


def success(value: Answer) -> bytes:
    return _array(_value(True), _value(value), _value(0))


def failure(text: str, code: int, object_id: int) -> bytes:
    """The last value is the index of a replicated log entry, which a single server has not."""
    return _array(
        _value(False),
        _value(text),
        _value(code),
        _value(object_id),
        "<value><i8>-1</i8></value>\r\n",
    )


def fault(code: int, text: str) -> bytes:
    return (
        f"{_HEAD}<fault>\r\n<value><struct>\r\n"
        f"<member><name>faultCode</name>\r\n<value><i4>{code}</i4></value></member>\r\n"
        f"<member><name>faultString</name>\r\n<value><string>{escape(text)}</string></value>"
        "</member>\r\n</struct></value>\r\n</fault>\r\n</methodResponse>\r\n"
    ).encode()
