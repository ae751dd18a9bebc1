"""Site, roles and node in; the text of a kickstart out. Pure: nothing is read but templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from b2ct.context import wpad
from b2ct.core import quoting
from b2ct.core.errors import B2ctError
from b2ct.kickstart import compose
from b2ct.site import catalogue, mirrors, places
from b2ct.site import outside as out
from b2ct.site.catalogue import Role
from b2ct.site.model import Node, Site
from b2ct.site.placeholders import PLACEHOLDERS, PREFIXES

PROGRAM = "/opt/b2ct/bin/b2ct"
"""B2CT on a control node, where the first boot installs it."""
TOOLS = "/usr/libexec/b2ct"
"""Scripts that its services run."""


@dataclass(frozen=True)
class InstallSource:
    """Where the installer takes its packages from."""

    kind: Literal["network", "medium"]
    url: str = ""
    """Install tree, for `network`."""
    repositories: tuple[tuple[str, str], ...] = ()
    """Further (name, URL) pairs; for `medium` the paths of the medium's own repositories."""


@dataclass(frozen=True)
class Kickstart:
    """A rendered kickstart."""

    name: str
    """File name without folder, such as `hypervisor.ks`."""
    title: str
    """What a boot menu calls it."""
    text: str
    roles: tuple[Role, ...]
    """Of the machines that it serves."""


@dataclass(frozen=True)
class Way:
    """How a node gets its kickstart: a file, and what its boot entry says besides."""

    role: Role
    title: str
    """What a boot menu calls it."""
    arguments: tuple[str, ...]
    """Kernel arguments by which the role's kickstart knows the node; empty: it has its own."""


def way_of(site: Site, name: str) -> Way:
    """The way for a node: its role's kickstart serves it, so that a medium for a thousand nodes is
    not a thousand kickstarts that list a thousand nodes.

    A release whose first stage reads the text wants the node's network in it: there a node has a
    kickstart of its own. Raises B2ctError for a node that does not exist.
    """
    node = _known(site, name)
    own = catalogue.release(site.release.version).first_stage_reads_text
    return Way(
        node.role, _naming((node.role,), node)[1], () if own else (f"b2ct.node={node.name}",)
    )


def network_source(site: Site, release: str) -> InstallSource:
    """The install tree on the network: the site's mirror, or the catalogue's.

    Raises B2ctError where neither has one.
    """
    row = catalogue.media(site.distribution, release)
    url = site.release.mirror or row.install_url
    if not url:
        raise B2ctError(
            f"{row.title} has no public install tree",
            hint="say `release: {mirror: URL}` in site.yaml, or use a DVD image as --source",
        )
    if not site.release.mirror:
        return InstallSource(
            "network", url, tuple(site.release.repositories.items()) or row.repositories
        )
    # A repository that the mirror may not have would end the installation.
    sure = tuple((one.name, one.url) for one in mirrors.further(site, release) if one.required)
    epel = tuple((n, u) for n, u in site.release.repositories.items() if n.lower() == "epel")
    return InstallSource("network", url, (*sure, *epel))


