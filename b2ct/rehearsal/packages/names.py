"""The packages that definitions ask for, so that the practice base system has them all."""

from __future__ import annotations

from collections.abc import Iterable

from b2ct.core.errors import B2ctError
from b2ct.image import definitions


def packages_of(names: Iterable[str]) -> tuple[str, ...]:
    """The packages and the kernel of each named definition.

    Raises B2ctError for a definition that there is not or that does not use rpm, and
    InvalidFileError for one with mistakes.
    """
    found: list[str] = []
    for name in names:
        definition = definitions.load(name).definition
        if definition.system.packaging != "rpm":
            raise B2ctError(
                f"{name} is made of {definition.system.packaging} packages, and the practice base "
                "system is EL's",
                hint="name a definition of EL: el9-worker, el8-worker, or one that extends them",
            )
        found += [*definition.packages, definition.boot.kernel]
    return tuple(dict.fromkeys(found))
