"""`b2ct doctor` on hosts that have everything, little and nothing known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli.doctor import doctor
from b2ct.core import hosttools
from b2ct.firmware import doctor as module

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
ALMA = 'PRETTY_NAME="AlmaLinux 9.4"\nID="almalinux"\nID_LIKE="rhel centos"\nVERSION_ID="9.4"\n'


@pytest.fixture(name="host")
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make this host one of the given distribution, with the given tools and no others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(os_release: str, *have: str) -> None:
        (tmp_path / "os-release").write_text(os_release)
        monkeypatch.setenv("B2CT_OS_RELEASE", str(tmp_path / "os-release"))
        monkeypatch.setattr(
            hosttools.Tool,
            "path",
            lambda tool, *_: f"/usr/bin/{tool.name}" if tool.name in have else None,
        )
        monkeypatch.setattr(os, "geteuid", lambda: 1000)

    return make


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(doctor, words)
    return done.exit_code, done.output


ALL = tuple(tool.name for tool in hosttools.tools())


def test_a_host_that_has_everything(host: Callable[..., None]) -> None:
    host(DEBIAN, *ALL)
    code, said = _run()
    assert code == 0
    assert "Debian GNU/Linux 12 (bookworm)" in said
    assert "nothing is missing" in said
    assert "MISSING" not in said


def test_an_essential_tool_is_missing(host: Callable[..., None]) -> None:
    host(DEBIAN, *(set(ALL) - {"qemu", "ovmf"}))
    code, said = _run()
    assert code == 1
    assert "MISSING qemu" in said
    assert said.rstrip().endswith(
        "sudo apt-get install -y --no-install-recommends qemu-system-x86 ovmf"
    )


def test_optional_tools_alone_are_no_failure(host: Callable[..., None]) -> None:
    host(ALMA, "gpg", "mtools", "qemu", "ovmf")
    code, said = _run()
    assert code == 0
    assert "b2ct practice  (optional)" in said
    assert "sudo crb enable" in said


def test_a_verb_that_is_asked_for_is_essential(host: Callable[..., None]) -> None:
    host(DEBIAN, "gpg", "mtools", "qemu", "ovmf")
    assert _run("iso", "boot")[0] == 0
    code, said = _run("practice")
    assert code == 1
    assert "qemu" not in said
    assert "xorriso" in said


def test_json(host: Callable[..., None]) -> None:
    host(DEBIAN, "gpg", "mtools")
    code, said = _run("--json", "iso", "boot")
    found = json.loads(said)
    assert (code, found["ok"], found["missing"]) == (1, False, ["qemu", "ovmf"])
    assert found["tools"][0] == {
        "name": "gpg", "use": "iso", "needed": True, "path": "/usr/bin/gpg", "package": "gpg",
    }  # fmt: skip
    assert found["install"].endswith("qemu-system-x86 ovmf")
    assert found["cache"]["free_bytes"] > 0


def test_an_unknown_distribution_is_told_the_names(host: Callable[..., None]) -> None:
    host("ID=slackware\nPRETTY_NAME=Slackware\n", *(set(ALL) - {"gpg"}))
    code, said = _run()
    assert code == 1
    assert "the packages of Slackware are not known here; install: gpg" in said


def test_an_unknown_verb_is_refused() -> None:
    assert _run("everything")[0] == 2


def test_it_runs_as_a_command_with_an_empty_path(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "b2ct", "doctor", "--json", "iso"],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["missing"] == ["gpg", "mtools"]
    assert list(tmp_path.iterdir()) == []  # it changes nothing


def test_kvm_is_usable_only_with_the_processors_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, cpuinfo = tmp_path / "kvm", tmp_path / "cpuinfo"
    monkeypatch.setattr(module, "KVM", device)
    monkeypatch.setattr(module, "CPUINFO", cpuinfo)
    cpuinfo.write_text("flags : fpu sse2\n")
    assert module.diagnose(("iso",)).kvm.startswith("absent")
    device.touch()
    assert "neither vmx nor svm" in module.diagnose(("iso",)).kvm
    cpuinfo.write_text("flags : fpu vmx sse2\n")
    assert module.diagnose(("iso",)).kvm == f"{device} is usable"
    device.unlink()
    device.mkdir()  # what cannot be opened for writing, for root too
    assert "join the group kvm" in module.diagnose(("iso",)).kvm
