from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
