from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.image.disk.partitions import BLOCK, SECTOR, plan
from b2ct.image.model import GIB, MIB, Layout


def layout(size: int, esp: int) -> Layout:
    return Layout.model_construct(size=size, esp=esp, file_system="ext4", label="root")


@given(
    size=st.integers(200 * MIB, 4096 * GIB), esp=st.integers(33 * MIB, 120 * MIB), seed=st.text()
)
def test_partitions_are_aligned_in_order_and_inside_the_table(
    size: int, esp: int, seed: str
) -> None:
    disk = plan(layout(size, esp), seed)
    assert disk.size >= size
    assert disk.size - size < MIB
    assert disk.esp.size >= esp
    end = MIB
    for part in disk.partitions:
        assert part.start == end
        assert part.start % MIB == part.size % MIB == 0
        end = part.start + part.size
    # Behind the last one: the backup of the table, 33 sectors.
    assert 33 * SECTOR <= disk.size - end <= MIB
    assert disk.blocks * BLOCK == disk.root.size


@given(seed=st.text(), other=st.text())
def test_identifiers_come_from_the_seed_and_are_all_different(seed: str, other: str) -> None:
    disk = plan(layout(GIB, 64 * MIB), seed)
    names = [disk.uuid, disk.root_uuid, disk.hash_seed, *(part.uuid for part in disk.partitions)]
    assert len(set(names)) == len(names)
    assert [str(uuid.UUID(name)) for name in names] == names
    again = plan(layout(GIB, 64 * MIB), other)
    assert (again == disk) == (seed == other)
    assert (again.root_uuid == disk.root_uuid) == (seed == other)
    assert 0 <= disk.esp_id < 2**32


@pytest.mark.parametrize(("size", "esp"), [(100, 64), (64, 64), (1024, 2000)])
def test_a_disk_too_small_for_its_partitions(size: int, esp: int) -> None:
    with pytest.raises(B2ctError, match=f"a disk of {size} MiB") as failed:
        plan(layout(size * MIB, esp * MIB), "x")
    assert "disk.size" in failed.value.hint
