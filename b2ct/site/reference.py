"""The pages docs/site-yaml.md and docs/catalogue.md, made from the model and the catalogue.

`python -m b2ct.site.reference docs` writes them; a test compares the committed ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from b2ct.core import files
from b2ct.site import catalogue, schema

_MADE = "<!-- Made by `python -m b2ct.site.reference docs`: edit the model, not this page. -->"
_KINDS = {
    "string": "text",
    "integer": "number",
    "boolean": "true or false",
    "object": "names",
    "number": "",
    "null": "",
}
Schema = Mapping[str, Any]

_SITE_INTRO = """\
# site.yaml

One file describes a site; installer media and everything else are derived from it.
Start one with `b2ct init`, find every mistake in it with `b2ct check`.

- Anything may be left out. What a machine needs and the file does not say is asked at its
  console when it installs. A key without a value counts as left out.
- Values are text as typed: `10:20:30:40:50:59`, `no` and `007` need no quotes. Quotes are needed
  where YAML itself wants them: around a text that holds `: ` or ` #`, or begins with one of
  `` @ ` % & * ! | > { [ " ' ``.
- Sizes have a unit (`50 GiB`; `50 GB` and `50 G` mean the same), units are binary.
- Unknown keys, duplicate keys and tags are errors; merge keys (`<<`) are not supported, aliases
  (`*name`) for whole values are. A file has at most 1 MiB.
- Secrets never stand in the file: `{file: ...}` (its first line; the path is relative to the
  folder of site.yaml), `{env: ...}` or `{command: [...]}` (no shell; it runs in that folder)
  say where they are, and `generate` has them made on the machine.

Editors complete and check the file with its JSON Schema, which the first line of a starter
names (for those with a YAML language server):

```console
$ b2ct init --yes --schema
$ b2ct check
$ b2ct schema -o site.schema.json
```

Two complete files: [minimal.yaml](examples/minimal.yaml) and [site.yaml](examples/site.yaml).
"""


def site_page() -> str:
    """docs/site-yaml.md."""
    made = schema.build()
    parts = made["$defs"]
    sections = [_MADE, _SITE_INTRO, "## Top level\n", _table(made, parts)]
    for name, path in _places(made, parts):
        description = parts[name].get("description", "")
        sections.append(f"## {path}\n\n{description}\n\n{_table(parts[name], parts)}")
    return "\n".join(sections)


def _places(part: Schema, parts: Mapping[str, Schema], path: str = "") -> Iterator[tuple[str, str]]:
    """(part, heading) of every part of the model with keys, in the order of the file."""
    for key, value in part.get("properties", {}).items():
        for name in dict.fromkeys(_refs(value)):
            # A secret is described once, at the first key that refers to one.
            if "properties" not in parts[name] or key == "oneadmin_password":
                continue
            place = f"{path}{key}{_suffix(value)}"
            kind = _const(parts[name])
            yield name, f"{place}, type {kind}" if kind else place
            yield from _places(parts[name], parts, f"{place}.")


def _suffix(value: Schema) -> str:
    if "items" in value:
        return "[]"
    return ".NAME" if "patternProperties" in value else ""


def _const(part: Schema) -> str:
    kind = part.get("properties", {}).get("type", {})
    for value in (kind, *kind.get("anyOf", ())):
        if "const" in value or "enum" in value:
            return " or ".join([value["const"]] if "const" in value else value["enum"])
    return ""


def _refs(value: Any) -> Iterator[str]:
    """Names of the parts that a schema refers to."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            yield str(value["$ref"]).rsplit("/", 1)[-1]
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def _table(part: Schema, parts: Mapping[str, Schema]) -> str:
    required = part.get("required", ())
    rows = [
        (
            f"`{name}`" + (" (needed)" if name in required else ""),
            _kind(value, parts),
            _default(value),
            value.get("description") or _described(value, parts),
        )
        for name, value in part["properties"].items()
    ]
    return _markdown(("key", "value", "default", "what it says"), rows)


def _described(value: Schema, parts: Mapping[str, Schema]) -> str:
    return next((str(parts[name].get("description", "")) for name in _refs(value)), "")


def _kind(value: Schema, parts: Mapping[str, Schema]) -> str:
    """What may stand there, in words."""
    if "$ref" in value:
        part = parts[next(_refs(value))]
        return "keys, see below" if "properties" in part else _kind(part, parts)
    if "anyOf" in value or "oneOf" in value:
        kinds = (_kind(member, parts) for member in value.get("anyOf") or value["oneOf"])
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if "items" in value:
        kind = _kind(value["items"], parts)
        return f"list, {kind}" if kind.startswith("such as") else f"list of {kind}"
    if "patternProperties" in value:
        return f"names, each with {_kind(next(iter(value['patternProperties'].values())), parts)}"
    return _scalar(value)


def _scalar(value: Schema) -> str:
    if "enum" in value or "const" in value:
        words = [word for word in value.get("enum", [value.get("const")]) if _is_word(word)]
        return ", ".join(f"`{_word(word)}`" for word in words)
    if "minimum" in value:
        upper = f" to {value['maximum']}" if "maximum" in value else " or more"
        return f"number, {value['minimum']}{upper}"
    if "examples" in value:
        return "such as " + ", ".join(f"`{example}`" for example in value["examples"])
    kinds = value.get("type", [])
    names = [_KINDS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return "text" if "text" in names else " or ".join(name for name in names if name)


def _is_word(value: Any) -> bool:
    """The schema also lists numbers, as which editors read words such as 6.10."""
    return isinstance(value, (str, bool))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default(value: Schema) -> str:
    default = value.get("default")
    if default is None or default == []:
        return ""
    if isinstance(default, list):
        return "<br>".join(f"`{item}`" for item in default)
    return f"`{_word(default)}`"


_CATALOGUE_INTRO = """\
# Catalogue

What varies by release, distribution and OpenNebula version. A new one is a new row in
`b2ct/site/catalogue.py`. Fingerprints are those of the signing keys: a key with another one is
refused, and where none stands here nothing is known, the site may pin one (`release.signing_key`),
and `b2ct check` says that it is unpinned.
"""


def catalogue_page() -> str:
    """docs/catalogue.md."""
    return "\n".join(
        [
            _MADE.replace("model", "catalogue"),
            _CATALOGUE_INTRO,
            "## Releases\n",
            _markdown(
                ("release", "distributions", "OpenNebula", "kickstart argument", "updates"),
                (
                    (
                        row.key,
                        ", ".join(d.value for d in row.distributions),
                        ", ".join(row.opennebula),
                        f"`{row.ks_argument}=`",
                        f"ended in {row.end_of_life}" if row.end_of_life else "yes",
                    )
                    for row in catalogue.RELEASES.values()
                ),
            ),
            "The first of several is the default.\n",
            "## Installer images\n",
            _markdown(
                ("distribution", "release", "image", "checksums signed", "fingerprint"),
                (_media_row(row) for row in catalogue.MEDIA.values()),
            ),
            "## OpenNebula\n",
            _markdown(
                ("version", "repository", "fingerprint", "front end", "web interface"),
                (_opennebula_row(row) for row in catalogue.OPENNEBULA.values()),
            ),
            "## EPEL\n",
            _markdown(
                ("release", "fingerprint"),
                ((key, f"`{value}`") for key, value in catalogue.EPEL_FINGERPRINTS.items()),
            ),
        ]
    )


def _media_row(row: catalogue.Media) -> tuple[str, ...]:
    signed = {"": "no", "clear": "in the file"}.get(row.checksum_signature, "detached")
    return (
        row.title,
        row.release,
        f"<{row.iso}>" if row.iso else "not public: `--source`",
        signed if row.checksum else "-",
        f"`{row.fingerprint}`" if row.fingerprint else "not known",
    )


def _opennebula_row(row: catalogue.OpenNebula) -> tuple[str, ...]:
    unknown = "not known" if row.signed else "not signed"
    return (
        row.version,
        f"`{row.repository}`",
        f"`{row.fingerprint}`" if row.fingerprint else unknown,
        " ".join(f"`{name}`" for name in row.frontend),
        f"port {row.gui_port}",
    )


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def main(folder: Path) -> None:
    """Write both pages."""
    files.write(folder / "site-yaml.md", site_page())
    files.write(folder / "catalogue.md", catalogue_page())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
