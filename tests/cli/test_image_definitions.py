"""`b2ct image list`, `show`, `check` and `schema`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from b2ct.cli.image import image
from b2ct.core.errors import B2ctError, InvalidFileError
from b2ct.image import definitions

Image = Callable[..., Result]


@pytest.fixture
def b2ct_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        return CliRunner().invoke(image, words)

    return run


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_list(b2ct_image: Image) -> None:
    write("images/torino.yaml", "extends: el9-worker\ntitle: Torino's\ndisk: {size: 40 GiB}\n")
    write("images/broken.yaml", "extends: el9-wroker\n")
    done = b2ct_image("list")
    assert done.exit_code == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["NAME"].split() == ["NAME", "DISTRIBUTION", "UPDATES", "UNTIL", "SIZE", "TITLE"]
    assert lines["torino"].endswith("almalinux 9   2032-05-31     40 GiB  Torino's")
    assert lines["el6-worker:"] == "el6-worker: historical: it gets no updates any more"
    assert "broken: images/broken.yaml:1:10: " in lines["broken:"]
    assert "did you mean el9-worker?" in lines["broken:"]


def test_list_for_programs(b2ct_image: Image) -> None:
    rows = {row["name"]: row for row in json.loads(b2ct_image("list", "--json").stdout)}
    assert rows["el6-worker"]["historical"]
    assert rows["el6-worker"]["end_of_life"] == "2020-11-30"
    assert not rows["el9-worker"]["historical"]
    assert rows["debian-12-worker"]["size"] == 8 * 2**30
    assert isinstance(rows["debian-12-worker"]["buildable"], bool)


def test_show_prints_a_definition(b2ct_image: Image) -> None:
    write("images/torino.yaml", "extends: el9-worker\ntitle: Torino's\npackages: [-less]\n")
    done = b2ct_image("show", "torino")
    assert done.exit_code == 0
    write("all.yaml", done.stdout)
    assert definitions.load("all.yaml").definition == definitions.load("torino").definition
    assert 'title: "Torino\'s"  # torino.yaml:2' in b2ct_image("show", "torino", "--sources").stdout


def test_show_for_programs(b2ct_image: Image) -> None:
    told: dict[str, Any] = json.loads(b2ct_image("show", "el9-worker", "--json").stdout)
    assert told["definition"]["qcow2"]["compression"] == "zstd"
    assert "values" not in told
    told = json.loads(b2ct_image("show", "el9-worker", "--json", "--sources").stdout)
    assert "el9-worker.yaml:" in told["values"]["title"]


def test_show_of_nothing(b2ct_image: Image) -> None:
    done = b2ct_image("show", "el9-wroker")
    assert isinstance(done.exception, B2ctError)
    assert done.exception.hint == "did you mean el9-worker?"


def test_check(b2ct_image: Image) -> None:
    write("mine.yaml", "extends: debian-12-worker\n")
    write("parts/some.yaml", "packages: [tmux]\n")
    assert b2ct_image("check", "mine.yaml").stdout.startswith("mine.yaml is valid.\n")
    done = b2ct_image("check", "parts/some.yaml")
    assert done.stdout == "parts/some.yaml is valid, as a part of definitions.\n"
    told = json.loads(b2ct_image("check", "--json", "mine.yaml").stdout)
    assert told["valid"]
    assert told["sources"][-1] == "mine.yaml"


def test_check_of_what_is_wrong(b2ct_image: Image) -> None:
    write("mine.yaml", "extends: debian-12-worker\ndisk: {size: 1 GiB}\n")
    done = b2ct_image("check", "--json", "mine.yaml")
    assert isinstance(done.exception, InvalidFileError)
    told = json.loads(done.stdout)
    assert not told["valid"]
    [problem] = told["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("mine.yaml", 2, 14)


def test_schema(b2ct_image: Image, tmp_path: Path) -> None:
    printed = b2ct_image("schema").stdout
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))
    assert b2ct_image("schema", "-o", "image.schema.json").exit_code == 0
    assert (tmp_path / "image.schema.json").read_text() == printed
