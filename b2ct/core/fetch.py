"""The one HTTP door: whole files or none, resumed where they stopped, each failure one line."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from b2ct import __version__
from b2ct.core import files, partial, proxy
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:  # requests costs a tenth of a second to import: only those who fetch pay for it
    from requests import PreparedRequest, Response, Session

_CHUNK = 1 << 16  # what a cut connection may lose, and the size of a write
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_PROGRESS = 1 << 16  # an attempt that brought this much was worth it: patience starts again
_T = TypeVar("_T")

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Like console.byte_progress: label and total in, a context with `advance(count)` out."""


@dataclass(frozen=True)
class Patience:
    """How long to try. Times are in seconds."""

    connect: float = 15
    read: float = 60
    attempts: int = 6
    """In a row, without progress."""
    pause: float = 1
    """Before the second attempt; it doubles with each further one."""
    longest_pause: float = 60
    least: float = 1000
    """Bytes a second, over `read` seconds: who sends less has as good as fallen silent."""


PATIENCE = Patience()


class TransientError(Exception):
    """This attempt failed; another one may not."""

    def __init__(self, reason: str, *, pause: float | None = None, reached: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause
        self.reached = reached


class _ReplacedError(TransientError):
    """What was fetched earlier does not fit the file on the server: it is of no use."""


class UnreachableError(B2ctError):
    """The server cannot be reached, or goes on failing: perhaps the machine is offline."""


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    progress: Progress = byte_progress,
    patience: Patience = PATIENCE,
) -> Path:
    """Fetch `url` to `target`, which is replaced only by the whole file.

    The bytes go to `target`.part, which survives Ctrl-C, a cut line and a full disk, and is
    completed by the next call if the server still has the same file (RFC 9110: Range, If-Range,
    and a strong ETag: a date has seconds, and a file may change within one).
    A second process that wants the same target waits and takes the first one's result.

    With `sha256` (hexadecimal) only a file of that digest is accepted. The proxy is what
    `core.proxy` knows, else the environment's. Raises B2ctError with the remedy; UnreachableError
    when the machine seems offline.
    """
    _need_http(url)
    target = target.absolute()
    sha256 = sha256.lower() if sha256 else None
    before = _identity(target)
    with partial.claim(target, lambda: note(f"another process fetches {target}: waiting")) as part:
        now = _identity(target)
        if now and now != before and sha256 in (None, files.sha256(target)):
            part.discard()
            return target
        job = _Job(url, part, sha256 is not None, progress, patience)
        _guarded(job)
        if sha256 not in (None, part.sha256) and job.resumed:
            note(f"the parts of {target.name} do not fit together: starting anew")
            part.clear()
            _guarded(job)
        if sha256 not in (None, part.sha256):
            found = part.sha256
            part.discard()
            raise B2ctError(
                f"{shown(url)} has SHA-256 {found}, but {sha256} was expected",
                hint="the server's copy is damaged or was replaced: try again later, or take it "
                "from another mirror",
            )
        return part.finish()


def get_bytes(url: str, *, limit: int = 1 << 20, patience: Patience = PATIENCE) -> bytes:
    """Fetch a small file of at most `limit` bytes into memory.

    Raises B2ctError and UnreachableError like `download`.
    """
    _need_http(url)
    remedy = f"fetch {shown(url)} on another machine"

    def attempt(session: Session) -> bytes:
        with _open(session, url, {}, patience, remedy) as response:
            total = _length(response)
            data = bytearray()
            for chunk in _chunks(response, patience):
                data += chunk
                if len(data) > limit:
                    raise B2ctError(
                        f"{shown(url)} is larger than the {limit} bytes that such a file may have",
                        hint="the address is perhaps not that of the right file",
                    )
            if total is not None and len(data) != total:
                raise TransientError("the answer ended early")
            return bytes(data)

    return _retrying(attempt, lambda: 0, patience, url, remedy)


