"""Calls of OpenNebula's XML-RPC interface: a deadline, the server's code, and safe retries.

The standard library marshals, `wire` carries. OpenNebula's own binding, pyone, is the oracle of the
tests: its `timeout` has no effect, it drops the numeric code of an error, and its constructor takes
no transport of ours. Each call makes its own connection and shares no state: threads may call at
once.
"""

from __future__ import annotations

import re
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from b2ct.core import console
from b2ct.one import wire
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import (
    BrokenError,
    DeadlineError,
    OneError,
    UncertainError,
    UnreachableError,
)
from b2ct.one.refusals import fault
from b2ct.one.text import TextError

LARGEST = 256 << 20
"""Bytes of an answer: 5,000 VMs in full take some 60 MiB."""
DEADLINE = 60.0
"""Seconds for a call with all its attempts."""
ATTEMPT = 30.0
"""Seconds for one attempt of a call that may be repeated."""
FIRST_ATTEMPTS = 2
"""Attempts at a server that has never answered: the address may be wrong."""
GARBLED_ATTEMPTS = 3
"""Attempts at an answer that makes no sense."""


class Repeat(Enum):
    """What may be done when it is not known whether the server got a request."""

    ALWAYS = "always"
    """It reads, or sets what it would set again."""
    NEVER = "never"
    """It makes or starts something: once more would make it twice."""


@dataclass(frozen=True)
class Pauses:
    """Seconds between attempts."""

    first: float = 0.25
    longest: float = 5.0


Argument = str | int | bool | list[int]


@dataclass(frozen=True)
class _Request:
    """One call, whatever number of attempts it takes."""

    method: str
    arguments: tuple[Argument, ...] = field(repr=False)
    repeat: Repeat
    what: str
    hidden: tuple[str, ...] = field(repr=False)


class Transport:
    """Calls to one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        deadline: float = DEADLINE,
        largest: int = LARGEST,
        pauses: Pauses | None = None,
        notice: Callable[[str], None] = console.note,
    ) -> None:
        self.endpoint = endpoint
        self.deadline = deadline
        self.largest = largest
        self.pauses = pauses or Pauses()
        self.notice = notice
        self.calls = 0
        """Requests made so far, each attempt counted."""
        self.ahead = 0.0
        """Seconds by which the server's clock is ahead of ours, to about one; 0 until it told."""
        self._answered = False

    def call(
        self,
        method: str,
        *arguments: Argument,
        repeat: Repeat = Repeat.ALWAYS,
        what: str = "",
        secrets: Iterable[str] = (),
        deadline: float | None = None,
    ) -> Any:
        """Call `one.<method>` and return its result: an ID, a version, or an XML body.

        `what` names the object in errors; `secrets` are values that no message may repeat.
        Raises a OneError: RefusedError and its kinds for what the server refuses,
        UnreachableError when nothing was sent, UncertainError when it is not known whether a
        request that must not be repeated was carried out, DeadlineError and BrokenError else.
        """
        _check(method, arguments)
        hidden = (*self.endpoint.secrets, *secrets)
        request = _Request(method, arguments, repeat, what or method, hidden)
        end = time.monotonic() + (self.deadline if deadline is None else deadline)
        pause, failures, maybe_done = self.pauses.first, list[wire.FailedError](), False
        while True:
            try:
                return self._attempt(request, end)
            except OneError as err:
                err.repeated = maybe_done
                raise
            except wire.FailedError as failed:
                failures.append(failed)
                if self._hopeless(request, failures) or time.monotonic() + pause >= end:
                    raise self._error(request, failed) from None
                maybe_done = maybe_done or failed.sent
                if len(failures) == 1 and (self._answered or failed.sent):
                    left = end - time.monotonic()
                    self.notice(
                        f"{self.endpoint.host}: {failed.reason}; trying for {left:.0f} s more"
                    )
                time.sleep(pause)
                pause = min(pause * 2, self.pauses.longest)

    def _hopeless(self, request: _Request, failures: list[wire.FailedError]) -> bool:
        """Whether another attempt must not be made, or would be of no use."""
        last = failures[-1]
        if last.final or (last.sent and request.repeat is Repeat.NEVER):
            return True
        if sum(isinstance(one, _GarbledError) for one in failures) >= GARBLED_ATTEMPTS:
            return True
        # Who is offline or has mistyped the address should learn it soon.
        never = not self._answered and not any(one.sent for one in failures)
        return never and len(failures) >= FIRST_ATTEMPTS

    def _attempt(self, request: _Request, end: float) -> Any:
        self.calls += 1
        seconds = max(end - time.monotonic(), 0.001)
        if request.repeat is Repeat.ALWAYS:
            seconds = min(seconds, ATTEMPT)
        call = (self.endpoint.auth, *request.arguments)
        body = xmlrpc.client.dumps(call, f"one.{request.method}")
        data = wire.post(
            self.endpoint, body.encode("utf-8", "xmlcharrefreplace"),
            seconds=seconds, largest=self.largest, dated=self._dated,
        )  # fmt: skip
        try:
            answers = _parsed(data)
            good, value, code = _judged(answers[0] if len(answers) == 1 else None)
        except xmlrpc.client.Fault as err:
            good, value, code = False, err.faultString, err.faultCode
        self._answered = True
        if good:
            return value
        raise fault(
            f"one.{request.method}", code, str(value), secrets=request.hidden, what=request.what
        ) from None

    def _dated(self, date: str) -> None:
        """Compare the clocks by an answer's Date (RFC 9110); nonsense is passed over."""
        with suppress(ValueError, TypeError, OverflowError):
            self.ahead = parsedate_to_datetime(date).timestamp() - time.time()

    def _error(self, request: _Request, failed: wire.FailedError) -> OneError:
        """A failure of the connection as the error that the caller gets."""
        where = f"{self.endpoint.url}, from {self.endpoint.url_from}"
        method = f"one.{request.method}"
        if not failed.sent:
            return UnreachableError(
                f"cannot reach OpenNebula at {where}: {failed.reason}",
                hint=failed.hint
                or "is it the right address, does the front-end run (`systemctl "
                "status opennebula`), and does a firewall let port 2633 through?",
                method=method,
            )
        if request.repeat is Repeat.NEVER:
            return UncertainError(
                f"{request.what}: it is not known whether OpenNebula did it: {failed.reason} "
                f"({where})",
                hint="run the same command again: it first looks at what is there",
                method=method,
            )
        kind = DeadlineError if failed.late else BrokenError
        return kind(
            f"{request.what}: {failed.reason} ({where})",
            hint=failed.hint or "see /var/log/one/oned.log on the front-end; then try again",
            method=method,
        )


