"""A node over ssh: one connection, one persistent shell of root on it, by paramiko.

A connection that breaks is made again once; a command that hangs is killed with all it started,
and the next one gets a new shell on the same connection.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from b2ct.validate.answer import Answer, CommandTimeoutError, LostError, UnreachableError
from b2ct.validate.hostkeys import HostKeys, Pin, changed
from b2ct.validate.shell import EndedError, Shell

if TYPE_CHECKING:
    import paramiko

BLOCK = 1 << 16


@dataclass(frozen=True)
class Target:
    """Where and as whom to log in."""

    host: str
    user: str = "root"
    port: int = 22
    host_key: str = ""
    """`type base64`, from site.yaml; empty: known_hosts says."""
    node: str = ""
    """Its name in site.yaml, for messages."""
    jumps: tuple[Target, ...] = ()
    """Through these, the first of them first."""
    known_as: str = ""
    """Its name in known_hosts, where it is not the usual one."""
    identities: tuple[Path, ...] = ()
    """Private keys for this one, besides the usual ones."""

    @property
    def pin(self) -> Pin:
        """Whose key it must show."""
        name = self.host if self.port == 22 else f"[{self.host}]:{self.port}"
        return Pin(name, self.host_key, self.node, self.known_as)

    def __str__(self) -> str:
        """`root@one.example.org`, as ssh(1) takes it."""
        return f"{self.user}@{self.host}" + (f" -p {self.port}" if self.port != 22 else "")


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
    ) -> None:
        """`identity`: a private key besides those of the agent and of ~/.ssh.

        Raises UnreachableError for one that cannot be read.
        """
        self.times = times or Times()
        self._keys = keys
        self._identity = _private_key(identity) if identity else None
        self._use_agent = use_agent
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
            raise _explained(target, err, seconds) from err
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
            raise UnreachableError(
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
            raise UnreachableError(
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


class SshNode:
    """A node that answers commands, as root. One thread at a time asks."""

    def __init__(self, door: Door, target: Target) -> None:
        """Connects. Raises UnreachableError."""
        self.name = target.node or target.host
        self.lost = ""
        self._door = door
        self._target = target
        self._ssh: paramiko.SSHClient | None = None
        self._shell: Shell | None = None
        self._closed = False
        self._renewed = False
        self._connect()

    def run(self, command: str, seconds: float | None = None) -> Answer:
        """What a shell command answers. Raises LostError, CommandTimeoutError."""
        seconds = self._door.times.command if seconds is None else seconds
        try:
            return self._run(command, seconds)
        except EndedError as ended:
            self._renew(str(ended))
        try:
            return self._run(command, seconds)
        except EndedError as ended:
            raise self._lost(str(ended)) from ended

    def tunnel(self, host: str, port: int) -> paramiko.Channel:
        """A connection from the node to a port that it reaches. Raises UnreachableError."""
        import paramiko

        transport = self._ssh.get_transport() if self._ssh else None
        if transport is None or not transport.is_active():
            raise self._lost("it was closed")
        try:
            return transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=self._door.times.connect
            )
        except (paramiko.SSHException, EOFError, OSError) as err:
            reason = err.text if isinstance(err, paramiko.ChannelException) else _short(err)
            raise UnreachableError(
                f"port {port} of {host} cannot be reached from {self.name}: {reason.lower()}",
                hint=f"ssh {self._target} ss -ltn; its sshd needs AllowTcpForwarding",
            ) from err

    def close(self) -> None:
        """Give the connection back."""
        self._closed = True
        if self._ssh is not None:
            self._ssh.close()

    def _run(self, command: str, seconds: float) -> Answer:
        if self._shell is None:
            self._shell = self._open_shell()
        try:
            return self._shell.run(command, seconds)
        except TimeoutError:
            shell, self._shell = self._shell, None
            self._kill(shell)
            raise CommandTimeoutError(
                f"`{_one_line(command)}` did not end within {seconds:g} s"
            ) from None
        except EndedError:
            self._shell = None
            raise

    def _connect(self) -> None:
        self._ssh = self._door.connect(self._target)
        try:
            self._shell = self._open_shell()
        except EndedError as ended:
            self._ssh.close()
            raise self._no_shell(str(ended)) from ended
        except BaseException:
            self._ssh.close()
            raise

    def _open_shell(self) -> Shell:
        seconds = self._door.times.connect
        try:
            channel = self._channel(self._as_root("sh"))
            shell = Shell(_ChannelStreams(channel), seconds)
        except TimeoutError as err:
            raise EndedError(f"no shell answered within {seconds:g} s") from err
        if shell.uid != 0:
            raise EndedError(f"commands run as the user with number {shell.uid}, not as root")
        return shell

    def _as_root(self, words: str) -> str:
        # `exec`: whatever the login shell is, it knows that, and no process waits for nothing.
        return f"exec {words}" if self._target.user == "root" else f"exec sudo -n -- {words}"

    def _channel(self, command: str) -> paramiko.Channel:
        import paramiko

        transport = self._ssh.get_transport() if self._ssh else None
        if transport is None:
            raise EndedError("the connection was closed")
        try:
            channel = transport.open_session(timeout=self._door.times.connect)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as err:
            raise EndedError(_short(err)) from err
        return channel

    def _kill(self, shell: Shell) -> None:
        """End a command that hangs, with all that it started; what cannot be killed is left."""
        with suppress(EndedError, OSError):
            channel = self._channel(self._as_root(f"kill -KILL -- -{shell.group}"))
            channel.status_event.wait(self._door.times.connect)
            channel.close()

    def _renew(self, why: str) -> None:
        """Connect again, once in a run: who loses it twice is not to be asked further."""
        if self._closed or self._renewed:
            raise self._lost(why)
        self._renewed = True
        if self._ssh is not None:
            self._ssh.close()
        try:
            self._connect()
        except UnreachableError as err:
            raise self._lost(f"{why}; then {err}") from err

    def _lost(self, why: str) -> LostError:
        self.lost = f"the connection to {self.name} was lost: {why}"
        return LostError(
            self.lost,
            hint=f"does `ssh {self._target}` work, and stay? Then run this again",
        )

    def _no_shell(self, said: str) -> UnreachableError:
        if self._target.user == "root":
            return UnreachableError(
                f"{self._target.host} lets us in, but gives no shell: {said}",
                hint=f"does `ssh {self._target} id` work?",
            )
        return UnreachableError(
            f"{self._target.user} may not become root on {self._target.host}: {said}",
            hint=f"sudo must not ask for a password there: echo '{self._target.user} ALL=(ALL) "
            "NOPASSWD: ALL' > /etc/sudoers.d/b2ct; or log in as root with --user root",
        )


class _ChannelStreams:
    """The streams of a paramiko channel."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._news = threading.Event()
        # Waiting for both streams without a pair of file descriptors for each node.
        channel.in_buffer.set_event(self._news)
        channel.in_stderr_buffer.set_event(self._news)

    def send(self, data: bytes) -> None:
        import paramiko

        try:
            self._channel.sendall(data)
        except (OSError, EOFError, paramiko.SSHException) as err:
            raise EndedError(_short(err)) from err

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        channel = self._channel
        end = time.monotonic() + seconds
        while not (channel.recv_ready() or channel.recv_stderr_ready()):
            if channel.closed or channel.eof_received:
                raise EndedError("it ended")
            if not self._news.wait(min(max(end - time.monotonic(), 0), 1.0)):
                if time.monotonic() >= end:
                    return b"", b""
                continue
            if not (channel.recv_ready() or channel.recv_stderr_ready()):
                self._news.clear()
        out = channel.recv(BLOCK) if channel.recv_ready() else b""
        err = channel.recv_stderr(BLOCK) if channel.recv_stderr_ready() else b""
        return out, err


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


