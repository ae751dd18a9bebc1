"""What dnf and rpm say when they fail, as one error with its remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from b2ct.image.rootfs.aptsaid import BootstrapError, MirrorError, UnknownPackageError


@dataclass(frozen=True)
class _Kind:
    pattern: re.Pattern[str]
    message: str
    """May use the groups of the pattern."""
    hint: str
    error: type[BootstrapError] = BootstrapError


_UNKNOWN = re.compile(r"(?:No match for argument|Unable to find a match): (\S+)")
_NO_SPACE = re.compile(
    r"No space left on device|Curl error \(23\)|(?:more space needed|needs \d\w*) on the"
    r"|Disk Requirements|database or disk is full|Disk quota exceeded"
)

# In this order: a full disk makes dnf speak of mirrors and keys, too.
_KINDS = (
    _Kind(
        _NO_SPACE,
        "no space left for the packages",
        "free some space, or name a folder on another disk with --scratch",
    ),
    _Kind(
        re.compile(r"Package (\S+) is not signed"),
        "the package {0} is not signed",
        "do not install it: ask the owner of the repository, or take another mirror",
    ),
    _Kind(
        # rpm opens no package whose digests are wrong.
        re.compile(r"Problem opening package (\S+)|package (\S+) does not verify"),
        "{0} was changed after it was signed",
        "take another mirror; do not use this one",
    ),
    _Kind(
        re.compile(
            r"Public key for (\S+) is not (?:installed|trusted)|GPG check FAILED"
            r"|keys? (?:listed )?for .{0,300} not correct for this package"
            r"|Import of key.{0,300}failed|GPG Keys are configured as: "
        ),
        "a package is not signed by the key that the definition names",
        "compare `keys` of the repository with what its owner has published; do not use it before",
    ),
    _Kind(
        re.compile(r"Downloading successful, but checksum doesn't match|incorrect checksum"),
        "a mirror's files do not fit its index: it is being updated",
        "try again in some minutes, or name further `mirrors` in the definition",
        MirrorError,
    ),
    _Kind(
        re.compile(r"Cannot download repomd|Failed to download metadata for repo '([^']+)'"),
        "a mirror does not give its index",
        "check the network, http_proxy and `url`; name further `mirrors` in the definition; with "
        "--offline the layers of the cache are used",
        MirrorError,
    ),
    _Kind(
        re.compile(
            r"Curl error \((?:6|7|28|35|52|56)\)|Could not resolve host|No more mirrors to try"
            r"|All mirrors were tried|Error downloading packages"
        ),
        "a mirror does not give what its index promises",
        "check the network and http_proxy; name further `mirrors` in the definition",
        MirrorError,
    ),
    _Kind(
        re.compile(r"nothing provides (.{1,300}?) needed by (\S+)"),
        "nothing provides {0}, which {1} needs",
        "add the repository that has it, or take the package out of `packages`",
    ),
    _Kind(
        re.compile(
            r"Depsolve Error|conflicting requests|conflicts with file|file .{0,300} conflicts"
        ),
        "the packages do not fit together",
        "the lines below say which: take one of them out of `packages`",
    ),
    _Kind(
        re.compile(
            r"Error in (?:POSTTRANS|POSTIN|PREIN|PRETRANS|<unknown>) scriptlet in "
            r"(?:.{0,300}\s)?(\S+)$"
        ),
        "a script of the package {0} failed",
        "the lines below say why",
    ),
)


def explain(doing: str, said: Sequence[str]) -> BootstrapError:
    """The reason of a failure from the last lines of the output; `doing` is what was tried."""
    full = any(_NO_SPACE.search(line) for line in said)
    for line in () if full else said:
        if found := _UNKNOWN.search(line):
            return UnknownPackageError(found[1], said=said)
    for kind in _KINDS:
        for line in said:
            if found := kind.pattern.search(line):
                given = [group for group in found.groups() if group is not None]
                message = kind.message.format(*given) if given else kind.message
                return kind.error(f"{doing}: {message}{_where(said)}", hint=kind.hint, said=said)
    why = said[-1].strip() if said else "it printed nothing"
    return BootstrapError(f"{doing} failed: {why}", hint="the last lines are below", said=said)


def _where(said: Sequence[str]) -> str:
    """The first address or repository that the lines name."""
    text = "\n".join(said)
    found = re.search(r"repo '([^']+)'|(?:https?|file)://[^\s'\"\]]+", text)
    return f" ({found[0]})" if found else ""
