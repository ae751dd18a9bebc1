"""The schema says what the loader says, as far as a schema can, of files that extend others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from b2ct.core.data import data_folder
from b2ct.image import schema
from tests.image.test_definitions import BAD, BASE
from tests.site.test_schema import as_editors_read

VALIDATOR = jsonschema.Draft202012Validator(schema.build())
SHIPPED = sorted(data_folder("images").rglob("*.yaml"))
# What only the loader can know: what other files say, which files there are, what goes together.
LOADER_ONLY = re.compile(
    r"bsae|bas\.yaml|a/|no\.sh|source: no|no\.gpg|/etc/x: \{\}|text: a, source|/proc|/run|/tmp"
    r"|/etc/:|mode: 999|aaa|extends|scripts"
    r"|/etc//x|/etc/\.\.|'/etc/\*'|/a/?/?x|-suite|packaging: rpm|never|-debian|'-\*'|http://a\.b/"
    r"|-linux|kernel: linux-image-amd46|@tools|cvmfs:|root: \{\}|uid: 500|1 GiB|2000\.5|1 MiB"
    r"|3 KiB|4 MiB"
)


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.build())
    assert schema.build()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_says_what_it_is() -> None:
    parts = schema.build()
    for part in (parts, *parts["$defs"].values()):
        for name, value in part.get("properties", {}).items():
            assert value.get("description") or "$ref" in str(value), name
        assert "properties" not in part or part["additionalProperties"] is False


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_accepts_what_is_shipped(path: Path) -> None:
    VALIDATOR.validate(as_editors_read(path.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        "extends: a",
        "extends: [a, ../b.yaml, 7]",
        "packages: [-tmux, '-*', htop]",
        "repositories: {-debian: , x: {-url: }}",
        "files: {-/etc/x: , /etc/y: {mode: 0644}}",
        "files: {/etc/y: {mode: '0755', text: 7}}",
        "services: {-a.service: , b: enabled, c: }",
        "system: {release: 24.04, end_of_life: 2020-11-30}",
        "boot:\ndisk: {size: 10 GiB}",
        "",
    ],
)
def test_it_accepts_what_the_loader_accepts(text: str) -> None:
    VALIDATOR.validate(as_editors_read(text) or {})


@pytest.mark.parametrize("text", [text for text, _ in BAD if not LOADER_ONLY.search(text)])
def test_it_rejects_what_the_loader_rejects(text: str) -> None:
    assert not VALIDATOR.is_valid(as_editors_read(text))


def test_there_is_something_to_reject() -> None:
    left: list[Any] = [text for text, _ in BAD if not LOADER_ONLY.search(text)]
    assert len(left) > 5
