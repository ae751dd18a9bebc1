"""A call's way: read, checked, sent to oned, its answer adapted. Nothing of HTTP is known here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.gateway import answers, message, policy
from b2ct.gateway.errors import AUTHENTICATION, INTERNAL, XML_RPC_API, Malformed, Refusal
from b2ct.gateway.message import Answer, Failure, Fault, Success
from b2ct.gateway.policy import Call
from b2ct.gateway.upstream import AwayError, Oned
from b2ct.one import text, xml
from b2ct.one.faults import BrokenError
from b2ct.one.objects.vm import Template

CE = "gateway"
"""What VMs that came this way are marked with."""


@dataclass(frozen=True)
class Outcome:
    """What became of a call: the answer, and what the audit log says of it."""

    answer: Answer
    record: dict[str, Any]
    close: bool = False
    """The client does not speak XML-RPC: the connection is closed."""
    suspicious: bool = False
    """Not what DIRAC sends: it costs the peer more of its rate."""


class Filter:
    """Carries out what the policy allows."""

    def __init__(self, oned: Oned, user: str, *, calls: int, adapt: bool) -> None:
        self._oned = oned
        self._user = user
        self._adapt = adapt
        self._turn = asyncio.Semaphore(calls)
        # One at a time: what is long to read is to take one client's turn, not everybody's time.
        self._mill = ThreadPoolExecutor(1, "mill")

    @asynccontextmanager
    async def carried_out(self, body: bytes) -> AsyncIterator[Outcome]:
        """The outcome of a request's body; the block is for sending it.

        As many blocks as there are calls to oned at once: answers of others that nobody takes
        would be held in memory. Raises nothing for what a client can send.
        """
        found = self._allowed(body)
        if isinstance(found, Outcome):
            yield found
            return
        async with self._turn:
            yield await self._done(found, body)

    def _allowed(self, body: bytes) -> Call | Outcome:
        """The call, if it may be sent; else the refusal.

        Nobody has looked at the password yet: of a long call only the beginning is read.
        """
        long = len(body) > message.BEGINNING
        try:
            request = message.beginning(body) if long else message.parse(body)
        except Malformed as err:
            return _no_call(err)
        # Only a method that is known is written down: anything else a client may have invented.
        known = request.method in policy.METHODS
        try:
            call = policy.check(request, self._user)
            if long and call.method != policy.INSTANTIATE:
                raise Refusal(XML_RPC_API, "The call is too long.", "length")
        except Refusal as err:
            method = request.method if known else "other"
            record = {"method": method, "verdict": "refused", "why": err.why}
            return Outcome(_refused(request.method, known, err), record, suspicious=True)
        return call

    async def _done(self, call: Call, body: bytes) -> Outcome:
        record: dict[str, Any] = {"method": call.method}
        record |= {"id": call.target} if call.target is not None else {}
        record |= {"vm": call.name} if call.name else {}
        try:
            return _outcome(await self._sent(call, body), record)
        except Malformed as err:
            return _no_call(err)
        except Refusal as err:
            record |= {"verdict": "refused", "why": err.why}
            return Outcome(_refused(call.method, True, err), record, suspicious=True)
        except AwayError as err:
            record |= {"verdict": "failed", "why": err.why, "sent": err.sent}
            return Outcome(_away(call.method, err), record)

    async def _sent(self, call: Call, body: bytes) -> Answer:
        if call.method == policy.INSTANTIATE:
            # Also where DIRAC sends no user data: what VMs are told is one thing.
            found = await self._template(call)
            if not isinstance(found, Template):
                return found
            # oned has let the session see the template: now the rest is worth its time, of which
            # other clients are not to lose any.
            loop = asyncio.get_running_loop()
            call = await loop.run_in_executor(self._mill, _merged, call, body, found, self._user)
        document = answers.document(call.method, adapt=self._adapt)
        answer = await self._oned.stream(call.method, call.values, document.feed)
        return Success(document.close()) if answer == Success("") else answer

    async def _template(self, call: Call) -> Template | Answer:
        """The template, or oned's refusal to show it."""
        answer = await self._oned.call("one.template.info", (call.session, call.arguments[0]))
        if not isinstance(answer, Success):
            return answer
        try:
            return Template.parse(xml.tree(str(answer.value)))
        except BrokenError as err:
            raise AwayError(err.message, sent=False) from None


def _merged(call: Call, body: bytes, template: Template, user: str) -> Call:
    """The call with the template's whole CONTEXT and DIRAC's user data.

    Raises Malformed, Refusal.
    """
    from b2ct.dirac import instance
    from b2ct.dirac.instance import Wish

    if len(body) > message.BEGINNING:
        call = policy.check(message.parse(body), user)
    call = policy.instantiation(call)
    try:
        extra = instance.attributes(template, Wish(user, pilot=call.pilot, ce=CE))
        text.check_context(template.template.merged(extra))
        return policy.with_extra(call, extra)
    except B2ctError as err:
        raise Refusal(INTERNAL, f"{err.message} ({err.hint}).", "context") from None


def _no_call(err: Malformed) -> Outcome:
    why = {"method": None, "verdict": "refused", "why": "malformed"}
    return Outcome(Fault(err.code, f"Refused: {err.why}."), why, close=True, suspicious=True)


def _refused(method: str, known: bool, err: Refusal) -> Failure:
    where = f"[{method}] " if known else ""
    return Failure(f"{where}{err.text}", err.code)


def _away(method: str, err: AwayError) -> Failure:
    text_ = f"[{method}] OpenNebula does not answer ({err.why})"
    if err.sent and method in (policy.INSTANTIATE, "one.vm.action"):
        text_ += "; it may have carried out the call"
    return Failure(f"{text_}.", INTERNAL)


def _outcome(answer: Answer, record: dict[str, Any]) -> Outcome:
    if isinstance(answer, Success):
        made = {"made": answer.value} if record["method"] == policy.INSTANTIATE else {}
        return Outcome(answer, {**record, **made, "verdict": "done"})
    verdict = {"verdict": "oned refused", "code": answer.code}
    wrong = isinstance(answer, Failure) and answer.code == AUTHENTICATION
    return Outcome(answer, {**record, **verdict}, suspicious=wrong)
