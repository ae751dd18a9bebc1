"""What the tests of worker images share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from b2ct.image.rootfs import archive
from b2ct.image.rootfs.cache import LayerCache
from tests.image import worker
from tests.image.worker import Built
from tests.sharing import once


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
