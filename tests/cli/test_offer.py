"""What is offered at Tab: asked of click as a shell asks, without a process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from b2ct.cli import offer
from b2ct.cli.completion import VARIABLE
from b2ct.cli.main import b2ct

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a site.yaml, in which the line is written."""
    shutil.copy(ROOT / "docs" / "examples" / "site.yaml", tmp_path / "site.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str) -> list[str]:
    """The words that would be shown after this line; `<file>`: the shell's own files, too."""
    *words, incomplete = line.split(" ")
    shell = ShellComplete(b2ct, {}, "b2ct", VARIABLE)
    found = shell.get_completions(words, incomplete)
    return ["<file>" if item.type == "file" else item.value for item in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("vali", ["validate"]),
        ("usb w", ["write"]),
        ("kickstart --nod", ["--node"]),
        ("kickstart --role hy", ["hypervisor"]),
        ("kickstart --node ", ["one", "hv01", "hv02"]),
        ("iso --node hv01 --node hv", ["hv01", "hv02"]),
        ("validate --node=hv", ["hv01", "hv02"]),
        ("drain hv", ["hv01", "hv02"]),
        ("self deploy --node o", ["one"]),
        ("context render --for ", ["squid", "b2ct-worker", "b2ct-worker-8"]),
        ("template render b2ct-worker-", ["b2ct-worker-8"]),
        ("image build debian-12", ["<file>", "debian-12-worker"]),
        ("init --release el1", ["el10"]),
        ("check ", ["<file>"]),
        ("usb image ", ["<file>"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("nonsense --", ["--version", "--help"]),
    ],
)
def test_words(site: Path, line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_the_site_that_the_line_names_counts(site: Path) -> None:
    (site / "other.yaml").write_text("nodes: [{name: elsewhere}]\n")
    assert offered("kickstart --site other.yaml --node ") == ["elsewhere"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "nodes:", "nodes: 7", "nodes: [7]", "nodes: [{}]", "nodes: [{name: []}]", "[", "\0"),
        "nodes: {name: a}",
        "nodes: [{name: 'a b'}, {name: '$(id)'}, {name: '*'}, {name: \"a\\e[2J\"}]",
        "#" * (offer._LARGEST + 1),
    ],
)
def test_a_file_that_is_wrong_or_hostile_offers_nothing(site: Path, text: str) -> None:
    (site / "site.yaml").write_text(text)
    assert offered("kickstart --node ") == []
    assert offered("template render ") == []


@pytest.mark.parametrize("kind", ["absent", "a folder", "not text"])
def test_no_file_offers_nothing(site: Path, kind: str) -> None:
    path = site / "site.yaml"
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind == "not text":
        path.write_bytes(b"\xff\xfe")
    assert offered("kickstart --node ") == []


def test_definitions_of_this_folder_are_offered_too(site: Path) -> None:
    (site / "images").mkdir()
    (site / "images" / "torino.yaml").touch()
    assert offered("image show tor") == ["<file>", "torino"]


def test_sticks_that_are_plugged_in_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, removable, size in (("sda", 0, 9), ("sdb", 1, 9), ("sdc", 1, 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "removable").write_text(f"{removable}\n")
        (tmp_path / name / "size").write_text(f"{size}\n")
    (tmp_path / "gone").mkdir()
    monkeypatch.setattr(offer, "_BLOCKS", tmp_path)
    assert offered("usb write site.iso ") == ["<file>", "/dev/sdb"]
    assert offered("usb write site.iso ./st") == ["<file>"]
