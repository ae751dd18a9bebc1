from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.firmware import qemu


def test_private_variables_are_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code.fd").write_bytes(b"code")
    (tmp_path / "vars.fd").write_bytes(b"vars")
    pair = (str(tmp_path / "code.fd"), str(tmp_path / "vars.fd"))
    monkeypatch.setattr(qemu, "OVMF", (("/nowhere/code", "/nowhere/vars"), pair))
    (tmp_path / "private").mkdir()
    code, variables = qemu.private_ovmf(tmp_path / "private")
    assert code == tmp_path / "code.fd"
    assert variables.parent == tmp_path / "private"
    assert variables.read_bytes() == b"vars"


def test_missing_firmware_and_qemu_name_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "OVMF", ())
    with pytest.raises(B2ctError, match="OVMF is not installed") as failed:
        qemu.private_ovmf(tmp_path)
    assert "apt-get install ovmf" in failed.value.hint
    monkeypatch.setattr(qemu, "find_tool", lambda _name: None)
    with pytest.raises(B2ctError, match="QEMU is not installed") as failed:
        qemu.find_qemu()
    assert "qemu-system-x86" in failed.value.hint
