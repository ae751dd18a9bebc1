"""What varies by release, distribution and OpenNebula version: rows, and one function to pick each.

Sources: the distributions' published trees, Anaconda's and lorax's release branches, OpenNebula's
platform notes. Adding a release or a version is adding a row here; no other code asks which
release it is, only what the row says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from b2ct.core.errors import B2ctError


class Role(StrEnum):
    """What a machine is for."""

    CONTROL = "control"
    HYPERVISOR = "hypervisor"
    SINGLE = "single"


class Distribution(StrEnum):
    """The rebuild of Enterprise Linux."""

    CENTOS = "centos"
    STREAM = "centos-stream"
    ALMALINUX = "almalinux"
    ROCKY = "rocky"
    RHEL = "rhel"
    ORACLE = "oracle"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One major release of Enterprise Linux, as far as installing it differs."""

    key: str
    major: int
    pykickstart: str
    """The version name of pykickstart's handler, the oracle of the tests."""
    ks_argument: str
    """The kernel argument that names the kickstart."""
    prefixed_arguments: bool
    """Installer arguments are spelled `inst.` (EL7 and later)."""
    init: str
    """`systemd` or `sysv`."""
    bridge_in_kickstart: bool
    """The `network` command knows --bridgeslaves; else ifcfg files are written in %post."""
    vlan_in_kickstart: bool
    """The `network` command knows --interfacename and VLAN on bonds."""
    ssh_key_command: bool
    """The kickstart command `sshkey` exists."""
    reqpart: bool
    """The kickstart command `reqpart` exists."""
    firewall: str
    """`firewalld` or `iptables`."""
    time_service: str
    """`chronyd` or `ntpd`."""
    package_tool: str
    """`dnf` or `yum`."""
    selinux_tools: str
    """The package that holds semanage."""
    extra_repository: str
    """The repository id that EPEL needs enabled: `crb`, `powertools` or none."""
    host_key_type: str
    """The SSH key type for keys made at first boot."""
    opennebula: tuple[str, ...]
    """OpenNebula versions that install on it, the default first."""
    distributions: tuple[Distribution, ...]
    """Distributions that published it, the default first."""
    end_of_life: str = ""
    """The year in which updates ended, empty while it is maintained."""
    rocci: bool = False
    """The historical rOCCI server installs on it."""
    unknown_ssh_keys: tuple[str, ...] = ()
    """Prefixes of SSH key types that its sshd is too old for (5.3 on EL6, 7.4, 8.0 on EL8)."""
    epel: str = ""
    """baseurl of EPEL; the archive where EPEL has ended."""
    epel_key: str = ""
    """URL of EPEL's signing key; its fingerprint is in EPEL_FINGERPRINTS."""
    database: tuple[str, str] = ("mariadb-server", "mariadb")
    """The package and the service of MariaDB (MySQL on EL6)."""
    time_package: str = "chrony"
    collapsed_forwarding: bool = True
    """Its squid knows `collapsed_forwarding` (squid 3.5 and later; it is not in 3.1)."""
    certificate_principals: bool = True
    """ssh-keygen -n names principals and authorized_keys knows principals="..." (OpenSSH 5.6)."""
    node_packages: tuple[str, ...] = ()
    """Packages that a hypervisor of this release needs besides OpenNebula's own dependencies."""
    first_stage_reads_text: bool = False
    """The installer's first stage reads language, keyboard and source from the kickstart's text,
    and asks for what it lacks, before %pre runs (EL6's loader)."""
    unattended: tuple[str, ...] = ()
    """Further kickstart commands without which its installer stops and asks."""
    ntp_command: str = "timesource"
    """Where a kickstart names time servers: `timesource`, `ntpservers` (of `timezone`) or none."""
    eula: bool = True
    """The kickstart command `eula` exists."""
    addons: bool = True
    """Its installer has add-ons, among them the one that reserves memory for kdump."""
    boot_drive: bool = True
    """The command `bootloader` knows --boot-drive; else --driveorder."""
    raid_names: tuple[str, ...] = ("boot", "pv", "boot_efi")
    """What `raid --device=` calls the arrays of /boot, of LVM and of the ESP (EL6: numbers)."""
    mirror_esp: bool = True
    """Its installer puts the ESP on a RAID 1 with metadata 1.0, which firmware reads."""
    bridge_ports: tuple[str, ...] = ("nic",)
    """What --bridgeslaves may name for its installer to make a working bridge: `nic`, `bond`."""
    network_files: str = "ifcfg"
    """Files that configure its network: `ifcfg` or NetworkManager's `keyfile`."""
    python: str = ""
    """The version of its newest Python that runs B2CT, such as `3.11`; empty: it packages none."""
    python_package: str = ""
    """The package that brings `python` under the name `python3.11` and the like."""
    bridged_frames: str = "zone"
    """How its firewall lets frames between VMs pass: a firewalld `zone` with <forward/> (0.9), its
    `direct` rules, or `iptables`."""

    @property
    def package_config(self) -> str:
        """The file that configures `package_tool`."""
        return "/etc/yum.conf" if self.package_tool == "yum" else "/etc/dnf/dnf.conf"

    @property
    def epel_fingerprint(self) -> str:
        """Of the key that signs its EPEL."""
        return EPEL_FINGERPRINTS[self.key]


