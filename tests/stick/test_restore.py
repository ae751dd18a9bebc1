"""The plan of an ordinary stick."""

from __future__ import annotations

import pytest

from b2ct.core.errors import B2ctError
from b2ct.stick.restore import Format, shape

GIB = 1 << 30


@pytest.mark.parametrize(
    ("size", "wanted", "kind"),
    [
        (2 * GIB, None, 0x0C),
        (32 * GIB, None, 0x0C),
        (64 * GIB, None, 0x07),
        (64 * GIB, Format.FAT32, 0x0C),
        (2 * GIB, Format.EXFAT, 0x07),
        (32 << 20, None, 0x0E),
    ],
)
def test_format_by_size(size: int, wanted: Format | None, kind: int) -> None:
    plan = shape(size, 512, wanted, "STICK")
    assert plan.kind == kind
    assert (plan.start + plan.count) * 512 == size


def test_4k_sectors() -> None:
    plan = shape(8 * GIB, 4096, None, "STICK")
    assert plan.start == 256
    assert (plan.start + plan.count) * 4096 == 8 * GIB


@pytest.mark.parametrize("label", ["", "lower", "TWELVE-CHARS", "A B", "Ü", "A/B", "A\n"])
def test_bad_labels(label: str) -> None:
    with pytest.raises(B2ctError, match="is no label"):
        shape(2 * GIB, 512, None, label)


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(B2ctError, match="too few"):
        shape(1 << 20, 512, None, "STICK")
    with pytest.raises(B2ctError, match="GPT"):
        shape(4096 * GIB, 512, None, "STICK")
