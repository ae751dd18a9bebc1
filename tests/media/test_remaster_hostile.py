"""Damaged and hostile images: one clear refusal or a sound result, never anything else."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media import remaster
from b2ct.media.installer import inspect
from b2ct.media.remaster import Entry
from tests.media import isos

_VALUES = st.one_of(
    st.sampled_from([b"\0", b"\xff", b"\0" * 4, b"\xff" * 4, b"\xff" * 8, b"\x01\0\0\0"]),
    st.binary(min_size=1, max_size=8),
    st.integers(min_value=0, max_value=4000).map(lambda n: n.to_bytes(4, "little")),
)
# Where structures are: boot block and GPT, volume descriptors, directories and boot catalogue.
_PLACES = st.one_of(
    st.integers(0, 2048),
    st.integers(16 * 2048, 19 * 2048),
    st.integers(32 * 2048, 34 * 2048),
    st.integers(0, 120 * 2048),
)


@given(
    layout=st.sampled_from(isos.LAYOUTS),
    changes=st.lists(st.tuples(_PLACES, _VALUES), min_size=1, max_size=12),
    cut=st.one_of(st.none(), st.integers(0, 3_000_000)),
)
@settings(max_examples=120, deadline=20_000, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_image_is_refused_or_remastered(
    layout: str, changes: list[tuple[int, bytes]], cut: int | None
) -> None:
    data = bytearray(isos.sample(layout).read_bytes())
    for at, value in changes:
        data[at : at + len(value)] = value
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source.iso", Path(folder) / "out.iso"
        source.write_bytes(data[:cut])
        size = None
        with suppress(B2ctError):
            plan = remaster.plan(
                inspect(source),
                files={"/ks/x.ks": b"x" * 5000, "/EFI/new/y": b"y"},
                entries=[Entry("X", "/ks/x.ks")],
            )
            size = remaster.write(plan, out).size
        assert (out.stat().st_size if out.exists() else None) == size


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_directories_that_contain_themselves(layout: str, tmp_path: Path) -> None:
    """`images` is the root itself: no walk may follow it for ever."""
    data = bytearray(isos.sample(layout).read_bytes())
    root = data[16 * 2048 + 158 : 16 * 2048 + 174]
    at = data.index(b"\x06IMAGES") - 30  # the extent of the record before its identifier
    data[at : at + 16] = root
    (tmp_path / "x.iso").write_bytes(data)
    with pytest.raises(B2ctError, match="no installer's kernel"):
        inspect(tmp_path / "x.iso")
