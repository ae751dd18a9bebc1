"""Units of systemd: all that a node is to have, in one command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.check import not_applicable

if TYPE_CHECKING:
    from testinfra.host import Host

OTHER_NAMES = {"httpd.service": "apache2.service"}
"""Names of Debian's packages, where those bring no alias of their own."""
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "UnitFileState")


@dataclass(frozen=True)
class Unit:
    """A unit as systemd sees it."""

    name: str
    load: str
    active: str
    sub: str
    result: str
    file: str
    """`enabled`, `disabled`, `masked`, `static`, ...; empty where there is no file."""

    @property
    def known(self) -> bool:
        """systemd has it, be it that it is masked."""
        return self.load not in ("", "not-found")

    @property
    def running(self) -> bool:
        """Active, or about to be."""
        return self.active in ("active", "reloading", "activating")

    @property
    def state(self) -> str:
        """In words: `stopped`, `failed (exit-code)`."""
        if not self.known:
            return "not installed"
        if self.load == "masked":
            return "masked"
        if self.active == "failed":
            return f"failed ({self.result})"
        return {"inactive": "stopped", "active": f"active ({self.sub})"}.get(
            self.active, self.active
        )


def of(host: Host, names: Iterable[str]) -> dict[str, Unit]:
    """The units of these names. Ends the check where there is no systemd."""
    names = tuple(names)
    asked = [*names, *(OTHER_NAMES[name] for name in names if name in OTHER_NAMES)]
    # ActiveState stands for more than one block each: names are taken by their order.
    done = host.run(f"systemctl show -p {','.join(_PROPERTIES)} -- {' '.join(asked)}")
    if done.rc == 127:
        not_applicable("this release has no systemd, by which services are looked at")
    found = dict(zip(asked, parse(asked, done.stdout), strict=True))
    for name in names:
        if (other := OTHER_NAMES.get(name)) and not found[name].known and found[other].known:
            found[name] = found[other]
    return {name: found[name] for name in names}


def parse(names: Sequence[str], text: str) -> list[Unit]:
    """One block of `Name=value` lines a unit, in the order asked; what is missing is not found."""
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        for block in text.strip().split("\n\n")
    ]
    blocks += [{}] * (len(names) - len(blocks))
    return [
        Unit(name, *(block.get(field, "") for field in _PROPERTIES))
        for name, block in zip(names, blocks, strict=False)
    ]
