"""Where the papers of an image lie: beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Beside:
    """The files of an image. `worker.qcow2` has `worker.manifest.json` beside it, and so on."""

    image: Path

    def _named(self, end: str) -> Path:
        return self.image.with_name(self.image.name.removesuffix(".qcow2") + end)

    @property
    def sums(self) -> Path:
        """As sha256sum(1) writes and checks it."""
        return self.image.with_name(f"{self.image.name}.sha256")

    @property
    def manifest(self) -> Path:
        """What this image is, with the sums of all other files; it is what gets signed."""
        return self._named(".manifest.json")

    @property
    def sbom(self) -> Path:
        """Software bill of materials, CycloneDX."""
        return self._named(".cdx.json")

    @property
    def definition(self) -> Path:
        """The definition, merged with what it extends."""
        return self._named(".definition.yaml")

    @property
    def signature(self) -> Path:
        """Of the manifest, by ssh-keygen -Y."""
        return self._named(".manifest.json.sig")

    @property
    def pgp_signature(self) -> Path:
        """Of the manifest, by gpg --armor --detach-sign."""
        return self._named(".manifest.json.asc")

    @property
    def summed(self) -> tuple[Path, ...]:
        """The files besides the image whose sums are in the manifest."""
        return (self.sums, self.sbom, self.definition)
