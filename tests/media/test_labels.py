"""Menus that name another label than the medium has."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media import labels, remaster
from b2ct.media.installer import inspect
from b2ct.media.remaster import Entry
from tests.media import isos, oracles
from tests.media.isos import SHAPES, grub_menu, isolinux_menu

EL7, EL9 = SHAPES["el7"], SHAPES["el9"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (isolinux_menu(EL7), EL7.volume_id),
        (grub_menu(EL7), EL7.volume_id),
        (grub_menu(EL7).replace("\\x20", "\\\\x20"), EL7.volume_id),
        (isolinux_menu(EL9), EL9.volume_id),
        ("append inst.ks=hd:LABEL=OEMDRV:/ks.cfg inst.stage2=hd:UUID=2024-01-02", "ANY"),
        ("search --no-floppy --file --set=root /EFI/BOOT/x", "ANY"),
        ("append inst.stage2=hd:LABEL=A" + "x" * 3000, "ANY"),
    ],
)
def test_what_is_right_stays(text: str, label: str) -> None:
    assert labels.mended(text, label, "hd:LABEL=X") == (text, ())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("append a inst.stage2=hd:LABEL=OLD quiet", r"append a inst.stage2=hd:LABEL=A\x20B quiet"),
        (
            "linux /vmlinuz inst.stage2=hd:LABEL=OLD:/images inst.ks=hd:LABEL=OLD:/ks.cfg",
            r"linux /vmlinuz inst.stage2=hd:LABEL=A\x20B:/images inst.ks=hd:LABEL=A\x20B:/ks.cfg",
        ),
        (
            'linux /vmlinuz inst.repo="hd:LABEL=OLD" inst.ks=hd:LABEL=OEMDRV:/ks.cfg',
            r'linux /vmlinuz inst.repo="hd:LABEL=A\x20B" inst.ks=hd:LABEL=OEMDRV:/ks.cfg',
        ),
        (
            r"linux /vmlinuz inst.stage2=hd:LABEL=OLD\\x20ONE quiet",
            r"linux /vmlinuz inst.stage2=hd:LABEL=A\\x20B quiet",
        ),
        ("search --no-floppy --set=root -l 'OLD'", "search --no-floppy --set=root -l 'A B'"),
        ("\tsearch --label OLD --set=root", "\tsearch --label 'A B' --set=root"),
        ('search --fs-label="OLD ONE" --set', "search --fs-label='A B' --set"),
    ],
)
def test_what_is_wrong_is_mended(line: str, expected: str) -> None:
    text, wrong = labels.mended(line, "A B", "hd:LABEL=" + labels.udev_escape("A B"))
    assert text == expected
    assert wrong == (("OLD ONE",) if "ONE" in line else ("OLD",))


def renamed(folder: Path, label: str) -> Path:
    """An image whose volume ID was changed behind its menus' back."""
    out = folder / "renamed.iso"
    isos.run(
        "xorriso", "-indev", isos.sample("el9"), "-outdev", out, "-boot_image", "any", "replay",
        "-volid", label,
    )  # fmt: skip
    return out


def test_a_renamed_image_is_called_what_it_is_called(tmp_path: Path) -> None:
    """In every menu, inside the EFI system partition too, in ours and in the kept entries."""
    installer = inspect(renamed(tmp_path, "SITE-INSTALL"))
    assert installer.device == "hd:LABEL=SITE-INSTALL"
    plan = remaster.plan(installer, files={"/ks/x.ks": b"x"}, entries=[Entry("X", "/ks/x.ks")])
    assert plan.mended == (EL9.volume_id,)
    out = tmp_path / "out.iso"
    remaster.write(plan, out)
    menus = inspect(out).boot_configs
    assert {config.location for config in menus} == {"tree", "esp"}
    for config in menus:
        assert "LABEL=SITE-INSTALL:/ks/x.ks" in config.text
        assert f"hd:LABEL={EL9.volume_id}" not in config.text
        assert f"-l '{EL9.volume_id}'" not in config.text
    assert oracles.media_check(out)
    again = remaster.plan(inspect(out), files={"/ks/y.ks": b"y"}, entries=[Entry("Y", "/ks/y.ks")])
    assert again.mended == ()


@pytest.mark.parametrize("label", ["IT'S", 'SAY"SO'])
def test_a_label_that_no_menu_can_name_is_refused(tmp_path: Path, label: str) -> None:
    installer = inspect(renamed(tmp_path, label))
    with pytest.raises(B2ctError, match="has the label"):
        remaster.plan(installer, files={"/ks/x.ks": b"x"}, entries=[Entry("X", "/ks/x.ks")])
