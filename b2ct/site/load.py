"""site.yaml to a `Site`, or everything that is wrong with it, each with its line and column."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from b2ct.document import load as document
from b2ct.document import source
from b2ct.document.finding import Finding
from b2ct.document.kind import Kind
from b2ct.site import crosscheck
from b2ct.site.crosscheck import workers
from b2ct.site.model import Site

KIND = Kind(
    model=Site,
    noun="a site",
    usual_name="site.yaml",
    if_missing="`b2ct init` writes one to start from",
    crosscheck=crosscheck.problems,
    bears_without=crosscheck.bears_without,
)


def load(path: Path) -> Site:
    """Read a site.yaml.

    An empty file is a valid site: all is then asked at the console. The files that it brings into
    VMs are looked at, too. Raises InvalidFileError with all problems, also when the file cannot be
    read.
    """
    return load_read(path)[0]


def load_read(path: Path) -> tuple[Site, str]:
    """The same, and the very text that was read: who asks for trust in the file, hashes that."""
    kind = replace(KIND, crosscheck=lambda site: _with_files(site, path))
    text = source.read(path, kind)
    return document.load_text(kind, text, path), text


def _with_files(site: Site, path: Path) -> list[Finding]:
    return [*crosscheck.problems(site), *workers.file_findings(site, path.absolute().parent)]


def load_text(text: str, name: Path | str = "site.yaml") -> Site:
    """The same from text; `name` is the file that the problems name."""
    return document.load_text(KIND, text, name)
