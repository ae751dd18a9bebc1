"""`b2ct image build` and `b2ct image cache`: arguments, help and refusals. See tests/image."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from b2ct.image.rootfs.cache import LayerCache, key_of
from tests.cli.program import assert_refused, b2ct, left_over


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LayerCache:
    """A cache with a layer of today and one that was used 40 days ago."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = LayerCache(tmp_path / "b2ct/layers")
    for number, kind in enumerate(("base", "packages")):
        key = key_of(kind, {})

        def make(out: Path, size: int = (number + 1) << 20) -> None:
            out.write_bytes(bytes(size))

        cache.get(key, kind, "worker", make)
        then = time.time() - 40 * 86400 * number
        os.utime(cache.folder / f"{key}.json", (then, then))
    return cache


def test_help_has_examples_and_exit_codes(tmp_path: Path) -> None:
    told = b2ct("image", "build", "--help", cwd=tmp_path).stdout
    for part in ("Examples:", "--dry-run", "--offline", "--verify-reproducible", "Exit codes:"):
        assert part in told


def test_an_unknown_definition_is_refused(tmp_path: Path) -> None:
    done = b2ct("image", "build", "debian-12-workr", cwd=tmp_path)
    assert_refused(done, "debian-12-workr", "debian-12-worker")
    assert left_over(tmp_path) == []


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    done = b2ct("image", "build", "debian-12-worker", "--base", "x.qcow2", cwd=tmp_path)
    assert_refused(done, "--base is for the Packer engine", "--engine packer")
    done = b2ct("image", "build", "debian-12-worker", "--engine", "packer", cwd=tmp_path)
    assert_refused(done, "--base")
    assert left_over(tmp_path) == []


def test_an_existing_image_is_refused_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "debian-12-worker.qcow2").write_text("precious")
    done = b2ct("image", "build", "debian-12-worker", cwd=tmp_path)
    assert_refused(done, "exists already", "--force")


def test_the_cache_is_listed(tmp_path: Path, layers: LayerCache) -> None:
    told = b2ct("image", "cache", "list", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[1] for line in told[:2]] == ["base", "packages"]
    assert told[-1].startswith("2 layers, 3 MiB in ")
    rows = json.loads(b2ct("image", "cache", "list", "--json", cwd=tmp_path).stdout)
    assert [row["key"] for row in rows] == [layer.key for layer, _ in layers.layers()]


def test_old_layers_are_pruned(tmp_path: Path, layers: LayerCache) -> None:
    done = b2ct("image", "cache", "prune", "--older-than", "30", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "freed 2 MiB\n")
    assert [layer.kind for layer, _ in layers.layers()] == ["base"]
    assert b2ct("image", "cache", "prune", cwd=tmp_path).stdout == "freed 1 MiB\n"
    assert layers.layers() == ()


def test_an_empty_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert b2ct("image", "cache", "list", cwd=tmp_path).stdout.startswith("0 layers")
    assert b2ct("image", "cache", "prune", cwd=tmp_path).stdout == "freed 0 MiB\n"
