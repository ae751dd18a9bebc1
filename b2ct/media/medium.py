"""What goes on a medium: the site, fitted to the installer at hand, as kickstarts and boot entries.

Shared by everything that carries kickstarts: the remastered ISO and the USB image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from b2ct.core.errors import B2ctError
from b2ct.kickstart.render import (
    InstallSource,
    Kickstart,
    Way,
    network_source,
    render,
    way_of,
)
from b2ct.media.installer import Installer
from b2ct.media.remaster import Entry
from b2ct.media.repodata import lacking
from b2ct.site import catalogue
from b2ct.site.catalogue import Distribution, Role
from b2ct.site.model import Site
from b2ct.supply import program

_MOST_TOLD = 6
FOLDER = "ks"
"""Where the kickstarts are in the tree of a medium."""
_CONTROL = (Role.CONTROL, Role.SINGLE)


@dataclass(frozen=True)
class Medium:
    """The kickstarts of a medium and the boot entries that lead to them."""

    site: Site
    source: InstallSource
    kickstarts: tuple[Kickstart, ...]
    entries: tuple[Entry, ...]
    assumed: tuple[str, ...]
    """What site.yaml left open and the installer image decided, for the user to read."""
    extra: Mapping[str, bytes] = field(default_factory=dict)
    """Further files: path in the tree -> bytes."""
    carries: str = ""
    """What is said of B2CT itself; empty where it belongs on no machine of this medium."""

    def serves_control(self) -> bool:
        """A machine installed from it may become a control node."""
        return any(role in _CONTROL for ks in self.kickstarts for role in ks.roles)

    @property
    def files(self) -> dict[str, bytes]:
        """The kickstarts by their path in the tree."""
        return {f"/{FOLDER}/{ks.name}": ks.text.encode() for ks in self.kickstarts}


def prepare(
    site: Site,
    installer: Installer,
    *,
    roles: Sequence[Role],
    nodes: Sequence[str] = (),
    secrets: Mapping[str, str] | None = None,
) -> Medium:
    """Fit the site to the installer and render what the medium carries.

    What site.yaml does not say about release and distribution is taken from the installer and
    told in `assumed`. With more than one role, the first entry serves them all: the machine
    recognises itself. A node's entry names the node to its role's kickstart. Raises B2ctError where
    site and installer contradict each other.
    """
    fitted, assumed = fit(site, installer)
    once = list(dict.fromkeys(roles))
    ways = {name: way_of(fitted, name) for name in dict.fromkeys(nodes)}
    general: list[tuple[Role, ...]] = [(role,) for role in once]
    if len(once) > 1:
        general.insert(0, tuple(once))
    if not general and not ways:
        raise B2ctError("a medium needs a role or a node", hint="name one with --role or --node")
    shared = [(way.role,) for way in ways.values() if way.arguments]
    every: list[tuple[tuple[Role, ...], str | None]] = [
        (wanted, None) for wanted in dict.fromkeys((*general, *shared))
    ]
    every += [((), name) for name, way in ways.items() if not way.arguments]

    def rendered(source: InstallSource) -> tuple[Kickstart, ...]:
        return tuple(
            render(fitted, roles=wanted, node=name, source=source, secrets=secrets)
            for wanted, name in every
        )

    source = install_source(fitted, installer)
    kickstarts = rendered(source)
    if source.kind == "medium" and (missing := lacking(installer, _packages(kickstarts))):
        source, why = _by_network(fitted, installer, missing)
        kickstarts, assumed = rendered(source), (*assumed, why)
    made = dict(zip(every, kickstarts, strict=True))
    entries = [_entry(fitted, made[wanted, None]) for wanted in general]
    entries += [
        _entry(fitted, made[(way.role,), None], way)
        if way.arguments
        else _entry(fitted, made[(), name])
        for name, way in ways.items()
    ]
    return Medium(fitted, source, kickstarts, tuple(entries), assumed)


def _entry(site: Site, kickstart: Kickstart, way: Way | None = None) -> Entry:
    title = way.title if way else kickstart.title
    arguments = way.arguments if way else ()
    return Entry(f"Install {site.site.name}: {title}", f"/{FOLDER}/{kickstart.name}", arguments)


def _packages(kickstarts: Sequence[Kickstart]) -> list[str]:
    """What the kickstarts ask for: packages, and groups with their `@`."""
    found: dict[str, None] = {}
    for kickstart in kickstarts:
        inside = False
        for line in kickstart.text.splitlines():
            word = line.partition("#")[0].strip()
            inside = (inside or word.startswith("%packages")) and word != "%end"
            if inside and word and not word.startswith(("%", "-")):
                found[word] = None
    return list(found)


def _by_network(
    site: Site, installer: Installer, missing: Sequence[str]
) -> tuple[InstallSource, str]:
    """The network instead of an image that lacks packages, and why.

    Raises B2ctError where site.yaml insists on the medium.
    """
    told = ", ".join(missing[:_MOST_TOLD])
    more = f" and {len(missing) - _MOST_TOLD} more" if len(missing) > _MOST_TOLD else ""
    what = f"{installer.path.name} has no {told}{more}"
    if site.installer.source == "medium":
        raise B2ctError(
            f"{what}, but site.yaml says `source: medium`",
            hint="give the DVD image with --source, or say `source: network`",
        )
    return network_source(site, installer.release), f"packages from the network: {what}"


def carry_program(medium: Medium, *, wanted: bool, offline: bool, only_say: bool = False) -> Medium:
    """The medium with B2CT for its control nodes, and with what the user is told about it.

    With `only_say` nothing is fetched, and zeros of about its size stand for it. Raises
    B2ctError where it is wanted and cannot be had.
    """
    row = catalogue.release(medium.site.release.version)
    if not medium.serves_control():
        return medium
    if not row.python:
        said = f"no B2CT: {row.key} packages no Python that runs it; see docs/reaper.md"
    elif not wanted:
        said = "no B2CT, as asked: b2ct self deploy brings it to the control node later"
    else:
        found = program.expected(row.python) if only_say else program.obtain(row.python, offline)
        return replace(medium, extra={found.path: found.tar}, carries=found.summary)
    return replace(medium, carries=said)


def fit(site: Site, installer: Installer) -> tuple[Site, tuple[str, ...]]:
    """The site with release and distribution of the installer where it leaves them open.

    Raises B2ctError where the site asks for another release or distribution than the image has.
    """
    chosen = site.release
    assumed = []
    if "version" in chosen.model_fields_set and chosen.version != installer.release:
        raise B2ctError(
            f"site.yaml asks for {chosen.version}, but {installer.path.name} installs "
            f"{installer.release} ({installer.distribution} {installer.version})",
            hint="give the image of that release with --source, or correct `release: version`",
        )
    found = Distribution(installer.distribution_key) if installer.distribution_key else None
    if found is None and not chosen.mirror:
        known = ", ".join(row.value for row in Distribution)
        raise B2ctError(
            f"{installer.path.name} is {installer.distribution} {installer.version}, whose "
            f"packages B2CT does not know: expected one of {known}",
            hint="name its package tree with `release: {mirror: URL}` in site.yaml",
        )
    if chosen.distribution is None and found:
        assumed.append(f"distribution {found.value}, as the image says")
    elif chosen.distribution and found and chosen.distribution != found:
        raise B2ctError(
            f"site.yaml asks for {chosen.distribution.value}, but {installer.path.name} is "
            f"{installer.distribution} {installer.version}",
            hint="give that distribution's image with --source, or correct `release: distribution`",
        )
    if "version" not in chosen.model_fields_set:
        assumed.append(f"release {installer.release}, as the image says")
    release = chosen.model_copy(
        update={"version": installer.release, "distribution": chosen.distribution or found}
    )
    version = site.opennebula.version
    row = catalogue.release(installer.release)
    if version and version not in row.opennebula:
        raise B2ctError(
            f"OpenNebula {version} does not install on {installer.release}",
            hint=f"{installer.release} goes with OpenNebula {', '.join(row.opennebula)}",
        )
    return site.model_copy(update={"release": release}), tuple(assumed)


def install_source(site: Site, installer: Installer) -> InstallSource:
    """Where packages come from: the medium if it has them, else the network.

    Raises B2ctError where site.yaml insists on a medium that has no packages.
    """
    wanted = site.installer.source
    if wanted == "medium" and not installer.has_packages:
        raise B2ctError(
            f"{installer.path.name} holds no packages, but site.yaml says `source: medium`",
            hint="give a DVD image with --source, or say `source: network`",
        )
    if wanted != "network" and installer.has_packages:
        return InstallSource(
            "medium",
            repositories=tuple(
                (path.strip("/").replace("/", "-") or "base", path)
                for path in installer.repositories
            ),
        )
    return network_source(site, installer.release)
