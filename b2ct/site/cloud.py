"""The cloud that OpenNebula is to be: what `b2ct plan` compares with what is there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from b2ct.document.model import Model
from b2ct.document.types import Identifier, Line, Matching, Size
from b2ct.site.types import Cidr

Ports = Annotated[
    str,
    Matching(
        r"[0-9]{1,5}(:[0-9]{1,5})?(,[0-9]{1,5}(:[0-9]{1,5})?)*",
        "ports and ranges of ports such as 22,8000:8080",
        ("22,8000:8080",),
    ),
]
"""As RULE/RANGE of a security group has them."""
UserName = Annotated[
    str,
    Matching(
        r"[A-Za-z][A-Za-z0-9_.@-]{0,59}", "a user name: letters, digits and _ . @ -", ("dirac",)
    ),
]
DiracSite = Annotated[
    str,
    Matching(
        r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z]{2,}",
        "DIRAC's name of a site: GRID.NAME.COUNTRY",
        ("CLOUD.Torino.it",),
    ),
]


OWN_USERS = ("oneadmin", "serveradmin")
"""OpenNebula's own accounts, which are nobody's to give away."""
MOST_PORTS = 15
"""Of one rule: XT_MULTI_PORTS of the kernel's xt_multiport.h."""


class SecurityRule(Model):
    """What is let through; a VM's network card refuses everything else."""

    direction: Literal["inbound", "outbound"] = Field("inbound", description="As seen from the VM.")
    protocol: Literal["all", "tcp", "udp", "icmp", "icmpv6", "ipsec"] = Field(
        "all", description="Protocol."
    )
    ports: Ports | None = Field(None, description="Ports, for tcp and udp. Left out: all.")
    network: Cidr | None = Field(
        None, description="The other side's network, in CIDR notation. Left out: everybody."
    )

    @property
    def port_lists(self) -> tuple[str, ...]:
        """`ports` in as few lists as a rule each may have; none where all ports are meant.

        iptables' `multiport` takes 15, of which a range counts as two, and oned refuses more.
        """
        lists: list[list[str]] = []
        room = 0
        for span in self.ports.split(",") if self.ports else ():
            width = 2 if ":" in span else 1
            if width > room:
                lists.append([])
                room = MOST_PORTS
            lists[-1].append(span)
            room -= width
        return tuple(",".join(spans) for spans in lists)


class SecurityGroup(Model):
    """Firewall rules for the VMs of some networks, in place of OpenNebula's, which let all pass."""

    description: Line | None = Field(None, description="What it is for.")
    networks: tuple[Identifier, ...] = Field(
        (), description="Networks that it guards. Left out: all that have a `vm_range`."
    )
    rules: tuple[SecurityRule, ...] = Field(min_length=1, description="What is let through.")


class Quota(Model):
    """What a user's VMs may take together. What is left out has no limit."""

    vms: int | None = Field(None, ge=0, le=10**6, description="VMs.")
    cpu: float | None = Field(
        None, ge=0, le=10**6, allow_inf_nan=False, description="Processors of hypervisors."
    )
    memory: Size | None = Field(None, description="Memory.")
    disk: Size | None = Field(None, description="Disks of VMs.")


class Dirac(Model):
    """The OpenNebula user as whom DIRAC starts VMs; its password is `secrets.dirac_password`.

    It may make VMs, and templates for them, and use the administrators' images and templates and
    the workers' networks: nothing else.
    """

    site: DiracSite | None = Field(
        None,
        description="What DIRAC calls this site. Left out: CLOUD, the site's name and the country "
        "of its domain.",
    )
    user: UserName = Field("dirac", description="Its name.")
    group: Identifier = Field("dirac", description="Its group.")
    quota: Quota = Field(Quota(), description="What its VMs may take together.")


class CloudDatastore(Model):
    """A datastore besides OpenNebula's own, on the site's `storage`."""

    kind: Literal["image", "system"] = Field(
        "image", description="`image` holds images, `system` the disks of running VMs."
    )


class Volume(Model):
    """A disk whose data stay when VMs end: in OpenNebula a persistent image, empty at first.

    One VM at a time has it, with `DISK=[IMAGE="NAME"]` in its template; the VM makes the file
    system. B2CT never deletes a volume.
    """

    size: Size = Field(description="Its size. It cannot be changed later.")
    datastore: Identifier | None = Field(
        None, description="The image datastore that holds it. Left out: OpenNebula's `default`."
    )
    description: Line | None = Field(None, description="What it is for.")


class Cloud(Model):
    """What `b2ct plan` and `b2ct apply` make of OpenNebula besides `nodes` and `networks`."""

    driver: Literal["kvm", "qemu", "dummy"] = Field(
        "kvm", description="Drivers of hypervisors: `qemu` without KVM, `dummy` to practise."
    )
    cluster: Identifier | None = Field(
        None,
        description="Cluster of hypervisors, networks and datastores. Left out: OpenNebula's own.",
    )
    datastores: dict[Identifier, CloudDatastore] = Field(
        default_factory=dict, description="Further datastores by name."
    )
    volumes: dict[Identifier, Volume] = Field(
        default_factory=dict, description="Disks that outlive VMs, by name."
    )
    groups: tuple[Identifier, ...] = Field((), description="Further groups of users.")
    security_groups: dict[Identifier, SecurityGroup] = Field(
        default_factory=dict, description="Firewalls of VMs by name. Left out: all may pass."
    )
    dirac: Dirac | None = Field(
        None, description="The user as whom DIRAC starts VMs. Left out: none is made."
    )
