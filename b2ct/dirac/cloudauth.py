"""cloud.auth: user and password for DIRAC's CloudComputingElement, an INI file of mode 600.

It is read by Python's configparser with its usual interpolation: a `%` stands as `%%`.
"""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

from b2ct.core.errors import B2ctError

MODE = 0o600


def text(ce: str, user: str, password: str) -> str:
    """The section of one CE. Raises B2ctError for a password that DIRAC would read as another."""
    if password == "PROXY":  # noqa: S105 - the word that CloudComputingElement knows
        raise B2ctError(
            "the password is the word PROXY, which DIRAC replaces by a proxy's path",
            hint="give the user another password",
        )
    if not password or password != password.strip() or not password.isprintable():
        raise B2ctError(
            "the password is empty, or begins or ends with a blank: DIRAC would cut it",
            hint="give the user another password",
        )
    shown = {"key": user, "secret": password}
    lines = (f"{name} = {value.replace('%', '%%')}\n" for name, value in shown.items())
    return f"[{ce}]\n{''.join(lines)}"


def read(path: Path, ce: str) -> tuple[str, str]:
    """User and password of a CE, as DIRAC reads them. Raises B2ctError; never with a value."""
    parser = configparser.ConfigParser()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        parser.read_string(path.read_text())
        section = parser[ce if ce in parser else "DEFAULT"]
        found = section["key"], section["secret"]
    except OSError as err:
        raise B2ctError(
            f"cannot read {path}: {(err.strerror or str(err)).lower()}",
            hint="`b2ct dirac config -o FOLDER` writes it; run this as the user of DIRAC",
        ) from None
    except (configparser.Error, UnicodeDecodeError, KeyError):
        raise B2ctError(
            f"{path} holds no `key` and `secret` for {ce}",
            hint=f"it needs a section [{ce}] with both; a % in the password is written %%",
        ) from None
    if mode & 0o077:
        raise B2ctError(
            f"{path} holds a password, and others may read or change it (mode {mode:04o})",
            hint=f"chmod 600 {path}",
        )
    return found
