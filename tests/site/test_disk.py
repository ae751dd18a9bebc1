from __future__ import annotations

import pytest

from b2ct.site.disk import Disk, plain_wwn


@pytest.mark.parametrize(
    "wwn",
    [
        "0x5000c500a1b2c3d4",
        "5000C500A1B2C3D4",
        "wwn-0x5000c500a1b2c3d4",
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
        "naa.5000c500a1b2c3d4",
        "nvme-eui.5000c500a1b2c3d4",
    ],
)
def test_spellings_of_one_world_wide_name(wwn: str) -> None:
    assert plain_wwn(wwn) == "5000c500a1b2c3d4"


def test_what_a_disk_is_for() -> None:
    disk = Disk.model_validate({"mirror": [{"serial": "a"}, {"wwn": "b"}], "datastores": [{}]})
    assert [use for use, _ in disk.matches] == ["system", "system", "datastores"]
    assert [match.names_one for _, match in disk.matches] == [True, True, False]
    alone = Disk.model_validate({"serial": "a"})
    assert alone.matches == (("system", alone),)
