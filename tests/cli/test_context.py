"""`b2ct context` from the command line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import assert_refused, b2ct, left_over

SITE = """\
site: {name: desy, domain: b2ct.example.org}
networks:
  vms:
    cidr: 10.0.0.0/24
    bridge: br0
    vm_range: {first: 10.0.0.100, last: 10.0.0.200}
nodes:
  - {name: one, role: single, interfaces: [{network: vms, address: 10.0.0.10}]}
admins:
  - name: me
    ssh_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f]
workers:
  small: {scripts: [tune.sh]}
  big: {vcpu: 8}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "tune.sh").write_text("#!/bin/sh\necho tuned\n")
    return tmp_path


def test_user_data_of_a_worker(folder: Path) -> None:
    done = b2ct("context", "render", "--for", "big", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("#cloud-config\n# big, made by B2CT from site.yaml\n")
    small = b2ct("context", "render", "--for", "small", cwd=folder)
    assert small.stdout.startswith("Content-Type: multipart/mixed;")
    assert "echo tuned" in small.stdout


def test_the_site_may_be_elsewhere_with_its_files(folder: Path) -> None:
    away = folder / "away"
    away.mkdir()
    done = b2ct("context", "render", "--site", "../site.yaml", "--for", "small", cwd=away)
    assert "echo tuned" in done.stdout


def test_files_as_they_will_be(folder: Path) -> None:
    shown = b2ct("context", "render", "--for", "squid", "--format", "files", cwd=folder)
    assert "### /usr/libexec/b2ct/squid-start (0755)\n#!/bin/bash\n" in shown.stdout
    done = b2ct(
        *("context", "render", "--for", "squid", "--format", "files", "-o", "out"), cwd=folder
    )
    assert done.returncode == 0, done.stderr
    start = folder / "out/usr/libexec/b2ct/squid-start"
    assert start.stat().st_mode & 0o777 == 0o755
    again = b2ct(
        *("context", "render", "--for", "squid", "--format", "files", "-o", "out"), cwd=folder
    )
    assert_refused(again, "out exists already", "name a new folder")


def test_a_template_for_opennebula(folder: Path) -> None:
    done = b2ct("context", "render", "--for", "big", "--format", "opennebula", cwd=folder)
    assert done.stdout.startswith('CONTEXT = [\n  NETWORK = "YES",\n')


@pytest.mark.parametrize(("form", "label"), [("cdrom", "CONTEXT"), ("seed", "cidata")])
def test_images_are_reproducible(form: str, label: str, folder: Path) -> None:
    words = ("context", "render", "--for", "big", "--format", form, "-o")
    images = []
    for name, zone in (("a.iso", "UTC"), ("b.iso", "Asia/Tokyo")):
        done = subprocess.run(
            [sys.executable, "-m", "b2ct", *words, name],
            cwd=folder,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == f"{name} written: {form} of big\n"
        images.append((folder / name).read_bytes())
    assert images[0] == images[1]
    assert images[0][32768 + 40 : 32768 + 72].decode().strip() == label
    assert_refused(b2ct(*words, "a.iso", cwd=folder), "a.iso exists already", "--force")
    assert b2ct(*words, "a.iso", "--force", cwd=folder).returncode == 0


def test_json_for_programs(folder: Path) -> None:
    done = b2ct("context", "render", "--for", "big", "--json", cwd=folder)
    made = json.loads(done.stdout)
    assert made["name"] == "big"
    assert made["context"]["SET_HOSTNAME"] == "big-$VMID"
    assert base64.b64decode(made["context"]["USERDATA"]).decode() == made["user_data"]
    assert {"path", "mode", "text"} == set(made["files"][0])


def test_the_default_worker_is_said(folder: Path) -> None:
    (folder / "site.yaml").write_text(SITE.partition("workers:")[0])
    done = b2ct("context", "render", cwd=folder)
    assert done.returncode == 0
    assert "note: site.yaml describes no `workers`: taking the default, b2ct-worker" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ("the site has several workers", "small, big")),
        (("--for", "huge"), ("the site has no worker 'huge'", "small, big")),
        (("--for", "big", "--format", "seed"), ("a seed is an image", "-o")),
        (("--for", "big", "-o", "none/x"), ("cannot write", "create the folder")),
        (("--site", "none.yaml"), ("there is no such file",)),
    ],
)
def test_refusals(words: tuple[str, ...], expected: tuple[str, ...], folder: Path) -> None:
    before = set(folder.iterdir())
    assert_refused(b2ct("context", "render", *words, cwd=folder), *expected)
    assert left_over(folder, *before) == []


def test_without_a_site_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert_refused(b2ct("context", "render", cwd=tmp_path), "there is no site.yaml", "--site")


def test_a_script_that_cannot_work_is_told_with_its_line(folder: Path) -> None:
    (folder / "tune.sh").write_text("#!/bin/sh\r\n")
    done = b2ct("context", "render", "--for", "small", "-o", "out", cwd=folder)
    assert_refused(done, "site.yaml:13:21: workers.small.scripts[0]:", "line ends of Windows")
    assert not (folder / "out").exists()
