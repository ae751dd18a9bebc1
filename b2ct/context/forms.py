"""The forms in which a context is given: texts, a folder of files, images of CDs."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

from b2ct.context import attributes, cdrom, own, squid, userdata, worker
from b2ct.context.model import VmContext
from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.site.chosen import ChosenSite

SQUID = "squid"


def context_of(chosen: ChosenSite, kind: str) -> VmContext:
    """What a worker of the site is told, by its name, or its `squid`. Raises B2ctError."""
    if kind == SQUID:
        return squid.for_squid(chosen.site)
    name, described = worker.choose(chosen.site, kind)
    texts = own.read(chosen.site, described, chosen.folder)
    return worker.for_worker(chosen.site, name, own=texts)


def text(made: VmContext, form: str) -> str:
    """The form, where it is a text."""
    if form == "user-data":
        return userdata.user_data(made)
    if form == "opennebula":
        return attributes.template_text(made)
    return "\n".join(f"### {file.path} ({file.mode:04o})\n{file.text}" for file in made.files)


def write(made: VmContext, form: str, output: Path, *, force: bool) -> None:
    """Write it whole. Raises B2ctError, also for what is there already, unless `force`."""
    if form == "files":
        _write_tree(made, output)
        return
    if not force:
        files.refuse_existing(output)
    if form == "cdrom":
        # As oned expands them for a first VM; a user without a key has an empty one.
        cdrom.write_context(attributes.expanded(made, {"NAME": made.name, "VMID": "0"}), output)
    elif form == "seed":
        cdrom.write_seed(made.name, userdata.user_data(made), output)
    else:
        files.write(output, text(made, form))


def _write_tree(made: VmContext, folder: Path) -> None:
    """The files below a new folder, which is there only when all of them are."""
    if folder.exists():
        raise B2ctError(f"{folder} exists already", hint="name a new folder with -o")
    part = folder.parent / f".{folder.name[:50]}.{secrets.token_hex(8)}.part"
    try:
        for file in made.files:
            target = part / file.path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write(target, file.text, mode=file.mode)
        part.rename(folder)
    except OSError as err:
        raise files.explain(err, f"make the folder {folder}") from err
    finally:
        shutil.rmtree(part, ignore_errors=True)


def as_json(made: VmContext) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "name": made.name,
        "site": made.site,
        "notes": list(made.notes),
        "files": [
            {"path": file.path, "mode": f"{file.mode:04o}", "text": file.text}
            for file in made.files
        ],
        "user_data": userdata.user_data(made),
        "context": attributes.opennebula(made),
    }
