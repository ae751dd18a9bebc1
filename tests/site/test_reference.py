from __future__ import annotations

from pathlib import Path

from b2ct.site import catalogue, reference, schema

DOCS = Path(__file__).parents[2] / "docs"
AGAIN = "run: python -m b2ct.site.reference docs"


def test_the_committed_pages_are_those_that_are_made() -> None:
    assert (DOCS / "site-yaml.md").read_text() == reference.site_page(), AGAIN
    assert (DOCS / "catalogue.md").read_text() == reference.catalogue_page(), AGAIN


def test_every_key_is_in_the_reference() -> None:
    page = reference.site_page()
    for part in schema.build()["$defs"].values():
        for key in part.get("properties", {}):
            assert f"| `{key}`" in page


def test_every_row_is_in_the_catalogue() -> None:
    page = reference.catalogue_page()
    for media in catalogue.MEDIA.values():
        assert f"| {media.title} | {media.release} |" in page
    for version in catalogue.OPENNEBULA:
        assert f"\n| {version} |" in page


def test_pages_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    reference.main(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue.md", "site-yaml.md"]
