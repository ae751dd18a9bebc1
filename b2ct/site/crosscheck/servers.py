"""Addresses of squids, stratum-1s and proxy files, as squid and CVMFS take them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from b2ct.document.finding import Finding
from b2ct.site.model import Site

_ORIGIN = re.compile(r"http://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?")
_SQUID = re.compile(r"http://[A-Za-z0-9.-]+:[0-9]{1,5}/?")


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `squid` and `cvmfs`."""
    for key in ("external", "backup"):
        for i, url in enumerate(getattr(site.squid, key)):
            if not _SQUID.fullmatch(url):
                yield Finding(("squid", key, i), "expected http://HOST:PORT and nothing else")
    for i, url in enumerate(site.cvmfs.stratum1):
        if not _ORIGIN.fullmatch(url):
            yield Finding(
                ("cvmfs", "stratum1", i),
                "expected http://HOST or http://HOST:PORT and nothing else",
                "squid caches no https; CVMFS verifies by signatures what it is given",
            )
    for i, url in enumerate(site.cvmfs.pac_urls):
        if set(url) & set(";#*?"):
            yield Finding(
                ("cvmfs", "pac_urls", i), "CVMFS would misread ';', '#', '*' or '?' in it"
            )
