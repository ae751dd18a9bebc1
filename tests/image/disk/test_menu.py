from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.image.disk import menu
from b2ct.image.disk.partitions import plan
from b2ct.image.model import Boot
from tests.image.disk.trees import layout, told

DISK = plan(layout(), "x")


def boot(*arguments: str, timeout: int = 1) -> Boot:
    return Boot(kernel="linux-image-amd64", arguments=arguments, timeout=timeout)


def linux_line(text: str) -> str:
    (line,) = (line.strip() for line in text.splitlines() if line.strip().startswith("linux "))
    return line


@pytest.mark.parametrize("arguments", [(), ("console=ttyS0",), ("a='b c'", 'd="e"', "$f;{g}")])
def test_grub_understands_its_menu(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "grub.cfg"
    path.write_text(menu.grub_cfg(boot(*arguments), DISK))
    told("grub-script-check", path)


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)))
def test_no_argument_breaks_out_of_its_line(words: list[str]) -> None:
    line = linux_line(menu.grub_cfg(boot(*words), DISK))
    assert shlex.split(line) == ["linux", "$2", f"root=UUID={DISK.root_uuid}", "ro", *words]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("console=tty0",), None),
        (("console=tty0", "console=ttyS1,57600n8"), "serial --unit=1 --speed=57600;"),
        (("console=ttyS0",), "serial --unit=0 --speed=9600;"),
        (("console=ttyS0,115200", "console=tty0"), "serial --unit=0 --speed=115200;"),
        (("console=ttyAMA0", "console=ttyS0,115200;reboot"), None),
    ],
)
def test_grub_speaks_on_the_kernels_serial_console(
    arguments: tuple[str, ...], expected: str | None
) -> None:
    text = menu.grub_cfg(boot(*arguments), DISK)
    assert ("serial --unit" in text) == (expected is not None)
    assert expected is None or expected in text


def test_the_timeout_and_no_place_holder_left() -> None:
    text = menu.grub_cfg(boot(timeout=7), DISK)
    assert "set timeout=7\n" in text
    assert "@" not in text


OURS = f"UUID={DISK.root_uuid} / ext4 noatime,errors=remount-ro 0 1\n"


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ("", OURS),
        ("# comment\n", OURS + "# comment\n"),
        ("tmpfs /tmp tmpfs defaults 0 0\n", OURS + "tmpfs /tmp tmpfs defaults 0 0\n"),
        (OURS, OURS),
    ],
)
def test_fstab(existing: str, expected: str) -> None:
    assert menu.fstab(DISK, existing) == expected


def test_a_definition_that_mounts_the_root_itself() -> None:
    with pytest.raises(B2ctError, match=r"mounts / already: /dev/vda1 / ext4"):
        menu.fstab(DISK, "# x\n/dev/vda1 / ext4 defaults 0 1\n")
