"""What the user asks of a key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from b2ct.core import clock, files
from b2ct.core.errors import B2ctError
from b2ct.media import bootmenu
from b2ct.media.bootmenu import Serial
from b2ct.media.key import names
from b2ct.site.catalogue import Role
from b2ct.site.chosen import Carried
from b2ct.site.model import Site


@dataclass(frozen=True)
class KeyRequest:
    """What the user asked for. `size` is that of the whole key in bytes."""

    site: Site
    roles: tuple[Role, ...] = ()
    nodes: tuple[str, ...] = ()
    secrets: Carried = field(default_factory=Carried, repr=False)
    output: Path | None = None
    wanted_label: str | None = None
    size: int | None = None
    force: bool = False
    serial: str | None = None
    sha256: bool = False
    dry_run: bool = False
    program: bool = False
    """Carry B2CT itself for the control node."""
    offline: bool = False

    def check(self, *, has_iso: bool = True) -> None:
        """Refuse, before anything is downloaded, what cannot work. Raises B2ctError."""
        roles, nodes = self.scope()
        if not (has_iso or roles or nodes):
            raise B2ctError(
                "a key needs a role or a node: there is no site.yaml with nodes",
                hint="name one with --role control|hypervisor|single",
            )
        for name in nodes:
            if self.site.node(name) is None:
                known = ", ".join(node.name for node in self.site.nodes) or "none"
                raise B2ctError(f"the site has no node '{name}'", hint=f"its nodes are: {known}")
        _ = self.label, self.console, clock.image_time()
        if self.output and not self.force:
            files.refuse_existing(self.output)

    @property
    def label(self) -> str:
        """The key's label. Raises B2ctError for one that cannot be."""
        return names.label(self.site, self.wanted_label)

    @property
    def console(self) -> Serial | None:
        """The serial console, if there shall be one. Raises B2ctError for one that cannot be."""
        text = self.serial or self.site.installer.serial_console
        return bootmenu.parse_serial(text) if text else None

    def scope(self) -> tuple[tuple[Role, ...], tuple[str, ...]]:
        """Roles and nodes that the key serves, each once: those asked for, else the whole site."""
        if self.roles or self.nodes:
            return tuple(dict.fromkeys(self.roles)), tuple(dict.fromkeys(self.nodes))
        present = {node.role for node in self.site.nodes}
        return tuple(r for r in Role if r in present), tuple(n.name for n in self.site.nodes)