def shown(url: str) -> str:
    """A URL as it may be printed: without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Job:
    """One download, over as many attempts as it takes."""

    def __init__(
        self,
        url: str,
        part: partial.Partial,
        verifiable: bool,
        progress: Progress,
        patience: Patience,
    ) -> None:
        self.url = url
        self.part = part
        self.verifiable = verifiable
        self.progress = progress
        self.patience = patience
        self.resumed = part.size > 0
        """Not all bytes come from one answer."""
        self.remedy = f"fetch {shown(url)} on another machine and put it at {part.target}"

    def fill(self) -> None:
        """Attempt until the partial file is whole."""
        _retrying(self._attempt, lambda: self.part.size, self.patience, self.url, self.remedy)

    def _attempt(self, session: Session) -> None:
        headers = self._resume_headers()
        if headers is None:
            return
        try:
            answer = _open(session, self.url, headers, self.patience, self.remedy)
        except _ReplacedError:
            self.part.clear()
            raise
        with answer as response:
            self._place(response)
            origin = self.part.origin
            total = origin.total if origin else None
            with self.progress(self.part.target.name, total) as advance:
                advance(self.part.size)
                for chunk in _chunks(response, self.patience):
                    self.part.append(chunk)
                    advance(len(chunk))
            if total is not None and self.part.size != total:
                if self.part.size > total:
                    self.part.clear()
                raise TransientError(f"the answer ended at byte {self.part.size} of {total}")

    def _resume_headers(self) -> dict[str, str] | None:
        """Headers that ask for what is missing; None when nothing is missing."""
        part, origin = self.part, self.part.origin
        if origin is None or part.size == 0:
            return {}
        if origin.total == part.size and self.verifiable:
            return None
        unsure = origin.total is None or part.size >= origin.total
        if unsure or origin.url != self.url or not origin.validator:
            part.clear()
            return {}
        return {"Range": f"bytes={part.size}-", "If-Range": origin.validator}

    def _place(self, response: Response) -> None:
        """Decide where the bytes of this answer belong, trusting nothing that it only implies."""
        part = self.part
        if response.status_code == 206:
            if part.origin is None or not _continues(response, part.size, part.origin):
                part.clear()
                raise TransientError("the server answered with another part than asked", pause=0)
            self.resumed = True
            note(f"going on with {part.target.name} at byte {part.size}")
        else:
            if part.size:
                note(f"the server's {part.target.name} cannot be resumed: starting anew")
            total = _length(response)
            if total is None and not self.verifiable and not _framed(response):
                raise B2ctError(
                    f"{shown(self.url)}: the server does not say how long the file is, so a cut "
                    "one would go unnoticed",
                    hint="give its SHA-256, or take it from another server",
                )
            etag, modified = (response.headers.get(n, "") for n in ("ETag", "Last-Modified"))
            part.begin(partial.Origin(self.url, etag, modified, total))
        assert part.origin is not None  # noqa: S101 - set by begin, checked above
        if part.origin.total is not None:
            _need_space(part.target.parent, part.origin.total - part.size)


def _guarded(job: _Job) -> None:
    try:
        job.fill()
    except KeyboardInterrupt:
        if job.part.size:
            note(f"kept {job.part.path} ({job.part.size} bytes): the next run goes on from there")
        raise


def _retrying(
    attempt: Callable[[Session], _T],
    size: Callable[[], int],
    patience: Patience,
    url: str,
    remedy: str,
) -> _T:
    """Run `attempt` until it succeeds, or fails too often in a row without `size` growing."""
    import requests

    failures, highest, reached = 0, size(), False
    with requests.Session() as session:
        session.headers.update({"User-Agent": f"b2ct/{__version__}", "Accept-Encoding": "identity"})
        while True:
            try:
                return attempt(session)
            except TransientError as err:
                reached = reached or err.reached
                failures = 1 if size() >= highest + _PROGRESS else failures + 1
                highest = max(highest, size())
                # Who is offline should learn it soon; who has lost the line may get it back.
                if failures >= (patience.attempts if reached else min(2, patience.attempts)):
                    raise UnreachableError(
                        f"cannot fetch {shown(url)}: {err.reason}", hint=f"offline? {remedy}"
                    ) from err
                pause = patience.pause * 2 ** (failures - 1) if err.pause is None else err.pause
                pause = min(pause, patience.longest_pause)
                note(f"{urlsplit(url).hostname}: {err.reason}; trying again in {pause:g} s")
                time.sleep(pause)


def _open(
    session: Session, url: str, headers: dict[str, str], patience: Patience, remedy: str
) -> Response:
    """Send the request; return an answer whose body is the file or the part asked for."""
    from requests import exceptions as rq

    _stay_protected(session, url)
    try:
        response = session.get(
            url, headers=headers, stream=True, timeout=(patience.connect, patience.read)
        )
    except rq.ProxyError as err:
        raise UnreachableError(
            f"the proxy does not let through {shown(url)}: {_reason(err)}",
            hint=_about_proxies(),
        ) from err
    except rq.SSLError as err:
        raise B2ctError(
            f"no secure connection to {urlsplit(url).hostname}: {_reason(err)}",
            hint="check this machine's clock and its CA certificates (REQUESTS_CA_BUNDLE names "
            "further ones)",
        ) from err
    except rq.ReadTimeout as err:
        raise TransientError(f"no answer within {patience.read:g} s") from err
    except (rq.ConnectTimeout, rq.ConnectionError) as err:
        reached = "RemoteDisconnected" in repr(err) or "ConnectionResetError" in repr(err)
        raise TransientError(_reason(err), reached=reached) from err
    except (rq.RequestException, ValueError) as err:
        raise B2ctError(
            f"cannot fetch {shown(url)}: {_reason(err)}",
            hint="check the address",
        ) from err
    try:
        _accept(response, url, remedy, ranged="Range" in headers)
    except BaseException:
        response.close()
        raise
    return response


def _about_proxies() -> str:
    said = proxy.chosen()
    if said is None:
        return "check http_proxy, https_proxy and no_proxy in the environment"
    return f"check {said.origin} ({said.url}); --proxy names another one, or none"


def _stay_protected(session: Session, url: str) -> None:
    """Once an answer came over https, this request goes on over nothing else, wherever it leads.

    Whoever can bend one redirection to http chooses all that comes behind it.
    """
    from requests.adapters import BaseAdapter, HTTPAdapter

    said = proxy.chosen()

    class Way(HTTPAdapter):
        """Each request, also one that a redirection leads to, by the way of its own address."""

        def send(self, request: PreparedRequest, *args: Any, **how: Any) -> Response:
            if said is not None:
                address = said.address() if said.takes(request.url or "") else ""
                how["proxies"] = {"http": address, "https": address} if address else {}
            return super().send(request, *args, **how)

    class Refused(BaseAdapter):
        def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
            raise B2ctError(
                f"{shown(url)} leads to unprotected {shown(request.url or '')}: refused",
                hint="name another mirror; or, if there is none, its http address itself",
            )

        def close(self) -> None:
            pass

    def answered(response: Response, *_: object, **__: object) -> None:
        if response.url.startswith("https:"):
            session.mount("http://", Refused())

    session.mount("http://", Way())
    session.mount("https://", Way())
    session.hooks["response"] = [answered]


def _accept(response: Response, url: str, remedy: str, *, ranged: bool) -> None:
    """Turn an answer that is not the file into an error."""
    status = response.status_code
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if status == 200 or (status == 206 and ranged):
        if encoding not in ("identity", ""):
            raise B2ctError(f"{shown(url)}: the server sends it compressed ({encoding}): refused")
        return
    if status == 416 and ranged:
        raise _ReplacedError("the file on the server is another one now", pause=0)
    if status in _TRANSIENT:
        after = response.headers.get("Retry-After", "")
        raise TransientError(
            f"the server answers {status} {response.reason}",
            pause=float(after) if re.fullmatch(r"\d{1,4}", after) else None,
        )
    if status == 407:
        raise B2ctError(
            f"{shown(url)}: the proxy wants a user name and password (407)", hint=_about_proxies()
        )
    why = "the server has no such file" if status in (404, 410) else "the server refuses it"
    raise B2ctError(
        f"{shown(url)}: {why} ({status} {response.reason})",
        hint=f"it may have moved: look in a browser; or {remedy}",
    )


def _chunks(response: Response, patience: Patience) -> Iterator[bytes]:
    """The body, as it comes; raises TransientError when the line is cut or brings hardly anything.

    Not requests' iter_content, which waits for a whole chunk: one byte now and then would keep it
    waiting for ever.
    """
    from urllib3 import exceptions as u3

    window, count = time.monotonic(), 0
    try:
        while data := response.raw.read1(_CHUNK):
            yield data
            count += len(data)
            now = time.monotonic()
            if now - window >= patience.read:
                if count < patience.least * (now - window):
                    raise TransientError(f"the server sends less than {patience.least:g} bytes/s")
                window, count = now, 0
    except (u3.HTTPError, OSError) as err:
        timed_out = "timed out" in str(err)
        raise TransientError("the server fell silent" if timed_out else "the line was cut") from err


def _continues(response: Response, offset: int, origin: partial.Origin) -> bool:
    """A 206 answer is the rest, from `offset` to the end, of the very file begun earlier."""
    span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    if not span or origin.total is None:
        return False
    start, end, total = map(int, span.groups())
    same = (start, total) == (offset, origin.total) and end < total
    etag, modified = (response.headers.get(n, "") for n in ("ETag", "Last-Modified"))
    return same and bool(etag) and etag == origin.validator and modified in ("", origin.modified)


def _length(response: Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,15}", text) else None


def _framed(response: Response) -> bool:
    """The end of the body is marked, so that a cut one is noticed."""
    return response.headers.get("Transfer-Encoding", "").lower() == "chunked"


def _need_http(url: str) -> None:
    try:
        good = urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname
    except ValueError:
        good = None
    if not good:
        raise B2ctError(
            f"'{url}' is not an http or https URL",
            hint="give a URL such as https://mirror.example.org/image.iso",
        )


def _need_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise B2ctError(
            f"{folder} has {free >> 20} MiB free, but {(size >> 20) + 1} MiB are needed",
            hint="free some space, or set XDG_CACHE_HOME to a folder on another disk",
        )


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _reason(err: BaseException) -> str:
    """What went wrong, in the words of the innermost error that has any."""
    import socket
    import ssl

    seen, todo = [], [err]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.append(one)
            inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            todo += [item for item in inner if isinstance(item, BaseException)]
    for one in seen:
        if isinstance(one, ssl.SSLCertVerificationError):
            return one.verify_message
        if isinstance(one, socket.gaierror):
            return "its name cannot be resolved"
        if isinstance(one, TimeoutError):
            return "no answer"
    texts = [one.strerror for one in seen if isinstance(one, OSError) and one.strerror]
    return (texts[-1] if texts else str(err).splitlines()[0]).lower()
