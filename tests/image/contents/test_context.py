"""What runs when the context has been written: contextualised, the autofs map, the profile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.context.cdrom import context_sh
from tests.context.shells import cloud_init, needs_cloud_init
from tests.image.contents.worker import LIBEXEC, SYSTEMD, WORKER, sh

GOOD = """CVMFS_REPOSITORIES='belle.cern.ch,grid.cern.ch'
CVMFS_HTTP_PROXY="http://squid.example.org:3128;DIRECT"
CVMFS_QUOTA_LIMIT=20000
"""


class Vm:
    """A folder in the place of a VM's root, with a systemctl that only notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.libexec = folder / "libexec"
        shutil.copytree(LIBEXEC, self.libexec)
        shutil.copy(SYSTEMD / "usr/libexec/b2ct/apply-services", self.libexec)
        self.told = folder / "told"
        self.systemctl = folder / "systemctl"
        self.set_systemctl('echo "$*" >>' + str(self.told))
        (self.root / "etc/cvmfs").mkdir(parents=True)

    def set_systemctl(self, body: str) -> None:
        self.systemctl.write_text(f"#!/bin/sh\n{body}\n")
        self.systemctl.chmod(0o755)

    def install_cvmfs(self) -> None:
        path = self.root / "etc/auto.cvmfs"
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)

    def contextualise(self, default_local: str | None) -> subprocess.CompletedProcess[str]:
        if default_local is not None:
            (self.root / "etc/cvmfs/default.local").write_text(default_local)
        env = {
            "ROOT": str(self.root),
            "B2CT_SYSTEMCTL": str(self.systemctl),
            "B2CT_CONSOLE": str(self.root / "console"),
        }
        return sh(self.libexec / "contextualised", env=env)

    @property
    def state(self) -> str:
        return (self.root / "run/b2ct/contextualised").read_text().strip()


@pytest.fixture
def vm(tmp_path: Path) -> Vm:
    return Vm(tmp_path)


def test_a_good_context_is_told_to_the_services_without_waiting(vm: Vm) -> None:
    vm.install_cvmfs()
    done = vm.contextualise(GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    assert vm.state == "good"
    assert vm.told.read_text().splitlines() == [
        "--no-block reload-or-restart autofs.service",
        "--no-block restart b2ct-features.service",
        "--no-block start b2ct-idle.service",
    ]
    assert "/cvmfs /etc/auto.cvmfs\n" in (vm.root / "etc/auto.master.d/cvmfs.autofs").read_text()
    assert (vm.root / "cvmfs").is_dir()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing or empty"),
        ("", "is missing or empty"),
        ("CVMFS_HTTP_PROXY='oops\n", "is not valid shell"),
        (GOOD.replace("CVMFS_HTTP_PROXY", "CVMFS_PROXY"), "does not set CVMFS_HTTP_PROXY"),
        (GOOD.replace("20000", "20GB"), "CVMFS_QUOTA_LIMIT='20GB' is not a whole number of MB"),
        ("exit 0\n" + GOOD, "does not set CVMFS_REPOSITORIES"),
    ],
)
def test_a_wrong_context_is_told_on_the_console_and_the_rest_goes_on(
    vm: Vm, text: str | None, message: str
) -> None:
    vm.install_cvmfs()
    done = vm.contextualise(text)
    assert done.returncode == 1
    assert message in done.stderr
    assert message in (vm.root / "console").read_text()
    assert vm.state == "wrong"
    assert len(vm.told.read_text().splitlines()) == 3


def test_an_alien_cache_has_no_quota(vm: Vm) -> None:
    vm.install_cvmfs()
    assert vm.contextualise(GOOD.replace("20000", "-1")).returncode == 0


def test_without_the_client_cvmfs_is_nobodys_business(vm: Vm) -> None:
    (vm.root / "etc/auto.master.d").mkdir()
    (vm.root / "etc/auto.master.d/cvmfs.autofs").write_text("/cvmfs /etc/auto.cvmfs\n")
    assert vm.contextualise(None).returncode == 0
    assert not (vm.root / "etc/auto.master.d/cvmfs.autofs").exists()


