"""Whose host key a machine must show: that of site.yaml, else that of known_hosts.

A key is only ever learned when the user says so, and then it is written down, as ssh(1) does with
StrictHostKeyChecking=accept-new.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.files import explain
from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.words import Words

if TYPE_CHECKING:
    import paramiko

USUAL = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


@dataclass(frozen=True)
class Pin:
    """A machine as it is known."""

    name: str
    """As in known_hosts: `host`, or `[host]:port`."""
    key: str = ""
    """`type base64`, from site.yaml; empty: known_hosts says."""
    node: str = ""
    """Its name in site.yaml."""
    alias: str = ""
    """Under which known_hosts has it, if not `name`; HostKeyAlias."""

    @property
    def host(self) -> str:
        """The machine's name or address alone."""
        return self.name[1:].partition("]")[0] if self.name.startswith("[") else self.name

    @property
    def known_as(self) -> str:
        """The name to look for in known_hosts."""
        return self.alias or self.name


class HostKeys:
    """The keys that are known; read once, shared by all connections."""

    def __init__(
        self,
        files: Sequence[Path] = (),
        *,
        accept_new: bool = False,
        notice: Callable[[str], object] = lambda _text: None,
        words: Words | None = None,
    ) -> None:
        """`files`: instead of the usual ones; the first takes what is accepted."""
        import paramiko

        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        self._files = tuple(path.expanduser() for path in files or USUAL)
        self._accept_new = accept_new
        self._notice = notice
        self._words = words or Words()
        self._lock = threading.Lock()
        self._known = paramiko.HostKeys()
        for file in self._files:
            with suppress(OSError):
                self._load(file.read_text(errors="replace"))

    def _load(self, text: str) -> None:
        """Lines that cannot be read, and those of certificates, are passed over."""
        lines = [line.strip() for line in text.splitlines()]
        revoked = {line.split()[-1] for line in lines if line.startswith("@revoked ")}
        for line in lines:
            entry = None if line.startswith("@") else _entry(line)
            if entry is None or entry.key is None or entry.key.get_base64() in revoked:
                continue
            for name in entry.hostnames or ():
                self._known.add(name, entry.key.get_name(), entry.key)

    def trust(self, ssh: paramiko.SSHClient, pin: Pin) -> None:
        """Make a client accept this machine's key and no other. Raises UnreachableError."""
        if pin.key:
            key = self._parsed(pin)
            ssh.get_host_keys().add(pin.name, key.get_name(), key)
        else:
            with self._lock:
                known = dict(self._known.lookup(pin.known_as) or {})
            for kind, key in known.items():
                ssh.get_host_keys().add(pin.name, kind, key)
        ssh.set_missing_host_key_policy(self._policy(pin))

    @staticmethod
    def _parsed(pin: Pin) -> paramiko.PKey:
        entry = _entry(f"{pin.name} {pin.key}")
        if entry is None or entry.key is None:
            raise UnreachableError(
                f"the `host_key` of {pin.node or pin.name} in site.yaml is of a kind that is not "
                "known here",
                hint="pin its ed25519 key",
            )
        return entry.key

    def _policy(self, pin: Pin) -> paramiko.MissingHostKeyPolicy:
        import paramiko

        outer = self

        class _Unknown(paramiko.MissingHostKeyPolicy):
            """Called when no key at all is known, or none of the kind that was shown."""

            def missing_host_key(
                self, client: paramiko.SSHClient, _hostname: str, key: paramiko.PKey
            ) -> None:
                outer._missing(client, pin, key)

        return _Unknown()

    def _missing(self, client: paramiko.SSHClient, pin: Pin, key: paramiko.PKey) -> None:
        if client.get_host_keys().lookup(pin.name):
            raise changed(pin, key, None)
        if not self._accept_new:
            raise UnreachableError(
                f"the SSH host key of {pin.host} is not known: it shows {_shown(key)}",
                hint=f"compare that with `{_AT_CONSOLE}` at its console, then "
                f"{_how_to_pin(pin, key)}; {self._words.accept}",
            )
        self._learn(pin, key)

    def _learn(self, pin: Pin, key: paramiko.PKey) -> None:
        file = self._files[0]
        with self._lock:
            try:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                old = file.read_bytes() if file.exists() else b""
                gap = "" if not old or old.endswith(b"\n") else "\n"
                with file.open("a") as out:
                    out.write(f"{gap}{pin.known_as} {key.get_name()} {key.get_base64()}\n")
            except OSError as err:
                told = explain(err, f"write {file}")
                raise UnreachableError(told.message, hint="name another --known-hosts") from err
            self._known.add(pin.known_as, key.get_name(), key)
        self._notice(f"note: {pin.name} is new; its key {_shown(key)} was added to {file}")


def _entry(line: str) -> paramiko.hostkeys.HostKeyEntry | None:
    """A line of known_hosts; None for what paramiko does not know."""
    import paramiko

    with suppress(paramiko.SSHException, paramiko.hostkeys.InvalidHostKey, ValueError, IndexError):
        return paramiko.hostkeys.HostKeyEntry.from_line(line)
    return None


_AT_CONSOLE = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"


def changed(pin: Pin, got: paramiko.PKey, expected: paramiko.PKey | None) -> UnreachableError:
    """The refusal of a machine that shows another key than the one that is known."""
    known = f"{_shown(expected)}" if expected is not None else "one of another kind"
    where = f"the `host_key` of {pin.node} in site.yaml" if pin.key else "known_hosts"
    forget = f"{_how_to_pin(pin, got)}" if pin.key else f"`ssh-keygen -R '{pin.known_as}'`"
    return UnreachableError(
        f"{pin.name} shows another SSH host key than {where} says: {_shown(got)} instead of "
        f"{known}",
        hint="was it installed anew, or is somebody in between? Compare with "
        f"`{_AT_CONSOLE}` at its console; if it is right: {forget}",
    )


def _how_to_pin(pin: Pin, key: paramiko.PKey) -> str:
    if not pin.node:
        return "log in there once with ssh, which remembers it"
    line = f"`host_key: {key.get_name()} {key.get_base64()}`"
    return f"write {line} to the node {pin.node} in site.yaml"


def _shown(key: paramiko.PKey) -> str:
    return f"{key.fingerprint} ({key.get_name().removeprefix('ssh-')})"
