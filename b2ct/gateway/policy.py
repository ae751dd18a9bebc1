"""What may be asked: a table of methods, each with its parameters. Pure.

The table holds what DIRAC 9.1's OpenNebula_6_0_NodeDriver and VMDIRAC's OpenNebulaEndpoint send
when they start, watch and end VMs, and what only tells. A call that is not exactly one of these is
refused. Parameters are cast to what oned expects: stock DIRAC sends IDs as texts.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from b2ct.core.errors import B2ctError
from b2ct.gateway.errors import AUTHENTICATION, AUTHORIZATION, XML_RPC_API, Refusal
from b2ct.gateway.message import Request, Value
from b2ct.one import text
from b2ct.one.text import Attributes

INSTANTIATE = "one.template.instantiate"
LONGEST_SESSION = 512
KILL = "terminate-hard"
ENDS = frozenset({"delete", "terminate", KILL})
"""Actions that end a VM: `delete` is gone since OpenNebula 5.0, and `terminate` waits for a guest
that does not listen."""
OWN_DATA = frozenset({"USERDATA", "USER_DATA", "USERDATA_ENCODING", "USER_DATA_ENCODING"})
"""Of CONTEXT, what is DIRAC's to say."""
SITE_SAYS = frozenset({"NETWORK", "DNS"})
"""What DIRAC sends too and the template decides: VMDIRAC sends the name servers of a public
service, which a site's VMs may not be able to reach."""

LONGEST_TEXT = 192 * 1024
"""Characters of a template text: user data has 64 KiB, which base64 or escapes make longer."""
MOST_EQUALS = 64
"""In a template text. DIRAC's have at most ten: base64 holds two at its end."""

Cast = Callable[[Value], Value]


@dataclass(frozen=True)
class Call:
    """A call that is allowed, as it goes to oned."""

    method: str
    session: str = field(repr=False)
    arguments: tuple[Value, ...] = field(repr=False)
    pilot: str | None = field(default=None, repr=False)
    """User data of DIRAC, decoded: to be merged with the template's."""
    target: int | None = None
    """The ID of the object that it is about."""
    name: str = ""
    """Of the VM that it makes."""

    @property
    def values(self) -> tuple[Value, ...]:
        """All values, as they are sent."""
        return (self.session, *self.arguments)


@dataclass(frozen=True)
class Method:
    """The parameters of a method, after the session; those from `least` on may be left out."""

    casts: tuple[Cast, ...] = ()
    least: int | None = None
    target: int | None = None
    """Which of them is the object's ID."""


def check(request: Request, user: str) -> Call:
    """The call as it may be sent to oned. Raises Refusal.

    Nothing is told to who is not that user: the session is looked at first.
    """
    session = _session(request.values[0] if request.values else None, user)
    method = METHODS.get(request.method)
    if method is None:
        raise Refusal(AUTHORIZATION, "This gateway does not allow the method.", "method")
    values = request.values[1:]
    least = len(method.casts) if method.least is None else method.least
    if not least <= len(values) <= len(method.casts):
        raise Refusal(XML_RPC_API, "Wrong number of parameters.", "parameters")
    arguments = tuple(cast(value) for cast, value in zip(method.casts, values, strict=False))
    target = None if method.target is None else arguments[method.target]
    made = Call(request.method, session, arguments, target=target)  # type: ignore[arg-type]
    if request.method == INSTANTIATE:
        made = replace(made, name=_vm_name(str(arguments[1])))
    return made


def instantiation(call: Call) -> Call:
    """The same, its template text read: DIRAC's user data, and nothing else of it. Raises Refusal.

    This costs time and memory, so whose call it is must be known before: oned has let the session
    see the template.
    """
    template, name, *rest = call.arguments
    hold = rest[0] if rest else False
    source = rest[1] if len(rest) > 1 else ""
    return replace(call, arguments=(template, name, hold, ""), pilot=_pilot(str(source)))


def decoded(context: text.Vector) -> str | None:
    """DIRAC's user data in a CONTEXT; None where it has none. Raises Refusal."""
    from b2ct.dirac import userdata

    data = context.get("USERDATA") or context.get("USER_DATA")
    if not data:
        return None
    encoding = context.get("USERDATA_ENCODING") or context.get("USER_DATA_ENCODING") or ""
    try:
        return userdata.decode({"USERDATA": data, "USERDATA_ENCODING": encoding}).decode()
    except (B2ctError, UnicodeDecodeError):
        raise Refusal(XML_RPC_API, "The user data cannot be decoded.", "user-data") from None


