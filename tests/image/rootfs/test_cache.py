"""Layers are made once, waited for, checked, and never half there."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image.rootfs import archive
from b2ct.image.rootfs.cache import LayerCache, key_of

KEY = key_of("base", {"suite": "bookworm"})


def making(data: bytes) -> Callable[[Path], None]:
    def make(out: Path) -> None:
        out.write_bytes(data)

    return make


def tarred(tmp_path: Path, text: str = "x") -> Callable[[Path], None]:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "file").write_text(text)
    return lambda out: archive.pack(source, out, 1000)


def test_the_key_depends_on_the_content_not_on_its_order() -> None:
    assert key_of("base", {"a": 1, "b": [2]}) == key_of("base", {"b": [2], "a": 1})
    keys = {
        key_of(kind, inputs)
        for kind in ("base", "packages")
        for inputs in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]})
    }
    assert len(keys) == 10


def test_a_layer_is_made_once(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "layers")
    assert cache.find(KEY) is None
    made = cache.get(KEY, "base", "worker", making(b"content"))
    again = cache.get(KEY, "base", "worker", making(b"other"))
    assert made == again == cache.find(KEY)
    assert cache.path(KEY).read_bytes() == b"content"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)

    def fail(out: Path) -> None:
        out.write_bytes(b"half")
        raise B2ctError("no")

    with pytest.raises(B2ctError, match="no"):
        cache.get(KEY, "base", "worker", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]
    assert cache.get(KEY, "base", "worker", making(b"x")).size == 1


def test_a_full_disk_names_the_remedy(tmp_path: Path) -> None:
    def full(out: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(B2ctError) as caught:
        LayerCache(tmp_path).get(KEY, "base", "worker", full)
    assert "no space left" in caught.value.message
    assert "prune" in caught.value.hint


def test_unpacking_checks_the_sum(tmp_path: Path) -> None:
    said: list[str] = []
    cache = LayerCache(tmp_path / "layers", said.append)
    layer = cache.get(KEY, "base", "worker", tarred(tmp_path, "hello"))
    assert cache.unpack(layer, tmp_path / "tree")
    assert (tmp_path / "tree/file").read_text() == "hello"
    data = bytearray(cache.path(KEY).read_bytes())
    data[data.index(b"hello")] ^= 1
    cache.path(KEY).write_bytes(data)
    assert not cache.unpack(layer, tmp_path / "other")
    assert cache.find(KEY) is None
    assert "damaged" in said[0]


@pytest.mark.parametrize("harm", ["cut", "no description", "foreign description", "nonsense"])
def test_a_layer_that_is_not_whole_is_not_there(tmp_path: Path, harm: str) -> None:
    cache = LayerCache(tmp_path)
    cache.get(KEY, "base", "worker", making(b"content"))
    described = tmp_path / f"{KEY}.json"
    if harm == "cut":
        cache.path(KEY).write_bytes(b"cont")
    elif harm == "no description":
        described.unlink()
    elif harm == "nonsense":
        described.write_text("{")
    else:
        described.write_text(json.dumps({**json.loads(described.read_text()), "key": "0" * 64}))
    assert cache.find(KEY) is None
    assert cache.get(KEY, "base", "worker", making(b"again")).size == 5


def _make_slowly(folder: Path, log: Path) -> None:
    def slowly(out: Path) -> None:
        with log.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        time.sleep(0.3)
        out.write_bytes(b"content")

    LayerCache(folder, lambda _text: None).get(KEY, "base", "worker", slowly)


def test_concurrent_builds_make_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_make_slowly, args=(tmp_path / "layers", log)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(log.read_text().splitlines()) == 1
    assert (tmp_path / "layers" / f"{KEY}.tar").read_bytes() == b"content"


def test_what_a_killed_build_leaves_is_swept_and_what_a_living_one_has_is_not(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from b2ct.image.rootfs.cache import LayerCache\n"
        "def make(out):\n    out.write_bytes(b'half'); print('up', flush=True); time.sleep(600)\n"
        f"LayerCache(Path({str(tmp_path)!r})).get({KEY!r}, 'base', 'worker', make)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    cache = LayerCache(tmp_path)
    partial = tmp_path / f"{KEY}.part"
    assert cache.sweep() == 0
    assert partial.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert cache.find(KEY) is None
    assert cache.sweep() == 4
    assert not partial.exists()


def test_pruning_keeps_what_it_is_told_and_what_is_in_use(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    keys = [key_of("base", {"n": number}) for number in range(3)]
    for key in keys:
        cache.get(key, "base", "worker", making(b"content"))
    with cache.locked(keys[0]):
        freed = LayerCache(tmp_path).prune(lambda layer, _used: layer.key == keys[1])
    assert freed == 7
    assert {layer.key for layer, _ in cache.layers()} == {keys[0], keys[1]}
    assert not cache.path(keys[2]).exists()


def test_the_last_used_comes_first(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    keys = [key_of("base", {"n": number}) for number in range(2)]
    for number, key in enumerate(keys):
        cache.get(key, "base", "worker", making(b"content"))
        os.utime(tmp_path / f"{key}.json", (1000 + number, 1000 + number))
    assert [layer.key for layer, _ in cache.layers()] == [keys[1], keys[0]]
    cache.touch(keys[0])
    assert [layer.key for layer, _ in cache.layers()] == [keys[0], keys[1]]


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "layers").write_text("a file")
    with pytest.raises(B2ctError, match="cannot write the cache"):
        LayerCache(tmp_path / "layers").get(KEY, "base", "worker", making(b"x"))
