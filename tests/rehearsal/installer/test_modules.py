from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.rehearsal.installer.modules import dependencies, in_load_order, index, module_name, read


def ko(*depends: str) -> bytes:
    """The `.modinfo` strings of a module among other bytes."""
    info = f"license=GPL\0depends={','.join(depends)}\0retpoline=Y\0"
    return b"\x7fELF\0\1\2" + info.encode() + b"\0\xff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "kernel/drivers/scsi/sr_mod.ko": ko("scsi_mod", "cdrom"),
        "kernel/drivers/scsi/scsi_mod.ko.xz": lzma.compress(ko("scsi-common")),
        "kernel/drivers/scsi/scsi_common.ko.gz": gzip.compress(ko()),
        "kernel/drivers/usb/storage/usb-storage.ko": ko("scsi_mod", "usbcore"),
    }
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "modules.builtin").write_text(
        "kernel/drivers/cdrom/cdrom.ko\nkernel/drivers/usb/core/usbcore.ko\n"
    )
    return tmp_path


def test_module_name() -> None:
    assert module_name("kernel/fs/nls/nls_iso8859-1.ko.xz") == "nls_iso8859_1"


def test_dependencies_come_from_modinfo() -> None:
    assert dependencies(ko("scsi_mod", "crc-t10dif")) == ["scsi_mod", "crc_t10dif"]
    assert dependencies(ko()) == []
    assert dependencies(b"no module") == []


def test_load_order_has_dependencies_first_and_no_built_in_ones(folder: Path) -> None:
    wanted = [("sr_mod", ""), ("usb_storage", "delay_use=0"), ("not_there", "")]
    modules = in_load_order(index(folder), wanted)
    assert [module.name for module in modules] == [
        "scsi_common",
        "scsi_mod",
        "sr_mod",
        "usb_storage",
    ]
    assert modules[-1].options == "delay_use=0"
    assert modules[1].data == ko("scsi-common")


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_read_unpacks_zstd(tmp_path: Path) -> None:
    (tmp_path / "a.ko").write_bytes(ko("b"))
    subprocess.run(["zstd", "-q", tmp_path / "a.ko"], check=True)
    assert read(tmp_path / "a.ko.zst") == ko("b")
