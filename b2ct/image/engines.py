"""The two ways to make an image of a definition: our own engine, and Packer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from b2ct.core import files
from b2ct.core.clock import image_time
from b2ct.core.console import note
from b2ct.core.data import cache_folder
from b2ct.core.errors import B2ctError
from b2ct.core.run import need_tool
from b2ct.image import build as own
from b2ct.image import publish, scratch
from b2ct.image.definitions import Loaded
from b2ct.image.inside import Outcome
from b2ct.image.publish import Published
from b2ct.image.rootfs.workspace import Stopwatch
from b2ct.papers.info import virtual_size


@dataclass(frozen=True)
class Wishes:
    """What the user asks for."""

    output: Path
    scratch: Path | None = None
    base: str | None = None
    sign_key: Path | None = None
    offline: bool = False
    force: bool = False
    verify_reproducible: bool = False


class Plan(Protocol):
    """A build that could start now."""

    @property
    def epoch(self) -> int:
        """SOURCE_DATE_EPOCH of the image."""

    def steps(self) -> list[str]:
        """What would be done, in order."""

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""

    def make(self, image: Path, say: Callable[[str], None]) -> Outcome:
        """Make the image at that path. Raises B2ctError."""


def plan(engine: str, loaded: Loaded, wishes: Wishes) -> Plan:
    """Gather all inputs of a build, and refuse what cannot work. Raises B2ctError."""
    publish.check_output(wishes.output, force=wishes.force)
    return _PLANNERS[engine](loaded, wishes)


def build(engine: str, loaded: Loaded, wishes: Wishes) -> Published:
    """Make the image and put it in place. Raises B2ctError; then nothing was written."""
    chosen = plan(engine, loaded, wishes)
    say = Stopwatch(note)
    return publish.publish(
        loaded,
        wishes.output,
        partial(chosen.make, say=say),
        epoch=chosen.epoch,
        sign_key=wishes.sign_key,
    )


def _own(loaded: Loaded, wishes: Wishes) -> Plan:
    request = own.Request(
        output=wishes.output,
        scratch=wishes.scratch,
        offline=wishes.offline,
        verify_reproducible=wishes.verify_reproducible,
    )
    return own.prepare(loaded, request)


@dataclass(frozen=True)
class PackerPlan:
    """A build by Packer."""

    loaded: Loaded
    wishes: Wishes
    base: str
    epoch: int

    def steps(self) -> list[str]:
        """What would be done, in order."""
        return [
            f"start a VM from {self.base} with Packer",
            "install the packages in it, and run the same scripts as the default engine",
            f"write {self.wishes.output.absolute()}",
        ]

    def as_json(self) -> dict[str, Any]:
        """For programs: what --dry-run says."""
        return {
            "name": self.loaded.name,
            "output": str(self.wishes.output.absolute()),
            "epoch": self.epoch,
            "steps": self.steps(),
        }

    def make(self, image: Path, say: Callable[[str], None]) -> Outcome:
        """Run Packer in a folder of its own."""
        from b2ct.image import packer
        from b2ct.image.rootfs import keys

        parent = self.wishes.scratch or cache_folder() / "scratch"
        known = keys.of(self.loaded.definition, cache_folder(), offline=self.wishes.offline)
        with scratch.claimed(parent.absolute(), shutil.rmtree) as folder:
            packages = packer.build(
                self.loaded.definition,
                known,
                packer.Base(self.base),
                image,
                folder=folder,
                say=say,
            )
        return Outcome(
            sha256=files.sha256(image),
            size=image.stat().st_size,
            virtual_size=virtual_size(image),
            kernel="",
            arguments=self.loaded.definition.boot.arguments,
            packages=packages,
            layers=(),
            cached=(),
        )


def _packer(loaded: Loaded, wishes: Wishes) -> Plan:
    if wishes.base is None:
        raise B2ctError(
            "the Packer engine needs something to start from",
            hint="name the distribution's cloud image, or its installer ISO, with --base",
        )
    if wishes.verify_reproducible:
        raise B2ctError(
            "a VM never makes the same image twice, so there is nothing to compare",
            hint="leave out --engine packer, or --verify-reproducible",
        )
    from b2ct.image.packer import Base

    Base(wishes.base).check(offline=wishes.offline)
    need_tool("packer")
    return PackerPlan(loaded, wishes, wishes.base, image_time())


_PLANNERS: dict[str, Callable[[Loaded, Wishes], Plan]] = {"default": _own, "packer": _packer}