_AR = (
    Distribution.ALMALINUX,
    Distribution.ROCKY,
    Distribution.STREAM,
    Distribution.RHEL,
    Distribution.ORACLE,
)

RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        row.key: row
        for row in (
            Release(
                key="el6",
                major=6,
                pykickstart="RHEL6",
                ks_argument="ks",
                prefixed_arguments=False,
                init="sysv",
                bridge_in_kickstart=False,
                vlan_in_kickstart=False,
                ssh_key_command=False,
                reqpart=False,
                firewall="iptables",
                time_service="ntpd",
                package_tool="yum",
                selinux_tools="policycoreutils-python",
                extra_repository="",
                host_key_type="rsa",
                opennebula=("4.14",),
                distributions=(Distribution.CENTOS, Distribution.RHEL),
                end_of_life="2020",
                rocci=True,
                unknown_ssh_keys=("ssh-ed25519", "sk-"),
                epel="https://archives.fedoraproject.org/pub/archive/epel/6/x86_64/",
                epel_key="https://archives.fedoraproject.org/pub/archive/epel/RPM-GPG-KEY-EPEL-6",
                database=("mysql-server", "mysqld"),
                time_package="ntp",
                # Red Hat's OpenSSH 5.3 has certificates since 6.5 (RHEL 6 Deployment Guide, 14.3),
                # but spells principals otherwise, so none are used.
                collapsed_forwarding=False,
                certificate_principals=False,
                first_stage_reads_text=True,
                unattended=("unsupported_hardware",),
                ntp_command="",
                eula=False,
                addons=False,
                boot_drive=False,
                bridge_ports=(),
                raid_names=("md0", "md1"),
                mirror_esp=False,
                bridged_frames="iptables",
            ),
            Release(
                key="el7",
                major=7,
                pykickstart="RHEL7",
                ks_argument="inst.ks",
                prefixed_arguments=True,
                init="systemd",
                bridge_in_kickstart=True,
                vlan_in_kickstart=True,
                ssh_key_command=True,
                reqpart=True,
                firewall="firewalld",
                time_service="chronyd",
                package_tool="yum",
                selinux_tools="policycoreutils-python",
                extra_repository="",
                host_key_type="ed25519",
                opennebula=("5.12", "5.8", "5.6", "5.4"),
                distributions=(Distribution.CENTOS, Distribution.RHEL),
                end_of_life="2024",
                rocci=True,
                unknown_ssh_keys=("sk-",),
                epel="https://archives.fedoraproject.org/pub/archive/epel/7/x86_64/",
                epel_key="https://archives.fedoraproject.org/pub/archive/epel/RPM-GPG-KEY-EPEL-7",
                ntp_command="ntpservers",
                bridged_frames="direct",
            ),
            Release(
                key="el8",
                major=8,
                pykickstart="RHEL8",
                ks_argument="inst.ks",
                prefixed_arguments=True,
                init="systemd",
                bridge_in_kickstart=True,
                vlan_in_kickstart=True,
                ssh_key_command=True,
                reqpart=True,
                firewall="firewalld",
                time_service="chronyd",
                package_tool="dnf",
                selinux_tools="policycoreutils-python-utils",
                extra_repository="powertools",
                host_key_type="ed25519",
                opennebula=("6.10", "5.12"),
                distributions=(
                    Distribution.ALMALINUX,
                    Distribution.ROCKY,
                    Distribution.CENTOS,
                    Distribution.RHEL,
                    Distribution.ORACLE,
                ),
                unknown_ssh_keys=("sk-",),
                epel="https://dl.fedoraproject.org/pub/epel/8/Everything/x86_64/",
                epel_key="https://dl.fedoraproject.org/pub/epel/RPM-GPG-KEY-EPEL-8",
                ntp_command="ntpservers",
                python="3.11",
                python_package="python3.11",
            ),
            Release(
                key="el9",
                major=9,
                pykickstart="RHEL9",
                ks_argument="inst.ks",
                prefixed_arguments=True,
                init="systemd",
                bridge_in_kickstart=True,
                vlan_in_kickstart=True,
                ssh_key_command=True,
                reqpart=True,
                firewall="firewalld",
                time_service="chronyd",
                package_tool="dnf",
                selinux_tools="policycoreutils-python-utils",
                extra_repository="crb",
                host_key_type="ed25519",
                opennebula=("6.10", "7.4", "7.2", "7.0"),
                distributions=_AR,
                epel="https://dl.fedoraproject.org/pub/epel/9/Everything/x86_64/",
                epel_key="https://dl.fedoraproject.org/pub/epel/RPM-GPG-KEY-EPEL-9",
                bridge_ports=("nic", "bond"),
                network_files="keyfile",
                python="3.11",
                python_package="python3.11",
            ),
            Release(
                key="el10",
                major=10,
                pykickstart="RHEL10",
                ks_argument="inst.ks",
                prefixed_arguments=True,
                init="systemd",
                bridge_in_kickstart=True,
                vlan_in_kickstart=True,
                ssh_key_command=True,
                reqpart=True,
                firewall="firewalld",
                time_service="chronyd",
                package_tool="dnf",
                selinux_tools="policycoreutils-python-utils",
                extra_repository="crb",
                host_key_type="ed25519",
                opennebula=("7.4", "7.2", "7.0"),
                distributions=_AR,
                epel="https://dl.fedoraproject.org/pub/epel/10/Everything/x86_64/",
                epel_key="https://dl.fedoraproject.org/pub/epel/RPM-GPG-KEY-EPEL-10",
                bridge_ports=("nic", "bond"),
                network_files="keyfile",
                python="3.12",
                python_package="python3",
                node_packages=("kernel-modules-extra",),
            ),
        )
    }
)
DEFAULT_RELEASE = "el9"