def test_services_that_cannot_be_told_are_told_to_the_administrator(vm: Vm) -> None:
    vm.set_systemctl("exit 1")
    done = vm.contextualise(None)
    assert done.returncode == 1
    assert "autofs, features or the idle rule could not be told" in done.stderr


def profile(tmp_path: Path, environment: str | None, code: str, shell: str = "dash") -> str:
    file = tmp_path / "environment"
    if environment is not None:
        file.write_text(environment)
    done = subprocess.run(
        [shell, "-eu", "-c", f". {WORKER / 'etc/profile.d/b2ct.sh'}\n{code}"],
        env={"PATH": "/usr/bin:/bin", "B2CT_ENVIRONMENT": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_says_how_long_each_step_took(vm: Vm) -> None:
    vm.install_cvmfs()
    said = vm.contextualise(GOOD).stdout.splitlines()
    assert [re.sub(r"\d+ s$", "N s", line) for line in said] == [
        "contextualised: telling the services took N s",
        "contextualised: good",
    ]


READ = """
import json, sys
from cloudinit import util
from cloudinit.sources import DataSourceOpenNebula as source
settings = util.load_yaml(open(sys.argv[1]).read())["datasource"]["OpenNebula"]
parameters = source.read_context_disk_dir.__code__.co_varnames[:3]
distro = [None] if "distro" in parameters else []
print(json.dumps(source.read_context_disk_dir(sys.argv[2], *distro, asuser=settings["parseuser"])))
"""


@needs_cloud_init
def test_cloud_init_reads_the_context_without_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session would wait for a logind that starts later: two minutes at each boot of EL9."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sudo").write_text("#!/bin/sh\nexit 99\n")
    (programs / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    text = context_sh({"SET_HOSTNAME": "it's $(touch /tmp/b2ct-was-run)", "USERDATA": "x"})
    (tmp_path / "context.sh").write_text(text)
    found = cloud_init(READ, WORKER / "etc/cloud/cloud.cfg.d/90-b2ct.cfg", tmp_path)
    assert found["metadata"]["local-hostname"] == "it's $(touch /tmp/b2ct-was-run)"
    assert not Path("/tmp/b2ct-was-run").exists()


SHELLS = pytest.mark.parametrize("shell", ["dash", "bash"])


@SHELLS
def test_the_environment_is_taken_literally(tmp_path: Path, shell: str) -> None:
    text = (
        "# comment\nB2_A=plain\nB2_B=$(touch /tmp/b2ct-was-run) `id` $HOME\nB2_C=a=b 'c' \"d\"\n"
        "no equals sign\n1X=digit\nB-AD=name\n=empty\nB2_E=\nB2_D=last without an end"
    )
    code = "env | grep -E '^(B2_|MACHINEF|JOBF)' | sort; echo \"${b2ct_line-gone}\""
    assert profile(tmp_path, text, code, shell).splitlines() == [
        "B2_A=plain",
        "B2_B=$(touch /tmp/b2ct-was-run) `id` $HOME",
        "B2_C=a=b 'c' \"d\"",
        "B2_D=last without an end",
        "B2_E=",
        "JOBFEATURES=/etc/jobfeatures",
        "MACHINEFEATURES=/etc/machinefeatures",
        "gone",
    ]
    assert not Path("/tmp/b2ct-was-run").exists()


@SHELLS
def test_b2setup_sources_with_its_arguments(tmp_path: Path, shell: str) -> None:
    setup = tmp_path / "b2setup"
    setup.write_text('B2_RELEASE=${1:-none}\necho "set up"\n')
    environment = f"B2CT_B2SETUP={setup}\n"
    code = 'b2setup release-08; echo "$B2_RELEASE"'
    assert profile(tmp_path, environment, code, shell) == "set up\nrelease-08\n"


def test_b2setup_without_cvmfs_says_what_to_look_at(tmp_path: Path) -> None:
    said = profile(tmp_path, None, "b2setup 2>&1 || echo failed")
    assert "is CVMFS mounted? Try: ls /cvmfs/belle.cern.ch" in said
    assert said.endswith("failed\n")