def _session(value: Value | None, user: str) -> str:
    """The session, if it is that user's; whether the password is right, oned knows."""
    refusal = Refusal(AUTHENTICATION, "User couldn't be authenticated, aborting call.", "user")
    if not isinstance(value, str) or len(value) > LONGEST_SESSION or not value.isprintable():
        raise refusal
    name, colon, password = value.partition(":")
    if not (colon and password) or not hmac.compare_digest(name.encode(), user.encode()):
        raise refusal
    return value


def _vm_name(name: str) -> str:
    """Without a name each VM would look like the others in the audit log."""
    try:
        return text.check_name(name, what="the VM's name")
    except B2ctError:
        raise Refusal(XML_RPC_API, "The VM's name is not valid.", "text") from None


def _pilot(source: str) -> str | None:
    """The user data of a template text that holds nothing else."""
    if len(source) > LONGEST_TEXT:
        raise Refusal(XML_RPC_API, "The template text is too long.", "text")
    if source.count("=") > MOST_EQUALS:
        raise Refusal(XML_RPC_API, "The template text has too many attributes.", "text")
    try:
        extra = text.parse(source)
        text.check(extra)
    except B2ctError:
        raise Refusal(XML_RPC_API, "The template text is not valid.", "text") from None
    vectors = extra.vectors("CONTEXT")
    if extra.without("CONTEXT") or extra.text("CONTEXT") or len(vectors) > 1:
        raise Refusal(
            AUTHORIZATION, "This gateway allows no attribute but one CONTEXT.", "attributes"
        )
    context = extra.vector("CONTEXT")
    if context.keys() - OWN_DATA - SITE_SAYS:
        raise Refusal(AUTHORIZATION, "This gateway allows only user data in CONTEXT.", "context")
    return decoded(context)


def with_extra(call: Call, extra: Attributes) -> Call:
    """An instantiation with its whole template text. Raises TextError for what oned would lose."""
    template, name, hold, _ = call.arguments
    return replace(call, arguments=(template, name, hold, text.wire(extra)), pilot=None)


def _number(value: Value) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(XML_RPC_API, "An ID is not a number.", "parameters")
    return value


def _at_least(least: int) -> Cast:
    def cast(value: Value) -> int:
        number = _number(value)
        if not least <= number < 2**31:
            raise Refusal(XML_RPC_API, "A number is out of its range.", "parameters")
        return number

    return cast


_id = _at_least(0)
_page = _at_least(-1)


def _whose(value: Value) -> int:
    """The filter of a pool: -4 the primary group's, -3 one's own, -2 all, -1 also the groups'.

    What a user may see, oned decides.
    """
    number = _number(value)
    if not -4 <= number <= -1:
        raise Refusal(AUTHORIZATION, "This gateway does not allow this filter.", "filter")
    return number


def _state(value: Value) -> int:
    number = _number(value)
    if not -2 <= number <= 11:
        raise Refusal(XML_RPC_API, "There is no such state.", "parameters")
    return number


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise Refusal(XML_RPC_API, "A text is expected.", "parameters")
    return value


def _flag(value: Value) -> bool:
    """VMDIRAC sends `Onhold` as its configuration has it."""
    if isinstance(value, str):
        value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False,
                 "": False}.get(value.lower(), value)  # fmt: skip
    if value not in (True, False):
        raise Refusal(XML_RPC_API, "A boolean is expected.", "parameters")
    return bool(value)


def _no(value: Value) -> bool:
    if _flag(value):
        raise Refusal(AUTHORIZATION, "This gateway does not allow this option.", "option")
    return False


def _myself(value: Value) -> int:
    if _number(value) != -1:
        raise Refusal(AUTHORIZATION, "This gateway shows no other user.", "user-info")
    return -1


def _end(value: Value) -> str:
    if value not in ENDS:
        raise Refusal(AUTHORIZATION, "This gateway does not allow this action.", "action")
    return KILL


_POOL = Method((_whose, _page, _page))
METHODS: dict[str, Method] = {
    "one.system.version": Method(),
    "one.user.info": Method((_myself,)),
    "one.imagepool.info": _POOL,
    "one.templatepool.info": _POOL,
    "one.vnpool.info": _POOL,
    "one.template.info": Method((_id, _no, _no), least=1, target=0),
    "one.vm.info": Method((_id, _no), least=1, target=0),
    "one.vmpool.info": Method((_whose, _page, _page, _state)),
    "one.vmpool.infoextended": Method((_whose, _page, _page, _state)),
    "one.vm.action": Method((_end, _id), target=1),
    INSTANTIATE: Method((_id, _text, _flag, _text, _no), least=2, target=0),
}
"""What is allowed. Everything else is refused."""
