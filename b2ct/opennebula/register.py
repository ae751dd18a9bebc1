"""An image file becomes an image in OpenNebula, and the VM template that starts from it.

`survey` looks, `plan` decides (pure), `run` does it. All of it may be run again at any time, also
by several at once: what is there with the same content is used, and nothing is made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from b2ct.core.errors import B2ctError
from b2ct.opennebula import content as contents
from b2ct.opennebula import delivery, images, rollback, vmtemplates
from b2ct.opennebula.content import Content
from b2ct.opennebula.delivery import Delivery, Source, Upload
from b2ct.opennebula.endpoint import Endpoint
from b2ct.opennebula.faults import AGAIN, DuplicateError, ImageFailedError, MissingError, StuckError
from b2ct.opennebula.images import Choice, Decision, Family
from b2ct.opennebula.kind import ALL
from b2ct.opennebula.objects import Datastore, Image, Template, User, VirtualNetwork
from b2ct.opennebula.rollback import Move
from b2ct.opennebula.settle import settle
from b2ct.opennebula.states import DatastoreType
from b2ct.opennebula.vmtemplates import ImageAbout, TemplatePlan, WorkerAbout
from b2ct.site.model import Site
from b2ct.site.workers import MIB

if TYPE_CHECKING:
    from b2ct.opennebula.client import Client

DEADLINE = 1800.0
"""Seconds that the server may copy an image."""
ATTEMPTS = 5
"""Plans that are made anew because another run was faster."""


@dataclass(frozen=True)
class Request:
    """What somebody wants to have registered."""

    content: Content
    name: str
    """Without a version."""
    datastore: str | None = None
    """Name or ID; None: the only one there is."""
    choice: Choice = Choice.REFUSE
    source: Source = field(default_factory=Source)
    site: Site | None = None
    worker: WorkerAbout | None = None
    """Its VM template is wanted too; `image`, `owner` and `network_owners` are filled in here."""
    wait: bool = True
    deadline: float = DEADLINE
    keep_upload: bool = False


@dataclass(frozen=True)
class Survey:
    """What there is: five calls, however many objects."""

    me: User
    images: tuple[Image, ...]
    """The caller's."""
    templates: tuple[Template, ...]
    datastores: tuple[Datastore, ...]
    networks: tuple[VirtualNetwork, ...]

    def family(self, name: str) -> Family:
        """The versions of a name."""
        return images.family(name, self.images, self.templates)


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    request: Request
    decision: Decision
    datastore: Datastore
    delivery: Delivery | None
    """None: the content is there already."""
    template: TemplatePlan | None
    moves: tuple[Move, ...] = ()
    """Other VM templates of ours that are to start from the new version."""
    notes: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """All is as it should be."""
        template = self.template is None or self.template.nothing
        return self.decision.nothing and template and not self.moves

    def lines(self) -> Iterator[str]:
        """For people: a line a step."""
        decision, target = self.decision, self.decision.target
        yield from (f"delete image {one.id} ({one.name}), which failed" for one in decision.remove)
        if self.delivery is not None:
            where = self.delivery.path
            if isinstance(self.delivery, Upload):
                yield f"copy {_size(self.request.content.size)} to {self.delivery.server}:{where}"
            yield (
                f"register image {decision.made_as} from {where} in datastore "
                f"{self.datastore.name!r} ({self.request.content.virtual_mib} MiB)"
            )
        elif decision.found is not None:
            state = "" if decision.found.state.usable else ", which is being copied"
            yield f"image {decision.found.id} ({decision.found.name}) has this content{state}"
        if decision.replaces:
            yield f"delete image {decision.replaces.id} ({target}), which the new one replaces"
        if decision.replaces or (decision.found and decision.found.name != target):
            name = decision.found.name if decision.found else decision.made_as
            yield f"rename image {name} to {target}"
        if self.template is not None:
            yield from template_lines(self.template)
        for move in self.moves:
            yield (
                f"VM template {move.template.id} ({move.template.name}): start from {target}, no "
                f"longer from {move.old.image.name}"
            )


def _size(count: int) -> str:
    """`384 KiB` or `1200 MiB`, of bytes."""
    return f"{count // MIB} MiB" if count >= 10 * MIB else f"{-(-count // 1024)} KiB"


def template_lines(plan: TemplatePlan) -> Iterator[str]:
    """What happens to the VM template."""
    if plan.found is None:
        yield f"register VM template {plan.name}"
    elif plan.nothing:
        yield f"VM template {plan.found.id} ({plan.name}) is as it should be"
    else:
        yield f"update VM template {plan.found.id} ({plan.name})"
        yield from (f"  {change}" for change in plan.changes)


