"""The reaper: never OpenNebula's own users, and no limit that cuts a worker's life short."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.document.finding import Finding, duration
from b2ct.site.cloud import OWN_USERS
from b2ct.site.model import Site


def findings(site: Site) -> Iterator[Finding]:
    """What cannot be meant in `reaper`."""
    chosen = site.reaper
    if chosen.user and chosen.user.lower() in OWN_USERS:
        yield Finding(
            ("reaper", "user"),
            f"{chosen.user} is OpenNebula's own: expected the user as whom DIRAC starts VMs",
            "without one, leave `reaper` out",
        )
    if isinstance(chosen.age, int):
        for name, worker in site.described_workers.items():
            if worker.lifetime > chosen.age:
                yield Finding(
                    ("reaper", "age"),
                    f"shorter than the {duration(worker.lifetime)} that VMs of {name} may live",
                    f"a longer age, or a shorter `lifetime` of {name}; left out, it fits",
                )
