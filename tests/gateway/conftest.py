"""A cloud with DIRAC's user, and gateways in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.rehearsal.oned import Clock, OnedDouble
from tests.gateway.authority import Authority
from tests.gateway.cloud import Cloud, cloud
from tests.gateway.process import Running, running


@pytest.fixture
def one() -> Iterator[Cloud]:
    """A new cloud with the user, a template for it, and a host."""
    with OnedDouble(clock=Clock(scale=200)) as double:
        yield cloud(double)


@pytest.fixture
def gate(one: Cloud, tmp_path: Path) -> Iterator[Running]:
    """A gateway without TLS, on loopback."""
    with running(tmp_path, one.double.url) as made:
        yield made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Running]]:
    folder = tmp_path_factory.mktemp("served")
    limits = {"calls_per_second": 10000, "burst": 100000}
    with OnedDouble() as double:
        made = cloud(double)
        with running(folder, double.url, limits=limits) as gate:
            yield made, gate


@pytest.fixture
def shared(served: tuple[Cloud, Running]) -> tuple[Cloud, Running]:
    """One for all tests of a module that let nothing through; no call was made yet."""
    served[0].forget_calls()
    return served


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
