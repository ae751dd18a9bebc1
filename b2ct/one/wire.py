"""One HTTP exchange with a deadline for the whole of it, not only for each receive.

requests knows proxies, CA bundles and connections; what it lacks is an end in time. A timer
shuts the connection down at the deadline, wherever it is: connecting through a proxy, in the TLS
handshake, in a header or in a body that comes byte by byte. (Only the resolver's own time limits
bound the look-up of a name.) Connections are not kept: one that the server has closed meanwhile
would make it uncertain whether a request was carried out.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from b2ct import __version__
from b2ct.core import proxy
from b2ct.one.endpoint import Endpoint

CHUNK = 1 << 16


class FailedError(Exception):
    """An exchange failed. `reason` is in words and without secrets.

    `sent`: the server may have got the request. `late`: the deadline cut it. `final`: another
    attempt would end in the same way. `hint` is the remedy, where the failure has its own.
    """

    def __init__(
        self, reason: str, *, sent: bool, late: bool = False, final: bool = False, hint: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.late = late
        self.final = final
        self.hint = hint


class Watch:
    """Shuts a connection down at the deadline, and knows whether there was one."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.connected = False
        """The connection stands, TLS included: from here on a request may have been sent."""
        self.late = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Watch:
        """Start the clock."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the clock and forget the connection."""
        self._timer.cancel()
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def left(self) -> float:
        """Seconds until the deadline, at least a thousandth."""
        return max(self.end - time.monotonic(), 0.001)

    def attach(self, connection: socket.socket) -> None:
        """Watch this connection, through a second handle: TLS takes the first one over."""
        with self._lock:
            self._socket = connection.dup()
        if self.left() <= 0.001:
            self._cut()

    def _cut(self) -> None:
        self.late = True
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


_WATCH: ContextVar[Watch] = ContextVar("watch")

# urllib3 logs headers that were cut off as a warning with a traceback; ours become an error.
logging.getLogger("urllib3.connection").addFilter(lambda _record: _WATCH.get(None) is None)


