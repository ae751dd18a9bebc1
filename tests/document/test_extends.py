from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from b2ct.core.errors import InvalidFileError
from b2ct.document import extends, load
from b2ct.document.extends import Merged, NoParentError
from b2ct.document.kind import Kind
from b2ct.document.model import Model
from b2ct.document.types import Line, LocalPath, Size
from tests.document.trees import plain


class Part(Model):
    """A part."""

    script: LocalPath | None = Field(None, description="A script.")
    size: Size = Field(2**30, description="A size.")


class Thing(Model):
    """A thing."""

    name: Line = Field(description="Its name.")
    words: tuple[Line, ...] = Field((), description="Words.")
    scripts: tuple[LocalPath, ...] = Field((), description="Scripts.")
    parts: dict[str, Part] = Field(default_factory=dict, description="Parts.")


SIZE = "expected a size with its unit, such as 50 GiB or 1 TiB"
KIND = Kind(model=Thing, noun="a thing", usual_name="thing.yaml")


def find(said: str, asking: Path) -> Path:
    path = asking.parent / f"{said}.yaml"
    if not path.exists():
        raise NoParentError("there is none", "make one")
    return path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def read(folder: Path, name: str = "top") -> Merged:
    return extends.read(KIND, folder / f"{name}.yaml", find)


def told(merged: Merged, folder: Path) -> list[str]:
    return [str(problem).removeprefix(f"{folder}/") for problem in merged.problems]


def test_from_left_to_right_each_once_itself_last(tmp_path: Path) -> None:
    write(
        tmp_path,
        root="words: [root]",
        left="{extends: root, name: left, words: [left]}",
        right="{extends: [root], name: right, words: [right, -left]}",
        top="{extends: [left, right], words: [top]}",
    )
    merged = read(tmp_path)
    assert not merged.problems
    assert [path.stem for path in merged.sources] == ["root", "left", "right", "top"]
    assert plain(merged.root) == {"words": ["root", "right", "top"], "name": "right"}


def test_paths_are_relative_to_the_file_that_they_stand_in(tmp_path: Path) -> None:
    write(
        tmp_path,
        sub__base="scripts: [a.sh, ../b.sh]\nparts: {p: {script: /abs.sh}}\n",
        top="extends: sub/base\nname: x\nscripts: [a.sh, -../b.sh]\nparts: {q: {script: c.sh}}\n",
    )
    merged = read(tmp_path)
    assert not merged.problems
    thing = load.from_tree(KIND, merged.root, tmp_path / "top.yaml")
    assert thing.scripts == (tmp_path / "sub" / "a.sh", tmp_path / "a.sh")
    assert thing.parts["p"].script == Path("/abs.sh")
    assert thing.parts["q"].script == tmp_path / "c.sh"


def test_a_path_is_shown_as_it_was_typed(tmp_path: Path) -> None:
    write(tmp_path, top="name: x\nparts: {q: {script: c.sh, size: c.sh}}\n")
    merged = read(tmp_path)
    with pytest.raises(InvalidFileError) as caught:
        load.from_tree(KIND, merged.root, tmp_path / "top.yaml")
    [line] = caught.value.lines()
    assert line.startswith(f'{tmp_path}/top.yaml:2:33: parts.q.size: "c.sh": expected a size')


def test_problems_name_the_file_that_they_stand_in(tmp_path: Path) -> None:
    write(
        tmp_path,
        base="\nparts:\n  a: {size: 3 apples}\n  b: {sise: 1 GiB}\n",
        top="extends: base\nparts: {b: {size: 1 X}}\n",
    )
    merged = read(tmp_path)
    with pytest.raises(InvalidFileError) as caught:
        load.from_tree(KIND, merged.root, tmp_path / "top.yaml")
    lines = [line.removeprefix(f"{tmp_path}/") for line in caught.value.lines()]
    assert [line.split(" (")[0] for line in lines] == [
        "top.yaml:1:1: name: is missing: expected its name",
        f'top.yaml:2:19: parts.b.size: "1 X": {SIZE}',
        f'base.yaml:3:13: parts.a.size: "3 apples": {SIZE}',
        'base.yaml:4:7: parts.b: unknown key "sise"',
    ]


BAD = [
    ("extends: [one, nobody]", 'top.yaml:1:16: extends: "nobody": there is none (hint: make one)'),
    (
        "\nextends: {a: b}",
        "top.yaml:2:10: extends: expected a name or the path of a file, or",
    ),
    ("extends: [[one]]", "top.yaml:1:11: extends: expected a name or the path"),
    ("extends: [one, ~]", "top.yaml:1:16: extends: expected a name"),
    ("extends: ''", "top.yaml:1:10: extends: expected a name"),
    ("extends: top", 'top.yaml:1:10: extends: "top": it extends itself: top.yaml -> top.yaml'),
    ("extends: round", 'again.yaml:1:10: extends: "round": it extends itself: round.yaml -> again'),
    ("extends: syntax", "syntax.yaml:1:4: a bracket or brace that is never closed"),
    ("extends: twice", 'twice.yaml:2:1: the key "name" stands here twice: it is already on line 1'),
    ("extends: latin", 'top.yaml:1:10: extends: "latin": '),
    ("words: [-x]", 'top.yaml:1:9: words: "-x": there is no "x" to take out'),
    ("extends: folder", "a folder: expected a file"),
]


@pytest.mark.parametrize(("text", "line"), BAD)
def test_what_is_wrong(tmp_path: Path, text: str, line: str) -> None:
    write(
        tmp_path,
        one="words: [one]",
        round="extends: again",
        again="extends: round",
        syntax="a: [1, 2",
        twice="name: a\nname: b",
        top=text,
    )
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe0")
    (tmp_path / "folder.yaml").mkdir()
    merged = read(tmp_path)
    lines = told(merged, tmp_path)
    assert len(lines) == 1
    assert line in lines[0]


def test_no_parent_no_model(tmp_path: Path) -> None:
    """What follows from a parent that is missing is not worth telling."""
    write(tmp_path, top="extends: nobody")
    merged = read(tmp_path)
    assert merged.root is None
    assert len(merged.problems) == 1


def test_nothing_to_extend(tmp_path: Path) -> None:
    write(tmp_path, top="extends:\nname: x")
    assert plain(read(tmp_path).root) == {"name": "x"}
    write(tmp_path, top="")
    assert read(tmp_path) == Merged(None, (tmp_path / "top.yaml",), ())


def test_a_long_chain_ends(tmp_path: Path) -> None:
    for number in range(extends.MAX_FILES + 5):
        write(tmp_path, **{f"f{number}": f"extends: f{number + 1}"})
    [line] = told(read(tmp_path, "f0"), tmp_path)
    assert "more than 64 files" in line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="there is no such file"):
        read(tmp_path)
