"""Carrying out a plan: each step once, in its order, so that a run that ends can be run again.

Nothing here decides: what is wanted comes with the steps. Everything is made as `settle` says, so
that two runs at once do not make two of anything. What one step costs does not depend on how much
there is: at most three calls, and no look at all there is of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from b2ct.cloud import journal, kinds
from b2ct.cloud.desired import Desired
from b2ct.cloud.kinds.kind import Need
from b2ct.cloud.session import Run
from b2ct.cloud.steps import Action, Plan, Step
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.one.client import Client
from b2ct.one.faults import InUseError
from b2ct.one.text import Attributes


class UnfinishedError(VerdictError):
    """A step failed; those before it are done."""


@dataclass(frozen=True)
class Done:
    """What was carried out, and what could not be deleted because it is in use now."""

    steps: tuple[Step, ...]
    in_use: tuple[tuple[Step, str], ...] = ()


def needs(plan: Plan) -> frozenset[Need]:
    """What the pending steps take from the person's machine."""
    found = (kinds.named(step.kind).needs(step) for step in plan.pending)
    return frozenset(need for need in found if need)


def apply(
    one: Client,
    desired: Desired,
    plan: Plan,
    *,
    password: Callable[[], str],
    told: Callable[[Step], None] = lambda _step: None,
) -> Done:
    """Carry out what is pending in a plan; `told` hears of each step when it is done.

    `password` is asked for the DIRAC user's when it is needed. Raises UnfinishedError when a step
    fails; running it again does the rest. A server that refuses a deletion because of a new use
    is no failure.
    """
    run = Run(one, desired, plan, password)
    done: list[Step] = []
    in_use: list[tuple[Step, str]] = []
    pending = plan.pending
    begun = _begin(run, pending)
    for step in pending:
        try:
            _step(run, step)
        except InUseError as err:
            if step.action is not Action.DELETE:
                raise _unfinished(step, err, len(done), len(pending)) from err
            in_use.append((step, err.message))
            continue
        except B2ctError as err:
            raise _unfinished(step, err, len(done), len(pending)) from err
        done.append(step)
        told(step)
    for kind in kinds.KINDS:
        kind.end(run)
    if begun:  # all of it has its marks
        _journal(run, ())
    return Done(tuple(done), tuple(in_use))


def _unfinished(step: Step, err: B2ctError, done: int, of: int) -> UnfinishedError:
    """The error with the step that it ended, and how far the run got."""
    state = f"{done} of {of} steps are done: `b2ct apply` again does the rest"
    message, hint = f"{step}: {err.message}", f"{err.hint}; {state}" if err.hint else state
    return UnfinishedError(message, hint=hint)


def _begin(run: Run, pending: Iterable[Step]) -> frozenset[tuple[str, str]]:
    """Note on the server what is going to be made that takes its marks only afterwards."""
    late = {s.key for s in pending if s.action is Action.CREATE and kinds.named(s.kind).late}
    begun = run.plan.begun | late
    if late - run.plan.begun:
        _journal(run, begun)
    return begun


def _journal(run: Run, begun: Iterable[tuple[str, str]]) -> None:
    noted = {journal.name(run.desired.label): journal.text(begun)}
    run.one.users.update(run.one.me.id, Attributes.of(noted))


def _step(run: Run, step: Step) -> None:
    kind = kinds.named(step.kind)
    do = {Action.CREATE: kind.create, Action.UPDATE: kind.update, Action.DELETE: kind.delete}
    do[step.action](run, step)
