from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media.qemu import machine
from b2ct.media.qemu.machine import Attach, Machine

CD = Machine("qemu", Path("/tmp/a,b.iso"), Attach.CD, memory=512, kvm=False)


def test_the_image_is_only_read_and_commas_do_not_end_its_name() -> None:
    for attach in Attach:
        drives = [word for word in replace(CD, attach=attach).argv() if "medium,format" in word]
        assert len(drives) == 1
        assert "readonly=on" in drives[0]
        assert "file=/tmp/a,,b.iso" in drives[0]


def test_kvm_or_emulation() -> None:
    assert "tcg" in CD.argv()
    assert "kvm" in replace(CD, kvm=True).argv()


def test_uefi_has_its_code_read_only_and_its_variables_private() -> None:
    argv = replace(CD, pflash=(Path("/code.fd"), Path("/vars.fd"))).argv()
    assert "if=pflash,format=raw,unit=0,readonly=on,file=/code.fd" in argv
    assert "if=pflash,format=raw,unit=1,file=/vars.fd" in argv
    assert not [word for word in CD.argv() if "pflash" in word]


def test_private_variables_are_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code.fd").write_bytes(b"code")
    (tmp_path / "vars.fd").write_bytes(b"vars")
    pair = (str(tmp_path / "code.fd"), str(tmp_path / "vars.fd"))
    monkeypatch.setattr(machine, "OVMF", (("/nowhere/code", "/nowhere/vars"), pair))
    (tmp_path / "private").mkdir()
    code, variables = machine.private_ovmf(tmp_path / "private")
    assert code == tmp_path / "code.fd"
    assert variables.parent == tmp_path / "private"
    assert variables.read_bytes() == b"vars"


def test_missing_firmware_and_qemu_name_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "OVMF", ())
    with pytest.raises(B2ctError, match="OVMF is not installed") as failed:
        machine.private_ovmf(tmp_path)
    assert "apt-get install ovmf" in failed.value.hint
    monkeypatch.setattr(machine, "find_tool", lambda _name: None)
    with pytest.raises(B2ctError, match="QEMU is not installed") as failed:
        machine.find_qemu()
    assert "qemu-system-x86" in failed.value.hint


def test_firmware_built_for_secure_boot_gets_system_management_mode() -> None:
    """EL9 has no other build: without SMM it hangs before it prints anything."""

    def argv(code: str) -> str:
        pflash = (Path(code), Path("vars.fd"))
        return " ".join(
            machine.Machine("qemu", Path("x.iso"), machine.Attach.CD, 512, False, pflash).argv()
        )

    secure = argv("OVMF_CODE.secboot.fd")
    assert "smm=on" in secure
    assert "property=secure,value=on" in secure
    assert "smm=off" in argv("OVMF_CODE.fd")
    assert "property=secure" not in argv("OVMF_CODE.fd")
