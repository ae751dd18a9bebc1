"""The .deb as dpkg and lintian read it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from packages import deb, tree
from packages.about import About
from tests.packages import small

ABOUT = About("3.11", 1790000000, commit="0" * 40)


def said(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=300).stdout


def test_the_same_tree_makes_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        work = tmp_path / name
        work.mkdir()
        made.append(deb.build(small.make(work / "tree"), ABOUT, work, work).read_bytes())
    assert made[0] == made[1]


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    made = deb.build(small.make(tmp_path / "tree"), ABOUT, tmp_path, tmp_path)
    assert made.name == f"b2ct_{ABOUT.version}-20260921141320.py311_amd64.deb"
    fields = said("dpkg-deb", "--field", made)
    assert "Depends: python3 (>= 3.11~), python3 (<< 3.12~), python3.11, libc6" in fields
    (recommended,) = re.findall(r"^Recommends: (.*)$", fields, re.MULTILINE)
    assert {"qemu-system-x86", "mtools", "python3-pip"} <= set(recommended.split(", "))
    (suggested,) = re.findall(r"^Suggests: (.*)$", fields, re.MULTILINE)
    assert "mmdebstrap" in suggested.split(", ")
    assert not set(suggested.split(", ")) & {"shellcheck", "chromium", *recommended.split(", ")}


def test_modes_owners_and_times_tell_nothing_of_who_built_it(tmp_path: Path) -> None:
    made = deb.build(small.make(tmp_path / "tree"), ABOUT, tmp_path, tmp_path)
    lines = said("dpkg-deb", "--contents", made).splitlines()
    assert all(" root/root " in line and " 2026-09-21 " in line for line in lines)
    (program,) = [line for line in lines if line.endswith("./usr/lib/b2ct/bin/b2ct")]
    assert program.startswith("-rwxr-xr-x")


def test_it_depends_on_all_that_its_compiled_parts_link(
    built: dict[str, Path], tmp_path: Path
) -> None:
    if not shutil.which("readelf"):
        pytest.skip("readelf is not installed")
    said("dpkg-deb", "--extract", built["deb"], tmp_path)
    objects = [path for path in tmp_path.rglob("*.so*") if path.is_file()]
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", said("readelf", "--dynamic", *objects)))
    of_libc = {f"lib{name}" for name in ("c.so.6", "m.so.6", "dl.so.2", "rt.so.1", "pthread.so.0")}
    assert needed <= of_libc | {"ld-linux-x86-64.so.2", "libgcc_s.so.1", "libstdc++.so.6"}
    versions = re.findall(r"GLIBC_2\.(\d+)", said("readelf", "--version-info", *objects))
    assert max(map(int, versions)) <= 28


def test_lintian_finds_no_error(tmp_path: Path) -> None:
    """In all that is ours; the wheels, at which it looks for long, are overridden as a whole."""
    if not shutil.which("lintian"):
        pytest.skip("lintian is not installed")
    tree.around(tmp_path / "tree", ABOUT)
    made = deb.build(tmp_path / "tree", ABOUT, tmp_path, tmp_path)
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", str(made)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout
