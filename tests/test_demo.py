"""script/demo to its end, as the README says: the main job, on real parts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.boot
def test_the_demo_proves_what_it_makes(tmp_path: Path) -> None:
    demo = tmp_path / "a demo"
    done = subprocess.run(
        [ROOT / "script/demo"],
        env={**os.environ, "DEMO": str(demo)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = [line.split() for line in done.stdout.splitlines() if line.endswith(" pass")]
    assert [row[:2] for row in table if row[0] in {"bios", "uefi"}] == [
        ["bios", "cd"],
        ["bios", "usb"],
        ["uefi", "cd"],
        ["uefi", "usb"],
        ["bios", "usb"],
        ["uefi", "usb"],
    ]
    assert "read back and compared" in done.stdout
    made = {path.name for path in demo.iterdir()}
    assert {"site.yaml", "hypervisor.ks", "hypervisor.iso", "key.img"} <= made
