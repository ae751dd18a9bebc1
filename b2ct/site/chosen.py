"""The site that a verb works for, and the one way to its secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from b2ct.core.consent import NOBODY, Consent
from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.site import trust
from b2ct.site.model import Secret, Site
from b2ct.site.trust import Origin

STAND_IN_HASH = "$6$rounds=100000$b2ctb2ctb2ctb2ct$" + "." * 86
"""In the place of a hash while nothing is looked up yet; no password has it."""
STAND_IN = "b2ct-stand-in"


@dataclass(frozen=True)
class Carried:
    """The secrets that go on a medium, looked up last, after all that can be refused."""

    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """What to render with until then, by the names that `kickstart.render` knows."""
    look_up: Callable[[], dict[str, str]] = dict
    """The values. Raises B2ctError for a reference that leads nowhere."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.stand_ins)


@dataclass(frozen=True)
class ChosenSite:
    """A site, the folder that its files are relative to, and who may say that it is trusted."""

    site: Site
    folder: Path
    origin: Origin | None = None
    """None: no file; nobody sent it."""
    consent: Consent = NOBODY

    def secret(self, name: str, *, leaving: bool = False) -> SecretStr | None:
        """The value of `secrets.NAME`; None where there is none, or the machine makes it.

        `leaving` says that it goes to a server that only site.yaml names. Raises B2ctError where
        the site is not trusted with what it reaches for, or the reference leads nowhere.
        """
        from b2ct.site import secrets

        reference: Secret | None = getattr(self.site.secrets, name)
        if reference is None:
            return None
        self.allow(name, leaving=leaving)
        return secrets.resolve(reference, folder=self.folder, name=f"secrets.{name}")

    def allow(self, name: str, *, leaving: bool = False) -> None:
        """Ask now what `secret` would ask. Raises B2ctError where the answer is no."""
        told = trust.reaches(self.site, self.folder, leaving=leaving)
        if any(line.startswith(f"secrets.{name} ") for line in told):
            self._ask(told)

    def allow_files(self) -> None:
        """Ask before files from outside the folder go into VMs. Raises B2ctError."""
        if trust.own_files_outside(self.site, self.folder):
            self._ask(trust.reaches(self.site, self.folder))

    def _ask(self, told: list[str]) -> None:
        self.consent.need(trust.question(self.site, self.origin, self.folder, told))

    def needed_secret(self, name: str, *, leaving: bool = False) -> str:
        """The text of a secret without which nothing can go on; else as `secret`."""
        value = self.secret(name, leaving=leaving)
        if value is None:
            raise B2ctError(
                f"secrets.{name} is not given", hint="name where it is, such as {file: ...}"
            )
        return value.get_secret_value()

    def proxy_password(self, *, leaving: bool) -> str:
        """That of `proxy.user`. Raises B2ctError as `needed_secret`."""
        found = self.needed_secret("proxy_password", leaving=leaving)
        if not found.isascii():
            raise B2ctError(
                "secrets.proxy_password holds letters beyond ASCII",
                hint="programs encode them differently for a proxy (RFC 7617): take a password "
                "without them",
            )
        return found

    def carried(self) -> Carried:
        """The secrets that go on a medium."""
        wanted = self.site.secrets
        stand_ins = {}
        if wanted.root_password and not wanted.root_password.generate:
            stand_ins["root_password_hash"] = STAND_IN_HASH
        if not wanted.oneadmin_password.generate:
            stand_ins["oneadmin_password"] = STAND_IN
        if wanted.proxy_password and wanted.proxy_password.on_medium:
            stand_ins["proxy_password"] = STAND_IN
        return Carried(stand_ins, self._look_up) if stand_ins else Carried()

    def _look_up(self) -> dict[str, str]:
        from b2ct.site import secrets

        found: dict[str, str] = {}
        if (password := self.secret("root_password")) is not None:
            # A salt from the site's name keeps the image the same for the same inputs.
            salt = self.site.site.name
            found["root_password_hash"] = secrets.crypt_hash(password, salt_of=salt)
            note("note: the hash of root's password goes on the medium")
        if (password := self.secret("oneadmin_password")) is not None:
            found["oneadmin_password"] = password.get_secret_value()
            note("note: oneadmin's password will be readable by whoever finds the medium")
        asked = self.site.secrets.proxy_password
        if asked is not None and asked.on_medium:
            found["proxy_password"] = self.proxy_password(leaving=False)
            note("note: the proxy's password will be readable by whoever finds the medium")
        return found
