"""The kickstarts of a key: of the roles and nodes asked for, or those that an ISO already has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.media import medium
from b2ct.media.bootmenu import LONGEST_TITLE, Entry
from b2ct.media.installer import Installer
from b2ct.media.iso9660 import Volume
from b2ct.media.key import contents, menu
from b2ct.media.key.readme import Row
from b2ct.media.key.request import KeyRequest
from b2ct.media.source import Image
from b2ct.site.catalogue import RELEASES
from b2ct.site.model import Site

_HEAD = "# B2CT kickstart: "
_AUTO = f"/{medium.FOLDER}/auto.ks"


@dataclass(frozen=True)
class Prepared:
    """What a key carries besides the installer: kickstarts, and the entries that lead to them."""

    kickstarts: Mapping[str, bytes]
    """Path on the key -> bytes."""
    general: tuple[Entry, ...]
    """Entries for any machine, or any of a role; the first is the default."""
    nodes: tuple[tuple[str, Entry], ...]
    """(name, entry) of each node that has its own."""
    rows: tuple[Row, ...]
    packages: bool
    """The packages of the ISO are carried, too."""
    assumed: tuple[str, ...]
    """What was not said and had to be decided, for the user to read."""
    extra: Mapping[str, bytes] = field(default_factory=dict)
    """Further files: path on the key -> bytes."""
    carries: str = ""
    """What is said of B2CT itself; empty where it belongs on no machine of this key."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """All of it by path on the key."""
        return {**self.kickstarts, **self.extra}


def prepare(
    request: KeyRequest,
    installer: Installer,
    iso: Image,
    volume: Volume,
    secrets: Mapping[str, str],
    *,
    only_say: bool,
) -> Prepared:
    """The kickstarts and boot entries; `only_say` as in `medium.carry_program`.

    Raises B2ctError where site and installer disagree.
    """
    roles, nodes = request.scope()
    if not roles and not nodes:
        return _adopted(installer, iso, volume)
    site, assumed = _packages_by_network(request.site, installer)
    made = medium.prepare(site, installer, roles=roles, nodes=nodes, secrets=secrets)
    made = medium.carry_program(
        made, wanted=request.program, offline=request.offline, only_say=only_say
    )
    count = len(made.entries) - len(nodes)
    rows = [
        Row(entry.title, entry.kickstart or "", _meaning(index, count, several=len(roles) > 1))
        for index, entry in enumerate(made.entries)
    ]
    return Prepared(
        kickstarts=made.files,
        general=made.entries[:count],
        nodes=tuple(zip(nodes, made.entries[count:], strict=True)),
        rows=tuple(rows),
        packages=made.source.kind == "medium",
        assumed=(*assumed, *made.assumed),
        extra=made.extra,
        carries=made.carries,
    )


def _meaning(index: int, general: int, *, several: bool) -> str:
    if index >= general:
        return "installs this node and no other."
    if several and index == 0:
        return "finds out by MAC address or serial number which node it is, else asks."
    return "installs a machine of this role; which node it is it finds out, else asks."


def _packages_by_network(site: Site, installer: Installer) -> tuple[Site, tuple[str, ...]]:
    """The site for a release whose keys carry no packages.

    Anaconda's rhel6 branch takes them from a folder of a disk too (`harddrive --dir`, where stage 2
    has to lie below the same folder); whether those of 6.7 and 6.10 do has not been tried.
    """
    if not (installer.has_packages and RELEASES[installer.release].first_stage_reads_text):
        return site, ()
    if site.installer.source == "medium":
        raise B2ctError(
            f"a key for {installer.release} carries no packages, and site.yaml says "
            "`source: medium`",
            hint="burn the ISO that `b2ct iso` makes, or say `source: network`",
        )
    if site.installer.source == "network":
        return site, ()
    choice = site.installer.model_copy(update={"source": "network"})
    why = f"packages from the network: a key for {installer.release} carries none"
    return site.model_copy(update={"installer": choice}), (why,)


def _adopted(installer: Installer, iso: Image, volume: Volume) -> Prepared:
    """The kickstarts that `b2ct iso` put on the image, as they are."""
    texts = {f"/{path}": data for path, data in contents.kickstarts(iso, volume).items()}
    if not texts:
        raise B2ctError(
            "a key needs a role or a node: there is no site.yaml with nodes, and "
            f"{installer.path.name} holds no kickstarts",
            hint="name one with --role control|hypervisor|single, or --node NAME",
        )
    if installer.has_packages and RELEASES[installer.release].first_stage_reads_text:
        raise B2ctError(
            f"the kickstarts on {installer.path.name} take packages from a CD, which a key is not",
            hint="give the distribution's own ISO and --role, or burn this ISO",
        )
    order = sorted(texts, key=lambda path: (path != _AUTO, path))
    entries = tuple(Entry(_title(path, texts[path]), path) for path in order)
    count = len(entries) if len(entries) <= menu.MOST_NODES else 1
    return Prepared(
        kickstarts=texts,
        general=entries[:count],
        nodes=tuple((Path(e.kickstart or "").stem, e) for e in entries[count:]),
        rows=tuple(Row(e.title, e.kickstart or "", "as on the ISO.") for e in entries),
        packages=installer.has_packages,
        assumed=(f"the kickstarts of {installer.path.name}, as they are",),
    )


def _title(path: str, data: bytes) -> str:
    """What a kickstart's first line calls itself, else its name."""
    first = data.partition(b"\n")[0].decode("ascii", "replace").strip()
    said = first.removeprefix(_HEAD) if first.startswith(_HEAD) else ""
    name = said if said and said.isprintable() else Path(path).stem
    return f"Install: {name}"[:LONGEST_TITLE]
