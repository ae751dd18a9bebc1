"""Commands on a practice node, past its sshd: for the site's making, and for faults."""

from __future__ import annotations

from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import Completed, run
from b2ct.rehearsal.site import state


def on(
    name: str, node: str, command: str, *, timeout: float = 30.0, check: bool = True
) -> Completed:
    """Run a shell command as root on a node of the practice site `name`.

    Raises B2ctError where the site or the node does not run, or there is no such node; CommandError
    as `run` does.
    """
    leader = state.leader(name)
    if leader is None:
        raise B2ctError(
            f"the practice site {name} does not run", hint="b2ct practice site brings it up"
        )
    if node not in state.nodes(name):
        raise B2ctError(f"the practice site {name} has no node {node}")
    try:
        process = (state.folder(name) / "nodes" / node / "pid").read_text().strip()
    except OSError:
        raise B2ctError(
            f"the node {node} of the practice site {name} does not run:"
            f" {state.ended(name, node) or 'it is just starting'}",
            hint=f"b2ct practice site --name {name} --start {node}",
        ) from None
    # The number is one of the site's own PID namespace: first into that one, then into the node,
    # whose first process is the only child of `unshare`. Each with its own root: that of a mount
    # namespace is another one where the site was started in a chroot.
    first = f"exec nsenter -a -r -w -t $(cat /proc/{process}/task/{process}/children)"
    script = f'{first} -- /usr/bin/env -i PATH="$0" /bin/bash -c "$1"'
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return run(
        [
            *("nsenter", "--target", str(leader), "--pid", "--mount", "--root", "--wd", "--"),
            *("/bin/bash", "-c", script, path, command),
        ],
        timeout=timeout,
        check=check,
    )


def console(name: str, node: str) -> str:
    """The last lines that a node has said on its console."""
    path = state.folder(name) / "nodes" / node / "console.log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:]) if path.exists() else ""


def folder_of(name: str) -> Path:
    """Where the site's files are: site.yaml, the key of the administrator."""
    return state.folder(name)
