"""`b2ct usb` as a person uses it: questions, refusals, exit codes, signals. Mostly without root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pexpect
import pytest
from click.testing import CliRunner, Result

from b2ct.cli.usb import usb
from b2ct.core.errors import B2ctError
from b2ct.stick import confirm
from tests.stick import safety

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _no_device() -> None:
    safety.install()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key.img"
    data = bytearray(os.urandom(3 * MIB) + bytes(3 * MIB) + os.urandom(MIB + 512))
    data[510:512] = b"\x55\xaa"
    file.write_bytes(data)
    return file


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    file = tmp_path / "stick.img"
    with file.open("wb") as out:
        out.truncate(16 * MIB)
        out.seek(2 * MIB)
        out.write(b"old " * MIB)
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(usb, [str(word) for word in arguments])


def refusal(*arguments: str | Path) -> B2ctError:
    result = run(*arguments)
    assert isinstance(result.exception, B2ctError), (result.output, result.exception)
    return result.exception


def yes(stick: Path) -> list[str]:
    return ["--practice-file", "--yes", "--serial", str(stick)]


def test_write_and_verify(key: Path, stick: Path) -> None:
    result = run("write", key, stick, *yes(stick), "--json")
    assert result.exit_code == 0, result.output
    done = json.loads(result.stdout)
    assert done["verified"] is True
    assert done["device"] == str(stick)
    assert done["size"] == key.stat().st_size
    assert stick.read_bytes()[: key.stat().st_size] == key.read_bytes()
    again = run("verify", key, stick, "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["image_sha256"] == done["sha256"]
    assert "byte for byte" in run("verify", key, stick).stdout


def test_verify_says_where_it_differs(key: Path, stick: Path) -> None:
    run("write", key, stick, *yes(stick))
    with stick.open("r+b") as out:
        out.seek(2 * MIB + 1)
        out.write(b"\0\1\2")
    error = refusal("verify", key, stick)
    assert error.exit_code == 1
    assert f"byte {2 * MIB + 1} " in error.message
    assert "in 1 MiB of 8" in error.message
    assert "write it again" in error.hint


def test_dry_run_writes_nothing(key: Path, stick: Path) -> None:
    before = stick.read_bytes()
    result = run("write", key, stick, "--practice-file", "--dry-run")
    assert "nothing was written" in result.stdout
    assert "read all of it back" in result.stdout
    steps = json.loads(run("restore", stick, "--practice-file", "--dry-run", "--json").stdout)
    assert next(one["action"] for one in steps["steps"]) == "blank"
    assert stick.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ([], "not a block device", "--practice-file"),
        (["--practice-file"], "no terminal", "--yes --serial"),
        (["--practice-file", "--yes"], "--yes needs the serial", "--serial"),
        (["--practice-file", "--yes", "--serial", "4C53"], "--serial says 4C53", "usb list"),
        (["--practice-file", "--serial", "4C53"], "--serial says 4C53", "usb list"),
    ],
)
def test_refusals_before_anything_is_written(
    key: Path, stick: Path, options: list[str], message: str, hint: str
) -> None:
    before = stick.read_bytes()
    for words in (["write", str(key), str(stick)], ["restore", str(stick)]):
        error = refusal(*words, *options)
        assert error.exit_code == 2
        assert message in error.message
        assert hint in error.hint
    assert stick.read_bytes() == before


@pytest.mark.parametrize("way", [Path.hardlink_to, Path.symlink_to, None])
def test_an_image_is_not_written_onto_itself(
    key: Path, tmp_path: Path, way: Callable[[Path, Path], None] | None
) -> None:
    """Nor compared with itself: that would prove nothing."""
    other = tmp_path / "other"
    if way:
        way(other, key)
    before, device = key.read_bytes(), other if way else key
    said = refusal("write", key, device, *yes(Path(os.path.realpath(device))))
    assert "is the image itself" in said.message
    assert "is the image itself" in refusal("verify", key, device).message
    assert key.read_bytes() == before


def test_a_file_with_other_data_is_no_practice_stick(key: Path, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.pdf"
    thesis.write_bytes(b"%PDF-1.7 ".ljust(2 * MIB, b"x"))
    assert "not a stick's" in refusal("write", key, thesis, *yes(thesis)).message
    thesis.write_bytes(bytes(MIB + 1))
    assert "multiple of 4096" in refusal("write", key, thesis, *yes(thesis)).message


def test_too_small_or_missing(key: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.img"
    small.write_bytes(bytes(4 * MIB))
    assert "larger stick" in refusal("write", key, small, *yes(small)).hint
    assert "no such device" in refusal("write", key, tmp_path / "none").message
    assert "no such file" in refusal("write", tmp_path / "none.img", small).message
    assert "not a block device" in refusal("verify", key, tmp_path).message
    assert not any(small.read_bytes())


def test_a_compressed_image(tmp_path: Path, stick: Path) -> None:
    packed = tmp_path / "key.img.xz"
    packed.write_bytes(b"\xfd7zXZ\x00" + bytes(100))
    assert "unxz" in refusal("write", packed, stick, *yes(stick)).hint


@pytest.mark.skipif(
    shutil.which("mkfs.fat", path="/usr/sbin:/sbin:/usr/bin") is None, reason="dosfstools"
)
def test_restore(key: Path, stick: Path) -> None:
    run("write", key, stick, *yes(stick))
    result = run("restore", stick, *yes(stick), "--label", "MINE")
    assert result.exit_code == 0, result.output
    assert stick.read_bytes()[510:512] == b"\x55\xaa"
    assert b"MINE       FAT16" in stick.read_bytes()[MIB : MIB + 512]


def test_list_as_json() -> None:
    result = run("list", "--all", "--json")
    assert result.exit_code == 0, result.output
    for one in json.loads(result.stdout):
        assert one["offered"] == (not one["reasons"])
        assert one["device"].startswith("/dev/")
        if any(mount == "/" for mount in one["mounts"]):
            assert "system" in [reason["code"] for reason in one["reasons"]]


def process(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.stick.guarded", "usb", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_writing(key: Path, stick: Path, number: signal.Signals) -> None:
    done = process("write", key, stick, *yes(stick), STICK_SIGNAL=f"writing:1:{number.value}")
    assert done.returncode == 130
    assert "is NOT usable" in done.stderr
    assert "b2ct usb restore" in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(stick.read_bytes()[:MIB])
    assert run("write", key, stick, *yes(stick)).exit_code == 0


def test_interrupted_while_verifying(key: Path, stick: Path) -> None:
    signalled = f"verifying:1:{signal.SIGTERM.value}"
    done = process("write", key, stick, *yes(stick), STICK_SIGNAL=signalled)
    assert done.returncode == 130
    assert "written, but NOT verified" in done.stderr
    assert f"b2ct usb verify {key} {stick}" in done.stderr
    assert run("verify", key, stick).exit_code == 0


def ask(key: Path, stick: Path) -> pexpect.spawn:
    argv = ["-m", "tests.stick.guarded", "usb", "write", str(key), str(stick)]
    child = pexpect.spawn(
        sys.executable, [*argv, "--practice-file"], cwd=str(ROOT), encoding="utf-8", timeout=60
    )
    child.expect("everything on it will be lost")
    child.expect_exact(f"type the device's name ({stick.name}) to go on")
    return child


def finish(child: pexpect.spawn) -> tuple[int | None, str]:
    child.expect(pexpect.EOF)
    output = str(child.before)
    child.close()
    return child.exitstatus, output


def test_the_question(key: Path, stick: Path) -> None:
    before = stick.read_bytes()
    for answer in ("", "y", "yes", "stick", "sdb"):
        child = ask(key, stick)
        child.sendline(answer)
        code, output = finish(child)
        assert code == 2
        assert "nothing was written" in output
    child = ask(key, stick)
    child.sendintr()
    assert finish(child)[0] == 130
    assert stick.read_bytes() == before
    child = ask(key, stick)
    child.sendline(stick.name)
    code, output = finish(child)
    assert code == 0, output
    assert "read back and compared" in output
    assert "writing" in output
    assert "verifying" in output


def test_without_permission_the_exact_command_is_told(
    key: Path, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != stick and access(path, mode))
    argv = ["/opt/b2ct/bin/b2ct", "usb", "write", "my key.img", "/dev/sdb"]
    monkeypatch.setattr(sys, "argv", argv)
    error = refusal("write", key, stick, *yes(stick))
    assert "only root" in error.message
    assert error.hint == "sudo /opt/b2ct/bin/b2ct usb write 'my key.img' /dev/sdb"
    assert error.exit_code == 2


def test_the_command_of_a_module_run() -> None:
    command = confirm.as_root(["/x/b2ct/__main__.py", "usb", "list"])
    assert command == f"sudo {sys.executable} -m b2ct usb list"


def test_every_verb_has_help_with_examples() -> None:
    for name, command in usb.commands.items():
        assert isinstance(command, click.Command)
        result = run(name, "--help")
        assert result.exit_code == 0
        assert "Examples:" in result.output


def test_start_up_stays_light() -> None:
    """`b2ct usb list` imports nothing heavy."""
    code = (
        "import sys, b2ct.cli.usb; heavy = {'rich', 'requests', 'pydantic', 'pycdlib', 'yaml'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
