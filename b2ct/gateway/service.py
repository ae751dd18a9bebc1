"""The gateway as a service: first it is checked, then signals end it or renew its certificate."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from b2ct.core.errors import B2ctError
from b2ct.gateway import systemd, tls
from b2ct.gateway.audit import Audit
from b2ct.gateway.errors import AUTHENTICATION
from b2ct.gateway.message import Failure, Fault
from b2ct.gateway.server import Gateway
from b2ct.gateway.settings import Settings
from b2ct.gateway.upstream import AwayError, Oned

SOON = 21
"""Days before its end at which a certificate is warned about."""
DAY = 86400
SWITCH = 0.0005
"""Seconds after which a thread that computes lets the others on; Python's own is ten times that."""

Notice = Callable[[str], None]


def context_of(settings: Settings) -> ssl.SSLContext | None:
    """TLS towards clients; None without a certificate. Raises B2ctError."""
    if settings.certificate is None or settings.key is None:
        return None
    return tls.server(Path(settings.certificate), Path(settings.key))


def oned_context_of(settings: Settings) -> ssl.SSLContext | None:
    """TLS towards oned; None where it is plain."""
    if urlsplit(settings.oned).scheme != "https":
        return None
    return tls.client(Path(settings.oned_ca) if settings.oned_ca else None)


def serve(settings: Settings, notice: Notice) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the certificate again. Raises B2ctError."""
    context, towards = context_of(settings), oned_context_of(settings)
    sys.setswitchinterval(SWITCH)
    audit = _audit(settings, notice)
    audit.open()
    _settle()
    try:
        asyncio.run(_serve(settings, audit, context, towards, notice))
    finally:
        audit.close()


def _settle() -> None:
    """What the first call would load is loaded now, and Python's search for cycles leaves it out.

    That search stops every thread: for 50 ms where it goes over all modules, for one over what
    calls have made.
    """
    import yaml  # noqa: F401 - for user data

    from b2ct.dirac import instance, userdata  # noqa: F401

    gc.collect()
    gc.freeze()


def check(settings: Settings) -> list[str]:
    """What a gateway of these settings would be: lines for a person. Nothing is made or served.

    Raises B2ctError with the first thing for which it could not be.
    """
    lines = [f"listen       {settings.listen}", f"user         {settings.user}"]
    if settings.certificate is None:
        lines.append("TLS          none: only programs of this machine can reach it")
    else:
        context_of(settings)
        found = tls.inspect(Path(settings.certificate))
        soon = ": renew it soon" if found.days < SOON else ""
        names = ", ".join(found.names) or "no name: DIRAC will refuse it"
        lines.append(f"certificate  {settings.certificate} ({found.days:.0f} days left{soon})")
        lines.append(f"             for {names}")
    _audit(settings, lambda _text: None).check()
    lines.append(f"audit log    {settings.audit or 'standard output'}")
    lines.append(f"OpenNebula   {settings.oned}: {asyncio.run(_oned_there(settings))}")
    peers = ", ".join(settings.peers) or "everybody whom the firewall lets through"
    lines.append(f"peers        {peers}")
    return lines


def _audit(settings: Settings, notice: Notice) -> Audit:
    path = Path(settings.audit) if settings.audit else None
    return Audit(path, size=settings.audit_size, files=settings.audit_files, notice=notice)


async def _oned_there(settings: Settings) -> str:
    """That OpenNebula answers, asked as a user who cannot exist. Raises B2ctError."""
    oned = Oned(settings.oned, seconds=10, most=1 << 16, tls=oned_context_of(settings))
    hint = "is oned running (`systemctl status opennebula`), and is --oned its address?"
    try:
        answer = await oned.call("one.system.version", ("b2ct-gateway-check :none",))
    except AwayError as err:
        raise B2ctError(f"{settings.oned} does not answer: {err.why}", hint=hint) from None
    if isinstance(answer, Failure) and answer.code == AUTHENTICATION:
        return "answers"
    what = "a fault" if isinstance(answer, Fault) else "something else"
    raise B2ctError(f"{settings.oned} answers with {what}, not as OpenNebula does", hint=hint)


async def _serve(
    settings: Settings, audit: Audit, context: ssl.SSLContext | None,
    towards: ssl.SSLContext | None, notice: Notice,
) -> None:  # fmt: skip
    gateway = Gateway(settings, audit=audit, tls=context, oned_tls=towards, notice=notice)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGHUP, _renew, gateway, settings, notice)
    # A peer that breaks off inside TLS is no event of its own.
    loop.set_exception_handler(lambda _loop, _context: gateway.counts.update(["loop"]))
    await gateway.start()
    audit.write({"event": "started", "port": gateway.port})
    notice(f"listening on {settings.listen.rpartition(':')[0]}:{gateway.port}")
    if not await gateway.oned.reachable():
        notice(f"{settings.oned} does not answer yet")
    reminder = asyncio.create_task(_remind(settings, notice))
    systemd.tell("READY=1")
    await end.wait()
    systemd.tell("STOPPING=1")
    reminder.cancel()
    notice("ending: calls under way have their time")
    await gateway.stop()
    audit.write({"event": "ended"})


async def _remind(settings: Settings, notice: Notice) -> None:
    """Once a day, of a certificate that ends soon."""
    while settings.certificate:
        try:
            found = tls.inspect(Path(settings.certificate))
        except B2ctError as err:
            notice(f"{err.message} ({err.hint})")
        else:
            if found.days < SOON:
                notice(f"the certificate {settings.certificate} ends in {found.days:.0f} days")
        await asyncio.sleep(DAY)


def _renew(gateway: Gateway, settings: Settings, notice: Notice) -> None:
    try:
        gateway.tls = context_of(settings)
    except B2ctError as err:
        notice(f"the old certificate stays: {err.message}")
    else:
        notice("the certificate was read again")
