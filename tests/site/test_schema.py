"""The schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.site import schema, starter
from b2ct.site.load import load_text
from b2ct.site.starter import Answers
from tests.site import strategies
from tests.site.test_load import BAD, GOOD

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.yaml"))
# What only the loader can know: syntax, spans, base64, which keys go together, and that 6.1 is not
# the number 6.10.
LOADER_ONLY = re.compile(
    r"localhost|Mars|1\.2\.3\.400|https:///x|/33|10\.0\.0\.7/24|10\.0\.0\.300|01:00:5e"
    r"|root: 1 GiB|99999999|bond: \{members: \[52:54:00:00:00:02, |ssh-rsa AAAA\]|: \{\}\}"
    r"|file: a, env: B|file: ' '|&a|serial: \"a|domain: localhost|version: 6\.1\}|, model: c\}"
)


class _Core(yaml.SafeLoader):
    """YAML 1.2's core schema, by which editors read the file."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - how PyYAML wants it


for _tag, _pattern in (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
):
    _Core.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), None)
_Core.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
_Core.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def as_editors_read(text: str) -> Any:
    return yaml.load(text, Loader=_Core)


VALIDATOR = jsonschema.Draft202012Validator(schema.build())


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.build())
    assert schema.build()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_says_what_it_is() -> None:
    parts = schema.build()
    for part in (parts, *parts["$defs"].values()):
        for name, value in part.get("properties", {}).items():
            assert value.get("description") or "$ref" in str(value), name
        assert "properties" not in part or part["additionalProperties"] is False


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_accepts_the_examples(path: Path) -> None:
    VALIDATOR.validate(as_editors_read(path.read_text()))


@pytest.mark.parametrize("release", ["el6", "el10"])
def test_it_accepts_the_starter(release: str) -> None:
    text = starter.render(Answers(release=release, ssh_key=strategies.KEY))
    VALIDATOR.validate(as_editors_read(text))


@pytest.mark.parametrize("text", [text for text, _ in GOOD if ":" in text])
def test_it_accepts_what_the_loader_accepts(text: str) -> None:
    read = as_editors_read(text)
    if re.search(r"vlan: '7'", text):  # the loader is lenient, an editor need not be
        return
    VALIDATOR.validate(read)


@settings(max_examples=50)
@given(strategies.sites(), st.booleans())
def test_it_accepts_valid_sites(data: dict[str, Any], flow: bool) -> None:
    text = strategies.as_yaml(data, flow=flow)
    load_text(text)
    VALIDATOR.validate(as_editors_read(text))


@pytest.mark.parametrize("text", [t for t, _ in BAD if not LOADER_ONLY.search(t)])
def test_it_rejects_what_the_loader_rejects(text: str) -> None:
    assert not VALIDATOR.is_valid(as_editors_read(text))
