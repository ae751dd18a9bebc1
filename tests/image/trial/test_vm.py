from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, background, run
from b2ct.firmware import monitor
from b2ct.firmware.qemu import find_qemu
from b2ct.image.trial.scenario import SCENARIOS
from b2ct.image.trial.vm import Running, Vm, overlay, started
from b2ct.papers.info import need_whole, virtual_size


def vm(folder: Path, **changes: object) -> Vm:
    plain = Vm(find_qemu(), SCENARIOS[0], folder / "a,b.qcow2", folder / "c.iso", folder, kvm=False)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_commas_do_not_end_a_name_and_the_cd_is_only_read(tmp_path: Path) -> None:
    text = " ".join(vm(tmp_path).argv())
    assert "a,,b.qcow2" in text
    assert "id=cd,format=raw,readonly=on" in text
    assert "restrict=on" in text


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda row: row.name)
def test_qemu_takes_the_command_line_and_forwards_a_port(tmp_path: Path, scenario: object) -> None:
    """A disk with nothing on it: the firmware starts, which is all that is wanted here."""
    empty = tmp_path / "empty.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", empty, "64M"])
    (tmp_path / "c.iso").write_bytes(bytes(1 << 20))
    disk = overlay(empty, tmp_path, 128 << 20)
    with started(vm(tmp_path, disk=disk, scenario=scenario)) as running:
        _wait_for(tmp_path / "monitor")
        assert 1024 < running.ssh_port() < 65536
        assert not running.off
    assert running.off


def test_a_failed_start_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", empty, "64M"])
    with started(vm(tmp_path, disk=empty)) as running:  # and c.iso is not there
        assert running.ended(30)
        assert running.failure() == "QEMU ended with exit code 1"
        assert "c.iso" in "\n".join(running.console())


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (
            "Failed to mount /dev/sda3 as root file system.\r\n(initramfs) ",
            "the initramfs did not find the root file system: Failed to mount /dev/sda3",
        ),
        (
            "ALERT!  LABEL=b2ct-root does not exist.  Dropping to a shell!\r\n",
            "the initramfs did not find the root file system: LABEL=b2ct-root does not exist",
        ),
        (
            "You are in emergency mode. After logging in, type",
            "the start ended in an emergency shell",
        ),
        ("Begin: Mounting root file system ... done.\r\n", ""),
    ],
)
def test_a_start_that_ended_at_a_prompt(tmp_path: Path, said: str, failure: str) -> None:
    with background(["printf", "%s", said], log=tmp_path / "console.log") as process:
        assert process.ended(10)
        told = Running(vm(tmp_path), process).failure()
    assert told == (failure or "QEMU ended with exit code 0")


@pytest.mark.parametrize("kept", [70_000, 300_000])
def test_a_copy_that_was_cut(tmp_path: Path, kept: int) -> None:
    image = tmp_path / "image.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", image, "10M"])
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 2M", image])
    need_whole(image)
    with image.open("r+b") as file:
        file.truncate(kept)
    with pytest.raises(B2ctError, match="damaged, perhaps a copy that was cut") as caught:
        need_whole(image)
    assert "copy it again" in caught.value.hint


def test_an_overlay_leaves_the_image_alone(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"])
    before = image.read_bytes()
    disk = overlay(image, tmp_path, 2 << 20)
    run(["qemu-io", "-f", "qcow2", "-c", "write 0 64k", disk])
    assert image.read_bytes() == before


def test_what_is_no_image(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_text("no image")
    with pytest.raises(CommandError):
        overlay(junk, tmp_path, 1 << 20)
    with pytest.raises(B2ctError, match="is no QCOW2"):
        virtual_size(junk)
    with pytest.raises(B2ctError, match="no such file"):
        virtual_size(tmp_path / "missing")


def test_an_image_that_depends_on_another(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"])
    with pytest.raises(B2ctError, match="depends on another image"):
        virtual_size(overlay(image, tmp_path, 2 << 20))
    assert virtual_size(image) == 1 << 20


def test_no_monitor(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="monitor does not answer"):
        monitor.say(tmp_path / "nothing", "info status")


def test_what_runs_in_the_background_ends_with_the_block(tmp_path: Path) -> None:
    with background(["sh", "-c", "echo hello; sleep 600"], log=tmp_path / "log") as process:
        assert not process.ended(0.5)
        assert process.tail() == ["hello"]
    assert process.code is not None


def _wait_for(path: Path) -> None:
    import time

    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
