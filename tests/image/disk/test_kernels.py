from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.image.disk.kernels import among, newest


def listing(*releases: str) -> list[str]:
    return [name for r in releases for name in (f"vmlinuz-{r}", f"initrd.img-{r}")]


# From old to new.
ORDER = [
    "2.6.32-754.el6.x86_64",
    "2.6.32-754.35.1.el6.x86_64",
    "3.10.0-1160.el7.x86_64",
    "4.18.0-553.el8_10.x86_64",
    "4.18.0-553.9.1.el8_10.x86_64",
    "4.18.0-553.16.1.el8_10.x86_64",
    "4.18.0-553.100.1.el8_10.x86_64",
    "5.14.0-503.11.1.el9_5.x86_64",
    "5.14.0-570.el9.x86_64",
    "6.1.0-9-amd64",
    "6.1.0-32-amd64",
    "6.1.0-109-cloud-amd64",
    "6.8.0-51-generic",
    "6.12.0-1-amd64",
]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(ORDER)))
def test_the_newest_of_two(older: str, newer: str) -> None:
    for names in (listing(older, newer), listing(newer, older)):
        assert [kernel.release for kernel in among(names)] == [newer, older]


def test_both_names_of_the_initramfs() -> None:
    names = ["vmlinuz-5.14.0-1.el9", "initramfs-5.14.0-1.el9.img", *listing("6.1.0-1-amd64")]
    assert [kernel.initial for kernel in among(names)] == [
        "initrd.img-6.1.0-1-amd64",
        "initramfs-5.14.0-1.el9.img",
    ]


def test_what_is_no_kernel_to_boot() -> None:
    rescue = "0-rescue-0123456789abcdef0123456789abcdef"
    names = ["vmlinuz", "initrd.img", "vmlinuz.old", *listing(rescue), f"initramfs-{rescue}.img"]
    assert among([*names, "vmlinuz-6.1.0-1-amd64", "System.map-6.1.0-1-amd64"]) == []


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        ((), "no kernel in /boot", "boot.kernel"),
        (("vmlinuz-6.1.0-1-amd64",), "vmlinuz-6.1.0-1-amd64 has no initramfs", "initramfs-tools"),
    ],
)
def test_a_tree_that_cannot_boot(
    tmp_path: Path, names: tuple[str, ...], message: str, hint: str
) -> None:
    for name in names:
        (tmp_path / "boot").mkdir(exist_ok=True)
        (tmp_path / "boot" / name).write_text("")
    with pytest.raises(B2ctError, match=message) as failed:
        newest(tmp_path)
    assert hint in failed.value.hint
