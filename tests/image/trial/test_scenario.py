from __future__ import annotations

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image.trial.scenario import SCENARIOS, choose


def test_every_firmware_meets_every_source_and_every_controller_is_tried() -> None:
    assert {(row.firmware, row.source) for row in SCENARIOS} == {
        (firmware, source) for firmware in ("bios", "uefi") for source in ("opennebula", "nocloud")
    }
    assert {row.controller for row in SCENARIOS} == {"virtio", "ahci", "ide"}


def test_quick_has_every_word_once() -> None:
    assert [row.name for row in choose(quick=True)] == ["bios/opennebula", "uefi/nocloud"]
    assert [row.name for row in choose(["uefi"], quick=True)] == [
        "uefi/nocloud", "uefi/opennebula",
    ]  # fmt: skip


def test_words_choose() -> None:
    assert choose() == SCENARIOS
    assert [row.name for row in choose(["bios"], ["nocloud"])] == ["bios/nocloud"]


def test_nothing_left() -> None:
    with pytest.raises(B2ctError, match="no boot is left") as caught:
        choose(["coreboot"])
    assert "--firmware" in caught.value.hint
