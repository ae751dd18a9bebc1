"""Where images are registered, and two to register."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.cloud.register.content import Content
from b2ct.rehearsal.oned import OnedDouble
from tests.cloud.conftest import Ground, on
from tests.cloud.shop import MIB, Shop, a_content, a_shop


@pytest.fixture
def shop(ground: Ground, tmp_path: Path) -> Iterator[Shop]:
    with a_shop(ground, tmp_path / "front-end") as made:
        yield made


@pytest.fixture
def store(double: OnedDouble, tmp_path: Path) -> Iterator[Shop]:
    with a_shop(on(double, ticking=True), tmp_path / "front-end") as made:
        yield made


@pytest.fixture
def first(tmp_path: Path) -> Content:
    return a_content(tmp_path / "first.qcow2", mark=b"first")


@pytest.fixture
def second(tmp_path: Path) -> Content:
    return a_content(tmp_path / "second.qcow2", mark=b"second", size=9 * MIB)
