"""A practice site for DIRAC: its password, the gateway's certificate, B2CT on the control node."""

from __future__ import annotations

import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import b2ct
from b2ct.core import files
from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.validate.practice.plan import DIRAC_FILE, Plan

CERTIFICATE = "gateway.pem"
"""In the site's folder: what the gateway shows, and what its callers trust."""
_KEY = "gateway.key"
PYTHON = (3, 11)
"""Of the nodes' Debian 12: what this Python has compiled must run there."""
_DAYS = 30
_DATA = ("kickstart", "images", "packer", "templates")
_PROGRAM = """#!/bin/sh
PYTHONPATH=/opt/b2ct/lib exec /usr/bin/python3 -m b2ct "$@"
"""


def prepare(site: Plan, folder: Path) -> None:
    """Write what site.yaml names, and the certificate; keys in files of mode 600.

    Raises B2ctError where this Python is not that of the nodes.
    """
    if sys.version_info[:2] != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise B2ctError(
            f"B2CT runs here with another Python than {wanted}, which the nodes have",
            hint=f"install B2CT with Python {wanted}, or leave out --dirac",
        )
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


def install(folder: Path, tree: Path) -> None:
    """Put certificate and key where the grid has them, and B2CT in /opt/b2ct, as docs/gateway.md
    has the administrator do it; `tree` lies over the control node's root.
    """
    place = tree / "etc/grid-security"
    place.mkdir(parents=True)
    for name, target, mode in ((CERTIFICATE, "hostcert.pem", 0o644), (_KEY, "hostkey.pem", 0o400)):
        shutil.copyfile(folder / name, place / target)
        (place / target).chmod(mode)
    library = tree / "opt/b2ct/lib"
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(b2ct.__file__).parent, library / "b2ct", ignore=no_cache)
    for name in _DATA:
        data = library / "b2ct/_data" / name
        if not data.exists():
            shutil.copytree(data_folder(name), data, ignore=no_cache)
    for found in _needed("b2ct", set()):
        for path in found.files or ():
            if ".." not in path.parts and "__pycache__" not in path.parts:
                (library / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path.locate(), library / path)
    program = tree / "opt/b2ct/bin/b2ct"
    program.parent.mkdir()
    files.write(program, _PROGRAM, mode=0o755)


def _needed(name: str, seen: set[str]) -> Iterator[metadata.Distribution]:
    """What an installed package needs to run, and what that needs; without what is not there."""
    for line in metadata.requires(name) or ():
        requirement, _, marker = line.partition(";")
        word = re.match(r"[\w.-]+", requirement)
        if "extra" in marker or not word or word[0].lower() in seen:
            continue
        seen.add(word[0].lower())
        try:
            yield metadata.distribution(word[0])
        except metadata.PackageNotFoundError:  # for another system, or another Python
            continue
        yield from _needed(word[0], seen)
