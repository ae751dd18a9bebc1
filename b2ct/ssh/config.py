"""What the user's ssh_config(5) says of a machine: so that we go the way that `ssh` goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.ssh.words import Words

if TYPE_CHECKING:
    import paramiko

USUAL = Path("~/.ssh/config")


@dataclass(frozen=True)
class Said:
    """Of one machine; what is not said is empty."""

    host: str = ""
    user: str = ""
    port: int = 0
    jump: str = ""
    known_as: str = ""
    """HostKeyAlias."""
    identities: tuple[Path, ...] = ()


class SshConfig:
    """A file of ssh_config; HostName, User, Port, ProxyJump, HostKeyAlias and IdentityFile."""

    def __init__(self, path: Path | None = None, words: Words | None = None) -> None:
        """`path`: instead of the usual one, which need not be there. Raises B2ctError."""
        file = (path or USUAL).expanduser()
        self._file = file
        self._words = words or Words()
        self._config: paramiko.SSHConfig | None = None
        if path is None and not file.is_file():
            return
        import paramiko

        try:
            self._config = paramiko.SSHConfig.from_path(str(file))
        except (OSError, paramiko.SSHException, UnicodeDecodeError) as err:
            raise self._wrong(err) from err

    def of(self, *names: str) -> Said:
        """The first of the names of a machine that the file says something of."""
        for name in names:
            said = self._of(name)
            if said != Said():
                return said
        return Said()

    def _of(self, name: str) -> Said:
        if self._config is None:
            return Said()
        try:
            found = self._config.lookup(name)
        except Exception as err:  # paramiko's parser raises what its plugins raise
            raise self._wrong(err) from err
        host, jump = str(found.get("hostname", name)), str(found.get("proxyjump", ""))
        port = str(found.get("port", "0"))
        return Said(
            host="" if host == name else host,
            user=str(found.get("user", "")),
            port=int(port) if port.isdigit() else 0,
            jump="" if jump.lower() == "none" else jump,
            known_as=str(found.get("hostkeyalias", "")),
            identities=tuple(
                path
                for one in found.get("identityfile", [])
                if (path := Path(one).expanduser()).is_file()
            ),
        )

    def _wrong(self, err: Exception) -> B2ctError:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        return B2ctError(
            f"cannot use {self._file}: {' '.join(reason.split())}",
            hint=f"correct it, or {self._words.config}",
        )
