"""`b2ct usb image` as a user runs it: the account it gives, and every refusal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import PracticeIso, assert_refused, b2ct, left_over
from tests.media.key import tools

ARGV = [sys.executable, "-m", "b2ct", "usb", "image"]


def image(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return b2ct("usb", "image", *words, cwd=cwd)


def test_json_says_what_the_key_holds(tmp_path: Path, practice_iso: PracticeIso) -> None:
    done = image(
        practice_iso("el10"), "--role", "hypervisor", "-o", "key.img", "--label", "HALL-2",
        "--size", "100M", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, key = json.loads(done.stdout), tmp_path / "key.img"
    digest = tools.run("sha256sum", key).split()[0]
    assert told["sha256"] == digest
    assert told["size"] == key.stat().st_size == 100 * 2**20
    assert (told["label"], told["release"]) == ("HALL-2", "el10")
    assert told["firmware"] == ["bios", "uefi"]
    (kickstart,) = told["kickstarts"]
    assert kickstart["path"] == "/ks/hypervisor.ks"
    assert f"{kickstart['sha256']}  ks/hypervisor.ks" in tools.read(key, "ks/SHA256SUMS").decode()
    assert "is HALL-2" in tools.run("mdir", "-i", tools.place(key), "::/")


def test_the_account_for_people(tmp_path: Path, practice_iso: PracticeIso) -> None:
    (tmp_path / "site.yaml").write_text(
        "site: {name: uni}\nnetworks: {s: {}}\nnodes:\n"
        "  - {name: one, role: single, interfaces: [{network: s, mac: '02:00:00:00:00:01'}]}\n"
    )
    done = image(practice_iso("el6"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrote uni-key-el6.img" in done.stdout
    assert "boots     BIOS\n" in done.stdout
    assert "Install uni: single node  (default)" in done.stdout
    assert "Install uni: one (single)" in done.stdout
    assert "b2ct usb write uni-key-el6.img" in done.stdout


def test_dry_run_writes_nothing(tmp_path: Path, practice_iso: PracticeIso) -> None:
    done = image(practice_iso("el9"), "--role", "control", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "would write b2ct-key-el9.img" in done.stdout
    assert left_over(tmp_path) == []


def test_an_existing_image_is_replaced_only_by_force(
    tmp_path: Path, practice_iso: PracticeIso
) -> None:
    out = tmp_path / "key.img"
    out.write_text("precious")
    words = (practice_iso("el9"), "--role", "control", "-o", out)
    assert_refused(image(*words, cwd=tmp_path), "exists already", "--force")
    assert out.read_text() == "precious"
    assert image(*words, "--force", cwd=tmp_path).returncode == 0
    assert out.stat().st_size > 30_000_000


@pytest.mark.parametrize("way", [Path.hardlink_to, Path.symlink_to])
def test_the_source_is_never_the_target(
    tmp_path: Path, practice_iso: PracticeIso, way: Callable[[Path, Path], None]
) -> None:
    source = tmp_path / "source.iso"
    source.write_bytes(practice_iso("el9").read_bytes())
    link = tmp_path / "link.iso"
    way(link, source)
    before = source.read_bytes()
    done = image(source, "--role", "control", "-o", link, "--force", cwd=tmp_path)
    assert_refused(done, "installer image itself")
    assert source.read_bytes() == before


def test_nobody_to_serve(tmp_path: Path, practice_iso: PracticeIso) -> None:
    assert_refused(image(cwd=tmp_path), "a role or a node", "--role")
    assert_refused(image(practice_iso("el9"), cwd=tmp_path), "a role or a node", "--role")
    assert left_over(tmp_path) == []


def test_unknown_node(tmp_path: Path, practice_iso: PracticeIso) -> None:
    done = image(practice_iso("el9"), "--node", "hv99", cwd=tmp_path)
    assert_refused(done, "no node 'hv99'")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--label", "lower", "not a label"),
        ("--label", "MUCH-TOO-LONG", "11"),
        ("--label", "OEMDRV", "driver disk"),
        ("--size", "big", "not a size"),
        ("--size", "5", "not a size"),
        ("--size", "100K", "are too few: the key needs"),
        ("--size", "20M", "are too few: the key needs"),
        ("--size", "9T", "MBR"),
        ("--serial", "com1", "ttyS0,115200"),
    ],
)
def test_wishes_that_cannot_be(
    tmp_path: Path, practice_iso: PracticeIso, option: str, value: str, expected: str
) -> None:
    words = (practice_iso("el9"), "--role", "control", option, value)
    assert_refused(image(*words, cwd=tmp_path), expected)
    assert left_over(tmp_path) == []


def test_a_bad_clock(
    tmp_path: Path, practice_iso: PracticeIso, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    done = image(practice_iso("el9"), "--role", "control", cwd=tmp_path)
    assert_refused(done, "SOURCE_DATE_EPOCH", "yesterday")


def test_truncated_iso(tmp_path: Path, practice_iso: PracticeIso) -> None:
    source = tmp_path / "cut.iso"
    whole = practice_iso("el9").read_bytes()
    source.write_bytes(whole[: len(whole) * 2 // 3])
    assert_refused(image(source, "--role", "control", cwd=tmp_path), "cut.iso")
    assert left_over(tmp_path, source) == []


def test_random_file(tmp_path: Path) -> None:
    source = tmp_path / "holiday.iso"
    source.write_bytes(os.urandom(3_000_000))
    assert_refused(image(source, "--role", "control", cwd=tmp_path), "holiday.iso")


def test_missing_iso(tmp_path: Path) -> None:
    assert_refused(image("nowhere.iso", "--role", "control", cwd=tmp_path), "nowhere.iso")


def test_bad_site_yaml(tmp_path: Path, practice_iso: PracticeIso) -> None:
    (tmp_path / "site.yaml").write_text("site:\n  nmae: x\n")
    done = image(practice_iso("el9"), "--role", "control", cwd=tmp_path)
    assert_refused(done, "site.yaml:2:3", "nmae")


def test_release_that_contradicts_the_image(tmp_path: Path, practice_iso: PracticeIso) -> None:
    (tmp_path / "site.yaml").write_text("release:\n  version: el10\n")
    done = image(practice_iso("el9"), "--role", "control", cwd=tmp_path)
    assert_refused(done, "el10", "el9")


def test_interrupted_it_leaves_nothing(tmp_path: Path, practice_iso: PracticeIso) -> None:
    """SIGTERM while it writes: wherever it strikes, there is no key under the final name."""
    words = [*ARGV, practice_iso("el9"), "--role", "control", "-o", "key.img", "--size", "1G"]
    process = subprocess.Popen(
        [str(word) for word in words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    found = [path.name for path in tmp_path.iterdir()]
    if process.returncode == 130:
        assert "nothing was left half done" in said
        assert found == []
    else:  # it was done before the signal came
        assert process.returncode in (0, -signal.SIGTERM)
        assert found == ["key.img"]
        tools.fsck(tmp_path / "key.img", tmp_path)


def test_full_disk(tmp_path: Path, practice_iso: PracticeIso, small_disk: Path) -> None:
    words = (practice_iso("el9"), "--role", "control", "-o", small_disk / "key.img")
    assert_refused(image(*words, cwd=tmp_path), "space", "MiB are free")
    assert left_over(small_disk) == []


def test_read_only_target(tmp_path: Path, practice_iso: PracticeIso, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    words = (practice_iso("el9"), "--role", "control", "-o", small_disk / "key.img")
    assert_refused(image(*words, cwd=tmp_path), "read-only")
    assert left_over(small_disk) == []


def test_a_key_with_a_hash_is_not_world_readable(tmp_path: Path, practice_iso: PracticeIso) -> None:
    source = tmp_path / "boot.iso"
    source.write_bytes(practice_iso("el9").read_bytes())
    source.chmod(0o644)
    done = image(source, "--role", "control", "-o", "plain.img", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plain.img").stat().st_mode & 0o777 == 0o644
    (tmp_path / "password").write_text("a long pass phrase\n")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "site.yaml").write_text("secrets:\n  root_password: {file: password}\n")
    done = image(source, "--role", "control", "-o", "key.img", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "key.img").stat().st_mode & 0o777 == 0o600


def test_a_key_from_a_private_iso_stays_private(tmp_path: Path, practice_iso: PracticeIso) -> None:
    words = ("iso", "--role", "control", "--source", practice_iso("el9"), "-o", "ours.iso")
    assert b2ct(*words, cwd=tmp_path).returncode == 0
    (tmp_path / "ours.iso").chmod(0o600)
    done = image("ours.iso", "-o", "key.img", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "key.img").stat().st_mode & 0o777 == 0o600
