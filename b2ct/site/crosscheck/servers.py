"""Addresses of squids, stratum-1s and proxy files, as squid and CVMFS take them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from b2ct.document.finding import Finding
from b2ct.site import stratum
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
    yield from _keys(site)
    for i, url in enumerate(site.cvmfs.pac_urls):
        if set(url) & set(";#*?"):
            yield Finding(
                ("cvmfs", "pac_urls", i), "CVMFS would misread ';', '#', '*' or '?' in it"
            )


def _keys(site: Site) -> Iterator[Finding]:
    """A key that only the configuration repository has, whose servers the squid would refuse."""
    if any(stratum.serves(url, stratum.CONFIG_DOMAIN) for url in site.cvmfs.stratum1):
        return
    workers = (worker.cvmfs.repositories or () for worker in site.workers.values())
    wanted = dict.fromkeys((*site.cvmfs.repositories, *chain.from_iterable(workers)))
    for repository in wanted:
        domain = stratum.domain_of(repository)
        if domain not in site.cvmfs.keys and not stratum.brings_keys(domain):
            yield Finding(
                ("cvmfs", "stratum1"),
                f"none of these serves {stratum.CONFIG_REPOSITORY}, from which VMs get the public "
                f"key of {repository}, and squid admits no others",
                "add http://cvmfs-stratum-one.cern.ch:8000, or bring the key: "
                f"`cvmfs: {{keys: {{{domain}: FILE.pub}}}}`",
            )
            return
