"""Workers: what a kind of VM is, of which OpenNebula starts as many as DIRAC asks for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from b2ct.document.model import Model
from b2ct.document.types import Duration, EnvName, Identifier, Line, LocalPath, Matching, Size
from b2ct.site.types import CvmfsRepository

GIB = 2**30
MIB = 2**20
DEFAULT_NAME = "b2ct-worker"
"""The one worker of a site that describes none."""

WorkerName = Annotated[
    str,
    Matching(
        "[a-z][a-z0-9-]{0,39}",
        "a short name of lower-case letters, digits and '-', a letter first",
        ("b2ct-worker",),
    ),
]
"""VMs are called by it, so it is good in host names."""


class Idle(Model):
    """When an unused VM powers itself off."""

    mode: Literal["poweroff", "dry-run", "off"] = Field(
        "poweroff", description="`dry-run` only says in the log what it would do."
    )
    load: float = Field(
        0.01, ge=0, le=1000, allow_inf_nan=False, description="Unused: a load below this."
    )
    span: Duration = Field(60, ge=1, description="The 1-minute load is averaged over this time.")
    period: Duration = Field(600, ge=60, description="How often it is decided.")
    margin: Duration = Field(300, description="It is looked at that long before a period ends.")
    grace: Duration = Field(1800, description="After its start, a VM is left alone that long.")
    logins: Literal["keep", "ignore"] = Field(
        "keep", description="`keep`: a VM somebody is logged in to is in use."
    )


class WorkerCvmfs(Model):
    """What differs from the site's `cvmfs` for this worker."""

    repositories: tuple[CvmfsRepository, ...] | None = Field(
        None, description="Repositories. Left out: those of the site."
    )
    quota: Size | None = Field(None, description="Cache. Left out: that of the site.")


class Worker(Model):
    """A kind of VM."""

    image: Identifier = Field(
        "el9-worker", description="Image definition that it is made from: `images/NAME.yaml`."
    )
    cpu: float = Field(
        1,
        gt=0,
        le=1024,
        allow_inf_nan=False,
        description="Processors that it takes from a hypervisor; 0.5 is half of one.",
    )
    vcpu: int = Field(1, ge=1, le=512, description="Processors that it sees.")
    memory: Size = Field(2 * GIB, ge=256 * MIB, description="Memory.")
    disk: Size = Field(
        40 * GIB, ge=2 * GIB, description="Its disk: system, CVMFS cache and the jobs' files."
    )
    networks: tuple[Identifier, ...] = Field(
        (), description="Networks that it is on. Left out: all that have a `vm_range`."
    )
    lifetime: Duration = Field(
        3 * 86400, ge=60, description="It powers itself off when it is that old."
    )
    idle: Idle = Field(Idle(), description="When it powers itself off because nobody uses it.")
    mounts: Literal["autofs", "systemd"] = Field(
        "autofs",
        description="Who mounts repositories at their first use: autofs, or units of systemd.",
    )
    cvmfs: WorkerCvmfs = Field(WorkerCvmfs(), description="What differs from the site's `cvmfs`.")
    hs06: float | None = Field(
        None,
        gt=0,
        le=10000,
        allow_inf_nan=False,
        description="HS06 (or HEPScore23) of one processor, told to jobs. Left out: not told.",
    )
    environment: dict[EnvName, Line] = Field(
        default_factory=dict, description="Variables for every shell and job, by name."
    )
    scripts: tuple[LocalPath, ...] = Field(
        (), description="Scripts that it runs as root when it first starts, in this order."
    )
    user_data: LocalPath | None = Field(
        None, description="cloud-init user data of the site's own, added to what B2CT writes."
    )
