"""The manifest: what an image is, with the sums of all files beside it; it is what gets signed.

Nothing in it depends on the moment or the place of the build: the same image has the same one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import b2ct
from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.papers.about import About
from b2ct.papers.beside import Beside

SCHEMA = 1
"""Version of the manifest's form; raised when a reader of the old form would be misled."""
LARGEST = 64 * 2**20
"""Bytes of a manifest that is still read."""


def render(image: Path, about: About) -> str:
    """The manifest as JSON. The files beside the image exist already."""
    packages = sorted({(p.name, p.version, p.architecture) for p in about.packages})
    content = {
        "schema": SCHEMA,
        "name": about.name,
        "title": about.title,
        "distribution": about.distribution,
        "release": about.release,
        "epoch": about.epoch,
        "b2ct": b2ct.__version__,
        "image": {
            "file": image.name,
            "size": about.size,
            "virtual_size": about.virtual_size,
            "sha256": about.sha256,
        },
        "boot": {"kernel": about.kernel, "arguments": list(about.arguments)},
        "layers": dict(about.layers),
        "files": {
            path.name: {"size": path.stat().st_size, "sha256": files.sha256(path)}
            for path in Beside(image).summed
        },
        "packages": [
            {"name": name, "version": version, "architecture": architecture}
            for name, version, architecture in packages
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Sum:
    """What the manifest says of a file."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read: what there is to compare."""

    name: str
    image: Sum
    files: tuple[Sum, ...]


def read(path: Path) -> tuple[bytes, Manifest]:
    """A manifest's bytes and what they say.

    Raises B2ctError when it cannot be read or is none; FileNotFoundError when it is not there.
    """
    try:
        with path.open("rb") as source:
            data = source.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as err:
        raise files.explain(err, f"read {path}") from err
    try:
        if len(data) > LARGEST:
            raise ValueError("it is too large")
        return data, _parsed(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise B2ctError(f"{path} is no manifest of an image: {_why(err)}") from err


def _why(err: Exception) -> str:
    return f"it has no {err}" if isinstance(err, KeyError) else str(err)


def _parsed(content: Any) -> Manifest:
    if not isinstance(content, dict):
        raise TypeError("it is not an object")
    if content["schema"] != SCHEMA:
        raise ValueError(
            f"its form has version {content['schema']!r}, this b2ct knows version {SCHEMA}"
        )
    image = content["image"]
    return Manifest(
        str(content["name"]),
        _sum(image["file"], image),
        tuple(_sum(name, values) for name, values in content["files"].items()),
    )


def _sum(file: Any, values: Any) -> Sum:
    """Only names in the same folder: a manifest must not lead a check to other files."""
    size, digest = values["size"], values["sha256"]
    if not isinstance(file, str) or Path(file).name != file or file in ("", ".."):
        raise ValueError(f"{file!r} is not the name of a file beside it")
    if not isinstance(size, int) or not isinstance(digest, str):
        raise TypeError(f"{file} has no size and sum")
    return Sum(file, size, digest.lower())
