"""What the dnf mirrors have now: `repodata/repomd.xml`, by hash.

The index of a repository names all others with their hashes. It tells whether a cached layer is
still what the mirror would give; what is installed is checked by its own signature.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.fetch import Patience, UnreachableError, get_bytes, shown
from b2ct.image.model import Definition, Repository, System
from b2ct.image.rootfs.bootstrap import State, no_mirror
from b2ct.image.rootfs.rpmrows import major

_LIMIT = 4 << 20
_PATIENCE = Patience(connect=10, read=30, attempts=3)
_LATEST = 2**32


def expanded(url: str, system: System) -> str:
    """A baseurl with dnf's variables filled in, dnf.conf(5)."""
    values = {"releasever": major(system), "basearch": system.architecture}
    for name, value in values.items():
        url = url.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return url


def ask(definition: Definition, cache: Path, *, offline: bool) -> State:
    """The state of all mirrors; offline: the last one, from `cache`.

    Of each repository the first address that answers is taken. Raises UnreachableError when none
    does.
    """
    identity: dict[str, str] = {}
    urls: dict[str, str] = {}
    dates: list[int] = []
    for name, repository in sorted(definition.repositories.items()):
        urls[name], data = _first(name, repository, definition.system, cache, offline=offline)
        identity[name] = hashlib.sha256(data).hexdigest()
        dates.append(_date(data))
    return State(identity=identity, urls=urls, date=max(dates, default=None) or None)


def _first(
    name: str, repository: Repository, system: System, cache: Path, *, offline: bool
) -> tuple[str, bytes]:
    problems: list[B2ctError] = []
    for url in (repository.url, *repository.mirrors):
        try:
            return url, _index(expanded(url, system), cache, offline=offline)
        except B2ctError as err:
            problems.append(err)
    if offline:
        raise problems[0]
    tried = "; ".join(problem.message for problem in problems)
    raise UnreachableError(
        f"repository {name}: no mirror answers: {tried}",
        hint=no_mirror(repository.url),
    )


def _index(url: str, cache: Path, *, offline: bool) -> bytes:
    address = f"{url.rstrip('/')}/repodata/repomd.xml"
    if urlsplit(url).scheme == "file":
        path = Path(unquote(urlsplit(address).path))
        try:
            data = path.read_bytes()
        except OSError as err:
            raise files.explain(err, f"read {path}") from err
        return _checked(data, address)
    kept = cache / "mirrors" / hashlib.sha256(address.encode()).hexdigest()
    if offline:
        try:
            return kept.read_bytes()
        except OSError:
            raise UnreachableError(
                f"offline: the cache does not know {shown(url)}",
                hint="build once without --offline",
            ) from None
    data = _checked(get_bytes(address, limit=_LIMIT, patience=_PATIENCE), address)
    kept.parent.mkdir(parents=True, exist_ok=True)
    files.write(kept, data)
    return data


def _checked(data: bytes, address: str) -> bytes:
    if b"<repomd" not in data[:4096]:
        raise B2ctError(
            f"{shown(address)} is no repository index", hint="is the `url` that of a dnf baseurl?"
        )
    return data


def _date(index: bytes) -> int:
    """The newest time in an index in seconds since 1970; 0 where it has none."""
    found = re.findall(rb"<(?:revision|timestamp)>([0-9]{1,11})(?:\.[0-9]+)?<", index)
    return max((int(text) for text in found if int(text) < _LATEST), default=0)
