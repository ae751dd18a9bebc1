"""Why two builds differ."""

from __future__ import annotations

from pathlib import Path

from b2ct.image import compare
from b2ct.image.compare import Side
from b2ct.image.rootfs import archive
from b2ct.image.rootfs.cache import LayerCache


def side(folder: Path, base: dict[str, str], packages: dict[str, str], image: bytes) -> Side:
    cache = LayerCache(folder / "layers")
    layers = []
    for kind, content in (("base", base), ("packages", packages)):
        tree = folder / kind
        for name, text in content.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        layers.append(
            cache.get(kind, kind, "worker", lambda out, tree=tree: archive.pack(tree, out, 1000))  # type: ignore[misc]
        )
    (folder / "image").write_bytes(image)
    return Side(folder / "layers", layers, folder / "image")


def test_the_files_of_the_first_differing_layer_are_named(tmp_path: Path) -> None:
    one = side(tmp_path / "1", {"a": "x", "etc/id": "1", "gone": ""}, {"p": "1"}, b"i")
    two = side(tmp_path / "2", {"a": "x", "etc/id": "2", "new": ""}, {"p": "2"}, b"j")
    (first, *rest) = compare.differences(one, two)
    assert first == "the base layers differ"
    assert rest == [
        "/etc/id differs in its content",
        "/gone is in one of them only",
        "/new is in one of them only",
    ]


def test_modes_and_links_count(tmp_path: Path) -> None:
    for number, mode in enumerate((0o644, 0o600)):
        tree = tmp_path / str(number)
        tree.mkdir()
        (tree / "file").write_text("x")
        (tree / "file").chmod(mode)
        (tree / "link").symlink_to(str(number))
        archive.pack(tree, tmp_path / f"{number}.tar", 1000)
    assert list(compare.of_archives(tmp_path / "0.tar", tmp_path / "1.tar")) == [
        "/file differs in its mode",
        "/link differs in its target",
    ]


def test_many_are_counted(tmp_path: Path) -> None:
    one = side(tmp_path / "1", {f"f{i:02}": "1" for i in range(15)}, {"p": "1"}, b"i")
    two = side(tmp_path / "2", {f"f{i:02}": "2" for i in range(15)}, {"p": "1"}, b"i")
    found = compare.differences(one, two)
    assert len(found) == 12
    assert found[-1] == "and 5 more"


def test_with_equal_layers_it_is_the_disk(tmp_path: Path) -> None:
    image = bytes(3 << 20)
    one = side(tmp_path / "1", {"a": "x"}, {"p": "1"}, image + b"a")
    two = side(tmp_path / "2", {"a": "x"}, {"p": "1"}, image + b"b")
    assert compare.differences(one, two) == [
        "all files are the same",
        f"the images differ first at byte {3 << 20}",
    ]


def test_a_shorter_file_differs_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"abcd")
    assert compare.first_difference(tmp_path / "a", tmp_path / "b") == 3
