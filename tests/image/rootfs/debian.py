"""A real Debian base layer, made once in a run of the tests, and what is put on top of it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.image.model import Definition
from b2ct.image.rootfs.apt import Apt
from b2ct.image.rootfs.aptsaid import UnknownPackageError
from b2ct.image.rootfs.userns import Namespace, find
from b2ct.image.rootfs.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[3]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def definition(repositories: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Debian 12 from its own mirror; the kernel is one of the practice packages or of Debian."""
    return {
        "title": "Debian 12 for tests",
        "system": {
            "distribution": "debian",
            "release": "12",
            "suite": "bookworm",
            "packaging": "apt",
        },
        "repositories": {
            "debian": {
                "url": "http://deb.debian.org/debian",
                "keys": [{"file": KEYRING}],
                "base": True,
            },
            **(repositories or {}),
        },
        "exclude": list(EXCLUDED),
        "boot": {"kernel": "netbase"},  # small, and there: these trees do not boot
        **more,
    }


def shared_base(factory: pytest.TempPathFactory) -> Path:
    """The base layer of `definition()`, made once for all workers of pytest-xdist."""
    root = factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "debian-base"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "base.tar").exists():
            answer = make("base", definition(), folder / "making")
            assert "error" not in answer, answer
            (folder / "making/base.tar").rename(folder / "base.tar")
    return folder / "base.tar"


def make(
    layer: str,
    wanted: Mapping[str, Any],
    folder: Path,
    base: Path | None = None,
    look: str = "",
) -> dict[str, Any]:
    """Make a layer in a namespace; `look` is run in the tree by its own sh, its output returned."""
    folder.mkdir()
    order = {"layer": layer, "definition": wanted, "folder": str(folder), "base": str(base)}
    (folder / "order.json").write_text(json.dumps({**order, "look": look}))
    argv = find().command([sys.executable, "-m", __name__, folder / "order.json"])
    run(argv, timeout=600, cwd=PROJECT)
    return cast("dict[str, Any]", json.loads((folder / "answer.json").read_text()))


def _make(order: Mapping[str, str]) -> dict[str, Any]:
    from b2ct.image.rootfs import archive
    from b2ct.image.rootfs.cell import Cell

    folder = Path(order["folder"])
    wanted = Definition.model_validate(order["definition"])
    scratch = folder / "work"
    scratch.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", scratch])
    notes: list[str] = []
    apt = Apt()
    try:
        state = apt.state(wanted, folder / "cache", offline=False)
        work = Workspace(
            scratch,
            state.date or 0,
            Namespace(as_root=True),
            folder / "cache",
            urls=state.urls,
            identity=state.identity,
            note=notes.append,
        )
        out = folder / f"{order['layer']}.tar"
        if order["layer"] == "base":
            apt.base(wanted, out, work)
        else:
            apt.packages(wanted, Path(order["base"]), out, work)
        archive.unpack(out, scratch / "tree")
        said = ""
        if order["look"]:
            said = Cell("inside", scratch / "tree").run(["sh", "-ec", order["look"]]).stdout
        rows = {package.name: package.version for package in apt.installed(scratch / "tree")}
    except B2ctError as err:
        package = err.package if isinstance(err, UnknownPackageError) else ""
        kind = type(err).__name__
        return {"error": err.lines(), "kind": kind, "package": package, "notes": notes}
    return {"packages": rows, "said": said, "notes": notes, "urls": dict(state.urls)}


if __name__ == "__main__":
    _order = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[1]).with_name("answer.json").write_text(json.dumps(_make(_order)))
