"""Images by content: their versions, and what is to be done to have a content registered. Pure.

The first image of a name is `NAME`, the next are `NAME.v2`, `NAME.v3` and so on; a number is never
given twice while an image has it. Current is the version that a VM template starts from. `X.new`
is what is going to replace X: X is deleted only when the new one is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.one import labels, text
from b2ct.one.faults import image_remedy, reason
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Template
from b2ct.one.states import ImageState
from b2ct.one.text import Vector

SHA256 = "B2CT_SHA256"
"""Attribute of an image: the SHA-256 of its file."""
NEW = ".new"
_VERSION = re.compile(r"(?P<base>.+)\.v(?P<number>[1-9][0-9]{0,8})", re.S)
_ENDING = re.compile(r"\.v[0-9]+$|\.new$")
_ROOM = len(".v999999999.new")


def split(name: str) -> tuple[str, int]:
    """`worker.v3` -> (`worker`, 3); what has no number is version 1."""
    found = _VERSION.fullmatch(name)
    if found and int(found["number"]) > 1:
        return found["base"], int(found["number"])
    return name, 1


def join(base: str, number: int) -> str:
    """The name of a version."""
    return base if number == 1 else f"{base}.v{number}"


def check_base(name: str) -> str:
    """A name that versions can be made of. Raises B2ctError."""
    text.check_name(name, what="the image's name")
    if found := _ENDING.search(name):
        raise B2ctError(
            f"the image's name {name!r} ends like that of a version ({found[0]})",
            hint="leave that out: versions are counted by b2ct, and --new-version makes the next",
        )
    if len(name.encode()) > text.LONGEST_NAME - _ROOM:
        raise B2ctError(
            f"the image's name {name[:40]!r}... leaves no room for a version's number",
            hint=f"choose one of at most {text.LONGEST_NAME - _ROOM} bytes",
        )
    return name


@dataclass(frozen=True)
class Version:
    """An image of a name, and the VM templates that start from it."""

    number: int
    image: Image
    templates: tuple[Template, ...] = ()

    @property
    def sha256(self) -> str:
        """Of its file; empty for an image that B2CT did not register."""
        return self.image.template.text(SHA256) if labels.ours(self.image) else ""

    @property
    def current(self) -> bool:
        """VMs start from it."""
        return bool(self.templates)

    @property
    def dead(self) -> bool:
        """Left by a failed attempt of ours: it holds nothing, and nobody uses it."""
        image = self.image
        return labels.ours(image) and image.state is ImageState.ERROR and not image.vms

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "version": self.number,
            "id": self.image.id,
            "name": self.image.name,
            "state": self.image.state.name,
            "sha256": self.sha256,
            "built": self.image.template.text("B2CT_BUILT"),
            "registered": self.image.registered,
            "size_mb": self.image.size,
            "vms": len(self.image.vms),
            "templates": [template.name for template in self.templates],
            "made_by_b2ct": labels.ours(self.image),
        }


@dataclass(frozen=True)
class Family:
    """All versions of a name, oldest first, and what is going to replace one of them."""

    base: str
    versions: tuple[Version, ...]
    fresh: tuple[Version, ...] = ()
    """`X.new`; its number is that of X."""

    @property
    def alive(self) -> tuple[Version, ...]:
        """Those that are no left-overs of failed attempts."""
        return tuple(version for version in self.versions if not version.dead)

    @property
    def current(self) -> tuple[Version, ...]:
        """Those that templates start from: one, unless somebody has made it otherwise."""
        return tuple(version for version in self.alive if version.current)

    @property
    def next_name(self) -> str:
        """The name of the version after the last; one whose attempt failed is made anew."""
        numbers = [version.number for version in (*self.alive, *self.fresh)]
        return join(self.base, max(numbers, default=0) + 1)


def family(base: str, images: Iterable[Image], templates: Sequence[Template]) -> Family:
    """The versions of a name among images of one owner; `templates` are all that can be seen."""
    versions: list[Version] = []
    fresh: list[Version] = []
    for image in images:
        found, number = split(image.name.removesuffix(NEW))
        if found == base:
            users = tuple(one for one in templates if starts_from(one, image))
            place = fresh if image.name.endswith(NEW) else versions
            place.append(Version(number, image, users))
    versions.sort(key=lambda version: (version.number, version.image.id))
    return Family(base, tuple(versions), tuple(fresh))


def starts_from(template: Template, image: Image) -> bool:
    """A disk of the template comes from the image."""
    return any(names(disk, image, template.owner) for disk in template.template.vectors("DISK"))


def names(disk: Vector, image: Image, owner: str) -> bool:
    """A DISK of somebody's template names the image, by ID or by name and owner."""
    if disk.get("IMAGE_ID"):
        return disk["IMAGE_ID"] == str(image.id)
    if disk.get("IMAGE") != image.name:
        return False
    if disk.get("IMAGE_UID"):
        return disk["IMAGE_UID"] == str(image.uid)
    return disk.get("IMAGE_UNAME", owner) == image.owner


