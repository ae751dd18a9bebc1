"""`b2ct image build`: make an image by one of the engines, and put it in place with its papers.

All files are made in a hidden folder beside the output, and renamed into place together at the
end, the image last: there is never an image without its manifest, nor half of either.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.image import scratch, show
from b2ct.image.definitions import Loaded
from b2ct.image.inside import Outcome
from b2ct.papers import signature
from b2ct.papers.about import About
from b2ct.papers.beside import Beside
from b2ct.papers.write import write

_PREFIX = ".b2ct-image-"

Make = Callable[[Path], Outcome]
"""An engine that is ready: makes the image at the path that it is given."""


@dataclass(frozen=True)
class Published:
    """A finished image."""

    image: Path
    outcome: Outcome
    files: tuple[Path, ...]
    """All files that were written, the image last."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "image": str(self.image),
            "sha256": self.outcome.sha256,
            "size": self.outcome.size,
            "virtual_size": self.outcome.virtual_size,
            "kernel": self.outcome.kernel,
            "packages": len(self.outcome.packages),
            "layers": {
                layer.kind: {"key": layer.key, "cached": layer.kind in self.outcome.cached}
                for layer in self.outcome.layers
            },
            "files": [str(path) for path in self.files],
        }

    def as_text(self) -> str:
        """For people."""
        what = f"{self.outcome.size / 2**20:.0f} MiB, {len(self.outcome.packages)} packages"
        return f"{self.image}: {what}, SHA-256 {self.outcome.sha256}"


def check_output(output: Path, *, force: bool) -> None:
    """Raise B2ctError when the files of an image may not be written there."""
    beside = Beside(output)
    if output.is_dir() or (output.exists() and not output.is_file()):
        raise B2ctError(f"{output} is not an ordinary file", hint="name a file with -o")
    if not output.absolute().parent.is_dir():
        raise B2ctError(
            f"there is no folder {output.absolute().parent}",
            hint="create it first, or name another one with -o",
        )
    if not force:
        for path in (output, beside.manifest, *beside.summed):
            files.refuse_existing(path)


def publish(
    loaded: Loaded, output: Path, engine: Make, *, epoch: int, sign_key: Path | None = None
) -> Published:
    """Make the image and its papers, and put them in place. Raises B2ctError; nothing is left."""
    if sign_key is not None and not sign_key.is_file():
        raise B2ctError(
            f"there is no key {sign_key}", hint="make one: ssh-keygen -t ed25519 -f image-key"
        )
    output = output.absolute()
    # The SBOM's library takes a while to load, and the image a longer one.
    Thread(target=import_module, args=("cyclonedx.output.json",), daemon=True).start()
    with scratch.claimed(output.parent, shutil.rmtree, _PREFIX) as folder:
        image = folder / output.name
        outcome = engine(image)
        image.chmod(0o644)
        write(image, _about(loaded, outcome, epoch))
        if sign_key is not None:
            signature.sign(image, sign_key)
        return Published(output, outcome, _place(folder, output))


def _about(loaded: Loaded, outcome: Outcome, epoch: int) -> About:
    system = loaded.definition.system
    return About(
        name=loaded.name,
        title=loaded.definition.title,
        distribution=system.distribution,
        release=system.release,
        packaging=system.packaging,
        epoch=epoch,
        sha256=outcome.sha256,
        size=outcome.size,
        virtual_size=outcome.virtual_size,
        definition=show.text(loaded),
        packages=outcome.packages,
        layers={layer.kind: layer.key for layer in outcome.layers},
        kernel=outcome.kernel,
        arguments=outcome.arguments,
    )


def _place(folder: Path, output: Path) -> tuple[Path, ...]:
    """Give the files their final places, the image last."""
    beside = Beside(output)
    made = {path.name for path in folder.iterdir()}
    names = [*sorted(made - {output.name}), output.name]
    try:
        for old in (beside.signature, beside.pgp_signature):
            if old.name not in made:  # it is of another image
                old.unlink(missing_ok=True)
        for name in names:
            (folder / name).replace(output.with_name(name))
    except OSError as err:
        raise files.explain(err, f"write {output}") from err
    files.sync_folder(output.parent)
    return tuple(output.with_name(name) for name in names)
