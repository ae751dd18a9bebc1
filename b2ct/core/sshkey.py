"""An SSH key for one build, trial or run; it is never written outside a private folder."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko


class OneTimeKey:
    """A key pair (ECDSA, NIST P-256) that is made on first use and forgotten with the object."""

    def __init__(self, comment: str) -> None:
        self._comment = comment

    @cached_property
    def key(self) -> paramiko.PKey:
        """The pair, as paramiko logs in with it."""
        import paramiko

        return paramiko.ECDSAKey.generate()

    @property
    def public(self) -> str:
        """A line of authorized_keys."""
        return f"{self.key.get_name()} {self.key.get_base64()} {self._comment}"

    @property
    def private(self) -> str:
        """PEM text, for a file of mode 0600."""
        out = io.StringIO()
        self.key.write_private_key(out)
        return out.getvalue()
