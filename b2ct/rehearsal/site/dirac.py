"""A practice site for DIRAC: its password, the gateway's certificate, B2CT from a medium."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from b2ct.core import files
from b2ct.core.run import run
from b2ct.rehearsal.site import dress
from b2ct.rehearsal.site.values import DIRAC_FILE, Plan
from b2ct.site.catalogue import RELEASES
from b2ct.site.model import Node, Site
from b2ct.supply import program

CERTIFICATE = "gateway.pem"
"""In the site's folder: what the gateway shows, and what its callers trust."""
_KEY = "gateway.key"
_DAYS = 30


def prepare(site: Plan, folder: Path) -> None:
    """Write what site.yaml names, and the certificate; keys in files of mode 600."""
    files.write(folder / DIRAC_FILE, f"{secrets.token_urlsafe(24)}\n", mode=0o600)
    control = site.machines[0]
    files.write(folder / _KEY, "", mode=0o600)
    run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", str(_DAYS)),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", f"/CN={control.full_name}"),
            *("-addext", f"subjectAltName=DNS:{control.full_name},IP:{control.address}"),
            *("-keyout", folder / _KEY, "-out", folder / CERTIFICATE),
        ]
    )


def install(folder: Path, tree: Path, site: Site, node: Node) -> None:
    """Put certificate and key where the grid has them, and B2CT where the installer puts it.

    `tree` lies over the control node's root. B2CT comes from a medium, as `b2ct iso` makes it, by
    the kickstart's own script; the first boot does the rest. Raises B2ctError where its packages
    cannot be fetched.
    """
    place = tree / "etc/grid-security"
    place.mkdir(parents=True)
    for name, target, mode in ((CERTIFICATE, "hostcert.pem", 0o644), (_KEY, "hostkey.pem", 0o400)):
        shutil.copyfile(folder / name, place / target)
        (place / target).chmod(mode)
    carried = program.obtain(RELEASES[site.release.version].python)
    medium = folder / "medium"
    file = medium / carried.path.strip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(carried.tar)
    run(
        ["bash", "-c", dress.from_the_medium(site, node)],
        env={"B2CT_MEDIUM": str(medium), "ANA_INSTALL_PATH": str(tree)},
    )
    file.unlink()