@dataclass(frozen=True, kw_only=True)
class Media:
    """Where a distribution keeps one release: installer image, packages, and who signs them."""

    distribution: Distribution
    release: str
    title: str
    iso: str
    """URL of the netinstall image; empty where there is no public one."""
    checksum: str
    """URL of the checksum file, empty where there is none."""
    checksum_signature: str
    """`clear` (the checksum file is clearsigned), a URL of a detached one, or empty: unsigned."""
    install_url: str
    """Kickstart `url --url`: the tree with the base packages."""
    repositories: tuple[tuple[str, str], ...]
    """Further (name, URL) pairs of the distribution that an installation needs."""
    key_url: str
    key_files: tuple[str, ...]
    """Names under which hosts keep the key (/etc/pki/rpm-gpg, distribution-gpg-keys)."""
    fingerprint: str
    """Of the signing key; empty: not known, and then said to be unpinned."""
    volume_ids: tuple[str, ...]
    """Prefixes by which an image of it is recognised."""
    extra_repository: str = ""
    """What it calls the repository that EPEL needs, where not as the release's others do."""
    os_id: str = ""
    """`ID` of its /etc/os-release; empty: the key of the distribution."""

    @property
    def frozen(self) -> bool:
        """It lives on in an archive only; its own repository files name mirrors that are gone."""
        return "vault.centos.org" in self.install_url


