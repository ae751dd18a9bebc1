"""Workers: on networks that can have VMs, with room for their cache, and with files that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File

from b2ct.document.finding import Finding, did_you_mean, duration, either, size
from b2ct.document.redact import Path
from b2ct.site import ownfiles
from b2ct.site.model import Site
from b2ct.site.workers import GIB, Worker

SYSTEM = 3 * GIB
"""Bytes of a worker's disk that its system needs beside the CVMFS cache."""
ROLES = ("squid",)
"""Names of `b2ct context render --for` that mean something else than a worker."""
OURS = ("B2CT_SITE", "B2CT_WORKER")
"""Variables that every VM gets."""
OF_THE_SHELL = frozenset(
    (
        *("BASHOPTS", "BASH_ENV", "CDPATH", "ENV", "EUID", "FPATH", "GCONV_PATH", "GLOBIGNORE"),
        *("HISTFILE", "HOME", "HOSTALIASES", "IFS", "LOCPATH", "LOGNAME", "MAIL", "NLSPATH"),
        *("OLDPWD", "OPTARG", "OPTIND", "POSIXLY_CORRECT", "PPID", "PROMPT_COMMAND", "PS1", "PS2"),
        *("PS4", "PWD", "PYTHONHOME", "PYTHONSTARTUP", "SHELL", "SHELLOPTS", "SHLVL", "TERM"),
        *("TMOUT", "UID", "USER"),
    )
)
"""Variables by which shells, the C library and Python of every user would work otherwise; bash(1),
environ(7). /etc/b2ct/environment is read by all of them."""
OF_THE_LOADER = ("LD_", "MALLOC_", "GLIBC_", "BASH_FUNC_")
"""How names begin that the dynamic loader and the C library read; ld.so(8)."""


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `workers`."""
    for name, worker in site.workers.items():
        path = ("workers", name)
        if name in ROLES:
            yield Finding(
                path,
                f"{name} is the VM that runs the squid: expected another name",
                f"call it {name}-worker, say",
                is_key=True,
            )
        yield from _networks(site, path, worker)
        yield from _disk(site, path, worker)
        yield from _idle(path, worker)
        yield from _environment(path, worker)


def file_findings(site: Site, folder: File) -> Iterator[Finding]:
    """What is wrong with the files that workers bring; `folder` is that of site.yaml."""
    for name, worker in site.workers.items():
        path = ("workers", name)
        for i, script in enumerate(worker.scripts):
            if why := ownfiles.problem(ownfiles.script, folder / script.expanduser()):
                yield Finding((*path, "scripts", i), why, _RELATIVE)
        if worker.user_data and (
            why := ownfiles.problem(ownfiles.user_data, folder / worker.user_data.expanduser())
        ):
            yield Finding((*path, "user_data"), why, _RELATIVE)
    for domain, key in site.cvmfs.keys.items():
        if why := ownfiles.problem(ownfiles.public_key, folder / key.expanduser()):
            yield Finding(("cvmfs", "keys", domain), why, _RELATIVE)


_RELATIVE = "paths are relative to the folder of this file"


def _environment(path: Path, worker: Worker) -> Iterator[Finding]:
    for variable in worker.environment:
        where = (*path, "environment", variable)
        if variable in OURS:
            yield Finding(where, "B2CT sets this variable itself", "choose another name")
        elif variable == "PATH":
            yield Finding(
                where,
                "would take the place of the VM's own: no shell would find a program",
                "let one of `scripts` write /etc/profile.d/NAME.sh: PATH=$PATH:/opt/tools/bin",
            )
        elif variable in OF_THE_SHELL or variable.startswith(OF_THE_LOADER):
            yield Finding(
                where,
                "would break every shell and service of the VM",
                "let the job, or one of `scripts`, set it where it is needed",
            )


def _networks(site: Site, path: Path, worker: Worker) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for i, name in enumerate(worker.networks):
        here = (*path, "networks", i)
        network = site.networks.get(name)
        if network is None:
            known = list(site.networks)
            hint = did_you_mean(name, known)
            if not hint:
                hint = f"`networks` has {either(known)}" if known else "describe it in `networks`"
            yield Finding(here, "there is no such network in `networks`", hint)
            continue
        for key, why in (("bridge", "to attach VMs to"), ("vm_range", "of addresses for VMs")):
            if getattr(network, key) is None:
                yield Finding(
                    here,
                    f"this network has no `{key}` {why}",
                    f"add `{key}` to it",
                    other=("networks", name),
                )
        if name in seen:
            other = (*path, "networks", seen[name])
            yield Finding(here, "stands in this list twice", other=other)
        seen.setdefault(name, i)


def _disk(site: Site, path: Path, worker: Worker) -> Iterator[Finding]:
    quota = worker.cvmfs.quota or site.cvmfs.quota
    if quota + SYSTEM > worker.disk:
        own = worker.cvmfs.quota is not None
        yield Finding(
            (*path, "disk"),
            f"of {size(worker.disk)} has no room for the CVMFS cache of {size(quota)}"
            f" and the system's {size(SYSTEM)}",
            "make the disk larger, or the `quota` smaller",
            other=(*path, "cvmfs", "quota") if own else ("cvmfs", "quota"),
        )


def _idle(path: Path, worker: Worker) -> Iterator[Finding]:
    idle = worker.idle
    for key in ("span", "margin"):
        value = getattr(idle, key)
        if value >= idle.period:
            yield Finding(
                (*path, "idle", key),
                f"expected less than the period, {duration(idle.period)}",
            )
