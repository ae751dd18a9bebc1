"""Image and VM templates as texts, for those who register by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from b2ct.cloud import vmtemplates
from b2ct.cloud.about import OWNER, about_worker
from b2ct.cloud.register import content as contents
from b2ct.cloud.register import images
from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import FOLDER
from b2ct.cloud.vmtemplates import ImageAbout
from b2ct.core import files
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError
from b2ct.one import text
from b2ct.papers.verify import NOBODY
from b2ct.site.chosen import ChosenSite


@dataclass(frozen=True)
class Wishes:
    """What was asked for; None: not said."""

    worker: str | None = None
    image_file: Path | None = None
    """The image itself, for its checksums."""
    image_name: str | None = None
    path: str | None = None
    """Where the front-end finds the image."""
    owner: str = OWNER
    unverified: bool = False


def templates(chosen: ChosenSite, said: Wishes) -> dict[str, str]:
    """File name -> text: the image's, and the VMs'. Raises B2ctError."""
    about = about_worker(chosen, said.worker, name=None, family="", definition="", owner=said.owner)
    content = _content(said.image_file, unverified=said.unverified) if said.image_file else None
    plain = content.plain_name if content else about.worker.image
    name = images.check_base(said.image_name or plain)
    text.check_name(said.owner, what="the owner's name", user=True)
    about = replace(about, image=name, family=name)
    image = _image(name, said.path, content, chosen.site.site.name)
    return {
        f"{name}.one": vmtemplates.image_text(image, by_hand=True),
        f"{about.worker_name}.txt": vmtemplates.vm_text(about, by_hand=True),
    }


def _content(image: Path, *, unverified: bool) -> Content:
    with byte_progress(f"checking {image.name}", contents.size(image)) as advance:
        return contents.read(image, NOBODY, unverified=unverified, advance=advance)


def _image(name: str, path: str | None, content: Content | None, site: str) -> ImageAbout:
    where = path or f"{FOLDER}/{content.path.name if content else name + '.qcow2'}"
    if content is None:
        note(f"note: {name}.one has no checksum of the image: name the file with --image")
        return ImageAbout(name, where, site=site)
    return ImageAbout(
        name, where, content.sha256, contents.sha1(content), content.title, content.name,
        content.built, site,
    )  # fmt: skip


def write(folder: Path, made: Mapping[str, str], *, force: bool) -> None:
    """Write them into a folder that is there. Raises B2ctError."""
    if not folder.is_dir():
        raise B2ctError(f"there is no folder {folder}", hint="make it first, or correct -o")
    if not force:
        for name in made:
            files.refuse_existing(folder / name)
    for name, content in made.items():
        files.write(folder / name, content)
        note(f"{folder / name} written")