def _alma(major: int, fingerprint: str) -> Media:
    base = f"https://repo.almalinux.org/almalinux/{major}"
    isos = f"{base}/isos/x86_64"
    return Media(
        distribution=Distribution.ALMALINUX,
        release=f"el{major}",
        title=f"AlmaLinux {major}",
        iso=f"{isos}/AlmaLinux-{major}-latest-x86_64-boot.iso",
        checksum=f"{isos}/CHECKSUM",
        checksum_signature="clear",
        install_url=f"{base}/BaseOS/x86_64/os/",
        repositories=(("AppStream", f"{base}/AppStream/x86_64/os/"),),
        key_url=f"https://repo.almalinux.org/almalinux/RPM-GPG-KEY-AlmaLinux-{major}",
        key_files=(f"RPM-GPG-KEY-AlmaLinux-{major}",),
        fingerprint=fingerprint,
        volume_ids=(f"AlmaLinux-{major}",),
    )


def _rocky(major: int, fingerprint: str) -> Media:
    base = f"https://download.rockylinux.org/pub/rocky/{major}"
    isos = f"{base}/isos/x86_64"
    key = "RPM-GPG-KEY-rockyofficial" if major == 8 else f"RPM-GPG-KEY-Rocky-{major}"
    return Media(
        distribution=Distribution.ROCKY,
        release=f"el{major}",
        title=f"Rocky Linux {major}",
        iso=f"{isos}/Rocky-{major}-latest-x86_64-boot.iso",
        checksum=f"{isos}/CHECKSUM",
        checksum_signature=f"{isos}/CHECKSUM.asc",
        install_url=f"{base}/BaseOS/x86_64/os/",
        repositories=(("AppStream", f"{base}/AppStream/x86_64/os/"),),
        key_url=f"https://download.rockylinux.org/pub/rocky/{key}",
        key_files=(key,),
        fingerprint=fingerprint,
        volume_ids=(f"Rocky-{major}",),
    )


def _oracle(major: int, update: int) -> Media:
    """Oracle Linux: its images have no name that stays the same; its keys are not known here."""
    base = f"https://yum.oracle.com/repo/OracleLinux/OL{major}"
    name = f"OracleLinux-R{major}-U{update}"
    return Media(
        distribution=Distribution.ORACLE,
        release=f"el{major}",
        title=f"Oracle Linux {major}",
        iso=f"https://yum.oracle.com/ISOS/OracleLinux/OL{major}/u{update}/x86_64/{name}-x86_64-boot.iso",
        checksum=f"https://linux.oracle.com/security/gpg/checksum/{name}-Server-x86_64.checksum",
        checksum_signature="clear",
        install_url=f"{base}/baseos/latest/x86_64/",
        repositories=(("AppStream", f"{base}/appstream/x86_64/"),),
        key_url=f"https://yum.oracle.com/RPM-GPG-KEY-oracle-ol{major}",
        key_files=("RPM-GPG-KEY-oracle",),
        fingerprint="",
        volume_ids=(f"OL-{major}",),
        extra_repository=f"ol{major}_codeready_builder",
        os_id="ol",
    )


