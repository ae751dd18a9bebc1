"""`b2ct iso` as a user runs it: the image that comes out, and every refusal of the issue's list."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import PracticeIso, assert_refused, b2ct, left_over


def test_json_says_what_the_image_holds(tmp_path: Path, practice_iso: PracticeIso) -> None:
    out = tmp_path / "h.iso"
    done = b2ct(
        "iso", "--role", "hypervisor", "--role", "control",
        "--source", practice_iso("el9"), "-o", out, "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    sha256 = subprocess.run(["sha256sum", out], capture_output=True, text=True, check=True).stdout
    assert told["sha256"] == sha256.split()[0]
    assert told["size"] == out.stat().st_size
    assert told["release"] == "el9"
    titles = [k["title"] for k in told["kickstarts"]]
    assert titles == [
        "Install b2ct: find out by MAC address",
        "Install b2ct: hypervisor node",
        "Install b2ct: control node",
    ]
    for kickstart in told["kickstarts"]:
        extracted = tmp_path / "ks"
        extracted.unlink(missing_ok=True)
        subprocess.run(
            ["xorriso", "-osirrox", "on", "-indev", out, "-extract", kickstart["path"], extracted],
            check=True,
            capture_output=True,
        )
        digest = subprocess.run(
            ["sha256sum", extracted], capture_output=True, text=True, check=True
        ).stdout
        assert digest.split()[0] == kickstart["sha256"]
    assert subprocess.run(["checkisomd5", out], capture_output=True, check=False).returncode == 0


def test_same_inputs_same_bytes(
    tmp_path: Path, practice_iso: PracticeIso, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    source = practice_iso("el10")
    for name in ("a.iso", "b.iso"):
        done = b2ct("iso", "--role", "single", "--source", source, "-o", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.iso").read_bytes() == (tmp_path / "b.iso").read_bytes()


def test_dry_run_writes_nothing(tmp_path: Path, practice_iso: PracticeIso) -> None:
    done = b2ct(
        "iso", "--role", "control", "--source", practice_iso("el9"), "--dry-run", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "would write b2ct-control-el9.iso" in done.stdout
    assert left_over(tmp_path) == []


def test_an_existing_image_is_replaced_only_by_force(
    tmp_path: Path, practice_iso: PracticeIso
) -> None:
    out = tmp_path / "x.iso"
    out.write_text("precious")
    words = ("iso", "--role", "control", "--source", practice_iso("el9"), "-o", out)
    assert_refused(b2ct(*words, cwd=tmp_path), "exists already", "--force")
    assert out.read_text() == "precious"
    assert b2ct(*words, "--force", cwd=tmp_path).returncode == 0
    assert out.stat().st_size > 1_000_000


@pytest.mark.parametrize("way", [Path.hardlink_to, Path.symlink_to])
def test_the_source_is_never_the_target(
    tmp_path: Path, practice_iso: PracticeIso, way: Callable[[Path, Path], None]
) -> None:
    source = tmp_path / "source.iso"
    source.write_bytes(practice_iso("el9").read_bytes())
    link = tmp_path / "link.iso"
    way(link, source)
    words = ("iso", "--role", "control", "--source", source, "-o", link, "--force")
    before = source.read_bytes()
    assert_refused(b2ct(*words, cwd=tmp_path), "installer image itself")
    assert source.read_bytes() == before


def test_an_image_with_a_hash_is_not_world_readable(
    tmp_path: Path, practice_iso: PracticeIso
) -> None:
    (tmp_path / "password").write_text("a long pass phrase\n")
    (tmp_path / "password").chmod(0o600)
    site = tmp_path / "site.yaml"
    site.write_text("secrets:\n  root_password: {file: password}\n")
    words = ("iso", "--role", "control", "--source", practice_iso("el9"), "-o", "x.iso")
    done = b2ct(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.iso").stat().st_mode & 0o777 == 0o600
    assert "hash of root's password" in done.stderr
    image = (tmp_path / "x.iso").read_bytes()
    assert b"a long pass phrase" not in image
    assert b"rootpw --iscrypted $6$" in image or b"rootpw --iscrypted '$6$" in image


def test_without_role_or_node(tmp_path: Path) -> None:
    assert_refused(b2ct("iso", cwd=tmp_path), "a role or a node", "--role")


def test_unknown_node(tmp_path: Path, practice_iso: PracticeIso) -> None:
    done = b2ct("iso", "--node", "hv99", "--source", practice_iso("el9"), cwd=tmp_path)
    assert_refused(done, "no node 'hv99'")


def test_truncated_iso(tmp_path: Path, practice_iso: PracticeIso) -> None:
    source = tmp_path / "cut.iso"
    whole = practice_iso("el9").read_bytes()
    source.write_bytes(whole[: len(whole) * 2 // 3])
    done = b2ct("iso", "--role", "control", "--source", source, cwd=tmp_path)
    assert_refused(done, "cut.iso")
    assert left_over(tmp_path, source) == []


def test_random_file(tmp_path: Path) -> None:
    source = tmp_path / "holiday.iso"
    source.write_bytes(os.urandom(3_000_000))
    done = b2ct("iso", "--role", "control", "--source", source, cwd=tmp_path)
    assert_refused(done, "holiday.iso")
    assert left_over(tmp_path, source) == []


def test_iso_without_boot_loader(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "images/pxeboot").mkdir(parents=True)
    for name in ("vmlinuz", "initrd.img"):
        (tree / "images/pxeboot" / name).write_bytes(b"x" * 5000)
    source = tmp_path / "data.iso"
    subprocess.run(
        ["xorriso", "-as", "mkisofs", "-R", "-J", "-V", "AlmaLinux-9-5", "-o", source, tree],
        check=True,
        capture_output=True,
    )
    done = b2ct("iso", "--role", "control", "--source", source, cwd=tmp_path)
    assert_refused(done, "data.iso", "boot loader")
    assert left_over(tmp_path, source, tree) == []


def test_missing_iso(tmp_path: Path) -> None:
    done = b2ct("iso", "--role", "control", "--source", "nowhere.iso", cwd=tmp_path)
    assert_refused(done, "nowhere.iso")


def test_bad_site_yaml(tmp_path: Path, practice_iso: PracticeIso) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("site:\n  nmae: x\n")
    done = b2ct("iso", "--role", "control", "--source", practice_iso("el9"), cwd=tmp_path)
    assert_refused(done, "site.yaml:2:3", "nmae")
    assert left_over(tmp_path, site) == []


def test_release_that_contradicts_the_image(tmp_path: Path, practice_iso: PracticeIso) -> None:
    (tmp_path / "site.yaml").write_text("release:\n  version: el10\n")
    done = b2ct("iso", "--role", "control", "--source", practice_iso("el9"), cwd=tmp_path)
    assert_refused(done, "el10", "el9", "--source")


def test_offline_names_the_file_and_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = b2ct("iso", "--role", "control", "--offline", cwd=tmp_path)
    assert done.returncode == 2
    assert "AlmaLinux-9-latest-x86_64-boot.iso" in done.stderr
    assert str(tmp_path / "cache") in done.stderr
    assert "Traceback" not in done.stderr


def test_full_disk(tmp_path: Path, practice_iso: PracticeIso, small_disk: Path) -> None:
    words = ("iso", "--role", "control", "--source", practice_iso("el9"))
    assert_refused(b2ct(*words, "-o", small_disk / "x.iso", cwd=tmp_path), "space")
    assert left_over(small_disk) == []


def test_read_only_target(tmp_path: Path, practice_iso: PracticeIso, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    words = ("iso", "--role", "control", "--source", practice_iso("el9"))
    assert_refused(b2ct(*words, "-o", small_disk / "x.iso", cwd=tmp_path), "read-only")
    assert left_over(small_disk) == []