class Choice(Enum):
    """What to do about other content under the same name."""

    REFUSE = "refuse"
    NEW_VERSION = "new-version"
    REPLACE = "replace"


class OtherContentError(B2ctError):
    """The name is taken by an image with another content."""


@dataclass(frozen=True)
class Decision:
    """What is to be done so that a content is registered."""

    target: str
    """The name that the image has, or shall have."""
    found: Image | None = None
    """The image with that content, which is there already."""
    remove: tuple[Image, ...] = ()
    """Left by failed attempts of ours: to be deleted first."""
    replaces: Image | None = None
    """To be deleted when the new one, or `found`, is whole; `target` is its name."""
    current: bool = True
    """VM templates are to start from it."""

    @property
    def nothing(self) -> bool:
        """The image is there under its name, and VMs can start from it."""
        found = self.found
        usable = found is not None and found.state.usable and found.name == self.target
        return usable and not self.remove

    @property
    def made_as(self) -> str:
        """The name that a new image is given at first."""
        return f"{self.target}{NEW}" if self.replaces else self.target


def decide(versions: Family, sha256: str, choice: Choice) -> Decision:
    """What is to be done. Raises OtherContentError and B2ctError, with the ways out."""
    if begun := _begun(versions, sha256, choice):
        return begun
    same = [version for version in versions.alive if version.sha256 == sha256]
    if same:
        # The current one if there are several, else the newest.
        best = max(same, key=lambda version: (version.current, version.number))
        _check_found(best)
        others = [version for version in versions.current if version is not best]
        wanted = best.current or not others or choice is not Choice.REFUSE
        return Decision(best.image.name, found=best.image, current=wanted)
    dead = tuple(version.image for version in versions.versions if version.dead)
    if not versions.alive:
        return Decision(versions.base, remove=dead)
    if choice is Choice.NEW_VERSION:
        return Decision(versions.next_name, remove=dead)
    if choice is Choice.REPLACE:
        victim = _victim(versions)
        for one in versions.fresh:
            _check_idle(one)
        old = tuple(one.image for one in versions.fresh if _can_go(one))
        return Decision(victim.name, remove=(*dead, *old), replaces=victim)
    raise _other_content(versions)


def _begun(versions: Family, sha256: str, choice: Choice) -> Decision | None:
    """A replacement by this content that was begun, and not ended."""
    for version in versions.fresh:
        if version.sha256 != sha256 or version.dead:
            continue
        target = version.image.name.removesuffix(NEW)
        victim = next((v.image for v in versions.versions if v.image.name == target), None)
        if victim is None or choice is Choice.REPLACE:
            if victim is not None:
                _check_unused(victim)
            return Decision(target, found=version.image, replaces=victim)
        raise B2ctError(
            f"image {target!r} was going to be replaced by this one, and that was not ended",
            hint=f"--replace ends it; or `oneimage delete {version.image.id}` gives it up",
        )
    return None


