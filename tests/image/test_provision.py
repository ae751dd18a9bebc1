"""What a definition puts into an image: the plan, the bundle, and the bundle applied for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import Completed
from b2ct.image import provision
from b2ct.image.model import SYSPREP, Definition
from b2ct.image.provision import Configuration
from b2ct.image.rootfs import configure


def definition(**changes: Any) -> Definition:
    return Definition.model_validate(
        {
            "title": "t",
            "system": {
                "distribution": "debian",
                "release": "12",
                "suite": "bookworm",
                "packaging": "apt",
            },
            "boot": {"kernel": "linux-image-amd64"},
            **changes,
        }
    )


def text(configuration: Configuration, path: str) -> str:
    (found,) = [file.data.decode() for file in configuration.files if file.path == path]
    return found


def test_the_plan_has_everything_in_its_order(tmp_path: Path) -> None:
    script = tmp_path / "site.sh"
    script.write_text("#!/bin/bash\ntrue\n")
    source = tmp_path / "motd"
    source.write_text("hello\n")
    found = provision.plan(
        definition(
            files={
                "/etc/motd": {"source": str(source), "mode": "0600", "owner": "pilot"},
                "/etc/a": {"text": "a\n"},
            },
            scripts=[str(script)],
            users={"pilot": {"sudo": True}},
            sysprep=["logs", "machine-id"],
        )
    )
    assert [step.name for step in found.before] == ["users"]
    assert [file.path for file in found.files] == [
        "/etc/a",
        "/etc/motd",
        "/etc/sudoers.d/b2ct-pilot",
    ]
    motd = found.files[1]
    assert (motd.data, motd.mode, motd.owner, motd.group) == (b"hello\n", 0o600, "pilot", "root")
    assert found.files[2].mode == 0o440
    assert [step.name for step in found.scripts] == ["site.sh", "services", "accounts"]
    assert [step.name for step in found.sysprep] == ["logs", "machine-id"]


def test_calls_are_quoted() -> None:
    found = provision.plan(
        definition(
            users={"pilot": {"groups": ["adm", "fuse"], "uid": 1500, "shell": "/bin/my shell"}},
            services={"a b;reboot.service": "masked"},
        )
    )
    calls = found.before[0].text.decode().splitlines()[-1]
    assert calls == "user pilot 1500 no '/bin/my shell' adm fuse"
    assert found.scripts[0].text.endswith(b"\nservice 'a b;reboot.service' masked\n")


def test_cvmfs_without_a_context() -> None:
    found = provision.plan(
        definition(cvmfs={"repositories": ["belle.cern.ch", "grid.cern.ch"], "quota": "4 GiB"})
    )
    values = dict(
        line.split("=", 1)
        for line in text(found, "/etc/cvmfs/default.local").splitlines()
        if not line.startswith("#")
    )
    assert values == {
        "CVMFS_REPOSITORIES": "'belle.cern.ch,grid.cern.ch'",
        "CVMFS_HTTP_PROXY": "'auto;DIRECT'",
        "CVMFS_PAC_URLS": "'http://grid-wpad/wpad.dat;http://wpad/wpad.dat'",
        "CVMFS_QUOTA_LIMIT": "4096",
    }


def test_a_file_of_the_definition_wins_over_a_derived_one() -> None:
    found = provision.plan(
        definition(
            cvmfs={"repositories": ["belle.cern.ch"]},
            files={"/etc/cvmfs/default.local": {"text": "mine\n"}},
        )
    )
    assert text(found, "/etc/cvmfs/default.local") == "mine\n"


@pytest.mark.parametrize("key", ["files", "scripts"])
def test_a_missing_file_is_refused(tmp_path: Path, key: str) -> None:
    gone = str(tmp_path / "gone")
    value = {"/etc/x": {"source": gone}} if key == "files" else [gone]
    with pytest.raises(B2ctError, match=f"cannot read the (file|script) {gone}: no such file"):
        provision.plan(definition(**{key: value}))


def test_the_same_plan_is_the_same_tar(tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        provision.bundle(provision.plan(definition()), tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        names = tar.getnames()
    provision.bundle(provision.plan(definition()), tmp_path / "folder")
    folder = tmp_path / "folder"
    assert sorted(names) == sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )
    assert {"provision.sh", "put-files.sh", "environment", "before/01-users"} <= set(names)


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="file exists"):
        provision.bundle(provision.plan(definition()), tmp_path)


def test_packages_of_the_other_engine() -> None:
    wanted = definition(
        packages=["cvmfs", "-vim"],
        exclude=["/usr/share/man/*"],
        repositories={
            "cvmfs": {"url": "http://cvmfs.example.org/apt", "suites": ["x"], "keep": False}
        },
    )
    found = provision.packages(wanted, {})
    assert found.names == ("cvmfs", "vim-", "linux-image-amd64")
    assert found.passing == ("/etc/apt/sources.list.d/b2ct-cvmfs.sources",)
    assert found.files[-1].data == b"path-exclude=/usr/share/man/*\n"


def test_provision_says_how_it_is_used(tmp_path: Path) -> None:
    provision.bundle(provision.plan(definition()), tmp_path / "bundle")
    words = ["/bin/sh", str(tmp_path / "bundle/provision.sh")]
    helped = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True)
    assert "--no-sysprep" in helped.stdout
    wrong = subprocess.run([*words, "--force"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    if os.geteuid() != 0:
        plain = subprocess.run(words, capture_output=True, text=True, check=False)
        assert plain.returncode == 2
        assert "run it as root" in plain.stderr


# This host's own system with a tmpfs over it: a real Debian with all its tools, and nothing of it
# changes. What lies on other file systems of the host is not in it.
OVERLAY = """set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/tree"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/tree"
mount -t proc proc "$1/tree/proc"
mount --bind /dev "$1/tree/dev"
"""
APPLY = """
rm -rf "$1/tree/root/bundle"
mkdir -p "$1/tree/root"
cp -r "$2" "$1/tree/root/bundle"
printf 'root:*:1:0:99999:7:::\\n' >"$1/tree/etc/shadow"
for turn in 1 2; do chroot "$1/tree" /bin/sh /root/bundle/provision.sh; done
cd "$1/tree"
cat etc/passwd etc/shadow etc/motd etc/sudoers.d/b2ct-pilot >"$3/after" 2>&1
stat -c '%a %u %g %n' etc/motd home/pilot >>"$3/after"
ls etc/ssh >"$3/keys"
stat -c '%s %a' etc/machine-id >"$3/machine-id"
"""


def _unshare(script: str, *words: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script, "sh"]
        + [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A mount point for the overlay; skips where this user may not make one."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("useradd", path="/usr/sbin") is None:
        pytest.skip("an overlay of this host needs root")
    done = _unshare(OVERLAY, folder)
    if done.returncode != 0:
        pytest.skip(f"this machine makes no overlay of its root: {done.stderr.strip()}")
    return folder


def apply(wanted: Definition, scratch: Path) -> subprocess.CompletedProcess[str]:
    bundle = scratch.parent / "bundle"
    provision.bundle(provision.plan(wanted), bundle)
    out = scratch.parent / "out"
    out.mkdir()
    return _unshare(OVERLAY + APPLY, scratch, bundle, out)


def test_the_bundle_makes_users_files_and_forgets_itself(scratch: Path) -> None:
    done = apply(
        definition(
            users={
                "pilot": {"sudo": True, "groups": ["adm"], "uid": 1777},
                "service": {"system": True, "shell": "/usr/sbin/nologin"},
            },
            files={"/etc/motd": {"text": "a worker\n", "mode": "0640", "owner": "pilot"}},
        ),
        scratch,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "sysprep" in line] == [
        f"provision: sysprep/{number:02}-{name}" for number, name in enumerate(SYSPREP, 1)
    ] * 2
    after = (scratch.parent / "out/after").read_text()
    for line in (
        "pilot:x:1777:1777::/home/pilot:/bin/bash",
        "root:!*::0:99999:7:::",
        "pilot:!::0:99999:7:::",
        "a worker",
        "pilot ALL=(ALL:ALL) NOPASSWD: ALL",
        "640 1777 0 etc/motd",
    ):
        assert line in after.splitlines(), line
    assert "/home/service" not in (scratch.parent / "out/keys").read_text()
    assert "ssh_host" not in (scratch.parent / "out/keys").read_text()
    assert (scratch.parent / "out/machine-id").read_text() == "0 444\n"


@pytest.mark.parametrize(
    ("changes", "step", "said"),
    [
        ({"users": {"pilot": {"groups": ["nosuchgroup"]}}}, "before/01-users", "nosuchgroup"),
        ({"scripts": ["fails"]}, "scripts/01-fails.sh", "went wrong"),
        ({"scripts": ["password"]}, "scripts/03-accounts", "account with a password"),
    ],
)
def test_a_failing_step_ends_it_and_is_named(
    scratch: Path, tmp_path: Path, changes: dict[str, Any], step: str, said: str
) -> None:
    bodies = {
        "fails": "echo went wrong >&2\nexit 3\n",
        "password": "printf 'old:$6$x$y:1:::::::\\n' >>/etc/shadow\n",
    }
    if "scripts" in changes:
        (name,) = changes["scripts"]
        script = tmp_path / f"{name}.sh"
        script.write_text(f"#!/bin/sh\n{bodies[name]}")
        changes = {"scripts": [str(script)]}
    done = apply(definition(**changes), scratch)
    assert done.returncode != 0
    assert f"provision: {step} failed with exit code" in done.stderr
    assert said in done.stderr
    assert "provision: done" not in done.stdout


def test_a_script_that_does_not_end_is_ended_and_named(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waits.sh").write_text("#!/bin/sh\necho waiting\nsleep 600\n")
    monkeypatch.setenv("B2CT_SCRIPT_LIMIT", "1")
    done = apply(definition(scripts=[str(tmp_path / "waits.sh")]), scratch)
    assert done.returncode != 0
    assert "provision: scripts/01-waits.sh did not end within 1 s" in done.stderr
    told = configure._explained(Completed(("sh",), 1, done.stdout, done.stderr))
    assert told.message == "the script waits.sh did not end within 1 s"
    assert "  | waiting" in told.lines()
