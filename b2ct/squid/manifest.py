"""`.cvmfspublished`: what a stratum-1 says of a repository (doc-cvmfs, "Internals")."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Manifest:
    """The signed head of a repository; the signature is not checked here, clients do."""

    name: str
    revision: int
    published: int
    """Seconds since 1970."""


def parse(body: bytes) -> Manifest | None:
    """Lines of a letter and a value, up to `--`; None for anything else."""
    head = body.partition(b"\n--\n")[0].decode("latin-1")
    rows = {line[:1]: line[1:] for line in head.split("\n") if line}
    number = re.compile(r"[0-9]{1,12}")
    if not re.fullmatch(r"[0-9a-f]{40}(-[a-z0-9]+)?", rows.get("C", "")):
        return None
    revision, published = rows.get("S", ""), rows.get("T", "")
    if not number.fullmatch(revision) or not number.fullmatch(published) or "N" not in rows:
        return None
    return Manifest(rows["N"], int(revision), int(published))
