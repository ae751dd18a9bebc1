"""A practice site is brought up, and taken down."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from os import getpid, kill, utime
from pathlib import Path

import b2ct
from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.rehearsal.site import cloud, dirac, dress, inside, root, state
from b2ct.rehearsal.site.values import (
    DIRAC_FILE,
    Machine,
    Plan,
    chrony,
    dnsmasq,
    manifest,
    network_script,
    node_env,
    plan,
    site_yaml,
    world_mac,
)

_BOOT = 120.0
"""Seconds for all nodes to start, on a slow computer with much else to do."""
_KILLED = 15.0
_PLAN = "plan.json"
"""Beside site.yaml: what the site was asked to be."""


@dataclass(frozen=True)
class Practice:
    """A site that is up."""

    name: str
    site_yaml: Path
    key: Path
    """The administrator's private ssh key."""
    known_hosts: Path
    nodes: tuple[Machine, ...]

    @property
    def password(self) -> Path:
        """Of the user for DIRAC; only where there is one."""
        return self.site_yaml.parent / DIRAC_FILE

    @property
    def certificate(self) -> Path:
        """What the gateway's callers trust; only where there is a gateway."""
        return self.site_yaml.parent / dirac.CERTIFICATE


def up(
    name: str,
    *,
    hypervisors: int,
    dirac: bool = False,
    note: Callable[[str], None] = lambda _text: None,
    keeper: int | None = None,
) -> Practice:
    """Bring a site up and wait until its first boots are done.

    It stays until `down`; with `keeper`, a process's number, at most until that process ends.
    What was made is gone again when this fails or is interrupted. Raises B2ctError where one of
    that name runs, where we may make no namespaces, or where a part does not start.
    """
    state.need_namespaces()
    with root.used(note) as base, state.locked():
        if state.leader(name) is not None:
            off = [
                f"{node} is {how}" for node in state.nodes(name) if (how := state.ended(name, node))
            ]
            raise B2ctError(
                f"the practice site {name} runs already{''.join(f'; {one}' for one in off)}",
                hint=f"{state.folder(name)}/site.yaml describes it; --start NODE starts a node that"
                " has ended, --down removes all",
            )
        _remove(name)
        try:
            return _start(plan(name, _free_number(), hypervisors, dirac=dirac), base, note, keeper)
        except BaseException:
            _remove(name)
            raise


def down(name: str) -> bool:
    """Remove a site and all that belongs to it; whether there was one."""
    state.need_root()
    with state.locked():
        there = state.folder(name).exists()
        _remove(name)
        return there


def start(name: str, node: str, note: Callable[[str], None] = lambda _text: None) -> None:
    """Start a node that has ended, and wait until it is as it was; of one that runs: only wait.

    What it had written is still there, as on a machine's disk. Raises B2ctError where the site does
    not run, has no such node, or the node does not come up.
    """
    state.need_root()
    if state.leader(name) is None:
        raise B2ctError(f"the practice site {name} does not run", hint="b2ct practice site")
    if node not in state.nodes(name):
        raise B2ctError(
            f"the practice site {name} has no node {node}",
            hint=f"one of {', '.join(state.nodes(name))}",
        )
    folder = state.folder(name)
    site = plan(name, **json.loads((folder / _PLAN).read_text()))
    deadline = time.monotonic() + _BOOT
    if how := state.ended(name, node):
        note(f"starting {node}, which is {how}")
        (folder / "nodes" / node / "start").touch()
        while state.ended(name, node) and time.monotonic() < deadline:
            time.sleep(0.05)
    _until(partial(_running, site, node), deadline, site, node)
    if node == site.machines[0].name:
        note("registering with the double of oned again: it keeps all in memory")
        _register(site, deadline)
        cloud.fill(site, folder)


def _start(site: Plan, base: Path, note: Callable[[str], None], keeper: int | None) -> Practice:
    folder = state.folder(site.name)
    folder.mkdir(mode=0o700)
    asked = {
        "number": site.number,
        "hypervisors": len(site.machines) - 1,
        "dirac": site.dirac,
    }
    files.write(folder / _PLAN, json.dumps(asked))
    practice = _write(site, base, folder)
    note(f"starting {len(site.machines)} nodes: {', '.join(m.name for m in site.machines)}")
    run(
        [
            *("setsid", "--fork", "bash", "-c", 'exec bash "$0" "$@" < /dev/null &> "$1/log"'),
            *(root.folder() / "supervise.sh", folder, str(getpid()), str(keeper or "")),
        ]
    )
    deadline = time.monotonic() + _BOOT
    _until((folder / "started").exists, deadline, site, "the namespaces were not made")
    note("waiting for the nodes' first boot")
    for machine in site.machines:
        _until(partial(_booted, site, machine.name), deadline, site, machine.name)
    note("registering hypervisors, networks, an image and templates with the double of oned")
    _register(site, deadline)
    cloud.fill(site, folder)
    (folder / "ready").touch()
    return practice


