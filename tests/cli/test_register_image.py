"""`b2ct register-image`, as users run it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from b2ct.papers import signature
from tests.cli.cloud import (
    SITE,
    Cloud,
    an_image,
    assert_without_remarks,
    cloud,
    good,
    wait_until,
)
from tests.cloud.shop import a_qcow2
from tests.image.images import a_key, allow
from tests.ssh.sshd import breaking_line, front_end, needs_sshd

__all__ = ["cloud"]
WAY = ("--path", "/var/tmp/worker.qcow2")


def test_from_a_file_to_a_running_vm(cloud: Cloud) -> None:
    cloud.site()
    cloud.double.add_host("hv0")
    template = 'NAME="vms"\nVN_MAD="dummy"\nBRIDGE="br20"\nAR=[TYPE="IP4",IP="10.1.0.100",SIZE="9"]'
    cloud.double.rpc("one.vn.allocate", template, -1)
    image = an_image(cloud)
    planned = good(cloud.b2ct("register-image", image, *WAY, "--dry-run"))
    assert "register image worker from /var/tmp/worker.qcow2" in planned
    assert "register VM template b2ct-worker" in planned
    assert not list(cloud.double.cloud.images)

    done = cloud.b2ct("register-image", image, *WAY)
    assert "image 0 (worker) is registered" in good(done)
    assert "VM template 0 (b2ct-worker): created" in done.stdout
    assert "which nobody signed" in done.stderr
    assert "image 0 (worker): READY" in done.stderr
    again = good(cloud.b2ct("register-image", image, *WAY))
    assert "nothing to do" in again
    assert "is as it should be" in again

    vms = json.loads(
        good(cloud.b2ct("instantiate", "b2ct-worker", "--count", "2", "--wait", "--json"))
    )
    assert [(vm["state"], vm["addresses"]) for vm in vms] == [
        ("RUNNING", ["10.1.0.100"]),
        ("RUNNING", ["10.1.0.101"]),
    ]


def test_without_a_site(cloud: Cloud) -> None:
    done = cloud.b2ct("register-image", an_image(cloud), *WAY, "--name", "mine")
    assert "image 0 (mine) is registered" in good(done)
    assert "without a VM template" in done.stderr
    assert not list(cloud.double.cloud.templates)


def test_the_worker_that_is_made_from_this_image(cloud: Cloud) -> None:
    cloud.site(SITE + "  big: {image: el9-worker, memory: 8GiB}\n")
    made = json.loads(good(cloud.b2ct("register-image", an_image(cloud), *WAY, "--json")))
    assert made["template"]["name"] == "b2ct-worker"
    done = cloud.b2ct("register-image", "worker.qcow2", *WAY, "--worker", "big", "--template", "t")
    assert "(t): created" in good(done)
    assert "is made from 'el9-worker', this image from 'worker'" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["none.qcow2"], ["no file none.qcow2", "b2ct image build"]),
        (["junk.qcow2"], ["is no QCOW2 image"]),
        (["bare.qcow2"], ["no manifest", "--unverified"]),
        (["w.qcow2", "--replace", "--new-version"], ["contradict"]),
        (["w.qcow2", "--path", "/x", "--url", "http://h/x"], ["--path and --url"]),
        (["w.qcow2", "--no-template", "--worker", "x"], ["--no-template"]),
        (["w.qcow2", "--template", "x"], ["there is none here", "b2ct init"]),
        (["w.qcow2", "--name", "a.v3", "--path", "/var/tmp/w.qcow2"], ["ends like that of a"]),
        (["w.qcow2", "--name", "a/b", "--path", "/var/tmp/w.qcow2"], ["does not allow"]),
        (["w.qcow2"], ["tunnel", "--ssh"]),
        (["w.qcow2", "--require-signature"], ["--allowed-signers"]),
        (["w.qcow2", "--auth", "gone"], ["--auth names gone"]),
        (["w.qcow2", "--endpoint", "ftp://x"], ["no http or https URL"]),
        (["w.qcow2", "--datastore", "x", "--path", "/var/tmp/w.qcow2"], ["default (1)"]),
    ],
)
def test_refusals(cloud: Cloud, words: list[str], expected: list[str]) -> None:
    a_qcow2(cloud.folder / "w.qcow2")
    a_qcow2(cloud.folder / "bare.qcow2", papers=False)
    (cloud.folder / "junk.qcow2").write_bytes(b"thirteen byte")
    assert_without_remarks(cloud.b2ct("register-image", *words), *expected)
    assert not list(cloud.double.cloud.images)


def test_a_damaged_image(cloud: Cloud) -> None:
    image = an_image(cloud)
    image.write_bytes(image.read_bytes()[:-1])
    done = cloud.b2ct("register-image", image, *WAY)
    assert done.returncode == 1
    assert "it is cut off" in done.stderr
    assert not cloud.double.calls


def test_whose_signature_it_must_have(cloud: Cloud) -> None:
    image, key = an_image(cloud), a_key(cloud.folder)
    signers = allow(cloud.folder / "signers", ada=key)
    words: list[str | Path] = ["register-image", image, *WAY, "--allowed-signers", signers]
    unsigned = cloud.b2ct(*words)
    assert unsigned.returncode == 1
    assert "not signed" in unsigned.stderr
    assert not cloud.double.calls
    signature.sign(image, key)
    done = cloud.b2ct(*words)
    assert "is registered" in good(done)
    assert "signed by ada" in done.stderr


def test_an_error_of_the_server(cloud: Cloud) -> None:
    cloud.double.faults.fail_image("*", "Error copying image: No space left on device")
    done = cloud.b2ct("register-image", an_image(cloud), *WAY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "b2ct: image 0 (worker) is in ERROR: " in done.stderr
    assert "No space left on device" in done.stderr
    assert "then run the same command again" in done.stderr
    assert "hint: the front-end's disk is full" in done.stderr


@needs_sshd
def test_over_ssh(cloud: Cloud, tmp_path: Path) -> None:
    root = tmp_path / "sshd"
    root.mkdir()
    place = cloud.front_end / "b2ct"
    place.mkdir()
    cloud.double.rpc("one.datastore.update", 1, f'SAFE_DIRS="/var/tmp {place}"', 1)
    image = a_qcow2(cloud.folder / "worker.qcow2")
    with front_end(root) as host, breaking_line(host.port, [1 << 30, 150_000]) as line:
        way: list[str | Path] = [
            "--ssh", f"{host.user}@127.0.0.1:{line.port}", "--identity", host.key,
            "--folder", place,
        ]  # fmt: skip
        assert_without_remarks(
            cloud.b2ct("register-image", image, *way), "host key of 127.0.0.1 is not known"
        )
        (cloud.folder / ".ssh").mkdir()
        known = f"[127.0.0.1]:{line.port} {host.host_key}\n"
        (cloud.folder / ".ssh/known_hosts").write_text(known)
        done = cloud.b2ct("register-image", image, *way)
    assert "image 0 (worker) is registered" in good(done)
    assert "checksum compared" in done.stderr
    assert "was lost" in done.stderr
    assert list(place.iterdir()) == []


@needs_sshd
def test_ctrl_c_while_it_is_copied(cloud: Cloud, tmp_path: Path) -> None:
    """Even on a line that hangs it ends at once; the next run goes on where this one was."""
    root, place = tmp_path / "sshd", cloud.front_end / "b2ct"
    root.mkdir()
    place.mkdir()
    cloud.double.rpc("one.datastore.update", 1, f'SAFE_DIRS="/var/tmp {place}"', 1)
    image = a_qcow2(cloud.folder / "worker.qcow2", mark=os.urandom(4_000_000))
    with front_end(root) as host, breaking_line(host.port, [2_000_000], silent=True) as line:
        known = cloud.folder / "known"
        known.write_text(f"[127.0.0.1]:{line.port} {host.host_key}\n")
        words: list[str | Path] = [
            *("register-image", image, "--ssh", f"{host.user}@127.0.0.1:{line.port}"),
            *("--identity", host.key, "--known-hosts", known, "--folder", place),
        ]
        process = cloud.start(*words)
        wait_until(lambda: any(one.stat().st_size > 1_000_000 for one in place.glob("*.part")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "what was done until then stays" in said
        assert "Traceback" not in said
        assert not list(cloud.double.cloud.images)
        done = cloud.b2ct(*words)
    assert "image 0 (worker) is registered" in good(done)
    assert "of it were there already" in done.stderr
    assert list(place.iterdir()) == []
