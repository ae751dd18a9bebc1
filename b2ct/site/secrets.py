"""A secret by reference to its value, and a password to its crypt hash.

Values travel as pydantic's SecretStr, whose repr and str hide them; no error names one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

from pydantic import SecretStr

from b2ct.core import console
from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.site.model import Secret

LONGEST = 1024
"""Characters of a secret; what is longer is another file given by mistake."""
COMMAND_TIMEOUT = 120.0
"""Seconds: a password manager may ask the administrator in a window of its own."""
ROUNDS = 100_000
"""SHA-crypt rounds: a tenth of a second on the oldest machine that EL6 runs on."""


def resolve(secret: Secret, *, folder: Path, name: str) -> SecretStr | None:
    """The value that a reference stands for, or None for one that is generated on the machine.

    `folder` is that of site.yaml: relative files are looked up from it and commands run in it.
    `name` is how errors call the secret. Raises B2ctError when there is no value; never with it.
    """
    if secret.file is not None:
        return _checked(name, _from_file(name, folder / secret.file.expanduser()))
    if secret.env is not None:
        return _checked(name, _from_env(name, secret.env))
    if secret.command is not None:
        return _checked(name, _from_command(name, secret.command, folder))
    return None


def crypt_hash(password: SecretStr, *, salt_of: str | None = None) -> str:
    """The SHA-512 crypt hash (crypt(5), `$6$`), as `rootpw --iscrypted` takes it.

    With `salt_of` (the name of site and account, say; not the password) the salt is derived from
    it, so that the same inputs give the same bytes; without it, it is random. A salt is no
    secret: it need only differ between accounts.
    """
    from passlib.hash import sha512_crypt  # slow to import

    salt = _salt(salt_of) if salt_of is not None else None
    options = {"salt": salt} if salt else {}
    hashed: str = sha512_crypt.using(rounds=ROUNDS, **options).hash(password.get_secret_value())
    return hashed


def _salt(text: str) -> str:
    """Sixteen characters of crypt's alphabet."""
    digest = hashlib.sha256(f"b2ct salt\0{text}".encode()).digest()
    return base64.b64encode(digest, altchars=b"./")[:16].decode()


def _from_file(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(4 * LONGEST + 2)
    except (OSError, ValueError) as err:
        reason = (getattr(err, "strerror", None) or "not a path").lower()
        raise B2ctError(
            f"{name}: cannot read {path}: {reason}",
            hint="the path is relative to the folder of site.yaml",
        ) from None
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        console.note(f"warning: {path} can be read by every user: chmod 600 {path}")
    return _decoded(name, raw, f"the file {path}")


def _from_env(name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise B2ctError(
            f"{name}: the environment variable {variable} is not set",
            hint=f"set it for this command: {variable}=... b2ct ...",
        )
    return value.split("\n", 1)[0]


def _from_command(name: str, words: tuple[str, ...], folder: Path) -> str:
    """What the command prints and its complaints may hold the secret: only its name is told."""
    tool = words[0]
    if "/" in tool:
        tool = str(folder / Path(tool).expanduser())
    done = run([tool, *words[1:]], cwd=folder, timeout=COMMAND_TIMEOUT, check=False)
    if done.code != 0:
        raise B2ctError(
            f"{name}: the command {words[0]} failed with exit code {done.code}",
            hint="run it by hand to see why; it gets no terminal and no shell",
        )
    # `run` has decoded it already, with U+FFFD for what is no text: not UTF-8 again.
    raw = done.stdout.replace("\ufffd", "\udcff").encode(errors="surrogateescape")
    return _decoded(name, raw, f"the command {words[0]}")


def _decoded(name: str, raw: bytes, source: str) -> str:
    try:
        return raw.split(b"\n", 1)[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise B2ctError(
            f"{name}: the first line of {source} is not UTF-8 text",
            hint="the secret is the first line of a text",
        ) from None


def _checked(name: str, value: str) -> SecretStr:
    if not value:
        raise B2ctError(f"{name} is empty", hint="the secret is the first line; it is blank")
    if len(value) > LONGEST:
        raise B2ctError(
            f"{name} is longer than {LONGEST} characters",
            hint="is this the right file, variable or command?",
        )
    if not value.isprintable():
        raise B2ctError(
            f"{name} holds characters that cannot be typed at a console",
            hint="use printable characters only",
        )
    if "PRIVATE KEY" in value:
        raise B2ctError(
            f"{name} is a private key, not a password", hint="check what the reference names"
        )
    return SecretStr(value)
