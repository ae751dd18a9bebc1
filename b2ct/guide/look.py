"""Looks at a site file, this folder, the machines and OpenNebula. Asks nobody, and changes nothing.

Each look at another machine has a thread of its own, and all of them have the same seconds. No
secret of site.yaml is looked up: OpenNebula is asked with the user's own credentials, or not.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from b2ct.core.errors import B2ctError, InvalidFileError
from b2ct.guide.evidence import Cloud, Evidence, Machines, Medium, Proof, Unseen
from b2ct.site import places

if TYPE_CHECKING:
    from b2ct.one.client import Client
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.model import Node, Site

SECONDS = 3.0
"""For all looks at other machines together."""
MACHINES = 64
"""So many are asked at most."""
SSH = 22
MEDIA = 32
"""ISO images of this folder that are looked into."""
Name = TypeVar("Name")
T = TypeVar("T")


def look(
    file: Path, chosen: ChosenSite | B2ctError | None, *, named: bool, offline: bool
) -> Evidence:
    """All that can be seen from here; `chosen` is what reading `file` came to, None: it is none."""
    seen = Evidence(file, named)
    if isinstance(chosen, InvalidFileError):
        return replace(seen, problems=tuple(str(one) for one in chosen.problems))
    if isinstance(chosen, B2ctError):
        return replace(seen, problems=(chosen.message,))
    if chosen is None:
        return seen
    seen = replace(
        seen,
        site=chosen.site,
        media=_media(file),
        images=frozenset(path.stem for path in Path().glob("*.qcow2")),
        proof=_proof(file),
    )
    if offline:
        return seen
    return _outside(seen, chosen)


def _media(file: Path) -> tuple[Medium, ...]:
    """The newest first."""
    found = []
    for path in sorted(Path().glob("*.iso"))[:MEDIA]:
        with suppress(B2ctError, OSError):
            if _is_ours(path):
                found.append((path.stat().st_mtime, path))
    changed = file.stat().st_mtime
    return tuple(Medium(path, made < changed) for made, path in sorted(found, reverse=True))


def _is_ours(path: Path) -> bool:
    from b2ct.media.iso9660 import find, read_descriptors
    from b2ct.media.medium import FOLDER
    from b2ct.media.source import Image

    with Image(path) as image:
        volumes = read_descriptors(image).volumes
        return bool(volumes) and find(image, volumes[0], FOLDER) is not None


def _proof(file: Path) -> Proof | None:
    from b2ct.validate.report import history

    former = history.newest(Path("report") / history.FOLDER)
    if former is None:
        return None
    old = datetime.fromisoformat(former.started).timestamp() < file.stat().st_mtime
    return Proof(former.started[:10], former.bad, old)


def _outside(seen: Evidence, chosen: ChosenSite) -> Evidence:
    """The machines and OpenNebula, at once."""
    asked = chosen.site.nodes[:MACHINES]
    looks: dict[str, Callable[[], bool | Cloud | Unseen]] = {
        node.name: partial(_answers, chosen.site, node) for node in asked
    }
    looks[""] = partial(_cloud, chosen)  # no machine has this name
    found = at_once(looks, SECONDS)
    cloud = found.pop("", None)
    if not isinstance(cloud, Cloud | Unseen):
        cloud = Unseen(f"OpenNebula did not answer within {SECONDS:.0f} s")
    silent = tuple(node.name for node in asked if not found.get(node.name))
    machines: Machines | Unseen = Unseen(f"{seen.file} names none")
    if asked:
        machines = Machines(len(asked) - len(silent), silent, len(chosen.site.nodes) - len(asked))
    return replace(seen, machines=machines, cloud=cloud)


def at_once(looks: Mapping[Name, Callable[[], T]], seconds: float) -> dict[Name, T]:
    """What each look came to; those that take longer, or fail, are missing."""
    found: dict[Name, T] = {}
    end = time.monotonic() + seconds

    def run(name: Name, one: Callable[[], T]) -> None:
        with suppress(OSError, ValueError, B2ctError):
            found[name] = one()

    # Threads that nobody waits for: a name server that is silent holds one for long.
    threads = [
        threading.Thread(target=run, args=(name, one), daemon=True) for name, one in looks.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _answers(site: Site, node: Node) -> bool:
    with socket.create_connection((places.reached(node, site), SSH), timeout=SECONDS) as door:
        # Something between may take every connection: sshd says its name (RFC 4253, 4.2).
        return door.recv(4, socket.MSG_WAITALL) == b"SSH-"


def _cloud(chosen: ChosenSite) -> Cloud | Unseen:
    from b2ct.cloud.access import of_site
    from b2ct.one import bound, endpoint
    from b2ct.one.client import Client

    site = of_site(chosen)
    # Without its password, `find` looks for the user's own credentials and no others.
    own = replace(site, made_there=True) if site else None
    try:
        where = endpoint.find(
            site=own, notice=_unheard, approve=lambda found: bound.check(found, own, chosen.consent)
        )
        if where.url_from == endpoint.BY_DEFAULT:
            return Unseen("site.yaml names no control node")
        return _read(Client(where, deadline=SECONDS, notice=_unheard), chosen)
    except endpoint.NoCredentialsError as err:
        if site is not None and not site.made_there:
            return Unseen("`b2ct next` looks up no secrets")
        return Unseen("no credentials are here", err.command)
    except B2ctError as err:
        return Unseen(err.message)


def _unheard(_text: str) -> None:
    """What others would say on the terminal."""


def _read(one: Client, chosen: ChosenSite) -> Cloud:
    from b2ct.cloud import desired, live, plan
    from b2ct.cloud.steps import Action

    site = chosen.site
    there = live.read(one, vms=True)
    found = plan.plan(desired.desired(site, one.dialect, chosen.folder), there)
    missing = [step.name for step in found.steps if step.action is Action.REGISTER]
    user = site.cloud.dirac.user if site.cloud.dirac else None
    of_dirac = [vm for vm in there.vms or () if vm.owner == user]
    return Cloud(len(found.pending), tuple(missing), len(there.vms or ()), len(of_dirac))
