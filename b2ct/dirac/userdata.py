"""DIRAC's cloud-init user data put beside that of a VM template, so that neither is lost.

cloud-init takes one user data, and of two cloud-configs the lists of the second replace those of
the first unless a Merge-Type says otherwise (cloud-init's reference, "Merging user data sections").
So both become parts of one MIME message, the site's first: its commands run before the pilot's,
what it says stays, and files that it writes are not overwritten.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.message import Message
from email.mime.nonmultipart import MIMENonMultipart
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.core.mime import multipart

MERGE = "list(append)+dict(no_replace,recurse_list)+str()"
"""How cloud-init adds the pilot's cloud-config: lists grow, and what the site says stays."""
LARGEST = 64 * 1024
"""Bytes of a whole CONTEXT; b2ct.context.limits says why. Above it, user data is compressed."""
UNPACKED = LARGEST
"""Bytes of user data that is packed: 5 KB can hold gigabytes of nothing."""
MOST_NODES = 5000
DEEPEST = 50
"""Of a cloud-config: what has more keys and values, or more levels, is none."""
LONGEST_FIELD = 998
"""Bytes of a field that begins with `Content-`: what RFC 5322 (2.1.1) gives a line."""
MOST_PARTS = 64
_CONFIG = "text/cloud-config"
_BY_CONTENT = "text/plain"
"""cloud-init then looks at the first line."""


def decode(context: Mapping[str, str]) -> bytes:
    """The user data in a CONTEXT, as its VM would find it; empty where it has none.

    Raises B2ctError for what cannot be read.
    """
    text = context.get("USERDATA") or context.get("USER_DATA") or ""
    if context.get("USERDATA_ENCODING", "").lower() != "base64":
        return text.encode()
    try:
        return _unpacked(base64.b64decode(text, validate=False))
    except (binascii.Error, zlib.error, ValueError):
        raise B2ctError(
            "the template's USERDATA is not what its USERDATA_ENCODING says",
            hint="register the worker's template again, or correct it with `onetemplate update`",
        ) from None


def encode(text: str, *, room: int) -> str:
    """User data for USERDATA with USERDATA_ENCODING=base64, packed when it is over `room` bytes.

    cloud-init unpacks gzip by itself.
    """
    plain = base64.b64encode(text.encode()).decode()
    if len(plain) <= room:
        return plain
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def merged(site: bytes, pilot: str) -> str:
    """One user data of the site's and the pilot's; the same for the same two."""
    first = list(_parts(site, "site"))
    written = {path for part in first for path in _files(_config(part))}
    second = [_adapted(part, written) for part in _parts(pilot.encode(), "pilot")]
    return multipart([*first, *second])


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    reader = zlib.decompressobj(wbits=31)
    plain = reader.decompress(data, UNPACKED)
    # Whether there is more shows when one more byte is asked for.
    if not reader.eof and (reader.decompress(reader.unconsumed_tail, 1) or not reader.eof):
        raise ValueError("too long, or cut")
    return plain


def _parts(data: bytes, name: str) -> Iterator[Message]:
    """The parts of a message, however deep; what is no message becomes one part."""
    if not data.strip():
        return
    # As cloud-init tells a message from other data (cloudinit/user_data.py).
    if b"mime-version:" not in data[:4096].lower():
        yield _part(_BY_CONTENT, name, data.decode(errors="surrogateescape"))
        return
    _need_plain(data)
    for part in message_from_bytes(data).walk():
        if part.get_content_maintype() != "multipart":
            yield part


def _need_plain(data: bytes) -> None:
    """Raises B2ctError for a message that is made to cost its reader time.

    Python's email package takes quadratic time for the parameters of a field, and is as deep in
    calls as the message is in parts.
    """
    field = parts = 0
    for line in data.lower().splitlines():
        folded = field and line[:1] in (b" ", b"\t")
        field = field + len(line) if folded else len(line) if line.startswith(b"content-") else 0
        parts += line.startswith(b"content-type:")
        if field > LONGEST_FIELD or parts > MOST_PARTS:
            raise B2ctError(
                f"the user data is a message of more than {MOST_PARTS} parts, or with a field of "
                f"over {LONGEST_FIELD} bytes",
                hint="let one part fetch or do the rest",
            )


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


def _config(part: Message) -> dict[str, Any]:
    """The part as cloud-config; empty where it is none."""
    text = _text(part)
    kind = part.get_content_type()
    if kind != _CONFIG and not (kind == _BY_CONTENT and text.startswith("#cloud-config")):
        return {}
    import yaml

    try:
        found = _loaded(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}  # cloud-init will say so in its log, with the whole text
    return found if isinstance(found, dict) else {}


def _loaded(text: str) -> Any:
    """A YAML document. Raises B2ctError for one that is made to cost its reader time and memory."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is not everywhere
    nodes = depth = aliases = merges = 0
    for event in yaml.parse(text, Loader=loader):
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        merges += isinstance(event, yaml.ScalarEvent) and event.value == "<<"
        # Together they grow without end: `<<: [*a, *a]` doubles at each level.
        if nodes > MOST_NODES or depth > DEEPEST or (aliases and merges):
            raise B2ctError(
                f"the user data's cloud-config has more than {MOST_NODES} values or {DEEPEST} "
                "levels, or merges aliases (`<<`)",
                hint="write it plainly, and let a script do what needs more",
            )
    return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader either way


def _entries(config: Mapping[str, Any]) -> list[Any]:
    found = config.get("write_files")
    return found if isinstance(found, list) else []


def _files(config: Mapping[str, Any]) -> Iterator[str]:
    for entry in _entries(config):
        if isinstance(entry, dict) and isinstance(entry.get("path"), str):
            yield entry["path"]


def _adapted(part: Message, written: set[str]) -> Message:
    """A part of the pilot's, so that it adds to the site's and does not undo it."""
    config = _config(part)
    if not config:
        return part
    if written.intersection(_files(config)):
        import yaml

        kept = [
            entry for entry in _entries(config)
            if not (isinstance(entry, dict) and entry.get("path") in written)
        ]  # fmt: skip
        name = part.get_filename() or "pilot"
        text = yaml.safe_dump({**config, "write_files": kept}, sort_keys=False, allow_unicode=True)
        part = _part(_CONFIG, name, f"#cloud-config\n{text}")
    own = {"merge_how", "merge_type"} & config.keys()
    if not own and not part["Merge-Type"] and not part["X-Merge-Type"]:
        part["X-Merge-Type"] = MERGE
    return part


def _part(kind: str, name: str, text: str) -> Message:
    part = MIMENonMultipart(*kind.split("/"), charset="utf-8")
    part.set_payload(base64.encodebytes(text.encode(errors="surrogateescape")).decode())
    part["Content-Transfer-Encoding"] = "base64"
    part["Content-Disposition"] = f'attachment; filename="{name}"'
    return part
