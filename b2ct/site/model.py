"""What a site is: frozen, typed, and complete enough that everything else is derived from it.

Anything may be left out. What a machine then lacks is asked at its console by the kickstart.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from b2ct.document.model import Model
from b2ct.document.types import (
    AbsolutePath,
    EnvName,
    Fingerprint,
    Identifier,
    Line,
    LocalPath,
    OneOf,
    Package,
    Sha256,
    Size,
    Url,
    Uuid,
)
from b2ct.site import catalogue
from b2ct.site.catalogue import Distribution, Role
from b2ct.site.cloud import Cloud
from b2ct.site.disk import Disk
from b2ct.site.gateway import Gateway
from b2ct.site.proxy import Proxy
from b2ct.site.reaper import DAY, Reaper
from b2ct.site.types import (
    Address,
    Cidr,
    CvmfsRepository,
    Domain,
    Host,
    HostName,
    InterfaceName,
    Keyboard,
    Locale,
    Mac,
    SerialConsole,
    SshKey,
    Timezone,
)
from b2ct.site.workers import DEFAULT_NAME, Worker, WorkerName

GIB = 2**30

ReleaseKey = Annotated[str, OneOf(tuple(catalogue.RELEASES), "a release that the catalogue knows")]
OpenNebulaKey = Annotated[
    str, OneOf(tuple(catalogue.OPENNEBULA), "an OpenNebula version that the catalogue knows")
]


class SiteInfo(Model):
    """The site itself."""

    name: Identifier = Field(
        "b2ct", description="Short name of the site; it labels media and images."
    )
    domain: Domain | None = Field(None, description="DNS domain of the nodes. Left out: asked.")
    timezone: Timezone = Field("UTC", description="Time zone of the nodes.")
    language: Locale = Field("en_US.UTF-8", description="Locale of the installed system.")
    keyboard: Keyboard | None = Field(None, description="Console keyboard layout. Left out: asked.")
    ntp: tuple[Host, ...] = Field(
        (), description="Time servers. Left out: the distribution's pool."
    )


class ReleaseChoice(Model):
    """Which Enterprise Linux is installed, and from where."""

    version: ReleaseKey = Field(catalogue.DEFAULT_RELEASE, description="Major release.")
    distribution: Distribution | None = Field(
        None, description="Which rebuild. Left out: the release's first in the catalogue."
    )
    mirror: Url | None = Field(
        None,
        description="Install tree to use instead of the catalogue's (kickstart `url --url`).",
    )
    repositories: dict[Identifier, Url] = Field(
        default_factory=dict,
        description="Further repositories by name: needed for RHEL, which has no public ones.",
    )
    iso: Url | None = Field(None, description="Netinstall image instead of the catalogue's.")
    iso_sha256: Sha256 | None = Field(None, description="SHA-256 of that image.")
    signing_key: Fingerprint | None = Field(
        None,
        description="Fingerprint of the key that signs the images; it replaces the catalogue's.",
    )


class CloudApi(StrEnum):
    """How clients reach the cloud."""

    XMLRPC = "xmlrpc"
    ROCCI = "rocci"


class OpenNebulaChoice(Model):
    """Which OpenNebula is installed."""

    version: OpenNebulaKey | None = Field(
        None,
        description="Version line such as 6.10. Left out: the release's first in the catalogue.",
    )
    mirror: Url | None = Field(None, description="Repository to use instead of OpenNebula's own.")
    cloud_api: CloudApi = Field(
        CloudApi.XMLRPC, description="`rocci` installs the historical rOCCI server (EL6, EL7 only)."
    )
    rocci_repository: Url | None = Field(
        None, description="Where the rOCCI packages are: they have no living public repository."
    )


class VmRange(Model):
    """Addresses that OpenNebula may give to VMs."""

    first: Address = Field(description="First address.")
    last: Address = Field(description="Last address, included.")


class Network(Model):
    """A network that nodes or VMs are on."""

    cidr: Cidr | None = Field(None, description="Network in CIDR notation.")
    gateway: Address | None = Field(None, description="Default gateway, inside the network.")
    dns: tuple[Address, ...] = Field((), description="DNS servers.")
    vlan: int | None = Field(None, ge=1, le=4094, description="802.1Q tag.")
    mtu: int | None = Field(None, ge=576, le=9216, description="MTU in bytes.")
    bridge: InterfaceName | None = Field(
        None, description="Bridge on hypervisors, to which VMs are attached."
    )
    vm_range: VmRange | None = Field(None, description="Addresses for VMs.")


class Bond(Model):
    """Several network cards used as one."""

    members: tuple[Mac, ...] = Field(min_length=2, description="MAC addresses of the members.")
    mode: Literal["active-backup", "802.3ad", "balance-rr", "balance-xor"] = Field(
        "active-backup", description="Bonding mode."
    )


class Interface(Model):
    """A node's place on one network; the first of a node is how other nodes reach it."""

    network: Identifier = Field(description="Name of the network.")
    mac: Mac | None = Field(None, description="MAC address of the card. Left out: asked.")
    bond: Bond | None = Field(None, description="A bond instead of one card.")
    address: Address | Literal["dhcp", "none"] | None = Field(
        None, description="Address, `dhcp`, or `none` (bridge only). Left out: asked."
    )

    @property
    def macs(self) -> tuple[str, ...]:
        """Every MAC address of this interface."""
        if self.bond:
            return self.bond.members
        return (self.mac,) if self.mac else ()

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.mac and self.bond:
            raise ValueError("`mac` or `bond`, not both")
        return self