def _stream(major: int) -> Media:
    base = f"https://mirror.stream.centos.org/{major}-stream"
    iso = f"{base}/BaseOS/x86_64/iso/CentOS-Stream-{major}-latest-x86_64-boot.iso"
    key = "RPM-GPG-KEY-centosofficial"
    return Media(
        distribution=Distribution.STREAM,
        release=f"el{major}",
        title=f"CentOS Stream {major}",
        iso=iso,
        checksum=f"{iso}.SHA256SUM",
        checksum_signature="",
        install_url=f"{base}/BaseOS/x86_64/os/",
        repositories=(("AppStream", f"{base}/AppStream/x86_64/os/"),),
        key_url=f"https://www.centos.org/keys/{key}",
        key_files=(key,),
        # The facts name this key for Stream 8 and 9 only; Stream 10's is not known here.
        fingerprint="99DB70FAE1D7CE227FB6488205B555B38483C65D" if major == 9 else "",
        volume_ids=(f"CentOS-Stream-{major}",),
        os_id="centos",
    )


def _centos(release: str, path: str, image: str, fingerprint: str, ids: tuple[str, ...]) -> Media:
    base = f"http://vault.centos.org/{path}"
    isos = f"{base}/isos/x86_64"
    key = f"RPM-GPG-KEY-CentOS-{release[2:]}"
    return Media(
        distribution=Distribution.CENTOS,
        release=release,
        title=f"CentOS {path}",
        iso=f"{isos}/{image}",
        checksum=f"{isos}/sha256sum.txt.asc",
        checksum_signature="clear",
        install_url=f"{base}/os/x86_64/",
        repositories=(("updates", f"{base}/updates/x86_64/"),),
        key_url=f"https://www.centos.org/keys/{key}",
        key_files=(key,),
        fingerprint=fingerprint,
        volume_ids=ids,
    )


def _rhel(major: int) -> Media:
    return Media(
        distribution=Distribution.RHEL,
        release=f"el{major}",
        title=f"Red Hat Enterprise Linux {major}",
        iso="",
        checksum="",
        checksum_signature="",
        install_url="",
        repositories=(),
        key_url="",
        key_files=("RPM-GPG-KEY-redhat-release",),
        fingerprint="567E347AD0044ADE55BA8A5F199E2F91FD431D51",
        volume_ids=(f"RHEL-{major}", f"RHEL_{major}"),
        extra_repository=f"codeready-builder-for-rhel-{major}-x86_64-rpms" if major >= 8 else "",
    )


MEDIA: Mapping[tuple[Distribution, str], Media] = MappingProxyType(
    {
        (row.distribution, row.release): row
        for row in (
            _centos(
                "el6",
                "6.10",
                "CentOS-6.10-x86_64-netinstall.iso",
                "C1DAC52D1664E8A4386DBA430946FCA2C105B9DE",
                ("CentOS_6", "CentOS 6"),
            ),
            _centos(
                "el7",
                "7.9.2009",
                "CentOS-7-x86_64-NetInstall-2009.iso",
                "6341AB2753D78A78A7C27BB124C6A8A7F4A80EB5",
                ("CentOS 7",),
            ),
            Media(
                distribution=Distribution.CENTOS,
                release="el8",
                title="CentOS 8",
                iso="http://vault.centos.org/8.5.2111/isos/x86_64/CentOS-8.5.2111-x86_64-boot.iso",
                checksum="http://vault.centos.org/8.5.2111/isos/x86_64/CHECKSUM.asc",
                checksum_signature="clear",
                install_url="http://vault.centos.org/8.5.2111/BaseOS/x86_64/os/",
                repositories=(
                    ("AppStream", "http://vault.centos.org/8.5.2111/AppStream/x86_64/os/"),
                    ("PowerTools", "http://vault.centos.org/8.5.2111/PowerTools/x86_64/os/"),
                ),
                key_url="https://www.centos.org/keys/RPM-GPG-KEY-CentOS-Official",
                key_files=("RPM-GPG-KEY-centosofficial", "RPM-GPG-KEY-CentOS-Official"),
                fingerprint="99DB70FAE1D7CE227FB6488205B555B38483C65D",
                volume_ids=("CentOS-8",),
            ),
            _alma(8, "5E9B8F5617B5066CE92057C3488FCF7C3ABB34F8"),
            _alma(9, "BF18AC2876178908D6E71267D36CB86CB86B3716"),
            _alma(10, "EE6DB7B98F5BF5EDD9DA0DE5DEE5C11CC2A1E572"),
            _rocky(8, "7051C470A929F454CEBE37B715AF5DAC6D745A60"),
            _rocky(9, "21CB256AE16FC54C6E652949702D426D350D275D"),
            _rocky(10, "FC226859C0860BF0DDB95B085B106C736FEDFC85"),
            _stream(9),
            _stream(10),
            _oracle(8, 10),
            _oracle(9, 5),
            _oracle(10, 0),
            *(_rhel(major) for major in (6, 7, 8, 9, 10)),
        )
    }
)


