"""Images: one.image.* and the pool, and the copy into the datastore that takes its time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import CREATE, MANAGE, USE
from b2ct.rehearsal.oned.datastores import BACKUP_DS, FILE_DS, SYSTEM_DS, Datastore
from b2ct.rehearsal.oned.entities import Owned, bad_name
from b2ct.rehearsal.oned.errors import action, internal, no_exists, not_allocated, unauthorized
from b2ct.rehearsal.oned.pools import visible
from b2ct.rehearsal.oned.quotas import Usage
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.states import ImageState
from b2ct.rehearsal.oned.template import Template

TYPES = {"OS": 0, "CDROM": 1, "DATABLOCK": 2, "KERNEL": 3, "RAMDISK": 4, "CONTEXT": 5, "BACKUP": 6}
_FILE_TYPES = {"KERNEL", "RAMDISK", "CONTEXT"}
# state before a VM takes the image -> state after, for one that is not and one that is persistent
_TAKEN = {
    ImageState.READY: (ImageState.USED, ImageState.USED_PERS),
    ImageState.USED: (ImageState.USED, ImageState.USED_PERS),
    ImageState.LOCKED: (ImageState.LOCKED_USED, ImageState.LOCKED_USED_PERS),
    ImageState.LOCKED_USED: (ImageState.LOCKED_USED, ImageState.LOCKED_USED_PERS),
}
LOCKED = (ImageState.LOCKED, ImageState.LOCKED_USED, ImageState.LOCKED_USED_PERS)
RESTRICTED = ("SOURCE", "VCENTER_IMPORTED")


@dataclass
class Image(Owned):
    kind: ClassVar[str] = "IMAGE"
    type: str = "OS"
    ds_id: int = 1
    disk_type: int = 0
    persistent: bool = False
    regtime: int = 0
    source: str = ""
    path: str = ""
    format: str = ""
    fs: str = ""
    size_mb: int = 0
    state: ImageState = ImageState.LOCKED
    previous: ImageState = ImageState.INIT
    vms: set[int] = field(default_factory=set)

    def changed(self) -> None:
        self.previous = self.state

    def set_state(self, state: ImageState) -> None:
        self.state = state
        self.changed()

    def usage(self) -> Usage:
        return {("DATASTORE", str(self.ds_id)): {"IMAGES": 1, "SIZE": self.size_mb}}

    def xml(self) -> str:
        datastore = self.cloud.datastores.find(self.ds_id)
        backups = (
            "<BACKUP_INCREMENTS></BACKUP_INCREMENTS><BACKUP_DISK_IDS></BACKUP_DISK_IDS>"
            if self.cloud.release.backups
            else ""
        )
        snapshots = (
            "<SNAPSHOTS><ALLOW_ORPHANS><![CDATA[NO]]></ALLOW_ORPHANS>"
            "<CURRENT_BASE><![CDATA[-1]]></CURRENT_BASE>"
            "<NEXT_SNAPSHOT><![CDATA[0]]></NEXT_SNAPSHOT></SNAPSHOTS>"
        )
        modified = f"<MODTIME>{self.regtime}</MODTIME>" if self.cloud.release.modified else ""
        return (
            f"<IMAGE>{self.head_xml()}<TYPE>{TYPES[self.type]}</TYPE>"
            f"<DISK_TYPE>{self.disk_type}</DISK_TYPE><PERSISTENT>{int(self.persistent)}"
            f"</PERSISTENT><REGTIME>{self.regtime}</REGTIME>{modified}"
            f"{xmlwriter.cdata('SOURCE', self.source)}{xmlwriter.cdata('PATH', self.path)}"
            f"{xmlwriter.cdata('FORMAT', self.format)}{xmlwriter.cdata('FS', self.fs)}"
            f"<SIZE>{self.size_mb}</SIZE><STATE>{int(self.state)}</STATE>"
            f"<PREV_STATE>{int(self.previous)}</PREV_STATE>"
            f"<RUNNING_VMS>{len(self.vms)}</RUNNING_VMS><CLONING_OPS>0</CLONING_OPS>"
            f"<CLONING_ID>-1</CLONING_ID><TARGET_SNAPSHOT>-1</TARGET_SNAPSHOT>"
            f"<DATASTORE_ID>{self.ds_id}</DATASTORE_ID>"
            f"<DATASTORE>{datastore.name if datastore else ''}</DATASTORE>"
            f"{xmlwriter.ids('VMS', self.vms)}<CLONES></CLONES><APP_CLONES></APP_CLONES>"
            f"{self.template.xml()}{snapshots}{backups}</IMAGE>"
        )

    def acquire(self, vm_id: int) -> None:
        """A VM takes the image, also one that is still being copied.

        Raises: ValueError with the reason.
        """
        if self.type in _FILE_TYPES or self.type == "BACKUP":
            raise ValueError(
                f"Image {self.id} ({self.name}) of type {self.type} is not a valid disk"
            )
        if self.state in (ImageState.USED_PERS, ImageState.LOCKED_USED_PERS):
            raise ValueError(f"Cannot acquire image {self.id}, it is persistent and already in use")
        if self.state not in _TAKEN:
            raise ValueError(f"Cannot acquire image {self.id}, it is in state: {self.state.name}")
        self.vms.add(vm_id)
        self.set_state(_TAKEN[self.state][self.persistent])

    def release(self, vm_id: int) -> None:
        self.vms.discard(vm_id)
        if not self.vms and self.state in (ImageState.USED, ImageState.USED_PERS):
            self.set_state(ImageState.READY)
        elif not self.vms and self.state in LOCKED:
            self.set_state(ImageState.LOCKED)


def _size_and_format(call: Call, template: Template) -> tuple[int, str]:
    """As ImageManager::stat_image decides it; the format only matters with a PATH."""
    kind = template.get("TYPE") or "OS"
    size, path = template.get("SIZE"), template.get("PATH")
    if kind == "BACKUP":
        return int(size or 0), ""
    if template.get("SOURCE") or (not path and kind not in {*_FILE_TYPES, "CDROM"}):
        if not size.isdigit():
            raise internal("Cannot parse image SIZE: Wrong number or missing SIZE attribute.")
        return int(size), ""
    if not path:
        raise internal(f"Cannot parse image SIZE: Either PATH or SOURCE are required for {kind}")
    return call.cloud.files.stat(path)


def _admitted(call: Call, name: str, kind: str, datastore: Datastore) -> None:
    """The checks of ImagePool::allocate, in their order. Raises: OneError."""
    problem = bad_name(name)
    if problem:
        raise not_allocated("IMAGE", problem)
    if datastore.type == FILE_DS and kind not in _FILE_TYPES:
        raise not_allocated(
            "IMAGE",
            "Only IMAGES of type KERNEL, RAMDISK and CONTEXT can be registered in a FILE_DS "
            "datastore",
        )
    if datastore.type != FILE_DS and kind in _FILE_TYPES:
        raise not_allocated(
            "IMAGE",
            "IMAGES of type KERNEL, RAMDISK and CONTEXT cannot be registered in an IMAGE_DS "
            "datastore",
        )
    same = call.cloud.images.named(name, call.uid)
    if same:
        raise not_allocated("IMAGE", f"NAME is already taken by IMAGE {same.id}.")
    if kind not in TYPES:
        raise not_allocated("IMAGE", "Unknown type ")


def _new(call: Call, template: Template, datastore: Datastore, size_mb: int) -> Image:
    """The image without its number: what Image::insert makes of the template."""
    name, kind = template.pop("NAME"), template.pop("TYPE") or "OS"
    _admitted(call, name, kind, datastore)
    image = Image(call.cloud, -1, name, template, call.uid, call.user.gid, type=kind)
    image.ds_id, image.disk_type, image.size_mb = datastore.id, datastore.disk_type, size_mb
    image.persistent = template.pop("PERSISTENT").upper() == "YES" and kind not in _FILE_TYPES
    if kind in _FILE_TYPES:
        template.erase("DEV_PREFIX")
    elif not template.get("DEV_PREFIX"):
        template.set("DEV_PREFIX", "hd" if kind == "CDROM" else "sd")
    image.fs = template.pop("FS")
    image.path, image.source = template.pop("PATH"), template.pop("SOURCE")
    image.format = template.pop("FORMAT")
    for gone in ("SIZE", "DRIVER", "TM_MAD"):
        template.erase(gone)
    if image.path and image.source:
        raise not_allocated("IMAGE", "PATH and SOURCE cannot be both set.")
    if image.source and not image.format:
        raise not_allocated("IMAGE", "SOURCE needs FORMAT to be set.")
    if image.path:
        image.format = ""  # the copy finds it out
    elif not image.source and not image.format:
        image.format = "raw"
    if template.breaks_xml():
        raise not_allocated("IMAGE", "Error transforming the Image to XML.")
    return image


@method("one.image.allocate")
def allocate(call: Call, text: str, ds_id: int, no_check: bool = False) -> int:
    cloud = call.cloud
    template = call.parse(text)
    datastore = cloud.datastores[ds_id]
    if datastore.type in (SYSTEM_DS, BACKUP_DS):
        raise not_allocated(
            "IMAGE", "New images can only be allocated in a files or image datastore."
        )
    if not call.is_admin:
        for name in RESTRICTED:
            if name in template.names():
                raise unauthorized(call.uid, f"Template includes a restricted attribute {name}")
    size_mb, kind = _size_and_format(call, template)
    call.may(USE, "DATASTORE", datastore)
    call.may(CREATE, "IMAGE")
    check = not (no_check and call.is_admin)
    if check and datastore.checked and datastore.capacity[0] and size_mb > datastore.free_mb:
        raise action("Not enough space in datastore")
    usage: Usage = {("DATASTORE", str(ds_id)): {"IMAGES": 1, "SIZE": size_mb}}
    cloud.charge(call.user, usage)
    try:
        image = _new(call, template, datastore, size_mb)
    except Exception:
        cloud.charge(call.user, usage, -1)
        raise
    image.id = cloud.images.take_id()
    image.regtime = cloud.clock.seconds
    cloud.images.add(image)
    if not cloud.faults.image_sticks(image.name):
        seconds = cloud.timing.image_copy(size_mb)
        cloud.clock.after(seconds, lambda: _copied(image, datastore, kind))
    return image.id


def _copied(image: Image, datastore: Datastore, kind: str) -> None:
    """The driver has ended: READY, or ERROR with its message."""
    if image.id not in image.cloud.images or image.state not in LOCKED:
        return
    cloud = image.cloud
    digest = hashlib.md5(f"{image.regtime}-{image.id}-{image.name}".encode()).hexdigest()
    target = f"{datastore.path}/{digest}"
    problem = cloud.faults.image_error(image.name) or _copy_problem(image, datastore, target)
    if problem:
        verb = "copying image in" if image.path else "creating"
        where = "the datastore" if image.path else "datablock"
        image.template.set("ERROR", f"{cloud.asctime()} : Error {verb} {where}: {problem}")
        image.set_state(ImageState.ERROR)
        cloud.life.image_settled(image)
        return
    if not image.source:
        image.source = target
    if image.path:
        image.format = kind
    used = ImageState.USED_PERS if image.persistent else ImageState.USED
    image.set_state(used if image.vms else ImageState.READY)
    cloud.life.image_settled(image)


def _copy_problem(image: Image, datastore: Datastore, target: str) -> str:
    """What oned keeps of what the driver said."""
    said = _driver_said(image, datastore, target) if image.path else ""
    if not said or not image.cloud.release.last_line:
        return said
    _, refused, why = said.partition("Not allowed to copy image ")
    return refused + why or f"Error copying {image.path} to {target}"


def _driver_said(image: Image, datastore: Datastore, target: str) -> str:
    files = image.cloud.files
    problem = files.copy_problem(
        image.path, datastore.template.get("SAFE_DIRS"), datastore.template.get("RESTRICTED_DIRS")
    )
    if problem:
        return problem
    try:
        for algorithm, option in (("md5", "--md5"), ("sha1", "  --sha1")):
            wanted = image.template.get(algorithm.upper())
            if wanted and not files.digest_matches(image.path, algorithm, wanted):
                return (
                    f"INFO: cp: Downloading image {image.path} to the image repository ERROR: cp: "
                    'Command "set -e -o pipefail; /var/lib/one/remotes/datastore/fs/../'
                    f"downloader.sh {option} {wanted} '{image.path}' '{target}'\" failed: Hash "
                    f"does not match Error copying {image.path} to {target}"
                )
        files.stat(image.path)
    except Exception as error:
        return f"ERROR: cp: Error copying {image.path} to {target}: {error}"
    return ""


@method("one.image.delete")
def delete(call: Call, image_id: int, force: bool = False) -> int:
    cloud = call.cloud
    image = cloud.images[image_id]
    call.may(MANAGE, "IMAGE", image)
    if image.state in LOCKED and not force:
        raise internal(
            "Image locked, use --force flag to remove the image. Force delete may leave some "
            "files on Datastore",
            image_id,
        )
    if image.vms:
        raise action(f"Cannot delete image. There are {len(image.vms)} VMs using it.")
    if image.state is ImageState.DELETE:
        return image_id
    if image.source and not force:
        image.set_state(ImageState.DELETE)
        cloud.clock.after(cloud.timing.image_delete, lambda: _gone(image))
    else:
        _gone(image)
    return image_id


def _gone(image: Image) -> None:
    cloud = image.cloud
    if image.id in cloud.images:
        cloud.images.remove(image.id)
        cloud.charge(cloud.users.find(image.uid), image.usage(), -1)


@method("one.image.enable")
def enable(call: Call, image_id: int, wanted: bool) -> int:
    image = call.cloud.images[image_id]
    call.may(MANAGE, "IMAGE", image)
    usable = {ImageState.READY, ImageState.ERROR, ImageState.DISABLED}
    if image.state not in usable:
        verb = "enable" if wanted else "disable"
        raise internal(f"Could not {verb} image: Image cannot be in state {image.state.name}.")
    if wanted:
        image.set_state(ImageState.READY)  # also out of ERROR, with no data behind it
    elif image.state is not ImageState.DISABLED:
        image.set_state(ImageState.DISABLED)
    return image_id


@method("one.image.persistent")
def persistent(call: Call, image_id: int, wanted: bool) -> int:
    image = call.cloud.images[image_id]
    call.may(MANAGE, "IMAGE", image)
    if image.type in _FILE_TYPES and wanted:
        raise internal("KERNEL, RAMDISK and CONTEXT must be non-persistent")
    if image.vms or image.state in (ImageState.USED, ImageState.CLONE, ImageState.USED_PERS):
        word = "persistent" if wanted else "nonpersistent"
        raise internal(f"Could not make image {word}: Image cannot be in state {image.state.name}.")
    image.persistent = wanted
    image.changed()
    return image_id


@method("one.image.chtype")
def chtype(call: Call, image_id: int, kind: str) -> int:
    image = call.cloud.images[image_id]
    call.may(MANAGE, "IMAGE", image)
    if kind not in TYPES:
        raise internal("Unknown type " + kind)
    image.type = kind
    image.changed()
    return image_id


@method("one.image.clone")
def clone(call: Call, image_id: int, name: str, ds_id: int = -1) -> int:
    cloud = call.cloud
    image = cloud.images[image_id]
    call.may(USE, "IMAGE", image)
    call.may(CREATE, "IMAGE")
    if image.state not in (ImageState.READY, ImageState.USED):
        raise internal(f"Cannot clone image in state: {image.state.name}")
    datastore = cloud.datastores.find(image.ds_id if ds_id == -1 else ds_id)
    if datastore is None:
        raise no_exists("DATASTORE", ds_id)
    template = image.template.copy()
    for key, value in (("NAME", name), ("TYPE", image.type), ("PATH", image.path)):
        template.set(key, value)
    copy = _new(call, template, datastore, image.size_mb)
    copy.id, copy.regtime = cloud.images.take_id(), cloud.clock.seconds
    cloud.charge(call.user, copy.usage())
    cloud.images.add(copy)
    kind = image.format
    cloud.clock.after(cloud.timing.image_copy(copy.size_mb), lambda: _copied(copy, datastore, kind))
    return copy.id


@method("one.image.info")
def info(call: Call, image_id: int, decrypt: bool = False) -> str:
    image = call.cloud.images[image_id]
    call.may_see("IMAGE", image)
    return image.xml()


@method("one.imagepool.info")
def pool_info(call: Call, who: int, first: int, last: int) -> str:
    return call.cloud.images.xml(visible(call, who, "IMAGE"), limits=(first, last))
