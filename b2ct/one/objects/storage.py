"""Images and datastores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from b2ct.one import xml
from b2ct.one.objects.base import Owned, clusters, owned
from b2ct.one.states import DatastoreType, ImageState, ImageType
from b2ct.one.xml import Element


@dataclass(frozen=True, kw_only=True)
class Image(Owned):
    """An image."""

    state: ImageState
    type: ImageType
    size: int
    """MB (virtual)."""
    datastore_id: int
    datastore: str
    persistent: bool
    path: str
    source: str
    format: str
    running_vms: int
    vms: tuple[int, ...]
    clones: tuple[int, ...]
    registered: int
    """Seconds since 1970."""

    @property
    def error(self) -> str:
        """Why it is in ERROR, as the server says; may hold paths and URLs."""
        return self.template.text("ERROR")

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<IMAGE>`."""
        e = element
        return cls(
            **owned(e),
            state=ImageState(xml.integer(e, "STATE")), type=ImageType(xml.integer(e, "TYPE")),
            size=xml.integer(e, "SIZE"), datastore_id=xml.integer(e, "DATASTORE_ID", -1),
            datastore=xml.text(e, "DATASTORE"), persistent=xml.flag(e, "PERSISTENT"),
            path=xml.text(e, "PATH"), source=xml.text(e, "SOURCE"),
            format=xml.text(e, "FORMAT") or xml.text(e, "TEMPLATE/DRIVER"),
            running_vms=xml.integer(e, "RUNNING_VMS"), vms=xml.ids(e, "VMS"),
            clones=xml.ids(e, "CLONES"), registered=xml.integer(e, "REGTIME"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Datastore(Owned):
    """A datastore; sizes in MB."""

    type: DatastoreType
    ds_mad: str
    tm_mad: str
    base_path: str
    enabled: bool
    clusters: tuple[int, ...]
    total: int
    free: int
    used: int
    images: tuple[int, ...]

    @property
    def measured(self) -> bool:
        """The server has looked how much room there is (it has not just after its start)."""
        return self.total > 0

    @property
    def limit(self) -> int | None:
        """LIMIT_MB: what images may take of it together, in MB."""
        text = self.template.text("LIMIT_MB")
        return int(text) if text.isdigit() else None

    @property
    def room(self) -> int:
        """MB that the server takes for free, as Datastore::get_avail_mb of the sources counts."""
        return max(0, self.free if self.limit is None else self.limit - self.used)

    @property
    def checked(self) -> bool | None:
        """Whether the server looks for room before it takes an image; None: as oned.conf says."""
        word = self.template.text("DATASTORE_CAPACITY_CHECK").upper()
        return word == "YES" if word else None

    @classmethod
    def parse(cls, element: Element) -> Self:
        """From `<DATASTORE>`."""
        e = element
        return cls(
            **owned(e),
            type=DatastoreType(xml.integer(e, "TYPE")), ds_mad=xml.text(e, "DS_MAD"),
            tm_mad=xml.text(e, "TM_MAD"), base_path=xml.text(e, "BASE_PATH"),
            enabled=xml.integer(e, "STATE") == 0, clusters=clusters(e),
            total=xml.integer(e, "TOTAL_MB"), free=xml.integer(e, "FREE_MB"),
            used=xml.integer(e, "USED_MB"), images=xml.ids(e, "IMAGES"),
        )  # fmt: skip
