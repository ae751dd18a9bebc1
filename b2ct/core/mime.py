"""MIME messages that say the same in the same bytes, at every run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import Message
from email.mime.multipart import MIMEMultipart


def multipart(parts: Sequence[Message]) -> str:
    """A multipart/mixed message; its boundary follows from what is in it (RFC 2046, 5.1)."""
    whole = "".join(part.as_string() for part in parts)
    boundary = f"b2ct-{hashlib.sha256(whole.encode(errors='replace')).hexdigest()[:32]}"
    return MIMEMultipart("mixed", boundary, parts).as_string()
