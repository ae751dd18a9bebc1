"""What the tests of worker images share."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from b2ct.image.rootfs import archive
from b2ct.image.rootfs.cache import LayerCache
from tests.image import worker
from tests.image.worker import Built
from tests.sharing import once

# No deadline: how long an example takes says how busy the machine is.
settings.register_profile("b2ct", deadline=None)
settings.load_profile("b2ct")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "b2ct-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def debian_worker(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The Debian worker, built once for all; treat it as read-only. A test of it is a `boot`."""
    return worker.built(tmp_path_factory)


@pytest.fixture(scope="session")
def worker_tree(debian_worker: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of that worker, unpacked, as it was put on the disk; treat it as read-only."""
    if os.geteuid() != 0:
        pytest.skip("a tree that belongs to root is looked at by root")
    manifest = json.loads((debian_worker.folder / "worker.manifest.json").read_text())
    cache = LayerCache(debian_worker.folder / "cache/b2ct/layers")

    def make(folder: Path) -> None:
        archive.unpack(cache.path(manifest["layers"]["configuration"]), folder)

    return once(tmp_path_factory, "worker-tree", make)[0]
