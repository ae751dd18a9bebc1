"""Files of the site's own that travel into VMs: read once, and refused if they cannot work there.

Whoever can list VMs in OpenNebula can read what is in their context, and so can every user of the
VM: nothing secret may be in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

LARGEST = 64 * 1024
"""Bytes of one file; b2ct.context.limits says how much a whole context may have."""
USER_DATA_TYPES: Mapping[str, str] = {
    "#cloud-config": "text/cloud-config",
    "#cloud-boothook": "text/cloud-boothook",
    "#include-once": "text/x-include-once-url",
    "#include": "text/x-include-url",
    "## template: jinja": "text/jinja2",
    "#!": "text/x-shellscript",
}
"""First line -> MIME type of the user data that cloud-init knows."""
_PRIVATE = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_PUBLIC = re.compile(
    r"\s*(-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\s*)+"
)
_SECRETS = ("password", "chpasswd", "ssh_keys")
"""Top-level keys of cloud-config that carry passwords or private host keys."""


def script(path: Path) -> str:
    """A script that a VM runs. Raises ValueError with the reason if it cannot be one."""
    text = _text(path)
    if not text.startswith("#!"):
        raise ValueError("does not say what runs it: expected #!/bin/bash, say, in its first line")
    return text


def user_data(path: Path) -> str:
    """cloud-init user data. Raises ValueError with the reason if cloud-init would not take it."""
    text = _text(path)
    if not text.startswith(tuple(USER_DATA_TYPES)):
        raise ValueError("is no user data of cloud-init: expected #cloud-config in its first line")
    if text.startswith("#cloud-config"):
        _cloud_config(text)
    return text


def user_data_type(text: str) -> str:
    """The MIME type of user data, by its first line; it has passed `user_data`."""
    return next(kind for first, kind in USER_DATA_TYPES.items() if text.startswith(first))


def public_key(path: Path) -> str:
    """A CVMFS public key. Raises ValueError with the reason if it is none."""
    text = _text(path)
    if not _PUBLIC.fullmatch(text):
        raise ValueError("is no public key of CVMFS: expected -----BEGIN PUBLIC KEY----- (PEM)")
    return text


def problem(reader: Callable[[Path], str], path: Path) -> str:
    """Why a file cannot be used; empty if it can."""
    try:
        reader(path)
    except ValueError as err:
        return str(err)
    return ""


def _text(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except OSError as err:
        raise ValueError(f"{path} cannot be read: {(err.strerror or '').lower()}") from None
    if len(raw) > LARGEST:
        raise ValueError("is larger than 64 KiB: let a short script fetch what is large")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if "\r" in text:
        raise ValueError("has line ends of Windows, which no shell takes: run `dos2unix` on it")
    if found := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        raise ValueError(f"is no plain text: it holds {found[0]!r}")
    if _PRIVATE.search(text):
        raise ValueError("holds a private key: whoever can list VMs could read it")
    return text


def _cloud_config(text: str) -> None:
    import yaml  # slow to import

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as err:
        mark = getattr(err, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"is not valid YAML{where}") from None
    if not isinstance(data, dict):
        raise ValueError("has no keys: cloud-config is a mapping such as `packages: [tmux]`")
    for key in _SECRETS:
        if key in data:
            raise ValueError(f"has the key {key}: whoever can list VMs could read what is in it")
