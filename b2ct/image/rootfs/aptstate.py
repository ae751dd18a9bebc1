"""What the APT mirrors have now: their signed indices, by hash (deb822 `InRelease`).

https://wiki.debian.org/DebianRepository/Format. The signature is checked by apt when it installs;
here the index only tells whether a cached layer is still what the mirror would give.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.fetch import Patience, UnreachableError, get_bytes, shown
from b2ct.image.model import Definition, Repository
from b2ct.image.rootfs.bootstrap import State, no_mirror

_LIMIT = 8 << 20
_FIELDS = (("o", b"Origin"), ("l", b"Label"), ("n", b"Codename"), ("a", b"Suite"))
_PATIENCE = Patience(connect=10, read=30, attempts=3)


def suites(definition: Definition, repository: Repository) -> tuple[str, ...]:
    """The suites of a repository. Raises B2ctError when nothing says which."""
    found = repository.suites or (
        (definition.system.suite,) if definition.system.suite is not None else ()
    )
    if not found:
        raise B2ctError(
            "the definition names no APT suite", hint="add `suite:` under `system`, e.g. bookworm"
        )
    return found


def folder_of(url: str, suite: str) -> str:
    """Where the index of a suite is; a suite that ends in / is a flat repository's folder."""
    root = url.rstrip("/")
    return f"{root}/{suite}".rstrip("/") if suite.endswith("/") else f"{root}/dists/{suite}"


def ask(definition: Definition, cache: Path, *, offline: bool) -> State:
    """The state of all mirrors; offline: the last one, from `cache`.

    Of each repository the first address that has all its suites is taken. Raises UnreachableError
    when none has.
    """
    identity: dict[str, str] = {}
    urls: dict[str, str] = {}
    dates: list[int] = []
    for name, repository in sorted(definition.repositories.items()):
        chosen, indices = _first(name, definition, repository, cache, offline=offline)
        urls[name] = chosen
        for suite, data in indices.items():
            identity[f"{name} {suite}"] = hashlib.sha256(data).hexdigest()
            dates.extend(_dates(data))
    found = {name: pins(name, definition, url, cache) for name, url in urls.items()}
    return State(identity, urls, max(dates, default=None), found)


def pins(name: str, definition: Definition, url: str, cache: Path) -> list[str]:
    """What tells the packages of a repository from all others, as apt_preferences(5) has it.

    By what its index says of itself, for several repositories may be on one host; by the host when
    it says nothing. `ask` has been called before.
    """
    found = []
    for suite in suites(definition, definition.repositories[name]):
        index = _index(url, suite, cache, offline=True)
        words = [
            f"{letter}={value[1].decode().strip()}"
            for letter, field in _FIELDS
            if (value := re.search(rb"^%s:([ -~]+)$" % field, index, re.MULTILINE))
        ]
        distinct = any(word[:2] in ("o=", "l=") for word in words)
        host = urlsplit(url).hostname or ""
        found.append(f"release {', '.join(words)}" if distinct else f'origin "{host}"')
    return found


def _first(
    name: str, definition: Definition, repository: Repository, cache: Path, *, offline: bool
) -> tuple[str, dict[str, bytes]]:
    problems: list[B2ctError] = []
    wanted = suites(definition, repository)
    for url in (repository.url, *repository.mirrors):
        try:
            return url, {suite: _index(url, suite, cache, offline=offline) for suite in wanted}
        except B2ctError as err:
            problems.append(err)
    if offline:
        raise problems[0]
    tried = "; ".join(problem.message for problem in problems)
    raise UnreachableError(
        f"repository {name}: no mirror answers: {tried}",
        hint=no_mirror(repository.url),
    )


def _index(url: str, suite: str, cache: Path, *, offline: bool) -> bytes:
    folder = folder_of(url, suite)
    kept = cache / "mirrors" / hashlib.sha256(folder.encode()).hexdigest()
    local = urlsplit(url).scheme == "file"
    if offline and not local:
        try:
            return kept.read_bytes()
        except OSError:
            raise UnreachableError(
                f"offline: the cache does not know {shown(folder)}",
                hint="build once without --offline",
            ) from None
    data = _read(folder) if local else _fetch(folder)
    if not local:
        kept.parent.mkdir(parents=True, exist_ok=True)
        files.write(kept, data)
    return data


def _fetch(folder: str) -> bytes:
    try:
        return get_bytes(f"{folder}/InRelease", limit=_LIMIT, patience=_PATIENCE)
    except UnreachableError:
        raise
    except B2ctError:  # old repositories have the signature in a file of its own
        return get_bytes(f"{folder}/Release", limit=_LIMIT, patience=_PATIENCE)


def _read(folder: str) -> bytes:
    base = Path(urlsplit(folder).path)
    for name in ("InRelease", "Release"):
        if (base / name).is_file():
            return (base / name).read_bytes()
    raise B2ctError(f"{base} has no InRelease", hint="is this an APT repository?")


def _dates(index: bytes) -> Iterator[int]:
    found = re.search(rb"^Date:([ -~]+)$", index, re.MULTILINE)
    if found:
        try:
            yield int(parsedate_to_datetime(found[1].decode().strip()).timestamp())
        except (ValueError, TypeError):
            return
