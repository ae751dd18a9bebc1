"""What apt takes from which repository, with the real apt-get and synthetic repositories.

apt is configured as the packages layer has it; the tree is empty and nothing is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.run import Completed, run
from b2ct.image.model import Definition
from b2ct.image.rootfs import apt, aptsaid
from b2ct.image.rootfs.userns import Namespace
from b2ct.image.rootfs.workspace import Workspace
from b2ct.rehearsal.packages import cvmfs, deb, key
from b2ct.rehearsal.packages.package import PracticePackage, placeholder
from tests.image import rehearsal
from tests.web import serve

BASE = (
    *("adduser", "attr", "autofs", "bash", "curl", "fuse", "gawk", "gdb", "libfuse2", "lsof"),
    *("psmisc", "uuid", "uuid-dev", "zlib1g"),
)
LISTED = ("cvmfs", "cvmfs-*")


@dataclass(frozen=True)
class Sources:
    """A base and a CVMFS repository, signed by one key each."""

    base: Path
    cvmfs: Path
    base_key: Path
    cvmfs_key: Path
    other_key: Path


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The CVMFS repository also has a newer bash, which nobody wants from there."""
    folder = tmp_path_factory.mktemp("apt")
    rogue = PracticePackage("bash", "newer", version="99+practice")
    parts = {"base": list(map(placeholder, BASE)), "cvmfs": [*cvmfs.debs(), rogue]}
    for name, packages in parts.items():
        with key.signer() as signer:
            (folder / f"{name}.asc").write_text(signer.public())
            deb.repository(
                folder / name,
                packages,
                suites=("bookworm",),
                signer=signer,
                epoch=rehearsal.EPOCH,
                work=folder / f"{name}-work",
                label=name,
            )
    with rehearsal.another_key(folder) as (_, other):
        return Sources(
            folder / "base", folder / "cvmfs", folder / "base.asc", folder / "cvmfs.asc", other
        )


def definition(sources: Sources, urls: tuple[str, str], **cvmfs_repository: Any) -> Definition:
    base_url, cvmfs_url = urls
    rows = {
        "debian": {"url": base_url, "base": True, "keys": [{"file": str(sources.base_key)}]},
        "cvmfs": {
            "url": cvmfs_url,
            "keys": [{"file": str(sources.cvmfs_key)}],
            "packages": LISTED,
            **cvmfs_repository,
        },
    }
    return Definition.model_validate(
        {
            "title": "pinning",
            "system": {
                "distribution": "debian",
                "release": "12",
                "suite": "bookworm",
                "packaging": "apt",
            },
            "repositories": rows,
            "boot": {"kernel": "bash"},
        }
    )


def apt_get(chosen: Definition, folder: Path, *words: str) -> Completed:
    """`apt-get update`, and then apt-get with these words, as the packages layer would run it."""
    tree = folder / "tree"
    for name in ("dpkg", "apt/lists/partial"):
        (tree / "var/lib" / name).mkdir(parents=True)
    (tree / "var/cache/apt/archives/partial").mkdir(parents=True)
    (tree / "var/lib/dpkg/status").touch()
    state = apt.Apt().state(chosen, folder / "cache", offline=False)
    work = Workspace(
        folder, rehearsal.EPOCH, Namespace(as_root=True), folder / "cache", urls=state.urls
    )
    env = {"APT_CONFIG": str(apt._apt_config(chosen, tree, work, base=False))}
    done = run(["apt-get", "update"], env=env, check=False)
    return done if done.code else run(["apt-get", *words], env=env, check=False)


def installed(done: Completed) -> dict[str, str]:
    """Package -> version of what `apt-get --simulate install` would install."""
    assert done.code == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("Inst ")]
    return {row[1]: row[2].strip("(") for row in rows}


@contextmanager
def places(sources: Sources, way: str) -> Iterator[tuple[str, str]]:
    """The two addresses: as folders, on one web server, or one of each."""
    local = (sources.base.as_uri(), sources.cvmfs.as_uri())
    if way == "folders":
        yield local
        return
    with serve() as web:
        for folder in (sources.base, sources.cvmfs):
            for path in folder.rglob("*"):
                if path.is_file():
                    web.put(f"/{path.relative_to(folder.parent)}", path.read_bytes())
        yield f"{web.base}/base", f"{web.base}/cvmfs" if way == "one host" else local[1]


@pytest.mark.parametrize("way", ["folders", "one host", "both"])
def test_only_what_is_listed_comes_from_a_repository(
    way: str, sources: Sources, tmp_path: Path
) -> None:
    with places(sources, way) as urls:
        done = apt_get(
            definition(sources, urls), tmp_path, "--simulate", "install", "cvmfs", "bash"
        )
    versions = installed(done)
    assert versions["cvmfs"] == versions["cvmfs-libs"] == cvmfs.VERSION
    assert versions["cvmfs-config-default"] == cvmfs.CONFIG_VERSION
    assert versions["bash"] == "1.0+practice"


def test_without_the_list_the_newest_is_taken(sources: Sources, tmp_path: Path) -> None:
    """So it is the pin that keeps it out above."""
    with places(sources, "folders") as urls:
        chosen = definition(sources, urls, packages=())
        done = apt_get(chosen, tmp_path, "--simulate", "install", "bash")
    assert installed(done)["bash"] == "99+practice"


@pytest.mark.parametrize("wrong", ["base_key", "other_key"])
def test_another_key_is_refused(wrong: str, sources: Sources, tmp_path: Path) -> None:
    """The key of the base repository vouches for the base repository only."""
    with places(sources, "folders") as urls:
        keys = [{"file": str(getattr(sources, wrong))}]
        chosen = definition(sources, urls, keys=keys)
        done = apt_get(chosen, tmp_path, "--simulate", "install", "cvmfs")
    assert done.code != 0
    assert "NO_PUBKEY" in done.stdout + done.stderr
    error = aptsaid.explain("packages layer", (done.stdout + done.stderr).splitlines())
    assert "not signed by the key that the definition names" in error.message
