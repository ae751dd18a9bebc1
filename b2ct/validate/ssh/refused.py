"""What a connection died of, and the remedy."""

from __future__ import annotations

import socket

from b2ct.validate.answer import UnreachableError
from b2ct.validate.ssh.hostkeys import changed
from b2ct.validate.ssh.target import Target


def explained(target: Target, err: Exception, seconds: float) -> UnreachableError:
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
        f"{target.host} cannot be reached by ssh: {short(err)}",
        hint=f"does `ssh {target}` work? `ssh -v {target}` says more",
    )


def short(err: Exception) -> str:
    """What it says, on one line."""
    text = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
    return " ".join(text.split())[:200] or "the connection was closed"
