"""What a VM is told when it starts: frozen, complete, and free of secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# What follows a variable ends it in oned's parser; a comma, a blank or a line end would break it.
_VARIABLE = re.compile(r"\$(USER\[SSH_PUBLIC_KEY\]|NAME|VMID|UNAME|GNAME)(?=[-./:@]|\Z)")


@dataclass(frozen=True)
class Expanded:
    """A CONTEXT value in which oned is meant to expand variables when it starts the VM.

    Every `$` in it begins one of `$NAME`, `$VMID`, `$UNAME`, `$GNAME`, `$USER[SSH_PUBLIC_KEY]`;
    any other raises ValueError. Plain text values must not hold a `$` at all: oned expands every
    one (src/parsers/vm_var_parser.l of OpenNebula).
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse every other variable."""
        if "$" in _VARIABLE.sub("", self.text):
            raise ValueError(f"{self.text!r} holds a variable that nobody meant to have expanded")

    def value(self, variables: Mapping[str, str]) -> str:
        """As oned expands it; `variables` maps `NAME`, `VMID`, ... to values, default empty."""
        return _VARIABLE.sub(lambda found: variables.get(found[1], ""), self.text)


@dataclass(frozen=True)
class ContextFile:
    """A file that the VM writes before it does anything else; it belongs to root."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class OwnText:
    """A file of the site's own, such as a user script."""

    name: str
    """Its name without folder."""
    text: str


@dataclass(frozen=True)
class OwnFiles:
    """The site's own files for one VM, read by b2ct.context.own."""

    scripts: tuple[OwnText, ...] = ()
    user_data: OwnText | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    """CVMFS domain -> public key (PEM) that the site brings itself."""


@dataclass(frozen=True)
class VmContext:
    """Everything that a VM of one kind is told."""

    name: str
    """The worker of site.yaml, or `squid`."""
    site: str
    hostname: Expanded
    files: tuple[ContextFile, ...]
    packages: tuple[str, ...]
    """Installed by cloud-init, from the network; a worker's image has what it needs already."""
    commands: tuple[tuple[str, ...], ...]
    """Run once after the files are written; lists of words, no shell."""
    ssh_keys: tuple[str, ...]
    own: OwnFiles
    timezone: str
    ntp: tuple[str, ...]
    """Time servers; empty: those of the image."""
    notes: tuple[str, ...]
    """What somebody should know: what was taken because the file does not say it."""

    def file(self, path: str) -> ContextFile | None:
        """The file of that path."""
        return next((file for file in self.files if file.path == path), None)
