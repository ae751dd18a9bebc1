"""The page docs/image-yaml.md, made from the model of definitions.

`python -m b2ct.image.reference docs` writes it; a test compares the committed one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from b2ct.core import files
from b2ct.document import reference, schema
from b2ct.image.model import Definition

_MADE = "<!-- Made by `python -m b2ct.image.reference docs`: edit the model, not this page. -->"
_INTRO = """\
# Image definitions

One file describes a worker image: `images/NAME.yaml` of this project, or one of a site's own. See
which there are with `b2ct image list`, what one comes to with `b2ct image show NAME`, and find
every mistake in one with `b2ct image check FILE`. YAML is read as that of
[site.yaml](site-yaml.md): values are text as typed, sizes have a unit, unknown keys are errors.

## A definition of your own

A definition adds to others by `extends:`, so that nobody needs to edit or copy ours:

```yaml
# images/torino-worker.yaml
extends: el9-worker
title: Torino's worker
packages:
  - htop
  - -less                 # take it out
repositories:
  baseos:
    url: https://mirror.example.org/almalinux/9/BaseOS/x86_64/os/
files:
  /etc/motd:
    source: motd.txt      # beside this file
disk:
  size: 40 GiB
```

`extends` is a name, the path of a file relative to this one, or a list of these. What has a `/` or
ends in `.yaml` is a path; a name is looked up in `images` of the current folder, then among those
that are shipped, and a definition that extends its own name means the next one of that name. The
files are laid over each other in the order in which they are named, each once, this one last:

- mappings are merged key by key;
- lists add up, without repeating themselves: `-NAME` takes the entry NAME out (of entries with
  keys, the one that has NAME as a value), `-*` takes out all that came before it;
- the key `-NAME:`, without a value, takes out the key NAME, and with it what is below;
- any other value replaces the one before it, and a key without a value changes nothing.

To take out what is not there is an error. `b2ct image show NAME --sources` says the file and line
of each value. Paths in a file are relative to the folder of that file.

`images/parts/` holds what definitions have in common; a part is no image of its own.

Editors complete and check a definition with its JSON Schema:

```console
$ b2ct image schema -o image.schema.json
```

with `# yaml-language-server: $schema=./image.schema.json` as the first line.
"""


def page() -> str:
    """docs/image-yaml.md."""
    made = schema.build(Definition, "B2CT image definition")
    return "\n".join([_MADE, _INTRO, *reference.sections(made)])


def main(folder: Path) -> None:
    """Write the page."""
    files.write(folder / "image-yaml.md", page())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
