"""The media check against isomd5sum itself."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.media import mediacheck
from b2ct.media.mediacheck import FIELD_AT, FIELD_LENGTH, Summer, checked_bytes, stops
from tests.media.isos import run

pytestmark = pytest.mark.skipif(not shutil.which("implantisomd5"), reason="isomd5sum is missing")


def _noise_iso(path: Path, sectors: int, seed: int) -> None:
    """Noise with a primary volume descriptor that says how long it is."""
    data = bytearray(random.Random(seed).randbytes(sectors * 2048))
    data[16 * 2048 : 16 * 2048 + 8] = b"\x01CD001\x01\x00"
    at = 16 * 2048 + 80
    data[at : at + 8] = sectors.to_bytes(4, "little") + sectors.to_bytes(4, "big")
    field = 16 * 2048 + FIELD_AT
    data[field : field + FIELD_LENGTH] = b" " * FIELD_LENGTH
    path.write_bytes(data)


def _field(data: bytes, sectors: int, pieces: random.Random, *, supported: bool) -> bytes:
    summer = Summer(checked_bytes(sectors), supported=supported)
    at = 0
    while at < len(data):
        step = pieces.choice((1, 700, 32_768, 100_000, 1_000_000))
        summer.update(memoryview(data)[at : at + step])
        at += step
    return summer.field()


@pytest.mark.parametrize("supported", [False, True])
@pytest.mark.parametrize("sectors", [400, 777, 1500, 2048, 15 + 21 * 64, 3891])
def test_the_field_is_that_of_implantisomd5(tmp_path: Path, sectors: int, supported: bool) -> None:
    iso = tmp_path / "noise.iso"
    _noise_iso(iso, sectors, sectors)
    ours = _field(iso.read_bytes(), sectors, random.Random(1), supported=supported)
    run("implantisomd5", *(["--supported-iso"] if supported else []), iso)
    at = 16 * 2048 + FIELD_AT
    assert iso.read_bytes()[at : at + FIELD_LENGTH] == ours
    assert "PASS" in run("checkisomd5", "--verbose", iso)


@given(st.integers(min_value=16, max_value=6_000_000))
@settings(max_examples=200)
def test_short_sums_are_taken_once_a_part_and_inside(sectors: int) -> None:
    total = checked_bytes(sectors)
    found = stops(total)
    assert found == sorted(set(found))
    assert len(found) <= mediacheck.FRAGMENTS
    assert all(0 < stop <= total for stop in found)
    if total > 21 * 65_536:
        assert len(found) == mediacheck.FRAGMENTS


@given(st.integers(min_value=700, max_value=40_000))
@settings(max_examples=60)
def test_agreement_of_versions_is_what_a_walk_over_the_buffers_finds(sectors: int) -> None:
    total = checked_bytes(sectors)
    offsets = range(0, total, 32_768)
    new = [offset // (total // 21) for offset in offsets]
    old = [offset * 21 // total for offset in offsets]
    assert mediacheck.every_version_agrees(sectors) == (new == old)