@dataclass(frozen=True, kw_only=True)
class OpenNebula:
    """One OpenNebula version line, as far as installing it differs."""

    version: str
    repository: str
    """baseurl; `{family}`, `{major}` are filled in: AlmaLinux or RedHat, and 9."""
    key_url: str
    fingerprint: str
    """Of the repository's signing key; empty where it is not known or nothing is signed."""
    signed: bool
    frontend: tuple[str, ...]
    node: tuple[str, ...]
    services: tuple[str, ...]
    gui_port: int
    monitor: tuple[str, ...]
    """Protocols of port 4124, by which nodes report."""
    node_needs_private_key: bool
    """Before 5.12 every node needs oneadmin's private key, not only the public one."""
    onegate_host_key: str
    """The key of /etc/one/onegate-server.conf that says where it listens."""
    libvirt: str = "monolithic"
    """`monolithic`: libvirtd alone, without socket activation (OpenNebula's platform notes for
    EL9, and the only kind before it); `modular`: virtqemud and its companions."""
    ssh_driver: str = "ssh"
    """TM_MAD of datastores on each machine's own disk."""
    lvm_driver: str = "fs_lvm_ssh"
    """TM_MAD of LVM datastores; `fs_lvm` needs the image datastore on a shared file system."""
    ceph_system: bool = True
    """The system datastore may live in Ceph, too."""
    grpc_port: int = 0
    """Port of the gRPC API, 0 where there is none."""


_SUNSTONE = ("opennebula", "opennebula-sunstone")
_FIREEDGE = ("opennebula", "opennebula-fireedge", "opennebula-gate", "opennebula-flow")
_CONSOLES = ("opennebula-guacd",)
"""The daemon through which FireEdge shows VNC and SSH consoles; FireEdge's unit starts it."""
_KEY2 = "https://downloads.opennebula.io/repo/repo2.key"
_FPR2 = "0B2D385C7C9304B11A0367B905A05927906DC27C"
_OLD = ("opennebula-server", "opennebula-sunstone", "opennebula-ruby")
_GATE = (*_OLD, "opennebula-gate", "opennebula-flow")
_NODE = ("opennebula-node-kvm",)


def _five(version: str) -> OpenNebula:
    return OpenNebula(
        version=version,
        repository=f"https://downloads.opennebula.org/repo/{version}/CentOS/{{major}}/x86_64",
        key_url="https://downloads.opennebula.org/repo/repo.key",
        fingerprint="",
        signed=True,
        frontend=_GATE,
        node=_NODE,
        services=(*_SUNSTONE, "opennebula-gate", "opennebula-flow"),
        gui_port=9869,
        monitor=("udp",),
        node_needs_private_key=True,
        onegate_host_key="host",
        lvm_driver="fs_lvm",
    )


