"""README.txt of a key: for whoever finds it plugged into a laptop."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from b2ct import __version__
from b2ct.media.installer import Installer

PATH = "README.txt"
SUMS = "ks/SHA256SUMS"
_MOST_LISTED = 12


@dataclass(frozen=True)
class Row:
    """A boot entry: its title, the path of its kickstart, and what it does."""

    title: str
    kickstart: str
    meaning: str


def text(
    installer: Installer,
    *,
    label: str,
    rows: Sequence[Row],
    timeout: int,
    uefi: bool,
    packages: bool,
    image: str,
) -> bytes:
    """The text, with the line ends that every editor of every system shows.

    `timeout` is in seconds; `uefi` and `packages` say what the key has; `image` is its file name.
    """
    listed = rows[:_MOST_LISTED]
    entries = [f"  {row.title}\n      {row.kickstart.strip('/')}: {row.meaning}" for row in listed]
    if len(rows) > len(listed):
        entries.append(
            f"  ... and {len(rows) - len(listed)} more, each node with an entry of its own."
        )
    template = files("b2ct.media.key").joinpath("data/README.txt").read_text(encoding="utf-8")
    filled = string.Template(template).substitute(
        label=label,
        release=f"{installer.distribution} {installer.version}",
        version=__version__,
        iso=installer.path.name,
        firmware="BIOS or UEFI" if uefi else "BIOS; this release's key does not start under UEFI",
        timeout=timeout,
        packages="are on this key" if packages else "come over the network",
        entries="\n".join(entries),
        sums=SUMS,
        image=image,
    )
    return filled.replace("\n", "\r\n").encode("ascii", "replace")


def sums(kickstarts: Mapping[str, bytes]) -> bytes:
    """The kickstarts' SHA-256 in the form of sha256sum(1); paths count from the key's root."""
    return "".join(
        f"{hashlib.sha256(data).hexdigest()}  {path.strip('/')}\n"
        for path, data in sorted(kickstarts.items())
    ).encode()
