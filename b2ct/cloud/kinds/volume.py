"""Volumes: disks whose data stay when VMs end. In OpenNebula: persistent images, empty at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud import compare
from b2ct.cloud.kinds.datastore import DATASTORE
from b2ct.cloud.kinds.kind import DEFAULT, ObjectKind, Wanted
from b2ct.cloud.steps import Action, Step
from b2ct.one.kinds import Images
from b2ct.one.objects.storage import Image
from b2ct.one.states import ImageState, ImageType
from b2ct.one.text import Attributes
from b2ct.site.workers import MIB

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client


@dataclass(frozen=True, kw_only=True)
class WantedVolume(Wanted):
    """A volume as it shall be."""

    size: int
    """MB."""
    datastore: str


class VolumeKind(ObjectKind[WantedVolume, Image]):
    """Those of `cloud.volumes`."""

    name, made, deleted = "volume", 65, 45
    per_owner = True

    def pool(self, one: Client) -> Images:
        """Images, which are asked for anyway."""
        return one.images

    def among(self, listed: tuple[Image, ...]) -> tuple[Image, ...]:
        """Those that hold data of VMs, and nothing to start from."""
        return tuple(image for image in listed if _is_volume(image))

    def wanted(self, described: Described) -> Iterator[WantedVolume]:
        """Each with its size; sizes are rounded up to MB."""
        for name, volume in described.site.cloud.volumes.items():
            yield WantedVolume(
                name=name, attributes={"DESCRIPTION": volume.description or ""},
                size=-(-volume.size // MIB), datastore=volume.datastore or DEFAULT,
            )  # fmt: skip

    def find(self, wanted: WantedVolume, view: View) -> Image | None:
        """Any image of the caller's with its name: the server would not make a second one."""
        mine = (i for i in view.live.images if i.name == wanted.name and i.uid == view.live.me.id)
        return super().find(wanted, view) or next(mine, None)

    def shown(self, wanted: WantedVolume) -> dict[str, str]:
        """What an image is besides its attributes."""
        return {
            **super().shown(wanted), "size": f"{wanted.size} MB", "datastore": wanted.datastore,
            "volume": "yes",
        }  # fmt: skip

    def there(self, item: Image, wanted: WantedVolume, view: View) -> dict[str, str]:
        """The same as it is."""
        return {
            **super().there(item, wanted, view), "size": f"{item.size} MB",
            "datastore": view.name(DATASTORE, item.datastore_id),
            "volume": "yes" if _is_volume(item) else "no",
        }  # fmt: skip

    def trouble(self, item: Image) -> tuple[str, str] | None:
        """The server could not make it, or it is something else of the name."""
        if not _is_volume(item):
            return f"image {item.id} has this name, and is no volume", "choose another name"
        if item.state is not ImageState.ERROR:
            return None
        return "the volume is in state ERROR", f"`oneimage show {item.id}` says why"

    def bar(self, _item: Image, _wanted: WantedVolume, name: str) -> tuple[str, str] | None:
        """All but its description is for life."""
        if name not in ("size", "datastore"):
            return None
        return (
            f"OpenNebula cannot change the {name} of a volume",
            "describe a second volume, copy the data, then take the first out of site.yaml",
        )

    def make(self, run: Run, wanted: WantedVolume) -> None:
        """The server fills it in its own time: VMs wait for that."""
        disk = Attributes.of({"TYPE": "DATABLOCK", "PERSISTENT": "YES", "SIZE": wanted.size})
        attributes = run.new(wanted).merged(disk)
        datastore = run.id(DATASTORE, wanted.datastore)
        run.make(self, wanted.name, lambda: run.one.images.allocate(attributes, datastore))

    def left_over(self, view: View) -> Iterator[Step]:
        """Told, and never deleted: nobody but a person knows what its data are worth."""
        for item in compare.unwanted(self, view):
            yield Step(
                self.name, item.name, Action.LEAVE, item.id,
                why=f"{compare.NO_MORE}; it may hold data, so it is never deleted",
                hint=f"`oneimage delete {item.id}`, if nobody needs them",
            )  # fmt: skip


def _is_volume(image: Image) -> bool:
    return image.persistent and image.type is ImageType.DATABLOCK


VOLUME = VolumeKind()
