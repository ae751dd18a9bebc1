"""Run a bootstrap as root of a namespace, as `b2ct image build` does: definition in, facts out."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.image.model import Definition
from b2ct.image.rootfs import archive
from b2ct.image.rootfs.bootstrap import bootstrap_of
from b2ct.image.rootfs.userns import Namespace, find
from b2ct.image.rootfs.workspace import Workspace

_PROJECT = Path(__file__).resolve().parents[3]


# An ordinary user's newuidmap needs /etc/subuid; root writes the same map by itself.
_MAPPED = """
pipe=$1
shift
mkfifo "$pipe"
unshare --user -- sh -c 'read -r _ <"$0" && exec "$@"' "$pipe" "$@" &
until [ "$(readlink "/proc/$!/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.02; done
for map in uid_map gid_map; do printf '0 0 1\\n1 100000 65535\\n' >"/proc/$!/$map"; done
echo >"$pipe"
rm -r "${pipe%/*}"
wait "$!"
"""


class UserNamespace(Namespace):
    """What an ordinary user gets, for root: no power over this host, the same kernel's refusals.

    Root is mapped to itself, so that it still reads its own files; the others are subordinate.
    """

    def command(self, argv: Any) -> list[str]:
        words = super().command(argv)
        pipe = Path(tempfile.mkdtemp(prefix="b2ct-map-"), "mapped")
        return ["sh", "-euc", _MAPPED, "sh", str(pipe), *words]


def build(
    definition: Mapping[str, Any],
    folder: Path,
    *,
    epoch: int,
    namespace: Namespace | None = None,
    space: str = "",
    identity: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Make the layers `base.tar` and `packages.tar` and the tree `tree` in `folder`.

    `space` is how much there is to work in, as mount(8) has it; empty: all. `identity` is what
    the mirrors are said to have had instead of what they have. The result has
    `packages`, `identity` and `notes`, or `error` (its lines) and `kind`.
    """
    folder.mkdir()
    order, answer = folder / "order.json", folder / "answer.json"
    order.write_text(
        json.dumps(
            {
                "definition": definition,
                "folder": str(folder),
                "epoch": epoch,
                "space": space,
                "identity": dict(identity or {}),
            }
        )
    )
    argv = (namespace or find()).command([sys.executable, "-m", __name__, order])
    run(argv, timeout=300, cwd=_PROJECT)
    return cast("dict[str, Any]", json.loads(answer.read_text()))


def main(order: Mapping[str, Any]) -> dict[str, Any]:
    """What runs in the namespace."""
    folder = Path(order["folder"])
    definition = Definition.model_validate(order["definition"])
    bootstrap = bootstrap_of(definition)
    notes: list[str] = []
    (folder / "cache").mkdir()
    (folder / "work").mkdir()
    if order["space"]:
        options = f"mode=0755,size={order['space']}"
        run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder / "work"])
    try:
        state = bootstrap.state(definition, folder / "cache", offline=False)
        work = Workspace(
            folder / "work",
            order["epoch"],
            Namespace(as_root=True),
            folder / "cache",
            urls=state.urls,
            identity={**state.identity, **order["identity"]},
            note=notes.append,
        )
        base, packages = folder / "base.tar", folder / "packages.tar"
        bootstrap.base(definition, base, work)
        bootstrap.packages(definition, base, packages, work)
        archive.unpack(packages, folder / "tree")
        found = bootstrap.installed(folder / "tree")
    except B2ctError as err:
        return {"error": err.lines(), "kind": type(err).__name__}
    return {
        "packages": [asdict(one) for one in found],
        "identity": dict(state.identity),
        "notes": notes,
    }


if __name__ == "__main__":
    _answer = main(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[1]).with_name("answer.json").write_text(json.dumps(_answer))
