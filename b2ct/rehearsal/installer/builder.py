"""Build a practice installer: a small ISO that boots like a release's and installs nothing."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from b2ct.core.clock import image_time
from b2ct.core.files import atomic
from b2ct.core.run import need_tool

from . import initrd, mkiso, tree
from . import kernel as kernels
from .layouts import layout as find_layout

EPOCH = 1_700_000_000
"""The time stamp of everything when SOURCE_DATE_EPOCH is not set: same host, same bytes."""


def build(
    layout: str,
    out: Path,
    *,
    kernel: Path | None = None,
    modules: Path | None = None,
    serial: bool = True,
    menu_seconds: int = 1,
    cache: Path | None = None,
) -> Path:
    """Build the practice ISO of a layout (`el6`, `el7`, `el9`, `el10`) and return its path.

    `kernel` and `modules` (/lib/modules/RELEASE) are looked for on this host when not given, and
    downloaded into `cache` when it has none. `serial` puts console=ttyS0 into the boot entries,
    which genuine media do not have; `menu_seconds` is how long the boot menus wait.
    Needs no root. Raises B2ctError when the layout, a host tool, or a kernel is missing, or `out`
    cannot be written.
    """
    row = find_layout(layout)
    for tool in mkiso.TOOLS[row.recipe]:
        need_tool(tool)
    found = kernels.find(kernel, modules, cache=cache)
    content = tree.Content(
        kernel=found.image.read_bytes(),
        initrd=initrd.build(row, found.modules, serial=serial),
        menu_seconds=menu_seconds,
        serial=serial,
        epoch=image_time(EPOCH),
    )
    with tempfile.TemporaryDirectory(prefix="b2ct-practice-") as folder:
        root, iso = Path(folder) / "tree", Path(folder) / "practice.iso"
        root.mkdir()
        tree.stage(row, content, root)
        mkiso.make(row, root, iso, content.epoch)
        with iso.open("rb") as source, atomic(out) as target:
            shutil.copyfileobj(source, target, 1 << 20)
    return out
