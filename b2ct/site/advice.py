"""What works but is probably not meant, or should be known before driving to the machine room."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from b2ct.site import catalogue, mirrors, trust
from b2ct.site.catalogue import Role
from b2ct.site.model import Secret, Site


def warnings(site: Site) -> list[str]:
    """Warnings on a valid site, from the site alone."""
    return [
        *_release(site),
        *_keys(site),
        *_logins(site),
        *_networks(site),
        *_nodes(site),
        *_workers(site),
    ]


def every(site: Site, folder: Path) -> list[str]:
    """All that `b2ct check` warns of; `folder` is that of site.yaml."""
    return [*warnings(site), *about_secrets(site, folder)]


def about_secrets(site: Site, folder: Path) -> list[str]:
    """Warnings on the files and variables that secrets name, as this machine has them.

    `folder` is that of site.yaml. Commands are not run.
    """
    named = trust.named_secrets(site)
    return [text for name, secret in named for text in _secret(name, secret, folder)]


def _release(site: Site) -> Iterator[str]:
    row = catalogue.release(site.release.version)
    if row.end_of_life:
        yield (
            f"{row.key} has had no updates since {row.end_of_life}:"
            " keep its machines off the Internet"
        )
    if site.release.iso and not (site.release.iso_sha256 or site.release.signing_key):
        yield "release.iso cannot be verified: add `release.iso_sha256`"
    for name in mirrors.lacking(site):
        yield (
            f"release.mirror names one repository, and {name} is not known: add its address"
            f" as `release: {{repositories: {{{name}: URL}}}}`, or end the mirror's in /BaseOS/..."
        )


def _keys(site: Site) -> Iterator[str]:
    media = catalogue.media(site.distribution, site.release.version)
    if not media.fingerprint and not site.release.signing_key:
        yield (
            f"the key that signs {media.title} is not pinned: the catalogue does not know it;"
            " pin it with `release.signing_key`"
        )
    if media.checksum and not media.checksum_signature and not site.release.iso_sha256:
        yield (
            f"{media.title} publishes unsigned checksums: its image is verified against them only"
        )
    version = catalogue.opennebula(site.opennebula_version)
    if not version.signed:
        yield f"the packages of OpenNebula {version.version} are not signed by anybody"
    elif not version.fingerprint:
        yield f"the key that signs OpenNebula {version.version} is not pinned"


def _logins(site: Site) -> Iterator[str]:
    if not site.admins and site.secrets.root_password is None:
        yield "nobody can log in to the machines: add `admins` with SSH keys"
    elif not site.admins:
        yield "nobody can log in by SSH: add `admins` with SSH keys"
    elif site.secrets.root_password is None:
        yield (
            "root has no password: a machine whose disks or network fail gives no shell at its"
            " console; `secrets: {root_password: ...}` gives one"
        )
    if not site.secrets.oneadmin_password.generate:
        yield "whoever finds the medium can read oneadmin's password (`on_medium` accepts that)"


LIBVIRT = IPv4Network("192.168.122.0/24")
"""The network that libvirt's packages bring; our hypervisors lose it at their first boot."""


def _networks(site: Site) -> Iterator[str]:
    for name, network in site.networks.items():
        if network.cidr and network.cidr.overlaps(LIBVIRT):
            yield (
                f"network {name} overlaps with {LIBVIRT}, libvirt's own: B2CT takes that from its"
                " hypervisors, but a laptop or server with libvirt cannot reach the site"
            )
        if network.vm_range and network.cidr is None:
            yield f"network {name} gives addresses to VMs but has no `cidr`: they lack a netmask"
        if network.vm_range and network.bridge is None:
            yield f"network {name} gives addresses to VMs but has no `bridge` to attach them to"


def _nodes(site: Site) -> Iterator[str]:
    if site.nodes and not site.with_role(Role.HYPERVISOR, Role.SINGLE):
        yield "there is no hypervisor: the site cannot run VMs yet"
    row = catalogue.release(site.release.version)
    for node in site.nodes:
        if node.disk and node.disk.wipe:
            disks = "disks" if len(node.disk.matches) > 1 else "disk"
            yield f"{node.name} erases its {disks} without asking (`wipe: true`)"
        if node.disk and node.disk.mirror and not row.mirror_esp:
            yield f"{node.name}: {row.key} installs on a mirror under BIOS only, not under UEFI"
        if node.role is Role.CONTROL and node.interfaces and node.interfaces[0].address == "dhcp":
            yield (
                f"{node.name} has its address by DHCP: hypervisors look for the control node there,"
                " so reserve it in the DHCP server"
            )
        routes = [
            i.network
            for i in node.interfaces
            if i.address not in (None, "none") and site.networks[i.network].gateway
        ]
        if len(routes) > 1:
            yield (
                f"{node.name} has a gateway on each of {', '.join(routes)}:"
                f" its default route goes through {routes[0]}"
            )


def _workers(site: Site) -> Iterator[str]:
    for name, worker in site.workers.items():
        if not site.networks_of(worker):
            yield f"VMs of {name} are on no network: give a network a `bridge` and a `vm_range`"
        if worker.idle.mode == "off":
            yield f"unused VMs of {name} run on until their lifetime ends (`idle: {{mode: off}}`)"


def _secret(name: str, secret: Secret, folder: Path) -> Iterator[str]:
    if secret.env and secret.env not in os.environ:
        yield f"{name}: the environment variable {secret.env} is not set here"
    if secret.file is None:
        return
    path = folder / secret.file.expanduser()
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        yield f"{name}: there is no file {path} here"
        return
    if not stat.S_ISREG(mode):
        yield f"{name}: {path} is not a file"
    elif mode & stat.S_IROTH:
        yield f"{name}: {path} can be read by every user: chmod 600 {path}"
