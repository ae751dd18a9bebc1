"""What apt, dpkg and mmdebstrap say when they fail, as one error with its remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.core.errors import B2ctError
from b2ct.core.run import TAIL


class BootstrapError(B2ctError):
    """Packages could not be installed; carries the last lines of the tool that failed."""

    def __init__(self, message: str, *, hint: str = "", said: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.said = tuple(said)

    def lines(self) -> list[str]:
        """The error, its remedy, and what the tool said last."""
        return [*super().lines(), *(f"  | {line}" for line in self.said[-TAIL:])]


class MirrorError(BootstrapError):
    """A mirror does not answer, or not with what its index promises: another one may."""


class UnknownPackageError(BootstrapError):
    """No repository has a package of that name."""

    def __init__(self, package: str, *, said: Sequence[str] = ()) -> None:
        super().__init__(
            f"no repository has the package '{package}'",
            hint="correct its name in `packages`, or add the repository that has it",
            said=said,
        )
        self.package = package


@dataclass(frozen=True)
class _Kind:
    pattern: re.Pattern[str]
    message: str
    hint: str
    error: type[BootstrapError] = BootstrapError


_UNKNOWN = re.compile(
    r"Unable to locate package ([^\s'\"]+)"
    r"|Package '?([^\s']+)'? has no installation candidate"
    r"|Couldn't find any package by (?:glob|regex) '([^']+)'"
    r"|Version '[^']+' for '([^']+)' was not found"
)

# In this order: a full disk makes apt speak of damaged files and missing keys, too.
_KINDS = (
    _Kind(
        re.compile(r"No space left on device|You don't have enough free space"),
        "no space left for the packages",
        "free some space, or name a folder on another disk with --scratch",
    ),
    _Kind(
        re.compile(
            r"NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|is not signed|couldn't be verified"
            r"|The key\(s\) in the keyring|no longer signed|UNAUTHENTICATED"
        ),
        "a repository is not signed by the key that the definition names",
        "compare `keys` of the repository with what its owner has published; do not use it before",
    ),
    _Kind(
        re.compile(r"is not valid yet|is expired \(invalid since|Release file .{0,300} expired"),
        "a repository's index is out of its time",
        "check this machine's clock; an expired index means a mirror that is no longer updated: "
        "name another one in `mirrors`",
    ),
    _Kind(
        re.compile(
            r"Could not resolve|Temporary failure resolving|Unable to connect|Could not connect"
            r"|Connection (?:failed|timed out|refused|reset)|Cannot initiate the connection"
            r"|Network is unreachable|Undetermined Error"
        ),
        "a mirror cannot be reached",
        "check the network and http_proxy; name further `mirrors` in the definition; with "
        "--offline the layers of the cache are used",
        MirrorError,
    ),
    _Kind(
        re.compile(r"Hash Sum mismatch|File has unexpected size|Mirror sync in progress"),
        "a mirror's files do not fit its index: it is being updated",
        "try again in some minutes, or name further `mirrors` in the definition",
        MirrorError,
    ),
    _Kind(
        re.compile(r"Failed to fetch|404 +Not Found|does not have a Release file"),
        "a mirror does not have what it should",
        "check `url`, `suites` and `components` of the repository; name further `mirrors`",
        MirrorError,
    ),
    _Kind(
        re.compile(r"unmet dependencies|held broken packages|Unable to correct problems"),
        "the packages do not fit together",
        "the lines below say which dependency is missing: add its repository, or take the package "
        "out of `packages`",
    ),
    _Kind(
        re.compile(
            r"Errors were encountered while processing|Sub-process .{0,300} returned an error"
        ),
        "a package could not be installed",
        "the lines below say which one and why",
    ),
)


def explain(doing: str, said: Sequence[str]) -> BootstrapError:
    """The reason of a failure from the last lines of the output; `doing` is what was tried."""
    for line in said:
        if found := _UNKNOWN.search(line):
            name = next(group for group in found.groups() if group)
            return UnknownPackageError(name.rstrip(".,"), said=said)
    for kind in _KINDS:
        for line in said:
            if kind.pattern.search(line):
                where = re.search(r"https?://[^\s'\"]+|(?:file|copy):/[^\s'\"]+", line)
                at = f" ({where[0]})" if where else ""
                return kind.error(f"{doing}: {kind.message}{at}", hint=kind.hint, said=said)
    why = said[-1].strip() if said else "it printed nothing"
    return BootstrapError(f"{doing} failed: {why}", hint="the last lines are below", said=said)