def _write(site: Plan, base: Path, folder: Path) -> Practice:
    """The site's folder: keys, site.yaml, and for each node what its root gets."""
    host_keys = {
        machine.name: _key(folder / "nodes" / machine.name, "host") for machine in site.machines
    }
    admin = _key(folder, "admin")
    described = folder / "site.yaml"
    files.write(described, site_yaml(site, host_keys, admin, _key(folder, "colleague")))
    known = "".join(
        f"{m.address},{m.name},{m.full_name} {host_keys[m.name]}\n" for m in site.machines
    )
    files.write(folder / "known_hosts", known)
    files.write(folder / "world.env", _assignments(_world(site, base)))
    world = folder / "world"
    (world / "www").mkdir(parents=True)
    files.write(world / "dnsmasq.conf", dnsmasq(site))
    files.write(world / "chrony.conf", chrony(site))
    from b2ct.site.load import load

    if site.dirac:
        dirac.prepare(site, folder)
    model = load(described)
    for repository in model.cvmfs.repositories:
        _publish(world / "www/cvmfs" / repository, repository)
    for machine in site.machines:
        node = model.node(machine.name)
        assert node is not None  # noqa: S101 - it was written above
        place = folder / "nodes" / machine.name
        _dress(
            place,
            machine,
            site,
            {
                "practice/network.sh": network_script(machine, site),
                "practice/dress.sh": dress.script(model, node),
                "usr/share/b2ct-practice/packages": dress.packages(model, node),
            },
        )
        if machine.role == "control" and site.dirac:
            dirac.install(folder, place / "tree", model, node)
    _install_double(folder / "nodes" / site.machines[0].name / "tree/opt/b2ct-practice")
    return Practice(
        site.name,
        described,
        folder / "admin",
        folder / "known_hosts",
        site.machines,
    )


def _publish(folder: Path, repository: str) -> None:
    folder.mkdir(parents=True)
    path = folder / ".cvmfspublished"
    now = int(time.time())
    path.write_bytes(manifest(repository, now))
    # It has not changed for a long time: so squid keeps it without asking again.
    utime(path, (now, now - 30 * 86400))


def _dress(folder: Path, machine: Machine, site: Plan, texts: Mapping[str, str]) -> None:
    """`node.env` for who makes the node, `tree` for what lies over its root."""
    (folder / "root").mkdir(parents=True)
    cables = " ".join(f"{c.device}={c.network}={c.mac}" for c in machine.cables)
    volumes = " ".join(f"{path}={size}" for path, size in machine.volumes)
    files.write(
        folder / "node.env",
        _assignments({"CABLES": cables, "VOLUMES": volumes, "HOSTNAME": machine.full_name}),
    )
    tree = folder / "tree"
    if machine.role == "control":
        shutil.copytree(root.folder() / "control", tree)
        (tree / "usr/bin").mkdir()
        for name in ("onehost", "onedatastore"):
            (tree / "usr/bin" / name).symlink_to("../libexec/b2ct-practice/one")
    own = {
        "etc/b2ct/node.env": _assignments(node_env(machine, site)),
        "etc/hostname": f"{machine.full_name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n{machine.address} {machine.full_name} {machine.name}\n",
        "etc/resolv.conf": f"nameserver {site.gateway}\n",
        **texts,
    }
    flags = _cpuinfo() if machine.role == "hypervisor" else ""
    if flags:
        own["practice/cpuinfo"] = flags
    for path, text in own.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        files.write(tree / path, text)
    (tree / "etc/ssh").mkdir(exist_ok=True)
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        target = tree / f"etc/ssh/ssh_host_ed25519_key{suffix}"
        shutil.copy(folder / f"host{suffix}", target)
        target.chmod(mode)


def _world(site: Plan, base: Path) -> dict[str, str]:
    return {
        "ROOT": str(base),
        "CGROUP": str(state.control_group(site.name)),
        "GATEWAY": site.gateway,
        "HOST_DEVICE": site.host_device,
        "HOST_ADDRESS": site.host,
        "WORLD_MAC": world_mac(site),
        "NODES": " ".join(machine.name for machine in site.machines),
    }


