"""A tree becomes the worker that the definition describes: its bundle, run in the tree."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import TAIL, CommandError, Completed
from b2ct.image import provision, repositories
from b2ct.image.model import Definition
from b2ct.image.provision import Configuration
from b2ct.image.repositories import Keys, Pins
from b2ct.image.rootfs.cell import Cell
from b2ct.image.rootfs.workspace import Workspace
from b2ct.image.tree import Tree

_BUNDLE = "run/b2ct-provision"
_TEMPORARY = ("tmp", "var/tmp", "run")


class ScriptError(B2ctError):
    """A script of the definition failed; carries what it printed last."""

    def __init__(self, script: str, end: str, said: Sequence[str]) -> None:
        super().__init__(
            f"the script {script} {end.replace('failed', 'failed in the image', 1)}",
            hint="correct it, or what it works on; the layers that came before it are kept",
        )
        self.script = script
        self.said = tuple(said)

    def lines(self) -> list[str]:
        """The error, its remedy, and what the script said last."""
        return [*super().lines(), *(f"  | {line}" for line in self.said[-TAIL:])]


def wanted(definition: Definition, keys: Keys, pins: Pins = repositories.NO_PINS) -> Configuration:
    """What is applied: the definition's contents and the repositories that stay."""
    configuration = provision.plan(definition)
    kept = repositories.kept(definition, keys, pins)
    own = {file.path for file in configuration.files}
    more = tuple(file for file in kept if file.path not in own)
    return replace(configuration, files=(*more, *configuration.files))


def inputs(configuration: Configuration) -> Mapping[str, str]:
    """All that the configuration layer depends on besides the packages layer."""
    with tempfile.TemporaryDirectory(prefix="b2ct-bundle-") as folder:
        bundle = Path(folder, "bundle.tar")  # the same configuration gives the same bytes
        provision.bundle(configuration, bundle)
        return {"bundle": files.sha256(bundle)}


def apply(configuration: Configuration, tree: Path, work: Workspace) -> None:
    """Run the bundle in the tree, without network. Raises ScriptError for a script that fails."""
    door = Tree(tree)
    try:
        door.remove(_BUNDLE)
        for name, data in provision.entries(configuration).items():
            door.write(f"{_BUNDLE}/{name}", data)
    except OSError as err:
        raise files.explain(err, f"write /{_BUNDLE} of the image") from err
    try:
        Cell("inside", tree).run(["/bin/sh", f"/{_BUNDLE}/provision.sh"], env=work.environment)
    except CommandError as err:
        raise _explained(err.done) from err
    # Names and addresses of the building host are none of the image's.
    for folder in _TEMPORARY:
        door.empty(folder)


def _explained(done: Completed) -> B2ctError:
    """Which script it was: provision.sh says so on its last line."""
    # Its own lines are on both streams; those of the failed script come after its beginning.
    output = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    found = re.search(
        r"^provision: (\S+) (failed with exit code \d+|did not end within \d+ s)$",
        done.stderr,
        re.MULTILINE,
    )
    if not found:
        return CommandError(done)
    start = next((i for i, line in enumerate(output) if line == f"provision: {found[1]}"), 0)
    said = [line for line in output[start + 1 :] if line != found[0]]
    name = re.sub(r"^\w+/\d+-", "", found[1])
    return ScriptError(name, found[2], said)