class Node(Model):
    """A machine."""

    name: HostName = Field(description="Host name without domain.")
    role: Role = Field(description="What it is for: control, hypervisor, or single (both).")
    serial: Line | None = Field(None, description="The machine's serial number (DMI).")
    interfaces: tuple[Interface, ...] = Field((), description="Its network interfaces.")
    disk: Disk | None = Field(None, description="Where to install.")
    host_key: SshKey | None = Field(
        None, description="Its SSH host key, if known: then it is never taken on first contact."
    )

    @property
    def macs(self) -> tuple[str, ...]:
        """Every MAC address by which the machine can be recognised."""
        return tuple(dict.fromkeys(mac for interface in self.interfaces for mac in interface.macs))

    @property
    def address(self) -> str | None:
        """The static address by which other nodes reach it, if the file says one."""
        first = self.interfaces[0].address if self.interfaces else None
        return None if first in (None, "dhcp", "none") else str(first)


class Ssh(Model):
    """Datastores on each machine's own disk, images copied over ssh."""

    type: Literal["ssh", "local"] = Field("ssh", description="On each machine's own disk.")


class Nfs(Model):
    """Datastores on an NFS export."""

    type: Literal["nfs"] = Field(description="On an NFS export.")
    server: Host = Field(description="NFS server.")
    export: AbsolutePath = Field(description="Exported path; it must belong to 9869:9869.")
    version: Literal["3", "4", "4.1", "4.2"] = Field("4.2", description="NFS version.")
    mode: Literal["shared", "qcow2"] = Field("shared", description="OpenNebula transfer driver.")


class Lvm(Model):
    """VM disks as logical volumes on shared block storage."""

    type: Literal["lvm"] = Field(description="On shared block storage.")
    system_datastore: int = Field(0, ge=0, description="ID of the system datastore: VG vg-one-ID.")


class Ceph(Model):
    """Datastores in a Ceph pool."""

    type: Literal["ceph"] = Field(description="In a Ceph pool.")
    monitors: tuple[Host, ...] = Field(min_length=1, description="Ceph monitors.")
    pool: Identifier = Field("one", description="Pool.")
    user: Identifier = Field("libvirt", description="Ceph user, without `client.`.")
    secret_uuid: Uuid = Field(description="UUID of the libvirt secret that holds the user's key.")


Storage = Annotated[Ssh | Nfs | Lvm | Ceph, Field(discriminator="type")]


class DiskLayout(Model):
    """How the install disk is divided; the datastore volume takes what is left."""

    root: Size = Field(40 * GIB, ge=8 * GIB, description="Root file system.")
    swap: Size = Field(4 * GIB, description="Swap.")
    datastore: Size | None = Field(
        None, description="Volume at /var/lib/one/datastores. Left out: the rest of the disk."
    )
    squid: Size = Field(
        60 * GIB, ge=2 * GIB, description="Volume of the squid cache, where squid runs."
    )


class Squid(Model):
    """The HTTP cache for CVMFS."""

    node: HostName | None = Field(
        None,
        description="Node that runs it. Left out: the control node; `external` may replace it.",
    )
    external: tuple[Url, ...] = Field(
        (),
        description="Squids that exist already, all alike to VMs: none is installed.",
    )
    backup: tuple[Url, ...] = Field(
        (), description="Squids elsewhere, which VMs try in this order when the site's fail."
    )
    port: int = Field(3128, ge=1024, le=65535, description="TCP port.")
    wpad: bool = Field(
        True,
        description="The control node serves `wpad.dat`, by which stock images find the squids.",
    )
    clients: tuple[Cidr, ...] = Field(
        (), description="Networks admitted besides those of `networks`."
    )
    destinations: tuple[Host, ...] = Field(
        (), description="Servers admitted besides the stratum-1s."
    )


