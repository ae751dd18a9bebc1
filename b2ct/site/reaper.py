"""Which VMs of DIRAC are unused, and so terminated by `b2ct reap`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from b2ct.document.model import Model
from b2ct.document.types import Duration, Matching
from b2ct.site.cloud import UserName

DAY = 86400

Prefix = Annotated[
    str,
    Matching(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{2,59}",
        "the beginning of names of VMs: at least three letters, digits and _ . -",
        ("VMDIRAC3_",),
    ),
]
"""Long enough that nobody's VM begins so by chance."""


Off = Literal["off"]
Limit = Duration | Off
LongLimit = Annotated[Duration, Field(ge=600)] | Off
"""Shorter ones would take VMs that are only slow."""


class Reaper(Model):
    """What unused VMs are: `b2ct reap` terminates those of one user with these names, no others.

    It is the second line: workers power themselves off (`workers`), DIRAC removes what it can see.
    """

    enabled: bool = Field(True, description="A timer on the control node runs `b2ct reap`.")
    user: UserName | None = Field(
        None, description="Whose VMs. Left out: the user of `cloud.dirac`."
    )
    prefixes: tuple[Prefix, ...] = Field(
        ("VMDIRAC3_",),
        min_length=1,
        description="Names begin with one of these; `VMDIRAC3_` is what DIRAC 9 calls its VMs.",
    )
    interval: Duration = Field(300, ge=60, le=DAY, description="How often the timer runs.")
    poweroff: Limit = Field(
        600,
        description="Terminated: powered off for that long, as finished pilots leave it; or `off`.",
    )
    failed: Limit = Field(600, description="Terminated: failed for that long; or `off`.")
    boot: LongLimit = Field(
        3600, description="Terminated: waiting, copied or booting for that long; or `off`."
    )
    silent: LongLimit = Field(
        2400,
        description="Terminated: its hypervisor reports, but nothing of it for so long; or `off`.",
    )
    idle: Annotated[Duration, Field(ge=600, le=DAY // 3)] | Off = Field(
        3600, description="Terminated: its processors did nothing for that long; or `off`."
    )
    idle_cpu: float = Field(
        5,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Nothing is: at most this much, in percent of one processor.",
    )
    grace: Duration = Field(1800, description="After its start a VM is not idle for that long.")
    age: Annotated[Duration, Field(ge=3600)] | Off | None = Field(
        None,
        description=(
            "Terminated: that old, whatever it does; or `off`. Left out: a day more than the"
            " longest `lifetime` of `workers`."
        ),
    )