class _WatchedHttp(HTTPConnection):
    def __init__(self, host: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(host, *args, **kwargs)
        self.asked = host

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        _WATCH.get().connected = True


class _WatchedHttps(HTTPSConnection):
    def __init__(self, host: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(host, *args, **kwargs)
        self.asked = host

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        _WATCH.get().connected = True


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHttps


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Adapter(HTTPAdapter):
    """requests' adapter with our connections, direct and through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def post(
    endpoint: Endpoint,
    body: bytes,
    *,
    seconds: float,
    largest: int,
    dated: Callable[[str], None] = lambda _date: None,
) -> bytes:
    """POST an XML text and return the body of the answer, of at most `largest` bytes.

    `dated` hears the answer's Date. Raises FailedError for everything that is no answer with
    status 200.
    """
    with Watch(seconds) as watch:
        token = _WATCH.set(watch)
        try:
            answer, date = _exchange(endpoint, body, watch, largest)
        except FailedError as failed:
            raise _too_late(watch, seconds) if watch.late else failed from None
        except (requests.RequestException, HTTPError, OSError, ValueError) as err:
            raise _failure(err, watch, seconds) from None
        finally:
            _WATCH.reset(token)
        if watch.late:  # a connection that is shut down looks like the end of an unframed body
            raise _too_late(watch, seconds)
        dated(date)
        return answer


def _exchange(endpoint: Endpoint, body: bytes, watch: Watch, largest: int) -> tuple[bytes, str]:
    """The answer's body and its Date."""
    url = endpoint.url
    with requests.Session() as session:
        # The environment is read here: with trust_env requests would take logins from ~/.netrc.
        session.trust_env = False
        session.mount("http://", _Adapter())
        session.mount("https://", _Adapter())
        response = session.post(
            url,
            data=body,
            headers={
                "Content-Type": "text/xml",
                "User-Agent": f"b2ct/{__version__}",
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
            timeout=watch.left(),
            verify=_verify(endpoint),
            proxies=_proxies(endpoint),
            allow_redirects=False,
            stream=True,
        )
        with response:
            _accept(response)
            return _body(response, largest), response.headers.get("Date", "")


def _accept(response: requests.Response) -> None:
    """Turn a status that is no answer of OpenNebula into a FailedError."""
    status = response.status_code
    if status == 200:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FailedError("the answer is compressed, though nobody asked", sent=True)
        return
    if 300 <= status < 400:
        raise FailedError(
            f"it answers that it has moved (HTTP {status})", sent=False, final=True,
            hint="give the new address; a password is not sent on to where an answer points",
        )  # fmt: skip
    if status == 407:
        raise FailedError(
            "the proxy wants a user name and password (HTTP 407)", sent=False, final=True,
            hint="set them in HTTP_PROXY or HTTPS_PROXY, or name the server in NO_PROXY",
        )  # fmt: skip
    if status == 413:
        raise FailedError(
            "a proxy before it takes no request of this size (HTTP 413)", sent=False, final=True,
            hint="raise the proxy's limit (nginx: client_max_body_size)",
        )  # fmt: skip
    if status in (400, 401, 403, 404, 405, 411, 501):
        raise FailedError(
            f"there is no XML-RPC interface at this address (HTTP {status})",
            sent=False, final=True,
            hint="the path is /RPC2, the port 2633; or a proxy answers instead: see NO_PROXY",
        )  # fmt: skip
    raise FailedError(f"it answers with HTTP status {status}", sent=True)


def _body(response: requests.Response, largest: int) -> bytes:
    data = bytearray()
    for chunk in response.iter_content(CHUNK):
        data += chunk
        if len(data) > largest:
            raise FailedError(
                f"the answer is larger than {largest >> 20} MiB", sent=True, final=True,
                hint="does the endpoint really lead to OpenNebula?",
            )  # fmt: skip
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) != len(data):
        raise FailedError(f"the answer ended at byte {len(data)} of {length}", sent=True)
    return bytes(data)


def _connect(connection: _WatchedHttp | _WatchedHttps) -> socket.socket:
    """Connect to the first address that answers, all of them within the deadline."""
    watch = _WATCH.get()
    # `host` lacks the dot at the end of a name, which keeps the resolver from adding a domain.
    host, port = connection.asked, connection.port
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise NewConnectionError(connection, "its name cannot be resolved") from err
    reason: Exception = OSError("no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        one = socket.socket(family, kind, protocol)
        try:
            # A first address that swallows packets must leave time for the second.
            one.settimeout(watch.left() / (len(found) - number))
            one.connect(address)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as err:
            one.close()
            reason = err
            continue
        watch.attach(one)
        return one
    raise NewConnectionError(connection, str(reason)) from reason


def _verify(endpoint: Endpoint) -> str | bool:
    """The CA bundle, in the order that requests itself follows."""
    env = os.environ
    named = endpoint.ca_file or env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    if named and not os.path.exists(named):  # noqa: PTH110 - a name from the environment
        raise FailedError(
            f"the CA bundle {named} does not exist", sent=False, final=True,
            hint="correct REQUESTS_CA_BUNDLE, or unset it",
        )  # fmt: skip
    return named or True


def _proxies(endpoint: Endpoint) -> dict[str, str]:
    """Proxies by scheme, by the environment unless the endpoint has its own.

    A site that names its proxy says what is inside, too: that is reached without any.
    """
    if endpoint.proxy is None and proxy.stays_inside(endpoint.url):
        return {}
    if endpoint.proxy is None:
        return dict(requests.utils.get_environ_proxies(endpoint.url))
    return {"http": endpoint.proxy, "https": endpoint.proxy} if endpoint.proxy else {}


def _failure(err: Exception, watch: Watch, seconds: float) -> FailedError:
    """What went wrong, in words that hold neither the request nor a proxy's password."""
    chain = list(_chain(err))
    if watch.late or any(isinstance(one, TimeoutError) for one in chain):
        return _too_late(watch, seconds)
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return FailedError(
                f"its certificate is not trusted: {one.verify_message}", sent=False, final=True,
                hint="name the CA's certificate with --ca-file or REQUESTS_CA_BUNDLE (often "
                "/etc/pki/tls/certs/ca-bundle.crt), and check this machine's clock",
            )  # fmt: skip
        if isinstance(one, ssl.SSLError) and not watch.connected:
            return FailedError(
                "there is no TLS at this address", sent=False, final=True,
                hint="is it http:// instead of https://?",
            )  # fmt: skip
    if any(isinstance(one, requests.exceptions.ProxyError) for one in chain) and (
        not watch.connected
    ):
        return FailedError(
            "the proxy does not let it through", sent=False,
            hint="check HTTP_PROXY and HTTPS_PROXY, or name the server in NO_PROXY",
        )  # fmt: skip
    if any(isinstance(one, socket.gaierror | UnicodeError) for one in chain):
        return FailedError("its name cannot be resolved", sent=False)
    texts = [one.strerror for one in chain if isinstance(one, OSError) and one.strerror]
    reason = texts[-1].lower() if texts else "the connection broke"
    return FailedError(reason, sent=watch.connected)


def _too_late(watch: Watch, seconds: float) -> FailedError:
    what = "no answer" if watch.connected else "no connection"
    return FailedError(f"{what} within {seconds:.3g} s", sent=watch.connected, late=True)


def _chain(err: BaseException) -> list[BaseException]:
    """The error, and all that caused it."""
    seen: list[BaseException] = []
    todo: list[Any] = [err]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return seen
