"""What consoles have said of starts that failed."""

from __future__ import annotations

import pytest

from b2ct.firmware.console import clean, told


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs",
            ("the kernel panicked", "VFS: Unable to mount root fs"),
        ),
        ("\x1b[2JNo bootable device.", ("the firmware found no boot loader", "")),
        (
            "error: file `/vmlinuz' not found.",
            ("the boot loader failed", "file `/vmlinuz' not found"),
        ),
        ("Entering rescue mode...", ("the boot loader did not find its parts", "")),
    ],
)
def test_a_failure_and_its_detail(line: str, expected: tuple[str, str]) -> None:
    assert list(told(clean(line))) == [expected]


def test_a_start_that_goes_well_tells_none() -> None:
    for line in ("Begin: Mounting root file system ... done.", "[  OK  ] Started sshd", "rescue"):
        assert not list(told(line))
