"""What a package says of itself, whatever its kind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from b2ct import __version__
from b2ct.core.commit import commit
from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, run

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = "from one site.yaml to a working OpenNebula cloud for DIRAC"
DESCRIPTION = """\
B2CT turns bare servers into an OpenNebula cloud that a DIRAC server fills
with jobs: one file, site.yaml, says what the site is, and B2CT makes from it
the installers, the worker images, the cloud's configuration, what DIRAC has
to know, and the proof that all of it works.
"""
LICENCE = "Apache-2.0"


def maintainer() -> str:
    """Who answers for the package: whoever builds it, as Debian's tools are told."""
    name = os.environ.get("DEBFULLNAME", "The B2CT project")
    return f"{name} <{os.environ.get('DEBEMAIL', 'b2ct@example.org')}>"


@dataclass(frozen=True)
class About:
    """The version of a package, and the Python that it is for."""

    python: str
    """Such as `3.11`: the compiled parts fit this one alone."""
    epoch: int
    """When it was made, in seconds of Unix: the time of its commit."""
    version: str = __version__
    commit: str = ""

    @property
    def revision(self) -> str:
        """A later commit is a newer package; one for another Python is another package."""
        when = datetime.fromtimestamp(self.epoch, UTC)
        return f"{when:%Y%m%d%H%M%S}.py{self.python.replace('.', '')}"

    @property
    def day(self) -> str:
        """As mail and changelogs write it (RFC 5322)."""
        return f"{datetime.fromtimestamp(self.epoch, UTC):%a, %d %b %Y %H:%M:%S +0000}"


def of(python: str) -> About:
    """The package of this checkout.

    The same commit makes the same bytes: its time is the time of all files, unless
    SOURCE_DATE_EPOCH says another. Raises B2ctError where neither is known.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given and not given.isdecimal():
        raise B2ctError(f"SOURCE_DATE_EPOCH is '{given}'", hint="it is a number of seconds")
    return About(python, int(given or _committed()), commit=commit())


def _committed() -> str:
    try:
        return run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, timeout=20).stdout.strip()
    except CommandError as err:
        raise B2ctError(
            f"{ROOT} is no checkout of git: the time of the commit is not known",
            hint="say it by SOURCE_DATE_EPOCH, a number of seconds",
        ) from err
