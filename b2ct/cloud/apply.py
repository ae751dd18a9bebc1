"""Carrying out a plan: each step once, in its order, so that a run that ends can be run again.

Nothing here decides: what is wanted comes with the steps. Everything is made as `settle` says, so
that two runs at once do not make two of anything. What one step costs does not depend on how much
there is: at most three calls, and no look at all there is of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from b2ct.cloud.change import change
from b2ct.cloud.compare import resolve
from b2ct.cloud.desired import Desired, WantedRule
from b2ct.cloud.make import make
from b2ct.cloud.remove import remove
from b2ct.cloud.session import Run
from b2ct.cloud.steps import Action, Plan, Step
from b2ct.core.errors import B2ctError, VerdictError
from b2ct.one import ownership
from b2ct.one.client import Client
from b2ct.one.faults import InUseError, MissingError
from b2ct.one.text import Attributes


class UnfinishedError(VerdictError):
    """A step failed; those before it are done."""


@dataclass(frozen=True)
class Done:
    """What was carried out, and what could not be deleted because it is in use now."""

    steps: tuple[Step, ...]
    in_use: tuple[tuple[Step, str], ...] = ()


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
    run.end()
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
    late = {s.key for s in pending if s.action is Action.CREATE and s.kind in ownership.LATE}
    begun = run.plan.begun | late
    if late - run.plan.begun:
        _journal(run, begun)
    return begun


def _journal(run: Run, begun: Iterable[tuple[str, str]]) -> None:
    name = ownership.journal_name(run.desired.label)
    text = ownership.journal_text(begun)
    run.one.users.update(run.one.me.id, Attributes.of({name: text}))


def _step(run: Run, step: Step) -> None:
    if step.action is Action.DELETE:
        remove(run, step)
    elif step.kind == "rule":
        _rule(run, run.rules[step.name])
    elif step.kind == "template":
        _template(run, step)
    elif step.action is Action.CREATE:
        make(run, run.wanted[step.key])
    else:
        change(run, run.wanted[step.key], step)


def _template(run: Run, step: Step) -> None:
    found, templates = step.template, run.one.templates
    assert found  # noqa: S101 - the planner puts it there
    if found.found is not None:
        attributes, merge = found.update
        templates.update(found.found.id, attributes, merge=merge, checked=True)
        return
    run.make_template(found.wanted)


def _rule(run: Run, wanted: WantedRule) -> None:
    rule = resolve(wanted, run.ids)
    if rule is None:
        raise MissingError(f"{wanted.name}: what it is about is not there")
    run.record_rules(wanted.user)
    run.one.acls.add(rule)
