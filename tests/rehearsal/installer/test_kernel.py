from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.rehearsal.installer import kernel
from b2ct.rehearsal.installer.modules import WANTED


def a_kernel(folder: Path) -> Path:
    """A file that begins like a bzImage (the x86 boot protocol's signature at 0x202)."""
    image = folder / "vmlinuz-1.2.3"
    image.write_bytes(bytes(0x202) + b"HdrS" + bytes(600))
    return image


def some_modules(folder: Path, *, lacking: str = "") -> Path:
    modules = folder / "lib/modules/1.2.3"
    (modules / "kernel").mkdir(parents=True)
    for name, _ in WANTED:
        if name != lacking:
            (modules / f"kernel/{name}.ko").write_bytes(b"depends=\0")
    return modules


def test_a_given_kernel_is_taken(tmp_path: Path) -> None:
    image, modules = a_kernel(tmp_path), some_modules(tmp_path)
    assert kernel.find(image, modules) == kernel.Kernel(image, modules)


def test_modules_need_their_kernel(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="--modules without --kernel"):
        kernel.find(None, tmp_path)


def test_a_missing_kernel(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="nowhere cannot be read"):
        kernel.find(tmp_path / "nowhere", tmp_path)


def test_a_file_that_is_no_kernel(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(B2ctError, match="not an x86 Linux kernel"):
        kernel.find(tmp_path / "text", tmp_path)


def test_drivers_that_are_lacking_are_named(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match=r"lacks usb_storage$") as failed:
        kernel.find(a_kernel(tmp_path), some_modules(tmp_path, lacking="usb_storage"))
    assert "--modules" in failed.value.hint


def test_the_cached_package_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = tmp_path / "practice-kernel"
    (unpacked / "boot").mkdir(parents=True)
    image, modules = a_kernel(unpacked / "boot"), some_modules(unpacked)
    monkeypatch.setattr(kernel, "_installed", lambda _drivers: None)
    assert kernel.find(cache=tmp_path) == kernel.Kernel(image, modules)


def test_without_kernel_and_package_tool_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_installed", lambda _drivers: None)
    monkeypatch.setattr(kernel, "find_tool", lambda _name: None)
    with pytest.raises(B2ctError, match="no kernel to practise with") as failed:
        kernel.find(cache=tmp_path)
    assert "--kernel FILE" in failed.value.hint
    assert list(tmp_path.iterdir()) == []