class Cvmfs(Model):
    """The software that VMs mount."""

    repositories: tuple[CvmfsRepository, ...] = Field(
        ("belle.cern.ch", "belle.kek.jp", "grid.cern.ch", "cvmfs-config.cern.ch"),
        description="Repositories.",
    )
    stratum1: tuple[Url, ...] = Field(
        (
            "http://cvmfs-stratum-one.cern.ch:8000",
            "http://cvmfs-stratum-one.cc.kek.jp:8000",
            "http://cernvmfs.gridpp.rl.ac.uk:8000",
            "http://grid-cvmfs-one.desy.de:8000",
            "http://cvmfs-s1bnl.opensciencegrid.org:8000",
            "http://cvmfs-s1fnal.opensciencegrid.org:8000",
        ),
        description="Stratum-1 servers, nearest first; squid admits these and no others.",
    )
    quota: Size = Field(20 * GIB, description="Cache of each VM.")
    pac_urls: tuple[Url, ...] = Field(
        ("http://grid-wpad/wpad.dat", "http://wpad/wpad.dat"),
        description=(
            "Where VMs look for a WPAD file, at each mount, when no squid answers; `[]`: nowhere."
            " Left out: there, and only for a site that leads to no squid."
        ),
    )
    keys: dict[Domain, LocalPath] = Field(
        default_factory=dict,
        description=(
            "Public key files (PEM) by CVMFS domain, such as `kek.jp`. Left out: the client's"
            " packages bring that of cern.ch, CVMFS's configuration repository the others."
        ),
    )


class Admin(Model):
    """Somebody who may log in as root with a key."""

    name: Line = Field(description="Who it is.")
    ssh_keys: tuple[SshKey, ...] = Field(min_length=1, description="OpenSSH public keys.")


def _secret(value: Any) -> Any:
    return {"generate": True} if value == "generate" else value


def _true(value: Any) -> Any:
    """YAML's words for it: scalars arrive as they were written."""
    return True if str(value).lower() in ("true", "yes", "on") else value


