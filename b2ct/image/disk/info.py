"""What qemu-img says of an image."""

from __future__ import annotations

import json
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain
from b2ct.core.run import CommandError, run

_HINT = "give a worker image; `b2ct image build` makes one"


def virtual_size(image: Path) -> int:
    """The size in bytes of the disk that a QCOW2 image describes.

    Raises B2ctError for a file that cannot be read or is no QCOW2, or that depends on another.
    """
    try:
        with image.open("rb") as file:
            magic = file.read(4)
    except OSError as err:
        raise explain(err, f"read {image}") from err
    if magic != b"QFI\xfb":
        raise B2ctError(f"{image} is no QCOW2 image", hint=_HINT)
    said = run(
        ["qemu-img", "info", "--output=json", "-f", "qcow2", image.absolute()],
        timeout=60, hint=_HINT,
    )  # fmt: skip
    found = json.loads(said.stdout)
    if "backing-filename" in found:
        raise B2ctError(
            f"{image} depends on another image, {found['backing-filename']}", hint=_HINT
        )
    return int(found["virtual-size"])


def need_whole(image: Path) -> None:
    """Raise B2ctError for a QCOW2 whose clusters are not all in the file, as of a cut copy.

    Only its tables are read; what is in the clusters is for the manifest's sum to tell.
    """
    argv: list[str | Path] = ["qemu-img", "check", "--output=json", "-f", "qcow2", image.absolute()]
    said = run(argv, timeout=300, check=False)
    try:
        found = json.loads(said.stdout)
    except ValueError:  # it could not even begin
        raise CommandError(said, hint=_HINT) from None
    bad = int(found.get("corruptions", 0)) + int(found["check-errors"])
    if bad:
        raise B2ctError(
            f"{image} is damaged, perhaps a copy that was cut: {bad} of its clusters are missing "
            "or wrong",
            hint="copy it again; `b2ct image verify` compares it with its manifest",
        )
