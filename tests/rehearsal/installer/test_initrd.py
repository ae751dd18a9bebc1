from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from b2ct.rehearsal.installer.initrd import DIRECTORY, FILE, LINK, Entry, cpio, settings
from b2ct.rehearsal.installer.layouts import LAYOUTS

DATA = Path(str(files("b2ct.rehearsal.installer"))) / "data"


def test_cpio_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    entries = [
        Entry("bin", DIRECTORY),
        Entry("bin/odd", FILE, b"12345"),
        Entry("bin/link", LINK, b"odd"),
        Entry("empty", FILE),
    ]
    subprocess.run(["cpio", "-idm", "--quiet"], input=cpio(entries), cwd=tmp_path, check=True)
    assert (tmp_path / "bin/odd").read_bytes() == b"12345"
    assert (tmp_path / "bin/link").readlink() == Path("odd")
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.parametrize("name", LAYOUTS)
def test_settings_are_what_a_shell_reads(name: str, tmp_path: Path) -> None:
    row = LAYOUTS[name]
    conf = tmp_path / "practice.conf"
    conf.write_text(settings(row, serial=True))
    shown = subprocess.run(
        ["sh", "-c", '. "$1"; echo "$RELEASE|$KICKSTART_KEYS|$STAGE2|$SERIAL"', "sh", conf],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == f"{name}|{' '.join(row.kickstart_keys)}|{row.stage2}|1\n"


def test_scripts_pass_shellcheck() -> None:
    init = ["shellcheck", "-x", "-P", "SCRIPTDIR", "-s", "dash", str(DATA / "init")]
    for words in (init, ["shellcheck", str(DATA / "functions.sh")]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