class Secret(Model):
    """A secret by reference: it never stands in the file itself."""

    instead_of_text: ClassVar[str] = (
        "never the secret itself: name where it is, such as {file: root-password.txt}"
    )

    generate: (
        Annotated[Literal[True], BeforeValidator(_true, json_schema_input_type=Literal[True])]
        | None
    ) = Field(None, description="Made on the machine at first boot.")
    file: LocalPath | None = Field(None, description="First line of this file.")
    env: EnvName | None = Field(None, description="Environment variable.")
    command: tuple[Line, ...] | None = Field(
        None, min_length=1, description="First line that this command (a list of words) prints."
    )
    on_medium: bool = Field(
        False,
        description=(
            "Accept that a secret needed in the clear is readable by whoever finds the medium."
        ),
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(v is not None for v in (self.generate, self.file, self.env, self.command)) != 1:
            raise ValueError("exactly one of `generate`, `file`, `env` or `command`")
        return self


SecretRef = Annotated[
    Secret, BeforeValidator(_secret, json_schema_input_type=Literal["generate"] | Secret)
]


class Secrets(Model):
    """The secrets of the site."""

    root_password: SecretRef | None = Field(
        None, description="Console password of root; only its hash is carried. Left out: locked."
    )
    oneadmin_password: SecretRef = Field(
        Secret(generate=True),
        description="OpenNebula's administrator. By default made at first boot, on the machine.",
    )
    dirac_password: SecretRef | None = Field(
        None, description="The user of `cloud.dirac`, made by `b2ct apply`; on no medium."
    )
    proxy_password: SecretRef | None = Field(
        None,
        description=(
            "Of `proxy.user`. On a medium only with `on_medium: true`; else each machine asks for"
            " it at its console."
        ),
    )


class Packages(Model):
    """Packages besides those that a role needs."""

    all: tuple[Package, ...] = Field((), description="On every machine.")
    control: tuple[Package, ...] = Field((), description="On control nodes.")
    hypervisor: tuple[Package, ...] = Field((), description="On hypervisors.")

    def of(self, role: Role) -> tuple[str, ...]:
        """Those of a machine with this role; a leading `-` means: leave it out."""
        control = () if role is Role.HYPERVISOR else self.control
        hypervisor = () if role is Role.CONTROL else self.hypervisor
        return tuple(dict.fromkeys((*self.all, *control, *hypervisor)))


class Installer(Model):
    """How the installation medium behaves."""

    source: Literal["auto", "network", "medium"] = Field(
        "auto",
        description=(
            "Where packages come from. `auto`: the medium if it has them, else the network."
        ),
    )
    serial_console: SerialConsole | None = Field(
        None, description="Also use this serial console, such as ttyS0,115200."
    )
    timeout: int = Field(
        20, ge=1, le=3600, description="Seconds before the menu starts its default."
    )
    after: Literal["reboot", "poweroff"] = Field(
        "reboot", description="What the machine does when it is installed."
    )


class Site(Model):
    """The whole of site.yaml."""

    site: SiteInfo = Field(SiteInfo(), description="The site itself.")
    release: ReleaseChoice = Field(ReleaseChoice(), description="Which Enterprise Linux.")
    opennebula: OpenNebulaChoice = Field(OpenNebulaChoice(), description="Which OpenNebula.")
    networks: dict[Identifier, Network] = Field(
        default_factory=dict, description="Networks by name, such as service, private, public."
    )
    proxy: Proxy | None = Field(
        None, description="By which the outside is reached. Left out: directly."
    )
    storage: Storage = Field(Ssh(), description="Where images and VM disks live.")
    disk_layout: DiskLayout = Field(DiskLayout(), description="How install disks are divided.")
    nodes: tuple[Node, ...] = Field((), description="The machines.")
    squid: Squid = Field(Squid(), description="The HTTP cache for CVMFS.")
    cvmfs: Cvmfs = Field(Cvmfs(), description="The software that VMs mount.")
    workers: dict[WorkerName, Worker] = Field(
        default_factory=dict,
        description=f"Kinds of VMs by name. Left out: one, `{DEFAULT_NAME}`, as the defaults say.",
    )
    cloud: Cloud = Field(Cloud(), description="What OpenNebula is told by `b2ct apply`.")
    reaper: Reaper = Field(Reaper(), description="Which VMs of DIRAC are unused and terminated.")
    gateway: Gateway | None = Field(
        None, description="For DIRAC servers without B2CT's driver. Left out: there is none."
    )
    admins: tuple[Admin, ...] = Field((), description="Who may log in.")
    secrets: Secrets = Field(Secrets(), description="Secrets by reference.")
    packages: Packages = Field(Packages(), description="Further packages.")
    installer: Installer = Field(Installer(), description="How the medium behaves.")

    @property
    def distribution(self) -> Distribution:
        """The chosen distribution, or the release's first."""
        chosen = self.release.distribution
        return chosen or catalogue.release(self.release.version).distributions[0]

    @property
    def opennebula_version(self) -> str:
        """The chosen OpenNebula version, or the release's first."""
        return self.opennebula.version or catalogue.release(self.release.version).opennebula[0]

    def node(self, name: str) -> Node | None:
        """The node of that name."""
        return next((node for node in self.nodes if node.name == name), None)

    @property
    def described_workers(self) -> dict[str, Worker]:
        """The workers; of a site that describes none, the default one."""
        return dict(self.workers) or {DEFAULT_NAME: Worker()}

    def networks_of(self, worker: Worker) -> tuple[str, ...]:
        """Names of the networks that VMs of a worker are on."""
        giving = (name for name, network in self.networks.items() if network.vm_range)
        return worker.networks or tuple(giving)

    @property
    def reaped_user(self) -> str | None:
        """Whose VMs `b2ct reap` looks at; None: nobody's."""
        return self.reaper.user or (self.cloud.dirac.user if self.cloud.dirac else None)

    @property
    def gateway_user(self) -> str | None:
        """Who may call through the gateway; None: nobody is named."""
        named = self.gateway.user if self.gateway else None
        return named or (self.cloud.dirac.user if self.cloud.dirac else None)

    @property
    def reaped_age(self) -> int | Literal["off"]:
        """Seconds after which a VM is too old, whatever it does."""
        longest = max(worker.lifetime for worker in self.described_workers.values())
        return self.reaper.age or longest + DAY

    def with_role(self, *roles: Role) -> tuple[Node, ...]:
        """The nodes that have one of the roles."""
        return tuple(node for node in self.nodes if node.role in roles)
