"""Making connections: jump hosts are gone through once, and shared."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from b2ct.ssh.answer import NoLineError, UnreachableError
from b2ct.ssh.hostkeys import HostKeys
from b2ct.ssh.refused import explained
from b2ct.ssh.target import Target
from b2ct.ssh.words import Words

if TYPE_CHECKING:
    import paramiko


@dataclass(frozen=True)
class Times:
    """Seconds."""

    connect: float = 10.0
    """For a node to take a connection and to log us in."""
    command: float = 30.0
    """For a command, where the check says nothing else."""


class Door:
    """Makes the connections of a run: keys, agent and jump hosts are shared by them."""

    def __init__(
        self,
        keys: HostKeys,
        *,
        identity: Path | None = None,
        times: Times | None = None,
        use_agent: bool = True,
        again: bool = False,
        words: Words | None = None,
    ) -> None:
        """`identity`: a private key besides those of the agent and of ~/.ssh. `again`: a jump host
        that did not answer is tried again; else one look is enough for all behind it.

        Raises UnreachableError for one that cannot be read.
        """
        self.times = times or Times()
        self._keys = keys
        self._identity = _private_key(identity) if identity else None
        self._use_agent = use_agent
        self._again = again
        self._words = words or Words()
        self._jumps: dict[Target, paramiko.SSHClient | UnreachableError] = {}
        self._jump_locks: dict[Target, threading.Lock] = {}
        self._lock = threading.Lock()
        self._closed = False

    def connect(self, target: Target) -> paramiko.SSHClient:
        """Log in. Raises UnreachableError with the remedy, after at most one timeout."""
        import paramiko

        ssh = paramiko.SSHClient()
        self._keys.trust(ssh, target.pin)
        seconds = self.times.connect
        try:
            ssh.connect(
                target.host, target.port, target.user, pkey=self._identity,
                key_filename=cast("str", [str(path) for path in target.identities] or None),
                allow_agent=self._use_agent, look_for_keys=self._identity is None,
                timeout=seconds, banner_timeout=seconds, auth_timeout=seconds,
                channel_timeout=seconds, sock=self._socket(target),
            )  # fmt: skip
        except UnreachableError:
            ssh.close()
            raise
        except (OSError, paramiko.SSHException, EOFError, ValueError) as err:
            ssh.close()
            raise explained(target, err, seconds, self._words) from err
        except BaseException:
            ssh.close()
            raise
        return ssh

    def close(self) -> None:
        """Leave the jump hosts."""
        with self._lock:
            self._closed = True
            jumps, self._jumps = self._jumps, {}
        for jump in jumps.values():
            if not isinstance(jump, UnreachableError):
                jump.close()

    def _socket(self, target: Target) -> paramiko.Channel | socket.socket:
        if target.jumps:
            return self._through(target)
        return _tcp(target, self.times.connect)

    def _through(self, target: Target) -> paramiko.Channel:
        """A channel to the target on the connection to its last jump host."""
        import paramiko

        *before, last = target.jumps
        jump = Target(**{**vars(last), "jumps": tuple(before)})
        transport = self._jump(jump).get_transport()
        if transport is None or not transport.is_active():
            raise NoLineError(
                f"the connection to the jump host {jump.host} was lost",
                hint=f"does `ssh {jump}` work, and stay?",
            )
        try:
            return transport.open_channel(
                "direct-tcpip", (target.host, target.port), ("127.0.0.1", 0),
                timeout=self.times.connect,
            )  # fmt: skip
        except paramiko.ChannelException as err:
            raise UnreachableError(
                f"{target.host} cannot be reached from the jump host {jump.host}: "
                f"{err.text.lower() or 'it refuses'}",
                hint=f"does `ssh {target}` work there? Its sshd needs AllowTcpForwarding",
            ) from err
        except (paramiko.SSHException, EOFError, OSError) as err:
            raise NoLineError(
                f"{target.host} does not answer from the jump host {jump.host}",
                hint=f"is the machine on? Does `ssh {target}` work there?",
            ) from err

    def _jump(self, jump: Target) -> paramiko.SSHClient:
        """The connection to a jump host, made again if it was lost; a failure is found once."""
        with self._lock:
            lock = self._jump_locks.setdefault(jump, threading.Lock())
        with lock:
            if self._closed:
                raise UnreachableError("the run has ended")
            if not _usable(self._jumps.get(jump)):
                try:
                    self._jumps[jump] = self.connect(jump)
                except UnreachableError as err:
                    if self._again and isinstance(err, NoLineError):
                        raise
                    self._jumps[jump] = err
            found = self._jumps[jump]
        if isinstance(found, UnreachableError):
            raise UnreachableError(f"the jump host does not let us in: {found}", hint=found.hint)
        return found


def _usable(jump: paramiko.SSHClient | UnreachableError | None) -> bool:
    """Whether nothing is to be tried: it works, or is known not to."""
    if jump is None or isinstance(jump, UnreachableError):
        return jump is not None
    transport = jump.get_transport()
    return transport is not None and transport.is_active()


def _private_key(path: Path) -> paramiko.PKey:
    import paramiko

    path = path.expanduser()
    try:
        return paramiko.PKey.from_path(path)
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise UnreachableError(
            f"cannot read the private key {path}: {reason}", hint="correct --identity"
        ) from err
    except (paramiko.SSHException, ValueError, TypeError) as err:
        locked = isinstance(err, paramiko.PasswordRequiredException) or "assword" in str(err)
        if locked:
            raise UnreachableError(
                f"the private key {path} has a passphrase",
                hint=f"load it into an agent (`ssh-add {path}`), and leave --identity out",
            ) from err
        raise UnreachableError(
            f"{path} is no private key", hint="name the file without .pub with --identity"
        ) from err


def _tcp(target: Target, seconds: float) -> socket.socket:
    """A TCP connection to the first address that takes one, all of them within the time."""
    end = time.monotonic() + seconds
    found = socket.getaddrinfo(target.host, target.port, 0, socket.SOCK_STREAM)
    last: OSError = TimeoutError()
    for number, (family, kind, protocol, _, address) in enumerate(found):
        one = socket.socket(family, kind, protocol)
        try:
            one.settimeout(max(end - time.monotonic(), 0.001) / (len(found) - number))
            one.connect(address)
        except OSError as err:
            one.close()
            last = err
            continue
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one
    raise last
