"""Every script of every role, release and OpenNebula version is sound shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from b2ct.kickstart.compose import Parts
from b2ct.site.catalogue import Role
from tests.kickstart.concerns import shell
from tests.kickstart.concerns.machine import rendered, site, split_post, variants

STORAGE = {
    "ssh": {"type": "ssh"},
    "nfs": {"type": "nfs", "server": "nfs.example.org", "export": "/srv/my one"},
    "lvm": {"type": "lvm"},
    "ceph": {
        "type": "ceph",
        "monitors": ["mon1.example.org", "mon2.example.org"],
        "secret_uuid": "b7b2a1f0-1111-2222-3333-444455556666",
    },
}


def _scripts(all_parts: dict[str, Parts], folder: Path) -> list[Path]:
    """Write each script to a file of its own, as it would be run."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, parts in all_parts.items():
        files, post = split_post(parts.post)
        texts = {f"{name}-post": f"#!/bin/bash\n. /etc/b2ct/node.env\n{post}"}
        if parts.nochroot:
            texts[f"{name}-nochroot"] = f"#!/bin/bash\n{parts.nochroot}"
        texts |= {
            path.replace("/", "_"): text
            for path, (text, _) in files.items()
            if text.startswith("#!") or path.endswith(".sh")
        }
        for file, text in texts.items():
            target = folder / file
            target.write_text(text)
            made.append(target)
    return made


@pytest.mark.parametrize(("release", "version", "role"), variants())
def test_bash_reads_every_script(release: str, version: str, role: Role, tmp_path: Path) -> None:
    described = site(release={"version": release}, opennebula={"version": version})
    for script in _scripts(rendered(described, role), tmp_path):
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("storage", STORAGE)
def test_shellcheck_finds_nothing(storage: str, tmp_path: Path) -> None:
    """Each distinct script once: most do not differ between releases."""
    distinct: dict[str, Path] = {}
    for release, version, role in variants():
        described = site(
            release={"version": release},
            opennebula={"version": version},
            storage=STORAGE[storage],
            site={"name": "b2ct", "domain": "example.org", "ntp": ["ntp.example.org"]},
            packages={"all": ["emacs-nox", "@development", "-nano"]},
            admins=[{"name": "O'Hara; $(x)", "ssh_keys": [KEY]}],
        )
        folder = tmp_path / f"{release}-{version}-{role}"
        for script in _scripts(rendered(described, role, secrets=SECRETS), folder):
            distinct.setdefault(script.read_text(), script)
    done = subprocess.run(
        # SC1091: sourced files are on the machine. SC2043: a rendered list may have one member.
        # SC2016: a site's value, quoted, may hold a dollar.
        ["shellcheck", "--shell=bash", "--exclude=SC1091,SC2016,SC2043", *distinct.values()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


OTHERS = {
    "ssh", "scp", "sftp", "ssh-keyscan", "rsync", "curl", "wget", "dnf", "yum", "mount", "getent",
    "onehost", "onedatastore", "oneuser", "nc", "dig",
}  # fmt: skip
"""Programs that wait for another machine, or for oned."""


def unbounded(script: str) -> list[str]:
    """Its commands that may wait for another machine for ever."""
    return [
        " ".join(words)
        for line in shell.lines(script)
        for words in shell.commands(line)
        for index, word in enumerate(words)
        if word in OTHERS
        and not {"within", "timeout", "ask_one"} & set(words[:index])
        and not {"--max-time", "--help", "as", "group"} & set(words)
        and words[0] not in ("echo", "later", "rpm", "run:")
    ]


def test_whatever_waits_for_another_machine_has_a_limit() -> None:
    found = {name: unbounded(text) for name, text in shell.scripts()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    ['ssh "$1" true', "x=$(curl -s y)", "as_oneadmin onehost list || :", "if mount /x; then"],
)
def test_a_wait_without_a_limit_would_be_noticed(line: str) -> None:
    assert len(unbounded(line)) == 1


SECRETS = {"root_password_hash": "$6$salt$hash", "oneadmin_password": "it's %d $(secret) \\n"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3vYyN8YkVqLrJ5pX8sVwqzqQ0bqkZ1xXo5v0o3cW9d O'Hara"