Advance = Callable[[int], object]
Bar = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def _no_bar(_label: str, _total: int) -> Iterator[Advance]:
    yield lambda _count: None


@dataclass(frozen=True)
class Listener:
    """Who is told how it goes."""

    note: Callable[[str], object] = lambda _text: None
    bar: Bar = _no_bar
    state: Callable[[str, str, float], object] = lambda _what, _state, _seconds: None
    """Told an object, its state and the seconds waited, at each look."""
    pause: float = 2.0
    """Seconds before a lost SSH connection is made again."""


@dataclass
class Outcome:
    """What there is now."""

    image: Image
    made: bool = False
    current: bool = True
    template: str = ""
    template_id: int = -1
    template_action: str = "none"
    """`created`, `updated`, `nothing` or `none` (there is no template)."""
    moved: list[str] = field(default_factory=list)
    """Other VM templates that start from it now."""
    uploaded: str = ""
    """A file that stays on the front-end."""
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        number = images.split(self.image.name)[1]
        return {
            "image": {
                "id": self.image.id, "name": self.image.name, "version": number,
                "state": self.image.state.name, "datastore": self.image.datastore,
                "sha256": self.image.template.text(images.SHA256), "made": self.made,
            },
            "template": {
                "id": self.template_id, "name": self.template, "action": self.template_action,
            } if self.template else None,
            "moved_templates": self.moved,
            "changed": (
                self.made or bool(self.moved) or self.template_action in ("created", "updated")
            ),
            "left_on_front_end": self.uploaded or None,
            "notes": self.notes,
        }  # fmt: skip


def survey(one: Client) -> Survey:
    """Look what there is."""
    me = one.me
    return Survey(
        me, one.images.all(me.id), one.templates.all(ALL), one.datastores.all(),
        one.networks.all(ALL),
    )  # fmt: skip


def plan(request: Request, there: Survey, endpoint: Endpoint) -> Plan:
    """What is to be done. Raises B2ctError for what is not possible, before anything is done."""
    versions = there.family(images.check_base(request.name))
    decision = images.decide(versions, request.content.sha256, request.choice)
    if decision.replaces and not request.wait:
        raise B2ctError(
            "--replace deletes the old image when the new one is whole, and has to wait for that",
            hint="leave out --no-wait, or use --new-version",
        )
    if decision.found is not None:
        store = next((d for d in there.datastores if d.id == decision.found.datastore_id), None)
        store = store or _datastore(there.datastores, None)
        way = None
    else:
        store = _datastore(there.datastores, request.datastore)
        way = delivery.plan(
            request.source, endpoint=endpoint, site=request.site, datastore=store,
            name=decision.made_as, sha256=request.content.sha256,
        )  # fmt: skip
    notes = [*_room(store, request.content)] if way else []
    if not decision.current:
        notes.append(_not_current(versions, decision))
    template, more = _template(request, there, versions, decision)
    moves = _moves(request, versions, decision, template)
    return Plan(request, decision, store, way, template, moves, (*notes, *more))


def _datastore(there: tuple[Datastore, ...], wanted: str | None) -> Datastore:
    """The image datastore of that name or ID; without one the only one, or `default`."""
    stores = [one for one in there if one.type is DatastoreType.IMAGE]
    names = ", ".join(f"{one.name} ({one.id})" for one in stores) or "none"
    if wanted is not None:
        found = [one for one in stores if wanted in (one.name, str(one.id))]
        if not found:
            raise B2ctError(
                f"there is no image datastore {wanted!r}", hint=f"image datastores are: {names}"
            )
        return found[0]
    usual = [one for one in stores if one.name == "default"]
    if len(stores) == 1 or len(usual) == 1:
        return (usual or stores)[0]
    raise B2ctError(
        "OpenNebula has no image datastore that you may use"
        if not stores else "there are several image datastores, and none is called `default`",
        hint=f"say which one with --datastore: {names}"
        if stores else "make one, or ask for the right to use it (`onedatastore list`)",
    )  # fmt: skip


def _room(store: Datastore, content: Content) -> Iterator[str]:
    """Raise B2ctError where oned would refuse: it counts the virtual size."""
    if not store.measured:
        yield f"OpenNebula has not yet measured how much room datastore {store.name!r} has"
    elif content.virtual_mib > store.free:
        raise B2ctError(
            f"the disk of {content.path.name} is {content.virtual_mib} MiB large, datastore "
            f"{store.name!r} has {store.free} MiB free",
            hint="OpenNebula counts the whole disk, not the file: delete images that nobody uses "
            "(`oneimage list`), enlarge the datastore, or name another with --datastore",
        )


