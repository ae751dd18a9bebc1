"""script/bootstrap on machines that are made of stubs, which record what they are asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core import hosttools

ROOT = Path(__file__).resolve().parent.parent
ESSENTIAL = (
    *("bash", "cat", "chmod", "dirname", "env", "flock", "grep", "mkdir", "mktemp", "rm", "sed"),
    *("sha256sum", "sort", "uname"),
)
ALMA9 = (
    'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="AlmaLinux 9.4"\n'
)
RHEL10 = 'ID="rhel"\nID_LIKE="centos fedora"\nVERSION_ID="10.0"\nPRETTY_NAME="RHEL 10.0"\n'
DEBIAN = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n'
RECORD = 'echo "${0##*/} $*" >>"$RECORD"\n'
# A Python that is good enough, and whose `-m venv` makes another one like it.
PYTHON = (
    RECORD.replace("${0##*/}", "python")
    + """
case "$*" in
    *"print(sys.prefix)"*) dirname "$(dirname "$0")" ;;
    "-m venv -- "*) mkdir -p "$4/bin" && cat "$0" >"$4/bin/python" && chmod +x "$4/bin/python" ;;
esac
"""
)


@dataclass
class Machine:
    """A clone in a folder with spaces, and a PATH of stubs."""

    clone: Path
    bin: Path
    record: Path
    os_release: Path

    def stub(self, name: str, body: str = RECORD) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{body}")
        path.chmod(0o755)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.record.write_text("")
        env = {"PATH": str(self.bin), "RECORD": str(self.record), "HOME": str(self.bin)}
        env["B2CT_OS_RELEASE"] = str(self.os_release)
        return subprocess.run(
            [str(self.clone / "script" / "bootstrap"), *words],
            env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def did(self, *first: str) -> list[str]:
        """What was recorded of these commands."""
        lines = self.record.read_text().splitlines()
        return [line for line in lines if line.split()[0] in first]


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    clone, stubs = tmp_path / "a clone", tmp_path / "bin"
    for name in ("script/bootstrap", "script/requirements.lock", "pyproject.toml"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    (clone / "b2ct" / "core").mkdir(parents=True)
    shutil.copy(hosttools.TABLE, clone / "b2ct" / "core")
    stubs.mkdir()
    for name in ESSENTIAL:
        found = shutil.which(name)
        assert found, name
        (stubs / name).symlink_to(found)
    machine = Machine(clone, stubs, tmp_path / "record", tmp_path / "os-release")
    machine.os_release.write_text(ALMA9)
    machine.stub("id", "echo 0")
    machine.stub("rpm", "exit 1")
    for name in ("dnf", "crb", "subscription-manager", "apt-get"):
        machine.stub(name)
    machine.stub("python3.11", PYTHON)
    return machine


def test_el9_gets_epel_then_the_packages_then_the_environment(machine: Machine) -> None:
    done = machine.run("test")
    assert done.returncode == 0, done.stderr
    epel, crb, packages = machine.did("dnf", "crb")
    assert (epel, crb) == ("dnf -q -y install epel-release", "crb enable")
    assert {"mtools", "ShellCheck", "isomd5sum"} <= set(packages.split())
    assert "epel:" not in packages
    assert "installing on AlmaLinux 9.4: " in done.stderr
    pip = [line for line in machine.did("python") if "pip" in line and "install" in line]
    lock = machine.clone / "script" / "requirements.lock"
    assert f"--require-hashes --requirement {lock}" in pip[0]
    assert pip[1].endswith(f"--no-deps --no-build-isolation --editable {machine.clone}")


def test_rhel_takes_codeready_builder_from_its_subscription(machine: Machine) -> None:
    machine.os_release.write_text(RHEL10)
    assert machine.run("test").returncode == 0
    first, second, *_ = machine.did("dnf", "crb", "subscription-manager")
    assert first.startswith("subscription-manager repos --enable codeready-builder-for-rhel-10-")
    assert second.endswith("/epel-release-latest-10.noarch.rpm")


def test_an_old_python_is_not_taken(machine: Machine) -> None:
    machine.stub("python3", "exit 1")  # EL9's own is 3.9
    (machine.bin / "python3.11").unlink()
    done = machine.run()
    assert done.returncode == 2
    assert "python3.11" in machine.did("dnf")[-1].split()
    assert "no Python 3.11 or later" in done.stderr


def test_a_second_run_does_nothing(machine: Machine) -> None:
    assert machine.run().returncode == 0
    for tool in hosttools.tools():  # what the stub of dnf has not really installed
        for name in tool.found:
            if not name.startswith("/") and not (machine.bin / name).exists():
                machine.stub(name)
    table = machine.clone / "b2ct" / "core" / "hosttools.txt"
    rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join(row for row in rows if " /" not in row and "|/" not in row))
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert not any("-m pip" in line or "-m venv" in line for line in machine.did("python"))
    assert machine.did("dnf") == []


@pytest.mark.parametrize("changed", ["script/requirements.lock", "pyproject.toml"])
def test_changed_requirements_are_installed_into_the_same_environment(
    machine: Machine, changed: str
) -> None:
    machine.run()
    with (machine.clone / changed).open("a") as file:
        file.write("# changed\n")
    machine.run()
    said = machine.did("python")
    assert any("--require-hashes" in line for line in said)
    assert not any("-m venv" in line for line in said)


def test_an_interrupted_environment_is_made_anew(machine: Machine) -> None:
    machine.run()
    venv = machine.clone / ".venv"
    (venv / ".b2ct-unfinished").touch()
    (venv / "half a package").touch()
    machine.run()
    assert any("-m venv" in line for line in machine.did("python"))
    assert not (venv / "half a package").exists()
    assert not (venv / ".b2ct-unfinished").exists()


def test_an_environment_of_another_folder_is_made_anew(machine: Machine, tmp_path: Path) -> None:
    machine.run()
    moved = tmp_path / "moved"
    machine.clone.rename(moved)
    machine.clone = moved
    machine.run()
    assert any("--require-hashes" in line for line in machine.did("python"))


def test_a_failed_pip_leaves_no_stamp(machine: Machine) -> None:
    machine.stub("python3.11", PYTHON + 'case "$*" in *--require-hashes*) exit 1 ;; esac\n')
    done = machine.run()
    assert done.returncode == 2
    assert "could not be installed" in done.stderr
    assert not (machine.clone / ".venv" / ".b2ct-stamp").exists()


def test_sudo_is_used_where_it_is(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    machine.stub("sudo", RECORD + 'shift\nexec "$@"\n')
    assert machine.run().returncode == 0
    assert machine.did("sudo")[0].startswith("sudo -- dnf")


def test_without_root_and_sudo_it_says_what_to_install(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    done = machine.run()
    assert done.returncode == 2
    assert "needs root, and there is no sudo" in done.stderr
    assert "have an administrator install: " in done.stderr
    assert machine.did("dnf") == []


def test_the_output_of_what_fails_is_shown(machine: Machine) -> None:
    machine.stub("dnf", "echo 'Error: no such package'; exit 1")
    done = machine.run()
    assert done.returncode != 0
    assert "Error: no such package" in done.stderr
    assert not (machine.clone / ".venv").exists()


def test_an_unknown_distribution_is_refused(machine: Machine) -> None:
    machine.os_release.write_text("ID=slackware\nPRETTY_NAME=Slackware\n")
    done = machine.run()
    assert done.returncode == 2
    assert "Slackware is not one that this script knows" in done.stderr


def test_an_unknown_word_is_refused(machine: Machine) -> None:
    assert machine.run("everything").returncode == 2


@pytest.mark.parametrize("release", [ALMA9, RHEL10, DEBIAN, UBUNTU])
@pytest.mark.parametrize("profile", ["demo", "test"])
def test_bootstrap_and_doctor_name_the_same_packages(
    machine: Machine, release: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.os_release.write_text(release)
    done = machine.run(profile, "--dry-run")
    assert done.returncode == 0
    assert machine.did("dnf", "apt-get") == []
    (line,) = [line for line in done.stderr.splitlines() if "installing on" in line]
    monkeypatch.setenv("PATH", str(machine.bin))
    uses = [use for use in hosttools.uses() if profile == "test" or use != "test"]
    host = hosttools.this_host(machine.os_release)
    wanted = hosttools.install_line(host, hosttools.missing(uses), as_root=True)
    packages = wanted.rpartition(" install -y ")[2].split()
    assert set(line.rpartition(": ")[2].split()) == set(packages) - {"--no-install-recommends"}


def test_the_scripts_take_no_input_and_stop_at_errors() -> None:
    for name in ("script/bootstrap", "script/test", ".ci/run"):
        text = (ROOT / name).read_text()
        assert os.access(ROOT / name, os.X_OK), name
        assert "set -euo pipefail" in text, name