def render(
    site: Site,
    *,
    roles: Sequence[Role],
    node: str | None = None,
    release: str | None = None,
    source: InstallSource | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Kickstart:
    """Render one kickstart that serves the given roles, or one node of the site.

    With several roles the machine recognises itself by MAC or serial number at boot, else asks.
    `secrets` holds what may be carried: `root_password_hash` (crypt) and, where the site insists,
    `oneadmin_password`. Raises B2ctError for a node or release that does not exist.
    """
    values = template_values(
        site, roles=roles, node=node, release=release, source=source, secrets=secrets
    )
    name, title = _naming(values["roles"], values["node"])
    return Kickstart(name, title, _text(title, values["roles"], values), values["roles"])


def template_values(
    site: Site,
    *,
    roles: Sequence[Role],
    node: str | None = None,
    release: str | None = None,
    source: InstallSource | None = None,
    secrets: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What every template finds; `role`, the one that is rendered, comes on top.

    Raises B2ctError for a node or release that does not exist, and where no role is given.
    """
    if release and release != site.release.version:
        site = _for_release(site, release)
    key = site.release.version
    row = catalogue.release(key)
    only = _known(site, node) if node else None
    served = (only.role,) if only else tuple(dict.fromkeys(roles))
    if not served:
        raise B2ctError("no role is given", hint="name one with --role, or a node with --node")
    source, outside = source or network_source(site, key), out.of(site, key)
    if row.first_stage_reads_text and source.kind == "network" and outside and outside.user:
        raise B2ctError(
            f"the installer of {key} wants the proxy's password before anybody can type it",
            hint="install from a DVD: then only the first boot uses the proxy",
        )
    return {
        "site": site,
        "release": row,
        "media": catalogue.media(site.distribution, key),
        "one": catalogue.opennebula(site.opennebula_version),
        "source": source,
        "secrets": dict(secrets or {}),
        "roles": served,
        "nodes": (only,) if only else site.with_role(*served),
        "node": only,
        "control": places.control_of(site),
        "wpad": wpad.of(site),
        "further": mirrors.further(site, key),
        "outside": outside,
        "direct": lambda url: "direct" if outside and not outside.takes(url) else "",
        "hypervisors": site.with_role(Role.HYPERVISOR, Role.SINGLE),
        "placeholders": {"texts": PLACEHOLDERS, "prefixes": PREFIXES},
        "program": PROGRAM,
        "tools": TOOLS,
        "Role": Role,
    }


def _for_release(site: Site, key: str) -> Site:
    """The site with another release; what it leaves open follows the catalogue.

    Raises B2ctError where the site insists on something that the release does not have.
    """
    row = catalogue.release(key)
    version = site.opennebula.version
    if version and version not in row.opennebula:
        raise B2ctError(
            f"OpenNebula {version} does not install on {key}",
            hint=f"{key} goes with OpenNebula {', '.join(row.opennebula)}",
        )
    return site.model_copy(update={"release": site.release.model_copy(update={"version": key})})


def _known(site: Site, name: str) -> Node:
    found = site.node(name)
    if found is None:
        names = ", ".join(node.name for node in site.nodes) or "none"
        raise B2ctError(f"the site has no node '{name}'", hint=f"its nodes are: {names}")
    return found


def _naming(roles: tuple[Role, ...], node: Node | None) -> tuple[str, str]:
    if node:
        # A node may well be called "control"; no host name has an underscore.
        taken = {"auto", *(role.value for role in Role)}
        stem = f"node_{node.name}" if node.name in taken else node.name
        return f"{stem}.ks", f"{node.name} ({node.role.value})"
    if len(roles) == 1:
        return f"{roles[0].value}.ks", f"{roles[0].value} node"
    return "auto.ks", "find out by MAC address"


def _text(title: str, roles: tuple[Role, ...], values: Mapping[str, Any]) -> str:
    """One role: its body stands in the file. Several: %pre writes the body of the one it finds."""
    rendered = {
        role: [
            compose.parts(name, index, {**values, "role": role})
            for index, name in enumerate(compose.concerns(role), start=1)
        ]
        for role in roles
    }
    pre = [p.pre for p in next(iter(rendered.values())) if p.pre]
    static = "".join(p.static for p in next(iter(rendered.values())) if p.static)
    head = f"# B2CT kickstart: {quoting.comment(title)}\n{static}"
    if len(roles) == 1:
        return f"{head}\n{compose.pre_section(pre)}\n{compose.body(rendered[roles[0]])}"
    body = quoting.Safe('"$W/body.ks"')
    choose = [
        f'if [ "$B2CT_ROLE" = {quoting.sh(role.value)} ]; then\n'
        f"{quoting.here_document(compose.body(rendered[role]), body)}fi\n"
        for role in roles
    ]
    return f"{head}\n{compose.pre_section([*pre, *choose])}\n%include /tmp/b2ct/body.ks\n"
