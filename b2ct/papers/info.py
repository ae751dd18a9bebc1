"""What qemu-img says of an image."""

from __future__ import annotations

import json
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, run
from b2ct.papers.header import NO_IMAGE, need_plain


def virtual_size(image: Path) -> int:
    """The size in bytes of the disk that a QCOW2 image describes.

    Raises B2ctError for a file that cannot be read or is no QCOW2, or that is not whole in itself.
    """
    need_plain(image)
    said = run(
        ["qemu-img", "info", "--output=json", "-f", "qcow2", image.absolute()],
        timeout=60, hint=NO_IMAGE,
    )  # fmt: skip
    return int(json.loads(said.stdout)["virtual-size"])


def need_whole(image: Path) -> None:
    """Raise B2ctError for a QCOW2 whose clusters are not all in the file, as of a cut copy.

    Only its tables are read; what is in the clusters is for the manifest's sum to tell.
    """
    argv: list[str | Path] = ["qemu-img", "check", "--output=json", "-f", "qcow2", image.absolute()]
    said = run(argv, timeout=300, check=False)
    try:
        found = json.loads(said.stdout)
    except ValueError:  # it could not even begin
        raise CommandError(said, hint=NO_IMAGE) from None
    bad = int(found.get("corruptions", 0)) + int(found["check-errors"])
    if bad:
        raise B2ctError(
            f"{image} is damaged, perhaps a copy that was cut: {bad} of its clusters are missing "
            "or wrong",
            hint="copy it again; `b2ct image verify` compares it with its manifest",
        )
