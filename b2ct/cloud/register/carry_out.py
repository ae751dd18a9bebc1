"""Doing what the plan says. What is interrupted, the next run completes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from b2ct.cloud import vmtemplates
from b2ct.cloud.register import content as contents
from b2ct.cloud.register import images, template
from b2ct.cloud.register.decide import Plan, plan
from b2ct.cloud.register.delivery import Delivery, Upload
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.outcome import Outcome
from b2ct.cloud.register.progress import Listener, size
from b2ct.cloud.register.request import Request
from b2ct.cloud.register.survey import survey
from b2ct.cloud.vmtemplates import ImageAbout
from b2ct.core.errors import B2ctError
from b2ct.one.faults import AGAIN, DuplicateError, ImageFailedError, MissingError, StuckError
from b2ct.one.objects.storage import Image
from b2ct.one.settle import settle

if TYPE_CHECKING:
    from b2ct.one.client import Client

ATTEMPTS = 5
"""Plans that are made anew because another run was faster."""


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
                vmtemplates.image_attributes(about),
                self.plan.datastore.id,
                check_capacity=not self.request.thin,
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
        from b2ct.ssh import sftp

        content = self.request.content
        with (
            self.listener.bar(f"copying to {way.target.host}", content.size) as advance,
            way.line() as line,
        ):
            told = sftp.Listener(advance, self.listener.note, self.listener.pause)
            sent = sftp.upload(line, content.path, content.sha256, way.path, told)
        self.delivered.add(way.path)
        again = f", {size(sent.resumed)} of it were there already" if sent.resumed else ""
        self.listener.note(
            f"{way.target.account}:{sent.path}: {size(sent.size)}{again}; checksum compared"
        )
        return way.path

    def _wait(self, image: Image) -> Image:
        from b2ct.one import waiting

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
            again = (
                "then run the same command again: it deletes what failed, and registers it anew "
                "(as long as the cause is there, it fails in the same way)"
            )
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
        from b2ct.one import waiting

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
        done.template_id, done.template_action = template.put(self.one, wish)

    def _move(self, done: Outcome) -> None:
        for move in self.plan.moves:
            if not done.image.state.usable:
                self._too_early(done, move.template.name)
                continue
            disks = vmtemplates.with_image(move.template, move.old.image, done.image)
            self.one.templates.update(move.template.id, disks)
            done.moved.append(move.template.name)

    def _too_early(self, done: Outcome, name: str) -> None:
        done.notes.append(
            f"VM template {name} stays as it is until the image is whole: run the same command "
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
        from b2ct.ssh import sftp

        try:
            with way.line() as line:
                sftp.remove(line, way.path)
        except B2ctError as err:
            self.listener.note(f"note: {err.message} ({err.hint})")
            return way.path
        return ""