def _not_current(versions: Family, decision: Decision) -> str:
    current = ", ".join(
        f"{template.name} from {version.image.name}"
        for version in versions.current
        for template in version.templates
    )
    number = images.split(decision.target)[1]
    return (
        f"{decision.target} is not the current version ({current}); "
        f"`b2ct image rollback {versions.base} --to v{number}` makes it that"
    )


def _moves(
    request: Request, versions: Family, decision: Decision, template: TemplatePlan | None
) -> tuple[Move, ...]:
    """All our VM templates start from the same version, as after a rollback."""
    if request.choice is not Choice.NEW_VERSION or not decision.current:
        return ()
    own = template.found.id if template and template.found else -1
    return tuple(
        Move(one, version)
        for version in versions.versions
        for one in version.templates
        if version.image.name != decision.target and one.id != own and rollback.may_move(one)
    )


def _template(
    request: Request, there: Survey, versions: Family, decision: Decision
) -> tuple[TemplatePlan | None, list[str]]:
    """The VM template, and what somebody should know about it."""
    about = request.worker
    if about is None:
        return None, []
    if about.worker.disk < request.content.virtual_size:
        raise B2ctError(
            f"the worker {about.worker_name} has a disk of {about.worker.disk // MIB} MiB, the "
            f"image needs {request.content.virtual_mib} MiB",
            hint="enlarge `disk` of the worker in site.yaml",
        )
    owners, missing = vmtemplates.owners_of(there.networks, about.networks, there.me.id)
    notes = [
        f"OpenNebula has no virtual network {name!r}: VMs cannot start until it has (`b2ct apply`)"
        for name in missing
    ]
    image = decision.target
    if not decision.current:
        image = versions.current[-1].image.name
    about = replace(about, image=image, owner=there.me.name, network_owners=owners)
    wanted = vmtemplates.vm_attributes(about)
    name = wanted.text("NAME")
    same = [t for t in there.templates if t.name == name and t.uid == there.me.id]
    if len(same) > 1:
        notes.append(f"there are {len(same)} VM templates {name!r}: the first is used")
    return vmtemplates.plan(wanted, same), notes


class _AgainError(Exception):
    """Another run was faster: look again."""


def run(one: Client, request: Request, listener: Listener | None = None) -> Outcome:
    """Do it. Raises B2ctError with the remedy; what was done until then is used by the next run."""
    listener = listener or Listener()
    delivered: set[str] = set()
    for _ in range(ATTEMPTS):
        made = plan(request, survey(one), one.endpoint)
        try:
            return _Run(one, made, listener, delivered).outcome()
        except _AgainError as err:
            listener.note(f"note: {err}: looking again")
    raise B2ctError(
        "others are changing the same image all the time", hint="find out who, then try again"
    )


