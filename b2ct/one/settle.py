"""Make something once, although another run of ours may be making it at the same time.

Most names are kept unique by OpenNebula's database (`UNIQUE` in src/sql/OneDB.cc): there it is
enough to make it (`once`). Those of VM templates are not, under parallel allocation (twelve at once
made two of one name). And a lost answer leaves open whether a request was carried out. So `settle`
looks, makes, and looks again; of several the lowest ID stays, which every run sees in the same way;
who made another one removes it, and nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from b2ct.one.faults import DuplicateError, MissingError, RefusedError, UncertainError
from b2ct.one.objects.base import Named

T = TypeVar("T", bound=Named)


@dataclass(frozen=True)
class Settled(Generic[T]):
    """The object that stays."""

    item: T
    made: bool
    """This run made it."""
    removed: int | None = None
    """The ID of the one that this run made too many, and removed."""
    left_over: tuple[int, ...] = ()
    """Others of the same name that are not ours to remove."""


def settle(
    look: Callable[[], Sequence[T]],
    make: Callable[[], int],
    remove: Callable[[int], None],
    unused: Callable[[T], bool] = lambda _item: True,
) -> Settled[T]:
    """The object that `look` finds, made by `make` if there is none.

    `look` lists all with the wanted name and owner (`kind.named(name, uid)`); `make` allocates and
    returns the ID; `remove` deletes; `unused` says whether nothing depends on an object yet.
    Raises what these raise; UncertainError when an answer was lost and nothing has come of it.
    """
    before = sorted(look(), key=lambda item: item.id)
    if before:
        return Settled(before[0], made=False, left_over=_ids(before[1:]))
    lost: UncertainError | None = None
    mine: int | None = None
    try:
        mine = make()
    except DuplicateError as err:
        taken = sorted(look(), key=lambda item: item.id)
        if not taken:
            raise err
        return Settled(taken[0], made=False, left_over=_ids(taken[1:]))
    except UncertainError as err:
        lost = err
    after = sorted(look(), key=lambda item: item.id)
    if not after:
        raise lost or MissingError(
            f"what was just made (ID {mine}) is gone again",
            hint="somebody else removes it at the same time: find out who, then try again",
        )
    # With a lost answer it is not known which one is ours: none is removed.
    extra = next((item for item in after[1:] if item.id == mine), None)
    removed = extra.id if extra is not None and unused(extra) and _gone(remove, extra.id) else None
    others = tuple(id_ for id_ in _ids(after[1:]) if id_ != removed)
    made = after[0].id == mine or (lost is not None and len(after) == 1)
    return Settled(after[0], made=made, removed=removed, left_over=others)


def once(look: Callable[[], Sequence[T]], make: Callable[[], int]) -> int:
    """The ID of what `make` allocates, or of the one that has its name.

    For kinds whose names the server keeps unique. `look` lists those of the wanted name, and is
    only asked when the answer was lost, or does not say who has the name. Raises what these raise;
    UncertainError when an answer was lost and nothing has come of it.
    """
    try:
        return make()
    except DuplicateError as err:
        if err.id >= 0:
            return err.id
        refused: DuplicateError | UncertainError = err
    except UncertainError as err:
        refused = err
    found = sorted(item.id for item in look())
    if not found:
        raise refused
    return found[0]


def _gone(remove: Callable[[int], None], id_: int) -> bool:
    """Remove ours; somebody may have begun to use it meanwhile, and then it stays."""
    try:
        remove(id_)
    except MissingError:
        return True
    except RefusedError:
        return False
    return True


def _ids(items: Sequence[Named]) -> tuple[int, ...]:
    return tuple(item.id for item in items)