def _assignments(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _key(folder: Path, name: str) -> str:
    """Make a key pair; the public half without its comment."""
    folder.mkdir(parents=True, exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "practice", "-f", folder / name])
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


def _cpuinfo() -> str:
    """/proc/cpuinfo with the flag that a hypervisor needs, where this computer's has none."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    if {"vmx", "svm"} & set(flags):
        return ""
    return "".join(f"{line} vmx\n" if line.startswith("flags") else f"{line}\n" for line in lines)


def _install_double(folder: Path) -> None:
    """The double of oned alone, as the control node's Python finds it: it needs nothing else."""
    package = Path(b2ct.__file__).parent
    for part in ("__init__.py", "rehearsal/__init__.py"):
        (folder / "b2ct" / part).parent.mkdir(parents=True, exist_ok=True)
        files.write(folder / "b2ct" / part, (package / part).read_text())
    shutil.copytree(
        package / "rehearsal/oned",
        folder / "b2ct/rehearsal/oned",
        ignore=shutil.ignore_patterns("__pycache__"),
    )


def _free_number() -> int:
    """Of addresses that no site and no network of this computer has."""
    routes = run(["ip", "-4", "route", "show", "table", "all"]).stdout
    devices = {path.name for path in Path("/sys/class/net").iterdir()}
    for number in range(77, 256):
        if f"b2ct{number}" not in devices and f"10.77.{number}." not in routes:
            return number
    raise B2ctError("no free network 10.77.N.0/24 is left", hint="b2ct practice site --down")


def _booted(site: Plan, node: str) -> bool:
    done = inside.on(site.name, node, "test -e /var/lib/b2ct/firstboot.done", check=False)
    return done.code == 0


def _running(site: Plan, node: str) -> bool:
    """systemd has started all that it starts."""
    done = inside.on(site.name, node, "systemctl is-system-running", check=False)
    return _booted(site, node) and done.stdout.strip() in ("running", "degraded")


def _register(site: Plan, deadline: float) -> None:
    """The control node takes the hypervisors in, as its timer would every minute."""
    control = site.machines[0].name
    wanted = sum(machine.role == "hypervisor" for machine in site.machines)

    def registered() -> bool:
        done = inside.on(
            site.name,
            control,
            "/usr/libexec/b2ct/register; cat /var/lib/b2ct/register.state",
            check=False,
        )
        return done.stdout.count(" registered") >= wanted

    _until(registered, deadline, site, control)


def _until(reached: Callable[[], bool], deadline: float, site: Plan, what: str) -> None:
    """Wait. Raises B2ctError with what the site has said when it ends, or the time is over.

    With a node it ends as well, where `what` is its name.
    """
    folder = state.folder(site.name)
    while True:
        ended = (folder / "leader").exists() and state.leader(site.name) is None
        ended = ended or bool(state.ended(site.name, what))
        if ended or time.monotonic() > deadline:
            raise _failed(site, what)
        with suppress(B2ctError):  # it ended right now: said in the next round
            if reached():
                return
        time.sleep(0.2)


def _failed(site: Plan, what: str) -> B2ctError:
    folder = state.folder(site.name)
    said = (
        (folder / "log").read_text(errors="replace").splitlines()
        if (folder / "log").exists()
        else []
    )
    if any(machine.name == what for machine in site.machines):
        said += inside.console(site.name, what).splitlines()
        with suppress(B2ctError):
            log = inside.on(site.name, what, "tail -n 5 /var/log/b2ct/firstboot.log", check=False)
            said += log.stdout.splitlines()
    last = "; ".join(line.strip() for line in said[-8:] if line.strip()) or "it says nothing"
    return B2ctError(
        f"the practice site does not come up ({what}): {last}", hint="try again; nothing was left"
    )


def _remove(name: str) -> None:
    """End all processes of the site and what they leave; also after a start that failed."""
    folder = state.folder(name)
    supervisor = state.supervisor(name)
    deadline = time.monotonic() + _KILLED
    # Its number is kept: it removes the file itself when it has tidied up.
    while supervisor is not None and Path(f"/proc/{supervisor}").exists():
        leader = state.leader(name)
        if leader is not None:
            with suppress(ProcessLookupError):
                kill(leader, signal.SIGKILL)
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                kill(supervisor, signal.SIGKILL)
        time.sleep(0.05)
    group = state.control_group(name)
    while group.exists() and time.monotonic() < deadline:
        for path in sorted(group.rglob("*/"), key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):
                path.rmdir()
        with suppress(OSError):
            group.rmdir()
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)
