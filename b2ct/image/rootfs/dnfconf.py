"""dnf.conf(5) and the repository files of a build: pure text.

dnf of the host works on the tree, and nothing of the host's own configuration takes part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from b2ct.image.model import Definition
from b2ct.image.rootfs.rpmrows import Row

LANGUAGES = "en:en_US:C"
# The tree's /proc and /sys belong to the kernel: no package may change what is mounted there.
SHARED = "/dev:/proc:/sys"


def main(row: Row) -> str:
    """dnf.conf: no weak dependencies, no documentation, every signature checked."""
    settings = {
        "gpgcheck": "1",
        "localpkg_gpgcheck": "1",
        "best": "1",
        "install_weak_deps": "0",
        "tsflags": "nodocs",
        "skip_if_unavailable": "0",
        "keepcache": "1",
        "plugins": "0",
        "retries": "5",
        "timeout": "30",
        "minrate": "1000",
        "color": "never",
        "assumeyes": "1",
        "history_record": "0",
        "zchunk": "0",
        "max_parallel_downloads": "5",
        # Resolving needs no list of everybody's files; names in /usr/bin and /etc are in the index.
        "metadata_expire": "0",
        **({"module_platform_id": row.platform} if row.platform else {}),
    }
    return "[main]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())


def repositories(
    definition: Definition,
    urls: Mapping[str, str],
    keys: Mapping[str, Sequence[Path]],
    *,
    base: bool,
) -> str:
    """One .repo file; `base`: only the distribution's own repositories.

    A repository that lists `packages` gives these and no others; and of the repositories that are
    not the distribution's, no other gives what is listed there.
    """
    chosen = {
        name: repository
        for name, repository in sorted(definition.repositories.items())
        if repository.base or not base
    }
    parts = []
    for name, repository in chosen.items():
        elsewhere = {
            pattern
            for other, listed in definition.repositories.items()
            if other != name and not repository.base
            for pattern in listed.packages
        } - set(repository.packages)
        addresses = [urls[name]] if name in urls else [repository.url, *repository.mirrors]
        lines = {
            "name": name,
            "baseurl": " ".join(addresses),
            "enabled": "1",
            "gpgcheck": "1",
            "gpgkey": " ".join(path.as_uri() for path in keys[name]),
            "includepkgs": " ".join(repository.packages),
            "excludepkgs": " ".join(sorted(elsewhere)),
        }
        body = "".join(f"{key}={value}\n" for key, value in lines.items() if value)
        parts.append(f"[{name}]\n{body}")
    return "\n".join(parts)


def macros(row: Row, keyring: str = "") -> str:
    """~/.rpmmacros of the build: Debian's rpm would keep the database in root's home."""
    lines = {
        "_dbpath": f"/{row.folder}",
        "_db_backend": "sqlite",
        "_install_langs": LANGUAGES,
        "_netsharedpath": SHARED,
        # A cut power line costs a build, not a database.
        "_flush_io": "0",
        **({"_keyringpath": keyring} if keyring else {}),
    }
    return "".join(f"%{name} {value}\n" for name, value in lines.items())