class _GarbledError(wire.FailedError):
    """What came is no XML-RPC answer."""


_UNSENDABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd]")

# What xmlrpc.client's reader raises for elements in places where none belongs.
_NONSENSE = (
    *(ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, ArithmeticError),
    AttributeError,
)


def _parsed(data: bytes) -> tuple[Any, ...]:
    """What the XML-RPC answer in `data` holds; raises Fault, or _GarbledError for what is none."""
    target = xmlrpc.client.Unmarshaller()
    target.xml("", None)  # no encoding: what comes is text already
    expat = ParserCreate()
    expat.buffer_text = True  # one call for a long text instead of one for each escape in it
    expat.StartDoctypeDeclHandler = _refuse
    expat.StartElementHandler = target.start
    expat.EndElementHandler = target.end
    expat.CharacterDataHandler = target.data
    try:
        expat.Parse(data, True)
        return target.close()
    except xmlrpc.client.Fault:
        raise
    except _GarbledError:
        raise
    except _NONSENSE as err:
        kind = "malformed XML" if isinstance(err, ExpatError) else "no XML-RPC"
        raise _GarbledError(f"its answer is {kind}", sent=True) from None


def _refuse(*_: object) -> None:
    raise _GarbledError("its answer declares a document type: refused", sent=True, final=True)


def _judged(raw: Any) -> tuple[bool, Any, int]:
    """Success, value and code of an answer of OpenNebula."""
    if not (isinstance(raw, list) and len(raw) >= 3 and isinstance(raw[0], bool)):
        raise _GarbledError("its answer is no OpenNebula's", sent=True)
    return raw[0], raw[1], raw[2] if isinstance(raw[2], int) else 0


def _check(method: str, arguments: tuple[Argument, ...]) -> None:
    """What XML-RPC, or oned's library for it, cannot carry."""
    for argument in arguments:
        if isinstance(argument, str) and (bad := _UNSENDABLE.search(argument)):
            raise TextError(
                f"{method}: an argument holds U+{ord(bad[0]):04X}, which cannot be sent",
                hint="remove control characters and emoji",
            )
        if isinstance(argument, int) and not -(2**31) <= argument < 2**31:
            raise TextError(f"{method}: {argument} is too large a number")
