"""The cloud: names that are free, networks that are there, a user that has a password."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from b2ct.document.finding import Finding, did_you_mean, either
from b2ct.document.redact import Path
from b2ct.site.cloud import OWN_USERS, SecurityRule
from b2ct.site.model import Site

# What a new OpenNebula has already.
OWN_DATASTORES = ("system", "default", "files")
OWN_GROUPS = ("oneadmin", "users")
OWN = "default"


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in `cloud`."""
    cloud = site.cloud
    for name in cloud.datastores:
        yield from _own(("cloud", "datastores", name), name, OWN_DATASTORES, is_key=True)
    for i, name in enumerate(cloud.groups):
        yield from _own(("cloud", "groups", i), name, OWN_GROUPS)
    if cloud.cluster:
        yield from _own(("cloud", "cluster"), cloud.cluster, (OWN,))
    yield from _security_groups(site)
    yield from _volumes(site)
    yield from _dirac(site)
    yield from _alike(site)


def _volumes(site: Site) -> Iterator[Finding]:
    """Each in a datastore that takes images, under a name that no worker's image has."""
    further = site.cloud.datastores.items()
    stores = [OWN, *(name for name, store in further if store.kind == "image")]
    images = {worker.image for worker in site.described_workers.values()}
    for name, volume in site.cloud.volumes.items():
        path = ("cloud", "volumes", name)
        if volume.datastore and volume.datastore not in stores:
            yield Finding(
                (*path, "datastore"),
                f"there is no image datastore {volume.datastore}: expected {either(stores)}",
                did_you_mean(volume.datastore, stores),
            )
        if name in images:
            yield Finding(
                path, f"{name} is the image of a worker: expected another name", is_key=True
            )


def _alike(site: Site) -> Iterator[Finding]:
    """Names of one kind that differ only in case: MySQL, where oned keeps them, sees one name."""
    cloud = site.cloud
    by_name: dict[str, Iterable[str]] = {
        "datastores": cloud.datastores,
        "security_groups": cloud.security_groups,
        "volumes": cloud.volumes,
    }
    # key -> names with their places
    named: dict[str, list[tuple[str, Path]]] = {
        "networks": [(n, ("networks", n)) for n in site.networks],
        **{key: [(n, ("cloud", key, n)) for n in names] for key, names in by_name.items()},
        "groups": [(n, ("cloud", "groups", i)) for i, n in enumerate(cloud.groups)],
    }
    if cloud.dirac:
        named["groups"].append((cloud.dirac.group, ("cloud", "dirac", "group")))
    for key, places in named.items():
        kind, is_key = key.replace("_", " ").removesuffix("s"), key != "groups"
        seen: dict[str, tuple[str, Path]] = {}
        for name, path in places:
            first, where = seen.setdefault(name.lower(), (name, path))
            if first != name:
                yield Finding(
                    path, f"differs from the {kind} {first} only in case, and MySQL sees no case",
                    "choose another name", other=where, is_key=is_key,
                )  # fmt: skip


def _own(path: Path, name: str, taken: Iterable[str], *, is_key: bool = False) -> Iterator[Finding]:
    if name.lower() in taken:
        yield Finding(path, f"{name} is OpenNebula's own: expected another name", is_key=is_key)


def _security_groups(site: Site) -> Iterator[Finding]:
    giving = [name for name, network in site.networks.items() if network.vm_range]
    for name, group in site.cloud.security_groups.items():
        path = ("cloud", "security_groups", name)
        yield from _own(path, name, (OWN,), is_key=True)
        for i, network in enumerate(group.networks):
            if network not in giving:
                known = f"networks with a `vm_range` are {either(giving)}" if giving else ""
                yield Finding(
                    (*path, "networks", i),
                    "there is no such network with a `vm_range` in `networks`",
                    did_you_mean(network, giving) or known or "give a network a `vm_range`",
                )
        for i, rule in enumerate(group.rules):
            yield from _rule((*path, "rules", i), rule)


def _rule(path: Path, rule: SecurityRule) -> Iterator[Finding]:
    if rule.network and rule.network.prefixlen == 0:
        yield Finding(
            (*path, "network"),
            "OpenNebula takes no such network in a rule",
            "leave `network` out: then everybody is meant",
        )
    if rule.ports is None:
        return
    here = (*path, "ports")
    if rule.protocol not in ("tcp", "udp"):
        yield Finding(
            here, f"{rule.protocol} has no ports: expected `protocol: tcp` or `udp` beside them"
        )
    for span in rule.ports.split(","):
        first, _, last = span.partition(":")
        if not 0 < int(first) <= int(last or first) <= 65535:
            yield Finding(here, f"{span} are no ports: expected 1 to 65535, the lower first")


def _dirac(site: Site) -> Iterator[Finding]:
    dirac, password = site.cloud.dirac, site.secrets.dirac_password
    if dirac is None:
        return
    yield from _own(("cloud", "dirac", "user"), dirac.user, OWN_USERS)
    yield from _own(("cloud", "dirac", "group"), dirac.group, OWN_GROUPS)
    if password is None:
        yield Finding(
            ("cloud", "dirac"),
            "this user needs a password: expected `secrets.dirac_password`",
            "name where it is, such as {file: dirac-password.txt}",
            is_key=True,
        )
    elif password.generate:
        yield Finding(
            ("secrets", "dirac_password"),
            "a generated password would be known to nobody: DIRAC needs it, too",
            "give a file, env or command",
        )
