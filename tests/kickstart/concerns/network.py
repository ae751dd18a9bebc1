"""Small servers for the tests, on free ports of the loopback network."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


def free_port(*addresses: str) -> int:
    """A TCP port that is free on all of the addresses."""
    for _ in range(50):
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((addresses[0], 0))
            port: int = first.getsockname()[1]
            try:
                for address in addresses[1:]:
                    stack.enter_context(socket.socket()).bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free on all of the addresses")


def wait_for(address: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens there; the log is shown if the process dies before."""
    for _ in range(200):
        assert process.poll() is None, log.read_text(errors="replace")
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server, gently first."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def make_privilege_separation_folder() -> None:
    """Debian's sshd wants it when root starts it; the package's unit makes it at boot."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


@contextmanager
def sshd(root: Path, address: str, port: int, command: str | Path = "") -> Iterator[Path]:
    """The sshd of an unpacked machine, with its own host keys; yields its log.

    Whoever logs in as oneadmin is the user who runs the tests, so commands are made to start in the
    machine's /var/lib/one and never touch that user's home. `command` is run in their place.
    """
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program
    make_privilege_separation_folder()
    home = root / "var/lib/one"
    home.mkdir(parents=True, exist_ok=True)
    # Without a quote or blank in the path this needs no quoting in sshd_config.
    config = root / f"etc/ssh/test_sshd_{address}"
    forced = command or f'cd {home} && exec bash -c "$SSH_ORIGINAL_COMMAND"'
    keys = "\n".join(f"HostKey {key}" for key in sorted(config.parent.glob("ssh_host_*_key")))
    config.write_text(
        f"Port {port}\nListenAddress {address}\n{keys}\n"
        f"AuthorizedKeysFile {home}/.ssh/authorized_keys\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        f"ForceCommand {forced}\n"
    )
    log = root / f"sshd-{address}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", str(config)], stdout=out, stderr=out, stdin=-3
        )
        try:
            wait_for(address, port, process, log)
            yield log
        finally:
            stop(process)


def make_host_key(root: Path, kind: str) -> str:
    """Make (or replace) a host key of a machine; returns `type base64`."""
    folder = root / "etc/ssh"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"ssh_host_{kind}_key"
    for old in (file, file.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    return " ".join(file.with_suffix(".pub").read_text().split()[:2])