def _check_idle(version: Version) -> None:
    """`X.new` of another content: is its replacement under way?"""
    image = version.image
    if image.state.locked:
        raise B2ctError(
            f"image {image.id} ({image.name}) is being copied: another content is just replacing "
            "this one",
            hint="wait until that has ended; if nobody does it, "
            f"`oneimage delete {image.id} --force` gives it up",
        )


def _check_found(version: Version) -> None:
    """The content is there; can VMs start from it?"""
    image = version.image
    if image.state.usable or image.state.locked:
        return
    where = f"image {image.id} ({image.name}) has this content already, and"
    if image.state is ImageState.DISABLED:
        raise B2ctError(
            f"{where} is disabled", hint=f"`oneimage enable {image.id}`, if nothing speaks against"
        )
    if image.state is ImageState.ERROR:
        raise B2ctError(
            f"{where} is in ERROR: {reason(image.error) or 'the server gives no reason'}",
            hint=f"terminate the {len(image.vms)} VM(s) that hold it; {image_remedy(image.error)}",
        )
    raise B2ctError(f"{where} is in state {image.state.name}", hint="try again when it is gone")


def _victim(versions: Family) -> Image:
    """What --replace replaces: the current version, else the last."""
    current = versions.current
    if len(current) > 1:
        raise B2ctError(
            f"VM templates start from several versions of {versions.base!r}: "
            + ", ".join(f"{t.name} from {v.image.name}" for v in current for t in v.templates),
            hint="--new-version leaves all of them there",
        )
    image = (current or versions.alive[-1:])[0].image
    _check_unused(image)
    return image


def _check_unused(image: Image) -> None:
    why = ""
    if not labels.ours(image):
        why = "it was not made by b2ct"
    elif image.vms:
        why = f"{len(image.vms)} VM(s) use it"
    elif image.state.locked:
        why = "it is being copied"
    elif image.locked_by is not None:
        why = "somebody has locked it"
    if why:
        raise B2ctError(
            f"image {image.id} ({image.name}) is not replaced: {why}",
            hint="--new-version registers this one beside it, and new VMs start from it",
        )


def _can_go(version: Version) -> bool:
    return labels.ours(version.image) and not version.image.vms and not version.current


def _other_content(versions: Family) -> OtherContentError:
    current = versions.current
    last = (current or versions.alive)[-1]
    image = last.image
    what = f"SHA-256 {last.sha256[:12]}..." if last.sha256 else "made by hand: its content is not"
    what += "" if last.sha256 else " known"
    when = datetime.fromtimestamp(image.registered, UTC).strftime("%Y-%m-%d %H:%M UTC")
    hint = "--new-version registers this one as a further version, which new VMs then start from"
    if labels.ours(image) and not image.vms:
        hint += "; --replace deletes the old one"
    return OtherContentError(
        f"the name {versions.base!r} is taken by an image with other content: {image.id} "
        f"({image.name}; {what}; registered {when}; {len(image.vms)} VM(s))",
        hint=f"{hint}; or choose another name with --name",
    )


def version_named(versions: Family, wanted: str) -> Version:
    """The version that somebody means by `3`, `v3` or its whole name. Raises B2ctError."""
    for version in versions.versions:
        if wanted in (version.image.name, str(version.number), f"v{version.number}"):
            return version
    names_ = ", ".join(f"v{one.number}" for one in versions.versions) or "none"
    raise B2ctError(
        f"{versions.base!r} has no version {wanted!r}", hint=f"its versions are: {names_}"
    )


def previous(versions: Family) -> Version:
    """The version before the current one, from which VMs can start. Raises B2ctError."""
    current = versions.current
    if not current:
        raise B2ctError(
            f"no VM template starts from a version of {versions.base!r}",
            hint="say which version is meant: --to VERSION; `b2ct image versions` lists them",
        )
    number = min(version.number for version in current)
    before = [v for v in versions.alive if v.number < number and v.image.state.usable]
    if not before:
        raise B2ctError(
            f"there is no usable version of {versions.base!r} before {current[0].image.name}",
            hint="`b2ct image versions` lists them; --to VERSION takes any of them",
        )
    return before[-1]