def _explained(target: Target, err: Exception, seconds: float) -> UnreachableError:
    """What a connection died of, with its remedy."""
    import paramiko

    if isinstance(err, paramiko.BadHostKeyException):
        return changed(target.pin, err.key, err.expected_key)
    if isinstance(err, paramiko.PasswordRequiredException):
        return UnreachableError(
            "your private key has a passphrase", hint="load it into an agent: `ssh-add`"
        )
    if isinstance(err, paramiko.AuthenticationException) or "No authentication" in str(err):
        return UnreachableError(
            f"{target.host} accepts none of your SSH keys for {target.user}",
            hint=f"`ssh {target}` must work without a password: is the key in ~/.ssh, in the agent "
            "(`ssh-add -l`), or to be named with --identity? --user logs in as another",
        )
    return _no_line(target, err, seconds)


def _no_line(target: Target, err: Exception, seconds: float) -> UnreachableError:
    """There is not even a connection."""
    if isinstance(err, socket.gaierror):
        return UnreachableError(
            f"the name {target.host} cannot be resolved",
            hint=f"give the node {target.node} an `address` in site.yaml, or enter the name in DNS",
        )
    if isinstance(err, TimeoutError):
        return UnreachableError(
            f"{target.host} does not answer on port {target.port} within {seconds:g} s",
            hint="is the machine on, its cable in, its address right? See its console; a firewall "
            "in between? --jump goes through another machine",
        )
    if isinstance(err, ConnectionRefusedError):
        return UnreachableError(
            f"{target.host} refuses connections to port {target.port}: no sshd runs there",
            hint="at its console: systemctl enable --now sshd; --port names another port",
        )
    return UnreachableError(
        f"{target.host} cannot be reached by ssh: {_short(err)}",
        hint=f"does `ssh {target}` work? `ssh -v {target}` says more",
    )


def _short(err: Exception) -> str:
    text = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
    return " ".join(text.split())[:200] or "the connection was closed"


def _one_line(command: str) -> str:
    text = " ".join(command.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True)
class Jump:
    """A jump host as somebody wrote it; what is not said is empty."""

    host: str
    user: str = ""
    port: int = 0


def jump_chain(text: str) -> tuple[Jump, ...]:
    """`[user@]host[:port]`, several with commas, as ssh -J takes them. Raises UnreachableError."""
    chain = []
    for part in text.split(","):
        name, at, place = part.strip().rpartition("@")
        host, colon, port = _place(place)
        number = int(port) if port.isdigit() and len(port) < 6 else 0
        if not host or host.startswith("-") or number > 65535 or (at and not name):
            raise _no_jump(text)
        if colon and not number:
            raise _no_jump(text)
        chain.append(Jump(host, name, number))
    return tuple(chain)


def _no_jump(text: str) -> UnreachableError:
    return UnreachableError(
        f"{text!r} is no jump host",
        hint="give [USER@]HOST[:PORT], such as gate.example.org; several with commas",
    )


def _place(text: str) -> tuple[str, str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[:1], rest[1:]
    return text.partition(":")
