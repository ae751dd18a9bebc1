"""A worker of site.yaml to what its VMs are told. Pure: files of the site's own are read before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2ct.context import proxies, render, servers
from b2ct.context.model import ContextFile, Expanded, OwnFiles, VmContext
from b2ct.core.errors import B2ctError
from b2ct.site.stratum import CONFIG_REPOSITORY
from b2ct.site.workers import DEFAULT_NAME, Worker

if TYPE_CHECKING:
    from b2ct.site.model import Site

MIB = 2**20
READY = "/usr/libexec/b2ct/contextualised"
"""What an image runs when its files are written; an image of other people has none."""


def choose(site: Site, name: str | None) -> tuple[str, Worker]:
    """The worker of that name; without a name, or for `worker`, the only one.

    Raises B2ctError where there is none of that name, or several to choose from.
    """
    workers = site.described_workers
    if name in workers:
        return name, workers[name]
    names = ", ".join(workers)
    if name not in (None, "worker"):
        default = "" if site.workers else " (the default: site.yaml describes none)"
        raise B2ctError(
            f"the site has no worker '{name}'", hint=f"its workers are: {names}{default}"
        )
    if len(workers) > 1:
        raise B2ctError("the site has several workers", hint=f"choose one of: {names}")
    return next(iter(workers.items()))


def for_worker(site: Site, name: str | None = None, *, own: OwnFiles | None = None) -> VmContext:
    """What the VMs of a worker are told; `own` is what b2ct.context.own has read.

    Raises B2ctError for a worker that does not exist, a site that leads to no squid, and files of
    the site's own that were not read.
    """
    name, worker = choose(site, name)
    own = own or OwnFiles()
    _all_read(site, worker, own)
    repositories = worker.cvmfs.repositories or site.cvmfs.repositories
    chain = proxies.of(site, site.networks_of(worker))
    values = {
        "site": site,
        "name": name,
        "worker": worker,
        "repositories": repositories,
        "proxies": chain,
        "quota_mib": (worker.cvmfs.quota or site.cvmfs.quota) // MIB,
        "load": number(worker.idle.load),
        "hs06": number(worker.hs06) if worker.hs06 else "",
    }
    units = _units(repositories) if worker.mounts == "systemd" else {}
    return VmContext(
        name=name,
        site=site.site.name,
        hostname=Expanded(f"{name}-$VMID"),
        files=(
            *render.files("worker", values),
            *_domains(site, repositories, values),
            *_keys(own),
            *_mounts(units, values),
        ),
        packages=(),
        commands=(*_mount_commands(tuple(units)), _ready()),
        ssh_keys=tuple(key for admin in site.admins for key in admin.ssh_keys),
        own=own,
        timezone=site.site.timezone,
        ntp=site.site.ntp,
        notes=(*_default_note(site), *chain.notes, *_key_notes(site)),
    )


def number(value: float) -> str:
    """A decimal number without an exponent, as shell tools read it."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _all_read(site: Site, worker: Worker, own: OwnFiles) -> None:
    wanted = [path.name for path in worker.scripts], bool(worker.user_data), set(site.cvmfs.keys)
    if wanted != ([s.name for s in own.scripts], bool(own.user_data), set(own.keys)):
        raise B2ctError(
            "the worker's scripts, user data or keys were not read",
            hint="read them with b2ct.context.own.read and pass what it returns",
        )


def _domains(
    site: Site, repositories: tuple[str, ...], values: dict[str, Any]
) -> list[ContextFile]:
    return [
        render.file(
            f"/etc/cvmfs/domain.d/{domain.name}.local",
            "worker/domain.local",
            {**values, "domain": domain},
        )
        for domain in servers.domains(site, repositories)
    ]


def _keys(own: OwnFiles) -> list[ContextFile]:
    return [
        ContextFile(f"/etc/cvmfs/keys/{domain}/{domain}.pub", text)
        for domain, text in own.keys.items()
    ]


def _units(repositories: tuple[str, ...]) -> dict[str, str]:
    """Repository -> name of its unit without suffix; the configuration repository is one."""
    names = dict.fromkeys((CONFIG_REPOSITORY, *repositories))
    return {name: f"cvmfs-{name.replace('-', chr(92) + 'x2d')}" for name in names}


def _mounts(units: dict[str, str], values: dict[str, Any]) -> list[ContextFile]:
    """The units of every repository; systemd.unit(5) says how a path becomes a name."""
    made = []
    for repository, unit in units.items():
        config = "" if repository == CONFIG_REPOSITORY else f"{units[CONFIG_REPOSITORY]}.mount"
        more = {**values, "repository": repository, "config_unit": config}
        for kind in ("mount", "automount"):
            path = f"/etc/systemd/system/{unit}.{kind}"
            made.append(render.file(path, f"mounts/repository.{kind}", more))
    return made


def _mount_commands(repositories: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not repositories:
        return [("systemctl", "daemon-reload")]
    units = [f"{unit}.automount" for unit in _units(repositories).values()]
    return [
        ("systemctl", "disable", "--now", "autofs.service"),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", "--now", *units),
    ]


def _ready() -> tuple[str, ...]:
    return ("sh", "-c", f"[ ! -x {READY} ] || exec {READY}")


def _default_note(site: Site) -> list[str]:
    if site.workers:
        return []
    image = Worker().image
    return [f"site.yaml describes no `workers`: taking the default, {DEFAULT_NAME} from {image}"]


def _key_notes(site: Site) -> list[str]:
    if site.admins:
        return []
    return ["site.yaml has no `admins`: nobody can log in to the VMs by a key of theirs"]
