"""Fixtures that every test may use."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from b2ct.rehearsal import installer as practice
from tests.order import spread

# Hypothesis without its deadline: how long an example takes says how busy the machine is.
settings.register_profile("b2ct", deadline=None)
settings.load_profile("b2ct")

# A program that is started in the background by a shell ignores Ctrl-C, and so do its children;
# the tests send it to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers of pytest-xdist begin with the longest tests."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = [items[number] for number in spread([item.nodeid for item in items], workers)]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test after the argument where its value is binary.

    gzip writes the second into its bytes: two workers of pytest-xdist that collect a second apart
    would have two names for one test, and pytest-xdist refuses to run.
    """
    return argname if isinstance(val, bytes) and not val.isascii() else None


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
def practice_iso(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The practice ISO of a layout (`el6`, `el7`, `el9`, `el10`); treat it as read-only.

    Built when first asked for, once for all workers of pytest-xdist: a file lock keeps them apart.
    """
    base = tmp_path_factory.getbasetemp()
    # Workers have folders of their own inside the session's.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "practice"
    folder.mkdir(exist_ok=True)

    def get(layout: str) -> Path:
        iso = folder / f"{layout}.iso"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not iso.exists():
                # The image is shared: the clock of the test that asks first must not be in it.
                with pytest.MonkeyPatch.context() as clock:
                    clock.delenv("SOURCE_DATE_EPOCH", raising=False)
                    practice.build(layout, iso)
        return iso

    return get
