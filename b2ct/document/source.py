"""The text of a file that a person wrote, or why there is none."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from b2ct.core.errors import InvalidFileError, Problem
from b2ct.document.kind import Kind

MAX_BYTES = 4 * 2**20
"""A site.yaml of 5,000 machines has a quarter of this."""


def read(path: Path, kind: Kind[Any]) -> str:
    """The text of the file. Raises InvalidFileError for what is no text or far too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(path, "there is no such file", kind.if_missing) from None
    except IsADirectoryError:
        raise _refused(
            path, "a folder: expected a file", f"did you mean {path / kind.usual_name}?"
        ) from None
    except OSError as err:
        reason = (err.strerror or "cannot be opened").lower()
        raise _refused(
            path, f"cannot be read: {reason}", "check its path and permissions"
        ) from None
    except ValueError:
        raise _refused(path, "not a path that this system knows", "") from None
    if len(raw) > MAX_BYTES:
        raise _refused(
            path,
            f"larger than {MAX_BYTES // 2**20} MiB: this is no description of {kind.noun}",
            f"give the {kind.usual_name} itself, not an image or an archive",
        )
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _refused(path, "UTF-16 text: expected UTF-8", "save it as UTF-8 in the editor")
    return _decoded(path, raw.removeprefix(codecs.BOM_UTF8))


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as err:
        before = raw[: err.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the byte 0x{raw[err.start]:02X} is not UTF-8 text"
        hint = "save the file as UTF-8 in the editor"
        raise InvalidFileError([Problem(path, line, column, message, hint)]) from None


def _refused(path: Path, message: str, hint: str) -> InvalidFileError:
    return InvalidFileError([Problem(path, 0, 0, message, hint)])
