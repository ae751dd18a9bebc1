"""B2CT's own wheel, made from what runs here: a checkout and an installed package give the same.

The format is that of the packaging guide's "Binary distribution format" (PEP 427). No build tool
is needed, so that a laptop without network can make a medium.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from b2ct.core import commit
from b2ct.core.data import data_folder

_PACKAGE = Path(__file__).resolve().parent.parent
_DATA = ("images", "kickstart", "packer", "templates")
_COMMIT = f"b2ct/{commit.NAME}"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file can tell: the same files make the same bytes."""
_WHEEL = "Wheel-Version: 1.0\nGenerator: b2ct\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def name() -> str:
    """The file name of B2CT's wheel."""
    return f"b2ct-{metadata.version('b2ct')}-py3-none-any.whl"


def identity() -> str:
    """SHA-256 in hexadecimal over B2CT's own files: two copies of it that differ are told apart.

    The commit does not count: one that changed none of these files makes no other B2CT.
    """
    files = {path: data for path, data in sorted(_contents()) if path != _COMMIT}
    return hashlib.sha256(_record(files).encode()).hexdigest()


def make() -> bytes:
    """The bytes of B2CT's wheel, some 2 MB; the same for the same files."""
    files = dict(sorted(_contents()))  # their order is another one in what was installed
    if known := commit.commit():  # in a checkout the file itself does not hold it
        files[_COMMIT] = f"{known}\n".encode()
    record = f"{_info()}/RECORD"
    files[record] = f"{_record(files)}{record},,\n".encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _FIRST_DAY)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 6)
    return out.getvalue()


def _info() -> str:
    return f"b2ct-{metadata.version('b2ct')}.dist-info"


def _contents() -> Iterator[tuple[str, bytes]]:
    yield from _tree(_PACKAGE, "b2ct")
    if not (_PACKAGE / "_data").is_dir():  # a checkout: the data lies beside the package
        for folder in _DATA:
            yield from _tree(data_folder(folder), f"b2ct/_data/{folder}")
    about = metadata.distribution("b2ct")
    for file in ("METADATA", "entry_points.txt"):
        yield f"{_info()}/{file}", (about.read_text(file) or "").encode()
    yield f"{_info()}/WHEEL", _WHEEL.encode()


def _tree(folder: Path, target: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(p == "__pycache__" or p.startswith(".") for p in parts):
            yield f"{target}/{'/'.join(parts)}", path.read_bytes()


def _record(files: dict[str, bytes]) -> str:
    return "".join(f"{path},sha256={_hash(data)},{len(data)}\n" for path, data in files.items())


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
