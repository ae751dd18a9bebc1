"""Templates of `templates/context/` into the files of a VM.

`KIND/files/PATH.j2` is the VM's `/PATH`; a file that starts with `#!` is executable, and one that
renders to nothing but white space is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from b2ct.context.model import ContextFile
from b2ct.core import templates
from b2ct.core.data import data_folder


@cache
def _environment() -> jinja2.Environment:
    return templates.environment(data_folder("templates"))


def files(kind: str, values: Mapping[str, Any]) -> tuple[ContextFile, ...]:
    """Every file of `templates/context/KIND/files/`, in the order of their paths."""
    folder = data_folder("templates") / "context" / kind / "files"
    found = []
    for source in sorted(folder.rglob("*.j2")):
        target = source.relative_to(folder).with_suffix("")
        found.append(file(f"/{target}", f"{kind}/files/{target}", values))
    return tuple(made for made in found if made.text.strip())


def file(path: str, template: str, values: Mapping[str, Any]) -> ContextFile:
    """One file of a VM from `templates/context/TEMPLATE.j2`."""
    text = _environment().get_template(f"context/{template}.j2").render(values)
    return ContextFile(path, text, 0o755 if text.startswith("#!") else 0o644)