def _modern(
    version: str,
    more: tuple[str, ...] = (),
    *,
    onegate: str = "host",
    libvirt: str = "monolithic",
    driver: str = "local",
    grpc: int = 0,
) -> OpenNebula:
    return OpenNebula(
        version=version,
        repository=f"https://downloads.opennebula.io/repo/{version}/{{family}}/{{major}}/x86_64",
        key_url=_KEY2,
        fingerprint=_FPR2,
        signed=True,
        frontend=(*_FIREEDGE, *_CONSOLES, *more),
        node=_NODE,
        services=_FIREEDGE,
        gui_port=2616,
        monitor=("tcp", "udp"),
        node_needs_private_key=False,
        onegate_host_key=onegate,
        libvirt=libvirt,
        ssh_driver=driver,
        grpc_port=grpc,
    )


OPENNEBULA: Mapping[str, OpenNebula] = MappingProxyType(
    {
        row.version: row
        for row in (
            OpenNebula(
                version="4.14",
                repository="http://downloads.opennebula.org/repo/4.14/CentOS/6/x86_64",
                key_url="",
                fingerprint="",
                signed=False,
                frontend=_OLD,
                node=_NODE,
                services=_SUNSTONE,
                gui_port=9869,
                monitor=("udp",),
                node_needs_private_key=True,
                onegate_host_key="host",
                lvm_driver="fs_lvm",
                ceph_system=False,
            ),
            _five("5.4"),
            _five("5.6"),
            _five("5.8"),
            OpenNebula(
                version="5.12",
                repository="https://downloads.opennebula.io/repo/5.12/CentOS/{major}/x86_64",
                key_url=_KEY2,
                fingerprint=_FPR2,
                signed=True,
                frontend=(*_GATE, "opennebula-rubygems"),
                node=_NODE,
                services=(*_SUNSTONE, "opennebula-gate", "opennebula-flow"),
                gui_port=9869,
                monitor=("tcp", "udp"),
                node_needs_private_key=False,
                onegate_host_key="host",
                lvm_driver="fs_lvm",
            ),
            _modern("6.10", driver="ssh"),
            _modern("7.0"),
            _modern("7.2", ("opennebula-form",), libvirt="modular", grpc=2634),
            _modern(
                "7.4",
                ("opennebula-form", "opennebula-ks"),
                onegate="bind",
                libvirt="modular",
                grpc=2634,
            ),
        )
    }
)

EPEL_FINGERPRINTS: Mapping[str, str] = MappingProxyType(
    {
        "el6": "8C3BE96AF2309184DA5C0DAE3B49DF2A0608B895",
        "el7": "91E97D7C4A5E96F17F3E888F6A2FAEA2352C64E5",
        "el8": "94E279EB8D8F25B21810ADF121EA45AB2F86D6A1",
        "el9": "FF8AD1344597106ECE813B918A3872BF3228467C",
        "el10": "7D8D15CBFC4E62688591FB2633D98517E37ED158",
    }
)


def release(key: str) -> Release:
    """The row of a release. Raises B2ctError for one that the catalogue does not know."""
    try:
        return RELEASES[key]
    except KeyError:
        raise B2ctError(
            f"unknown release '{key}'", hint=f"the catalogue knows {', '.join(RELEASES)}"
        ) from None


def media(distribution: Distribution, key: str) -> Media:
    """The row of a distribution's release. Raises B2ctError when there was never such a one."""
    try:
        return MEDIA[distribution, key]
    except KeyError:
        which = ", ".join(d.value for d, r in MEDIA if r == key)
        raise B2ctError(
            f"there is no {distribution.value} {key}", hint=f"{key} exists as {which}"
        ) from None


def opennebula(version: str) -> OpenNebula:
    """The row of an OpenNebula version. Raises B2ctError for one the catalogue does not know."""
    try:
        return OPENNEBULA[version]
    except KeyError:
        raise B2ctError(
            f"unknown OpenNebula version '{version}'",
            hint=f"the catalogue knows {', '.join(OPENNEBULA)}",
        ) from None
