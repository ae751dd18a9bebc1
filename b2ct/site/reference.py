"""The pages docs/site-yaml.md and docs/catalogue.md, made from the model and the catalogue.

`python -m b2ct.site.reference docs` writes them; a test compares the committed ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

from b2ct.core import files
from b2ct.document import reference
from b2ct.site import catalogue, schema

_MADE = "<!-- Made by `python -m b2ct.site.reference docs`: edit the model, not this page. -->"
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
  (`*name`) for whole values are. A file has at most 4 MiB
  and 200,000 values (keys and aliases count): room for 10,000 nodes. 5,000 are checked in
  2 s and 110 MiB.
- Secrets never stand in the file: `{file: ...}` (its first line; the path is relative to the
  folder of site.yaml), `{env: ...}` or `{command: [...]}` (no shell; it runs in that folder)
  say where they are, and `generate` has them made on the machine.
- Before a command runs or a file outside of the folder is read for the first time, b2ct shows it
  and asks. The answer holds until site.yaml or a program of its folder changes, and is kept in
  `~/.local/state/b2ct/consent`. Without a terminal b2ct refuses, unless `--trust-site` is given.
  What only looks (`check`, `kickstart` without `-o`, `--dry-run` of a medium) reads no secret.

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
    return "\n".join([_MADE, _SITE_INTRO, *reference.sections(schema.build())])


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
            reference.table(
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
            reference.table(
                ("distribution", "release", "image", "checksums signed", "fingerprint"),
                (_media_row(row) for row in catalogue.MEDIA.values()),
            ),
            "## OpenNebula\n",
            reference.table(
                ("version", "repository", "fingerprint", "front end", "web interface"),
                (_opennebula_row(row) for row in catalogue.OPENNEBULA.values()),
            ),
            "## EPEL\n",
            reference.table(
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


def main(folder: Path) -> None:
    """Write both pages."""
    files.write(folder / "site-yaml.md", site_page())
    files.write(folder / "catalogue.md", catalogue_page())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
