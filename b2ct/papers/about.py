"""What a finished image is: what its manifest and its bill of materials are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """An installed package. Its version is whole: epoch, version and release."""

    name: str
    version: str
    architecture: str
    source: str = ""
    """Source package, empty where it has the same name or is not known."""
    license: str = ""


@dataclass(frozen=True)
class About:
    """What a finished image is; the image itself exists already."""

    name: str
    title: str
    distribution: str
    release: str
    packaging: str
    """`apt` or `rpm`."""
    epoch: int
    """SOURCE_DATE_EPOCH of the build."""
    sha256: str
    """Of the image."""
    size: int
    virtual_size: int
    definition: str
    """As YAML, merged with what it extends."""
    packages: Sequence[Package]
    layers: Mapping[str, str]
    """Kind of layer -> key."""
    kernel: str = ""
    arguments: Sequence[str] = ()
