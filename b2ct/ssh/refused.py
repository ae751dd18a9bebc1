"""What a connection died of, and the remedy."""

from __future__ import annotations

import re
import socket

from b2ct.ssh.answer import NoLineError, UnreachableError
from b2ct.ssh.hostkeys import changed
from b2ct.ssh.target import Target
from b2ct.ssh.words import Words


def explained(target: Target, err: Exception, seconds: float, words: Words) -> UnreachableError:
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
            f"(`ssh-add -l`), or to be named with --identity? {words.user}",
        )
    return _no_line(target, err, seconds, words)


def _no_line(target: Target, err: Exception, seconds: float, words: Words) -> NoLineError:
    """There is not even a connection."""
    if isinstance(err, socket.gaierror):
        return NoLineError(
            f"the name {target.host} cannot be resolved",
            hint=(
                f"give the node {target.node} an `address` in site.yaml, or " if target.node else ""
            )
            + "enter the name in DNS, or in ~/.ssh/config",
        )
    if isinstance(err, TimeoutError):
        return NoLineError(
            f"{target.host} does not answer on port {target.port} within {seconds:g} s",
            hint="is the machine on, its cable in, its address right? See its console; a firewall "
            f"in between? {words.jump}",
        )
    if isinstance(err, ConnectionRefusedError):
        return NoLineError(
            f"{target.host} refuses connections to port {target.port}: no sshd runs there",
            hint=f"at its console: systemctl enable --now sshd; {words.port}",
        )
    return NoLineError(
        f"{target.host} cannot be reached by ssh: {short(err)}",
        hint=f"does `ssh {target}` work? `ssh -v {target}` says more",
    )


_WORDS = (
    (r"No existing session", "the connection ended while we were logging in"),
    (r"Error reading SSH protocol banner|Indecipherable protocol|Banner|Timeout reading",
     "what answers there is no sshd, or it talks for too long before it begins"),
    (r"Incompatible (?:version|ssh peer)", "its sshd speaks no version of SSH that we speak"),
    (r"no acceptable|Unable to negotiate", "its sshd and ours have no algorithm in common"),
    (r"must have a tty|no tty present", "its sudo wants a terminal (`Defaults requiretty`)"),
    (r"a (?:terminal|password) is required", "its sudo asks for a password"),
    (r"not in the sudoers|may not run sudo", "its sudo does not know this user"),
    (r"account is currently not available|nologin|not available", "the account's shell is nologin"),
    (r"unknown opcode|Corrupted MAC|padding", "what came over the connection was damaged"),
)  # fmt: skip
"""What ssh's libraries, sudo and shells say, and the same for a person."""
MOST = 120


def in_words(said: str) -> str:
    """What somebody said, on one short line; in words, where these are known."""
    text = " ".join(said.split())
    words = next((words for pattern, words in _WORDS if re.search(pattern, text)), "")
    shown = text if len(text) <= MOST else f"{text[:MOST]}..."
    return f"{words} ({shown})" if words and shown else words or shown


def short(err: Exception) -> str:
    """What it says, on one line and in words."""
    text = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
    return in_words(text) or "the connection was closed"
