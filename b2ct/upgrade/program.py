"""B2CT on the control node, brought there over ssh: `b2ct self deploy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.core.console import byte_progress
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.kickstart import compose
from b2ct.kickstart.render import InstallSource, template_values
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from b2ct.supply import program
from b2ct.supply.program import Program

if TYPE_CHECKING:
    from b2ct.site.model import Node, Site
    from b2ct.ssh.node import SshNode

_DEADLINE = 1800.0
"""Seconds: a Python from a slow mirror may be in it."""
_RECEIVE = """set -eu
umask 077
d=$(mktemp -d /var/lib/b2ct/program-XXXXXX)
trap 'rm -rf "$d"' EXIT
head -c {script} > "$d/install"
cat > "$d/b2ct.tar"
[ "$(stat -c %s "$d/b2ct.tar")" = {size} ] || {{ echo "the line broke off"; exit 1; }}
install -m 755 "$d/install" /usr/libexec/b2ct/install-program
/usr/libexec/b2ct/install-program "$d/b2ct.tar"
"""


@dataclass(frozen=True)
class There:
    """What a control node says of itself."""

    release: str
    """Such as `el9`, as its installer noted it."""
    version: str
    """Of its B2CT; empty: it has none."""
    identity: str


def control_node(site: Site, name: str | None) -> Node:
    """The node that `name` names, or the only control node. Raises B2ctError."""
    found = site.with_role(Role.CONTROL, Role.SINGLE)
    chosen = [node for node in found if name in (None, node.name)]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(node.name for node in found) or "none"
    what = f"'{name}' is no control node of site.yaml" if name else "no single control node"
    raise B2ctError(f"{what}: B2CT runs on such a node only", hint=f"its control nodes: {known}")


def look(node: SshNode) -> There:
    """Ask the node. Raises UnreachableError, and B2ctError where B2CT did not install it."""
    answer = node.run("sed -n 's/^B2CT_RELEASE=//p' /etc/b2ct/node.env; cat /opt/b2ct/about")
    release, *about = answer.stdout.decode(errors="replace").splitlines() or [""]
    said = dict(line.split("=", 1) for line in about if "=" in line)
    if release.strip("'") not in catalogue.RELEASES:
        raise B2ctError(
            f"{node.name} was not installed by B2CT: /etc/b2ct/node.env names no release",
            hint="docs/reaper.md says how B2CT is installed by hand",
        )
    return There(release.strip("'"), said.get("version", ""), said.get("identity", ""))


def pack(there: There, *, offline: bool) -> Program:
    """B2CT for that node. Raises B2ctError where its release has no Python that runs it."""
    python = catalogue.release(there.release).python
    if not python:
        raise B2ctError(
            f"{there.release} packages no Python that runs B2CT",
            hint="run `b2ct reap` from another machine; docs/reaper.md says how",
        )
    return program.obtain(python, offline=offline)


def deploy(node: SshNode, site: Site, there: There, packed: Program) -> str:
    """Install it on the node, which then answers with what it has.

    The version before stays beside it. Raises UnreachableError, and VerdictError with what the
    node said where it is not installed; then the version before runs on.
    """
    script = _script(site, there.release).encode()
    command = _RECEIVE.format(script=len(script), size=len(packed.tar))
    data = script + packed.tar
    with byte_progress(f"B2CT to {node.name}", len(data)) as advance:
        answer = node.feed(command, data, _DEADLINE, advance)
    said = (answer.stdout + answer.stderr).decode(errors="replace").strip()
    last = said.splitlines()[-1] if said else "nothing was said"
    if answer.code != 0:
        raise VerdictError(
            f"B2CT was not installed on {node.name}: {last}",
            hint="what ran there before still runs; mend that, and run this again",
        )
    return last


def _script(site: Site, release: str) -> str:
    """The installing script as today's kickstart has it."""
    source = InstallSource("network", "http://localhost/")
    values = template_values(site, roles=[Role.CONTROL], release=release, source=source)
    path = "program/files/usr/libexec/b2ct/install-program.j2"
    return compose.render_part(path, {**values, "role": Role.CONTROL})
