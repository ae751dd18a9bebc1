"""`b2ct boot` as a user runs it; the guests are single sectors, so each takes seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from b2ct.firmware.accel import boot_sector

UP = "Command line: inst.ks=hd:LABEL=X:/a.ks\nanaconda 34.1 for X started."


def b2ct(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "b2ct", "boot", *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def stick(folder: Path, text: str) -> Path:
    image = folder / "stick.img"
    image.write_bytes(boot_sector(text).ljust(1 << 20, b"\0"))
    return image


@pytest.mark.boot
def test_pass_is_exit_0_and_a_table(tmp_path: Path) -> None:
    done = b2ct(stick(tmp_path, UP), "--all", "--timeout", "120", "--verbose")
    assert done.returncode == 0, done.stderr
    head, row = done.stdout.splitlines()
    assert head.split() == ["firmware", "as", "kernel", "kickstart", "sha256", "seconds", "verdict"]
    assert row.split()[:4] == ["bios", "usb", "up", "inst.ks=hd:LABEL=X:/a.ks"]
    assert row.split()[-1] == "pass"
    assert "  | anaconda 34.1 for X started." in done.stderr


@pytest.mark.boot
def test_a_kickstart_that_is_not_seen_is_exit_1_and_json_is_still_printed(tmp_path: Path) -> None:
    image = stick(tmp_path, UP)
    done = b2ct(image, "--json", "--timeout", "120", "--kickstart-sha256", "ab" * 32)
    assert done.returncode == 1, done.stderr
    (result,) = json.loads(done.stdout)
    assert result["firmware"] == "bios"
    assert result["attach"] == "usb"
    assert result["kernel"] is True
    assert result["passed"] is False
    assert result["kickstart_argument"] == "inst.ks=hd:LABEL=X:/a.ks"
    assert "b2ct: 1 of 1 boots failed: bios usb: kernel came up" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere.iso"], "no such file"),
        (["stick.img", "--as", "cd"], "has no boot record for cd"),
        (["empty.iso"], "is empty"),
        (["random.iso"], "has no boot record"),
        (["stick.img", "--kickstart-sha256", "12"], "64 hexadecimal digits"),
        (["stick.img", "--timeout", "0"], "timeout"),
    ],
)
def test_refusals_are_exit_2(words: list[str], expected: str, tmp_path: Path) -> None:
    stick(tmp_path, UP)
    (tmp_path / "empty.iso").touch()
    (tmp_path / "random.iso").write_bytes(bytes(range(200)) * 400)
    done = b2ct(tmp_path / words[0], *words[1:])
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def guests_of(image: Path) -> list[int]:
    """The processes that have the image on their command line, but for b2ct itself."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"qemu" in words[0] and any(os.fsencode(image) in word for word in words):
            found.append(int(folder.name))
    return found


@pytest.mark.boot
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_machine_too(number: signal.Signals, tmp_path: Path) -> None:
    image = stick(tmp_path, "waiting")
    argv = [sys.executable, "-m", "b2ct", "boot", str(image), "--timeout", "250"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for _ in range(600):
            if guests_of(image):
                break
            time.sleep(0.1)
        assert guests_of(image)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted" in errors
    assert guests_of(image) == []
