"""The CDs as shells, cloud-init and other tools read them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.context import cdrom
from b2ct.context.attributes import expanded
from b2ct.context.userdata import user_data
from b2ct.core.errors import B2ctError
from tests.context.shells import cloud_init, needs_cloud_init, sourced
from tests.context.sites import KEY, whole

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = {
    "QUOTES": "it's \"quoted\" '' '\\''",
    "LINES": "one\ntwo\n\nlast",
    "DOLLAR": "$HOME $(id) ${PATH} `id` $$",
    "SLASH": "a\\nb\\",
    "EMPTY": "",
    "UNICODE": "é ☃",
}
CONTEXT = """
import json, sys
from cloudinit.sources import DataSourceOpenNebula as source
found = source.read_context_disk_dir(sys.argv[1], None)
print(json.dumps({"metadata": found["metadata"], "userdata": found["userdata"]}))
"""
"""What cloud-init's OpenNebula data source finds in a folder."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)

needs_xorriso = pytest.mark.skipif(not shutil.which("xorriso"), reason="xorriso is not installed")
needs_isoinfo = pytest.mark.skipif(not shutil.which("isoinfo"), reason="isoinfo is not installed")


def unpacked(image: Path, folder: Path) -> Path:
    """The files of an image, by Rock Ridge names."""
    words = ["xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    return folder


def test_golden() -> None:
    assert cdrom.context_sh(HOSTILE) == (GOLDEN / "context.sh").read_text()


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shells_read_the_values_back(shell: str) -> None:
    assert sourced(cdrom.context_sh(HOSTILE), *HOSTILE, shell=shell) == HOSTILE


@settings(max_examples=40)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_no_value_breaks_out_of_context_sh(values: list[str]) -> None:
    variables = {f"V{i}": value for i, value in enumerate(values)}
    assert sourced(cdrom.context_sh(variables), *variables) == variables


@pytest.mark.parametrize("name", ["A B", "A=1;id", "1A", "", "A\n"])
def test_names_that_no_shell_takes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a shell variable"):
        cdrom.context_sh({name: "x"})
    with pytest.raises(ValueError, match="NUL"):
        cdrom.context_sh({"A": "\0"})


@needs_xorriso
@needs_cloud_init
def test_cloud_init_reads_the_context(tmp_path: Path) -> None:
    made = whole(tmp_path)
    image = tmp_path / "context.iso"
    network = {"ETH0_MAC": "02:00:0a:01:00:64", "ETH0_DNS": "10.0.0.1"}
    cdrom.write_context({**expanded(made, {"VMID": "17"}), **network, **HOSTILE}, image)
    folder = unpacked(image, tmp_path / "mounted")
    found = cloud_init(CONTEXT, folder)
    assert found["userdata"] == user_data(made)
    metadata = found["metadata"]
    assert metadata["local-hostname"] == "big-17"
    assert metadata["public-keys"] == [KEY]
    assert {name: metadata[name] for name in HOSTILE} == HOSTILE
    assert metadata["B2CT_VMID"] == "17"


@needs_isoinfo
def test_the_image_is_as_oned_makes_it(tmp_path: Path) -> None:
    image = tmp_path / "context.iso"
    cdrom.write_context(HOSTILE, image, epoch=0)

    def isoinfo(*words: str) -> str:
        argv = ["isoinfo", "-i", str(image), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    about = isoinfo("-d")
    assert "Volume id: CONTEXT\n" in about
    assert "Joliet with UCS level 3" in about
    assert "Rock Ridge signatures" in about
    assert isoinfo("-f", "-R") == "/context.sh\n"
    assert isoinfo("-f", "-J") == "/context.sh\n"
    text = cdrom.context_sh(HOSTILE)
    assert isoinfo("-R", "-x", "/context.sh") == text
    assert isoinfo("-J", "-x", "/context.sh") == text


@needs_xorriso
def test_the_seed_leaves_the_network_to_cloud_init(tmp_path: Path) -> None:
    image = tmp_path / "seed.iso"
    meta = cdrom.meta_data("big", "#cloud-config\n")
    cdrom.write_seed("big", "#cloud-config\n", image)
    folder = unpacked(image, tmp_path / "mounted")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "user-data": "#cloud-config\n",
        "meta-data": meta,
    }
    toc = subprocess.run(["xorriso", "-indev", image, "-pvd_info"], capture_output=True, check=True)
    assert b"Volume Id    : cidata" in toc.stdout
    assert yaml.safe_load(meta)["local-hostname"] == "big"


def test_another_user_data_is_another_instance() -> None:
    assert cdrom.meta_data("a", "x") != cdrom.meta_data("a", "y")
    assert cdrom.meta_data("a", "x") == cdrom.meta_data("a", "x")


def test_the_same_input_gives_the_same_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = set()
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        image = tmp_path / f"{zone[:3]}.iso"
        cdrom.write_context(HOSTILE, image, epoch=1_700_000_000)
        sums.add(hashlib.sha256(image.read_bytes()).hexdigest())
    monkeypatch.undo()
    time.tzset()
    assert len(sums) == 1
    cdrom.write_context(HOSTILE, image, epoch=1_700_000_001)
    assert hashlib.sha256(image.read_bytes()).hexdigest() not in sums


def test_pycdlib_gets_its_clock_back(tmp_path: Path) -> None:
    cdrom.write_context(HOSTILE, tmp_path / "a.iso")
    from pycdlib import dates, headervd, pycdlib, utils

    assert {module.time for module in (dates, headervd, pycdlib, utils)} == {time}


def test_the_time_is_that_of_source_date_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, epoch in (("a", "1700000000"), ("b", "1800000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        cdrom.write_context(HOSTILE, tmp_path / f"{name}.iso")
    assert b"20231114221320" in (tmp_path / "a.iso").read_bytes()
    assert b"20270115080000" in (tmp_path / "b.iso").read_bytes()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="cannot write"):
        cdrom.write_context(HOSTILE, tmp_path / "no" / "a.iso")
