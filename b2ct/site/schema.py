"""The JSON Schema of site.yaml."""

from __future__ import annotations

from b2ct.document import schema
from b2ct.document.schema import Schema
from b2ct.site.model import Site

FILE_NAME = "site.schema.json"
"""The name by which a starter refers to the schema."""


def build() -> Schema:
    """The schema as plain data."""
    return schema.build(Site, "B2CT site.yaml")


def text() -> str:
    """The schema as it is printed."""
    return schema.text(build())
