from __future__ import annotations

import re
from pathlib import Path

import pytest

from b2ct.core.data import data_folder
from b2ct.image import definitions, show
from tests.document.trees import plain, read

NAMES = sorted(path.stem for path in data_folder("images").glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sources", [False, True])
def test_what_is_shown_is_the_same_definition(name: str, sources: bool, tmp_path: Path) -> None:
    loaded = definitions.load(name)
    text = show.text(loaded, sources=sources)
    assert plain(read(text)) == plain(loaded.tree)
    (tmp_path / "all.yaml").write_text(text)
    again = definitions.load(str(tmp_path / "all.yaml"))
    assert again.definition == loaded.definition
    assert again.sources == (tmp_path / "all.yaml",)


def test_each_value_says_where_it_stands() -> None:
    loaded = definitions.load("debian-12-worker")
    lines = show.text(loaded, sources=True).splitlines()
    [line] = [line for line in lines if line.startswith("  - cloud-init ")]
    found = re.search(r"# parts/worker\.yaml:([0-9]+)$", line)
    assert found
    stands = data_folder("images") / "parts" / "worker.yaml"
    assert "cloud-init" in stands.read_text().splitlines()[int(found[1]) - 1]
    for line in lines[1:]:
        is_value = not line.rstrip().endswith(":")
        assert ("  # " in line) == is_value, line


def test_for_programs() -> None:
    loaded = definitions.load("debian-12-worker")
    told = show.as_json(loaded)
    assert told["definition"]["disk"]["label"] == "root"
    assert told["definition"]["files"]["/usr/libexec/b2ct/idle"]["mode"] == "0755"
    origins = show.origins(loaded)
    assert origins["boot.kernel"].startswith(f"{loaded.sources[-1]}:")
    assert len(origins) > len(loaded.definition.packages)
