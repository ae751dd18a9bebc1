"""Several runs at once make one object, whatever the order of their steps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from b2ct.one.faults import DuplicateError, InUseError, MissingError, UncertainError
from b2ct.one.objects.base import Named
from b2ct.one.settle import Settled, settle


@dataclass
class Pool:
    """A server that allows two of one name, as oned does with templates."""

    items: dict[int, Named] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: int = 0
    removed: list[int] = field(default_factory=list)

    def look(self) -> list[Named]:
        with self.lock:
            return list(reversed(self.items.values()))

    def make(self) -> int:
        with self.lock:
            number = next(self.ids)
            self.items[number] = Named(id=number, name="x")
            self.made += 1
            return number

    def remove(self, number: int) -> None:
        with self.lock:
            if number not in self.items:
                raise MissingError("gone")
            del self.items[number]
            self.removed.append(number)


def test_there_is_none_yet() -> None:
    pool = Pool()
    assert settle(pool.look, pool.make, pool.remove) == Settled(Named(id=1, name="x"), made=True)


def test_there_is_one() -> None:
    pool = Pool()
    pool.make()
    found = settle(pool.look, pool.make, pool.remove)
    assert (found.item.id, found.made, pool.made) == (1, False, 1)


def test_there_are_two_of_somebody_else() -> None:
    """What we did not make is not ours to remove: it is reported."""
    pool = Pool()
    pool.make()
    pool.make()
    found = settle(pool.look, pool.make, pool.remove)
    assert (found.item.id, found.left_over, pool.removed) == (1, (2,), [])


@pytest.mark.parametrize("runs", [2, 3, 8])
def test_all_runs_make_one_at_once_and_agree(runs: int) -> None:
    """The worst case: every run has looked before any has made."""
    pool = Pool()
    looked, made = threading.Barrier(runs), threading.Barrier(runs)
    found: list[Settled[Named]] = []

    def run() -> None:
        first = [True]

        def look() -> list[Named]:
            seen = pool.look()
            if first:
                first.clear()
                looked.wait()
            return seen

        def make() -> int:
            number = pool.make()
            made.wait()
            return number

        found.append(settle(look, make, pool.remove))

    threads = [threading.Thread(target=run) for _ in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.made == runs
    assert list(pool.items) == [1]
    assert {one.item.id for one in found} == {1}
    assert [one.made for one in found].count(True) == 1
    assert sorted(pool.removed) == list(range(2, runs + 1))
    assert {one.removed for one in found} == {None, *range(2, runs + 1)}
    assert all(one.removed not in one.left_over for one in found)


@pytest.mark.parametrize("known", [True, False])
def test_one_that_is_in_use_already_is_not_removed(known: bool) -> None:
    """Whether we see it ourselves, or the server says so when we try."""
    pool = Pool()
    looks = iter([[], [Named(id=1, name="x"), Named(id=2, name="x")]])

    def in_use(_number: int) -> None:
        raise InUseError("in use")

    found = settle(
        lambda: next(looks),
        lambda: 2,
        pool.remove if known else in_use,
        unused=lambda _item: not known,
    )
    assert (found.item.id, found.removed, found.left_over) == (1, None, (2,))
    assert pool.removed == []


def test_the_name_was_taken_meanwhile() -> None:
    pool = Pool()

    def make() -> int:
        pool.make()
        raise DuplicateError("taken")

    found = settle(pool.look, make, pool.remove)
    assert (found.item.id, found.made) == (1, False)


def test_the_name_is_taken_by_one_that_is_not_visible() -> None:
    def make() -> int:
        raise DuplicateError("taken")

    with pytest.raises(DuplicateError):
        settle(list[Named], make, Pool().remove)


def test_a_lost_answer_of_a_request_that_was_carried_out() -> None:
    pool = Pool()

    def make() -> int:
        pool.make()
        raise UncertainError("lost")

    found = settle(pool.look, make, pool.remove)
    assert (found.item.id, found.made, pool.made) == (1, True, 1)


def test_a_lost_answer_of_a_request_that_was_not() -> None:
    def make() -> int:
        raise UncertainError("lost")

    with pytest.raises(UncertainError):
        settle(list[Named], make, Pool().remove)


def test_with_a_lost_answer_nothing_is_removed() -> None:
    """Two are there, and one may be ours: but which?"""
    pool = Pool()

    def make() -> int:
        pool.make()
        pool.make()
        raise UncertainError("lost")

    found = settle(pool.look, make, pool.remove)
    assert (found.item.id, found.made, found.left_over) == (1, False, (2,))
    assert pool.removed == []


def test_somebody_removes_it_at_the_same_time() -> None:
    with pytest.raises(MissingError, match="ID 4"):
        settle(list[Named], lambda: 4, Pool().remove)
