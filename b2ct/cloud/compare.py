"""Objects of a kind against those that site.yaml wants. Pure, and the same for every kind.

- What site.yaml has and the cloud does not is created; what differs is changed, if B2CT made it
  or was told to take it over. Something made by hand under the same name is used as it is.
- What B2CT made and site.yaml does not have any more is deleted only on demand, and never while
  it is in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from b2ct.cloud.difference import Change
from b2ct.cloud.steps import Action, Step
from b2ct.one import ownership
from b2ct.one.objects.base import Named, Owned

if TYPE_CHECKING:
    from b2ct.cloud.kinds.kind import ObjectKind, Wanted
    from b2ct.cloud.view import View

N = TypeVar("N", bound=Named)
W = TypeVar("W", bound="Wanted")

MARKS = "made by b2ct"
TAKEN_OVER = "in the care of b2ct"
"""Changes that set B2CT's own attributes."""
NO_MORE = "site.yaml has it no more"
TWIN = "there is another one of this name"
PRUNE = "`b2ct apply --prune` deletes it"
RENAME = "two sites must not share names: rename it, or change that in site.yaml"
ADOPT = "change it by hand, or let b2ct take it over with --adopt"
ANOTHERS = "rename it, or `chown` it to yourself, if b2ct is to have it"


def creation(kind: ObjectKind[W, N], wanted: W) -> Step:
    """The step that makes an object."""
    new = tuple(Change(name, "", text) for name, text in kind.shown(wanted).items())
    return Step(kind.name, wanted.name, Action.CREATE, changes=new)


def steps(kind: ObjectKind[W, N], view: View) -> Iterator[Step]:
    """What is to be done about every wanted object of a kind."""
    for wanted in view.desired.of(kind):
        item = view.meaning(kind, wanted.name)
        if item is None:
            yield kind.missing(wanted)
        else:
            yield from _Pair(kind, wanted, item, view).steps()


def in_care(kind: ObjectKind[W, N], item: Named, view: View) -> bool:
    """B2CT takes care of an object, or will from now on."""
    foreign = view.owners.foreign(item, view.label)
    return not foreign or (kind.name, item.name) in view.begun or view.options.adopt


@dataclass(frozen=True)
class _Foreign:
    """Why an object is left alone, and what helps."""

    why: str
    hint: str


@dataclass(frozen=True)
class _Pair(Generic[W, N]):
    """A wanted object, and the one that is meant by it."""

    kind: ObjectKind[W, N]
    wanted: W
    item: N
    view: View

    def steps(self) -> Iterator[Step]:
        """What is to be done about it."""
        changes = self.kind.changes(self.item, self.wanted, self.view)
        foreign = self._foreign()
        taken = self._taken(foreign, changes)
        if foreign and not taken:
            action = Action.LEAVE if changes else Action.NOTHING
            hint = foreign.hint if changes else ""
            yield self._step(action, changes, f"{foreign.why}: left alone", hint)
            return
        self.view.managed[self.kind.name, self.item.id] = self.wanted
        if trouble := self.kind.trouble(self.item):
            yield self._step(Action.LEAVE, (*taken, *changes), *trouble)
            return
        yield from self._changed(taken, changes)

    def _foreign(self) -> _Foreign | None:
        why = self.view.owners.foreign(self.item, self.view.label)
        if not why:
            return None
        hint = RENAME if why.startswith(ownership.ELSEWHERE) else ADOPT
        if not self.view.owners.hold(self.item):
            hint = ANOTHERS
        return _Foreign("OpenNebula's own" if self.kind.system(self.item) else why, hint)

    def _taken(self, foreign: _Foreign | None, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """The change that takes what is foreign into B2CT's care, if that is to be."""
        if foreign and (self.kind.name, self.wanted.name) in self.view.begun:
            return (Change(MARKS, "", "yes"),)  # a run ended before it could mark it
        if foreign and self.view.options.adopt and changes and foreign.hint == ADOPT:
            return (Change(TAKEN_OVER, "", "yes"),)
        return ()

    def _changed(self, taken: tuple[Change, ...], changes: tuple[Change, ...]) -> Iterator[Step]:
        """One of ours, or `taken` from now on: what can be changed is, and the rest is told."""
        free, barred = taken, False
        for change in changes:
            if bar := self.kind.bar(self.item, self.wanted, change.name):
                barred = True
                yield self._step(Action.LEAVE, (change,), *bar)
            else:
                free = (*free, change)
        free = (*free, *self.kind.asked(self.view.options))
        if free:
            yield self._step(Action.UPDATE, free)
        elif not barred:
            yield self._step(Action.NOTHING)

    def _step(
        self, action: Action, changes: tuple[Change, ...] = (), why: str = "", hint: str = ""
    ) -> Step:
        names = self.kind.name, self.wanted.name
        return Step(*names, action, self.item.id, changes, why, hint, found=self.item)


def surplus(
    view: View, kind: str, item: tuple[str, int], *, used: str = "", gone: str = NO_MORE
) -> Step:
    """The step about something that is not wanted any more: its kind, its name and ID."""
    name, oid = item
    if not view.options.prune:
        return Step(kind, name, Action.LEAVE, oid, why=gone, hint=PRUNE)
    if used:
        hint = "run `b2ct apply --prune` again when it is not"
        return Step(kind, name, Action.LEAVE, oid, why=f"{gone}, but {used}", hint=hint)
    return Step(kind, name, Action.DELETE, oid, why=gone)


def unwanted(kind: ObjectKind[W, N], view: View) -> Iterator[N]:
    """Objects in B2CT's care for this site that site.yaml does not have any more."""
    for item in view.live.of(kind):
        if (kind.name, item.id) in view.meant or kind.system(item):
            continue
        if not view.owners.cared_for(item, view.label):
            continue
        if not kind.kept(item, view) or _twin(kind, item, view):
            yield item


def left_over(kind: ObjectKind[W, N], view: View) -> Iterator[Step]:
    """What is to be done about these."""
    for item in unwanted(kind, view):
        if not view.owners.made(item, view.label):
            why = f"{NO_MORE}; it was taken over, so it is never deleted"
            yield Step(kind.name, item.name, Action.LEAVE, item.id, why=why)
            continue
        step = surplus(
            view, kind.name, (item.name, item.id), used=_used(kind, item, view),
            gone=TWIN if _twin(kind, item, view) else NO_MORE,
        )  # fmt: skip
        if step.action is Action.DELETE:
            view.gone.add((kind.name, item.id))
        yield step


def _used(kind: ObjectKind[W, N], item: N, view: View) -> str:
    """What uses the object, in words; empty if nothing does."""
    if isinstance(item, Owned) and item.locked_by is not None:
        return "somebody has locked it"
    if view.live.vms is None:
        return "it is not known what VMs use"
    return view.holder(kind, item.id) or kind.used(item, view)


def _twin(kind: ObjectKind[W, N], item: Named, view: View) -> bool:
    """An older one of ours has its name: parallel runs can make two (see one.settle)."""
    return any(
        one.id < item.id and view.owners.cared_for(one, view.label)
        for one in view.live.named[kind.name, item.name]
    )


def others(kind: ObjectKind[W, N], view: View, *, of_sites: bool) -> tuple[str, ...]:
    """Names of what was made by hand; or, `of_sites`, by B2CT for other sites."""
    return tuple(
        item.name
        for item in view.live.of(kind)
        if (kind.name, item.id) not in view.meant
        and not kind.system(item)
        and (why := view.owners.foreign(item, view.label))
        and why.startswith(ownership.ELSEWHERE) is of_sites
    )
