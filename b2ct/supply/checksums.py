"""Checksum files as distributions publish them: BSD and GNU lines, a name for each digest."""

from __future__ import annotations

import re
from collections.abc import Mapping

from b2ct.core.errors import B2ctError

# Coreutils' `sha256sum --tag` and `sha256sum`.
_BSD = re.compile(r"SHA256 \((?P<name>[^()]+)\) = (?P<digest>[0-9a-fA-F]{64})")
_GNU = re.compile(r"(?P<digest>[0-9a-fA-F]{64}) [ *](?P<name>\S.*)")


def parse(text: str) -> dict[str, str]:
    """File name -> SHA-256 in lower-case hexadecimal; comments and other digests are left out.

    Raises B2ctError when a name is there twice with different digests.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _BSD.fullmatch(line.rstrip()) or _GNU.fullmatch(line.rstrip()):
            name = match["name"].removeprefix("./")
            digest = match["digest"].lower()
            if found.setdefault(name, digest) != digest:
                raise B2ctError(f"the checksum file gives two different digests for {name}")
    return found


def expected(sums: Mapping[str, str], name: str) -> str:
    """The digest for a file of that name.

    A `-latest` name is an alias on the server: where the checksum file has only the name with the
    version or the date in its place, the newest of these counts. Raises B2ctError when there is
    none.
    """
    if name in sums:
        return sums[name]
    alias = re.escape(name).replace(r"\-latest", r"[-.]([0-9][0-9.]*)")
    versions = {
        tuple(map(int, re.findall(r"\d+", match[1]))): digest
        for other, digest in sums.items()
        if "-latest" in name and (match := re.fullmatch(alias, other))
    }
    if versions:
        return versions[max(versions)]
    listed = ", ".join(list(sums)[:4]) + (", ..." if len(sums) > 4 else "")
    raise B2ctError(
        f"the checksum file does not list {name}; it lists {listed or 'no SHA-256 at all'}",
        hint="it may belong to another release: fetch it anew from the folder of the image",
    )
