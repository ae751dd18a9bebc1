"""Writing all papers of an image: sums, bill of materials, definition, manifest."""

from __future__ import annotations

from pathlib import Path

from b2ct.core import files
from b2ct.papers import manifest, sbom
from b2ct.papers.about import About
from b2ct.papers.beside import Beside


def write(image: Path, about: About) -> Beside:
    """Write the files beside an image; an old signature is removed, for it signed another image.

    Raises B2ctError for what the operating system refuses.
    """
    beside = Beside(image)
    try:
        for old in (beside.signature, beside.pgp_signature):
            old.unlink(missing_ok=True)
    except OSError as err:
        raise files.explain(err, f"remove the old signature of {image}") from err
    files.write(beside.sums, f"{about.sha256}  {image.name}\n")
    files.write(beside.sbom, sbom.render(about))
    files.write(beside.definition, about.definition)
    files.write(beside.manifest, manifest.render(image, about))
    return beside
