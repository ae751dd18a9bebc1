"""Reading ISO 9660 against what other tools see, and garbage."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media.iso9660 import Volume, children, content, find, read_descriptors, susp
from b2ct.media.layout import read_layout
from b2ct.media.source import Image
from tests.media import isos, oracles


def _walk(image: Image, volume: Volume) -> set[str]:
    found: set[str] = set()
    waiting = [("", volume.root)]
    while waiting:
        prefix, folder = waiting.pop()
        for record in children(image, volume, folder):
            path = f"{prefix}{volume.name(record)}"
            found.add(path)
            if record.is_directory:
                waiting.append((f"{path}/", record))
    return found


@pytest.mark.parametrize("layout", isos.LAYOUTS)
def test_every_tree_has_the_names_that_isoinfo_sees(layout: str) -> None:
    iso = isos.sample(layout)
    with Image(iso) as image:
        volumes = read_layout(image).descriptors.volumes
        rock_ridge = set(oracles.isoinfo_listing(iso, "-R"))
        joliet = set(oracles.isoinfo_listing(iso, "-J"))
        for volume in volumes:
            assert _walk(image, volume) == (joliet if volume.joliet else rock_ridge)
        assert [volume.base for volume in volumes] == (
            [0, 0, 16, 16] if layout == "el10" else [0, 0]
        )
        assert {volume.identifier for volume in volumes} <= {
            isos.SHAPES[layout].volume_id,
            isos.SHAPES[layout].volume_id[:16],  # Joliet's are shorter
        }


def test_finding_files() -> None:
    with Image(isos.sample("el9")) as image:
        volume = read_descriptors(image).primary
        assert content(image, volume, "/.discinfo", limit=100) == b"1431.5\nAlmaLinux 9.5\nx86_64\n"
        assert find(image, volume, ".DISCINFO") is None
        assert find(image, volume, ".discinfo/x") is None
        assert content(image, volume, "images", limit=100) is None
        root = find(image, volume, "")
        assert root
        assert root.is_directory
        folder = find(image, volume, "images")
        assert folder
        assert find(image, volume, "pxeboot/vmlinuz", start=folder)
        with pytest.raises(B2ctError, match="vmlinuz has 150000 bytes"):
            content(image, volume, "images/pxeboot/vmlinuz", limit=1000)


def test_long_names_with_several_parts(tmp_path: Path) -> None:
    name = "n" * 200 + ".txt"  # xorriso splits this name's entry
    iso = isos.build("el9", tmp_path, extra={name: b"1", "short": b"2"}, payload=4096)
    with Image(iso) as image:
        volume = read_descriptors(image).primary
        assert find(image, volume, "short")


@given(st.binary(max_size=300))
def test_system_use_garbage_ends(area: bytes) -> None:
    entries = list(susp(area))
    assert sum(len(body) + 4 for _, body in entries) <= len(area)
