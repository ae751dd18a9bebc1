"""Real sshds on the loopback network: each is a node, all of them are this machine."""

from __future__ import annotations

import getpass
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from b2ct.site.load import load_text
from b2ct.site.model import Site
from tests.kickstart.concerns.network import (
    free_port,
    make_host_key,
    make_privilege_separation_folder,
    wait_for,
)

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
needs_sshd = pytest.mark.skipif(not SSHD, reason="sshd is not installed")


@dataclass
class Machine:
    """One address with an sshd of its own."""

    name: str
    address: str
    port: int
    host_key: str
    root: Path
    public: Path
    """The key that it admits."""
    more: str = ""
    """Lines of its configuration."""
    before: tuple[str, ...] = ()
    """Words before those that start sshd."""
    also: tuple[str, ...] = ()
    """Further addresses."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make its configuration and run it."""
        assert SSHD
        listen = "".join(f"ListenAddress {address}\n" for address in (self.address, *self.also))
        config = self.root / "sshd_config"
        config.write_text(
            f"Port {self.port}\n{listen}"
            f"HostKey {self.root}/etc/ssh/ssh_host_ed25519_key\n"
            f"AuthorizedKeysFile {self.public}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 200\n"
            f"PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n{self.more}"
        )
        log = self.root / "sshd.log"
        argv = [*self.before, SSHD, "-D", "-e", "-f", str(config)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        wait_for(self.address, self.port, self.process, log)

    def drop(self) -> None:
        """Cut the connections that there are."""
        assert self.process is not None
        subprocess.run(["pkill", "-KILL", "-P", str(self.process.pid)], check=False)

    def stop(self) -> None:
        """Also cuts the connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)  # so that none is taken meanwhile,
            self.drop()
            self.process.kill()  # and none after: awake again, it would take who comes back
            self.process.wait()
            self.process = None


@dataclass
class Ground:
    """Machines on one port, and the key that opens them."""

    port: int
    key: Path
    machines: dict[str, Machine]
    user: str = field(default_factory=getpass.getuser)

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    @property
    def config(self) -> Path:
        """An ssh_config that leads from the addresses of site.yaml to where the machines are."""
        path = self.key.with_name("ssh_config")
        path.write_text(
            "".join(
                f"Host {site_address(one)}\n  HostName {one.address}\n  Port {one.port}\n"
                for one in self.machines.values()
            )
        )
        return path

    @property
    def known_hosts(self) -> Path:
        """A file with the keys of all machines."""
        path = self.key.with_name("known_hosts")
        path.write_text(
            "".join(
                f"[{one.address}]:{one.port} {one.host_key}\n" for one in self.machines.values()
            )
        )
        return path

    def text(self, *, pinned: bool = True, control: str = "") -> str:
        """A site.yaml; its first machine is the control node, or another one."""
        control = control or next(iter(self.machines))
        lines = ["site: {name: testing, domain: example.org}"]
        lines += ["networks: {service: {cidr: 10.77.0.0/24}}", "nodes:"]
        for one in self.machines.values():
            role = "control" if one.name == control else "hypervisor"
            lines += [f"  - name: {one.name}", f"    role: {role}"]
            lines += [f"    interfaces: [{{network: service, address: {site_address(one)}}}]"]
            lines += [f'    host_key: "{one.host_key}"'] if pinned else []
        return "\n".join([*lines, ""])

    def site(self, *, pinned: bool = True) -> Site:
        return load_text(self.text(pinned=pinned))


def site_address(machine: Machine) -> str:
    """What site.yaml says; it admits no loopback addresses."""
    return f"10.77.0.{machine.address.rpartition('.')[2]}"


@contextmanager
def ground(
    root: Path, *names: str, more: str = "", before: tuple[str, ...] = ()
) -> Iterator[Ground]:
    """Machines named so, each with a host key of its own; `more` is sshd configuration."""
    make_privilege_separation_folder()
    key = root / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    addresses = [f"127.77.0.{number}" for number in range(1, len(names) + 1)]
    port = free_port(*addresses)
    with ExitStack() as stack:
        machines = {}
        for name, address in zip(names, addresses, strict=True):
            folder = root / name
            folder.mkdir()
            machine = Machine(
                name, address, port, make_host_key(folder, "ed25519"), folder,
                key.with_suffix(".pub"), more, before,
            )  # fmt: skip
            stack.callback(machine.stop)
            machine.start()
            machines[name] = machine
        yield Ground(port, key, machines)


AT_ONCE = 16
"""Addresses that one sshd listens on, MAX_LISTEN_SOCKS of sshd.c."""


@contextmanager
def crowd(root: Path, count: int) -> Iterator[Ground]:
    """So many machines, of which always some share an sshd: enough to measure with.

    What the ~/.bashrc of who runs this does at each login is not what is to be measured.
    """
    make_privilege_separation_folder()
    key = root / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    addresses = [f"127.77.1.{number}" for number in range(1, count + 1)]
    port = free_port(*addresses)
    host_key = make_host_key(root, "ed25519")
    machines = {}
    with ExitStack() as stack:
        for first in range(0, count, AT_ONCE):
            some = addresses[first : first + AT_ONCE]
            folder = root / f"sshd{first}"
            shutil.copytree(root / "etc", folder / "etc")
            machine = Machine(
                f"n{first + 1}", some[0], port, host_key, folder, key.with_suffix(".pub"),
                more="SetEnv HOME=/nonexistent\n", also=tuple(some[1:]),
            )  # fmt: skip
            stack.callback(machine.stop)
            machine.start()
            for number, address in enumerate(some, first + 1):
                machines[f"n{number}"] = replace(machine, name=f"n{number}", address=address)
        yield Ground(port, key, machines)