class _Run:
    """One plan, carried out."""

    def __init__(self, one: Client, made: Plan, listener: Listener, delivered: set[str]) -> None:
        self.one = one
        self.plan = made
        self.request = made.request
        self.decision = made.decision
        self.listener = listener
        self.delivered = delivered
        """Paths on the front-end that hold the file, from earlier attempts too."""

    def outcome(self) -> Outcome:
        for note in self.plan.notes:
            self.listener.note(f"note: {note}")
        for dead in self.decision.remove:
            self._delete(dead)
        image, made = self._image()
        if self.request.wait:
            # A new one is always looked at again, so that what is told does not depend on luck.
            image = image if image.state.usable and not made else self._wait(image)
            image = self._take_place(image)
        done = Outcome(image, made, self.decision.current, notes=list(self.plan.notes))
        self._template(done)
        self._move(done)
        done.uploaded = self._clear()
        return done

    def _image(self) -> tuple[Image, bool]:
        if self.decision.found is not None:
            return self.decision.found, False
        assert self.plan.delivery is not None  # noqa: S101 - else there is a found one
        about = self._about(self._deliver(self.plan.delivery))
        name, me = about.name, self.one.me.id
        settled = settle(
            lambda: self.one.images.named(name, me),
            lambda: self.one.images.allocate(
                vmtemplates.image_attributes(about), self.plan.datastore.id
            ),
            self.one.images.delete,
            lambda image: not image.vms,
        )
        sha256 = settled.item.template.text(images.SHA256)
        if not settled.made and sha256 != self.request.content.sha256:
            raise _AgainError(f"somebody else has just registered an image {name!r}")
        self.listener.note(f"image {settled.item.id} ({name}) is registered: the server copies it")
        return settled.item, settled.made

    def _about(self, path: str) -> ImageAbout:
        content = self.request.content
        with self.listener.bar(f"summing {content.path.name}", content.size) as advance:
            sha1 = contents.sha1(content, advance)
        return ImageAbout(
            self.decision.made_as, path, content.sha256, sha1, content.title, content.name,
            content.built, self.request.site.site.name if self.request.site else "",
        )  # fmt: skip

    def _deliver(self, way: Delivery) -> str:
        if not isinstance(way, Upload) or way.path in self.delivered:
            return way.path
        from b2ct.opennebula import sftp

        content = self.request.content
        with self.listener.bar(f"copying to {way.server.host}", content.size) as advance:
            told = sftp.Listener(advance, self.listener.note, self.listener.pause)
            sent = sftp.upload(way.server, content.path, content.sha256, way.path, told)
        self.delivered.add(way.path)
        again = f", {_size(sent.resumed)} of it were there already" if sent.resumed else ""
        self.listener.note(
            f"{way.server}:{sent.path}: {_size(sent.size)}{again}; checksum compared"
        )
        return way.path

    def _wait(self, image: Image) -> Image:
        from b2ct.opennebula import waiting

        def progress(state: str, seconds: float) -> None:
            self.listener.state(f"image {image.id} ({image.name})", state, seconds)

        try:
            return waiting.wait_image(
                self.one, image.id, deadline=self.request.deadline, progress=progress
            )
        except StuckError:
            # It was LOCKED before this run began, nobody has ended it, and --replace was said.
            stuck = self.decision.found is not None and self.request.choice is Choice.REPLACE
            if not (stuck and self.one.dialect.force_delete):
                raise
            self.listener.note(f"note: image {image.id} stays LOCKED: it is deleted by force")
            self._delete(image, force=True)
            raise _AgainError(f"image {image.id} was never copied to its end") from None
        except ImageFailedError as err:
            again = "then run the same command again: it deletes what failed, and registers it anew"
            raise ImageFailedError(
                err.message, hint=f"{err.hint.removesuffix(AGAIN)}; {again}"
            ) from None
        except MissingError as err:
            raise _AgainError(err.message) from None

    def _take_place(self, image: Image) -> Image:
        """Delete what it replaces, and give it that one's name."""
        target = self.decision.target
        if self.decision.replaces is not None:
            self._delete(self.decision.replaces)
        if image.name == target:
            return image
        try:
            self.one.images.rename(image.id, target)
        except DuplicateError as err:
            raise _AgainError(err.message) from None
        return self.one.images.get(image.id)

    def _delete(self, image: Image, *, force: bool = False) -> None:
        from b2ct.opennebula import waiting

        with suppress(MissingError):
            self.one.images.delete(image.id, force=force)
        waiting.wait_image_gone(self.one, image.id, deadline=self.request.deadline)
        self.listener.note(f"image {image.id} ({image.name}) is deleted")

    def _template(self, done: Outcome) -> None:
        wish = self.plan.template
        if wish is None:
            return
        done.template = wish.name
        if wish.found is not None and not wish.nothing and not done.image.state.usable:
            done.template_id, done.template_action = wish.found.id, "nothing"
            self._too_early(done, wish.name)
            return
        done.template_id, done.template_action = put_template(self.one, wish)

    def _move(self, done: Outcome) -> None:
        for move in self.plan.moves:
            if not done.image.state.usable:
                self._too_early(done, move.template.name)
                continue
            disks = vmtemplates.with_image(move.template, move.old.image, done.image)
            self.one.templates.update(move.template.id, disks)
            done.moved.append(move.template.name)

    def _too_early(self, done: Outcome, template: str) -> None:
        done.notes.append(
            f"VM template {template} stays as it is until the image is whole: run the same command "
            "again with --new-version, without --no-wait"
        )
        self.listener.note(f"note: {done.notes[-1]}")

    def _clear(self) -> str:
        """Remove what was uploaded, unless it is still read or is to stay; else its path."""
        way = self.plan.delivery
        if not isinstance(way, Upload):
            return ""
        if self.request.keep_upload or not self.request.wait:
            return way.path
        from b2ct.opennebula import sftp

        try:
            sftp.remove(way.server, way.path)
        except B2ctError as err:
            self.listener.note(f"note: {err.message} ({err.hint})")
            return way.path
        return ""


def put_template(one: Client, wish: TemplatePlan) -> tuple[int, str]:
    """Create or update a VM template; its ID, and what was done."""
    if wish.found is None:
        me = one.me.id
        settled = settle(
            lambda: one.templates.named(wish.name, me),
            lambda: one.templates.allocate(wish.wanted),
            one.templates.delete,
        )
        if settled.made:
            return settled.item.id, "created"
        wish = vmtemplates.plan(wish.wanted, [settled.item])
        assert wish.found is not None  # noqa: S101 - it was given
    if wish.nothing:
        return wish.found.id, "nothing"
    attributes, merge = wish.update
    one.templates.update(wish.found.id, attributes, merge=merge)
    return wish.found.id, "updated"
