from __future__ import annotations

from pathlib import Path

from b2ct.document import schema
from b2ct.image import reference
from b2ct.image.model import Definition

PAGE = Path(__file__).parents[2] / "docs" / "image-yaml.md"


def test_the_committed_page_is_the_one_that_is_made() -> None:
    assert PAGE.read_text() == reference.page(), "run: python -m b2ct.image.reference docs"


def test_every_key_is_in_the_reference() -> None:
    page = reference.page()
    for part in schema.build(Definition, "")["$defs"].values():
        for key in part.get("properties", {}):
            assert f"| `{key}`" in page


def test_it_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    reference.main(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["image-yaml.md"]
