"""What becomes of a test VM: stages that it passes, and where it got stuck."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from b2ct.validate.check import fail, not_applicable


class Stage(StrEnum):
    """In the order in which they are reached."""

    RUNNING = "running"
    LOGIN = "login"
    CVMFS = "cvmfs"
    JOB = "job"
    REMOVED = "removed"


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    good: bool
    text: str = ""
    remedy: str = ""


@dataclass
class Trial:
    """One VM; stages are added as it passes them."""

    worker: str
    name: str = ""
    """Of the VM."""
    found: dict[Stage, Outcome] = field(default_factory=dict)
    none: str = ""
    """Why there is no such VM: something that another check finds."""

    def passed(self, stage: Stage, text: str = "") -> None:
        """It got through."""
        self.found[stage] = Outcome(True, text)

    def failed(self, stage: Stage, text: str, remedy: str = "") -> None:
        """It did not."""
        self.found[stage] = Outcome(False, text, remedy)


def judge(trials: Iterable[Trial], stage: Stage) -> None:
    """End the check as the worst of the trials did in that stage."""
    trials = tuple(trials)
    reached = [(trial, trial.found[stage]) for trial in trials if stage in trial.found]
    for trial, outcome in reached:
        if not outcome.good:
            fail(f"worker {trial.worker}: {outcome.text}", outcome.remedy)
    if not reached:
        not_applicable("; ".join(dict.fromkeys(map(_why, trials))) or "there are no workers")


def _why(trial: Trial) -> str:
    if trial.none:
        return f"worker {trial.worker}: {trial.none}"
    stuck = next((stage for stage, one in trial.found.items() if not one.good), None)
    where = {
        Stage.RUNNING: "test-vms-run", Stage.LOGIN: "test-vms-are-contextualised",
    }.get(stuck or Stage.RUNNING, "the checks before")  # fmt: skip
    return f"worker {trial.worker}: its test VM did not get that far: see {where}"
