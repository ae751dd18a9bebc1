"""Carries one check out: whatever it does, there is a result with a line that a person can read."""

from __future__ import annotations

import linecache
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.ssh.answer import Answer, CommandTimeoutError
from b2ct.validate import remedy
from b2ct.validate.advice import by_hand
from b2ct.validate.check import Check, CheckFailedError, NotApplicableError
from b2ct.validate.results import Outcome, Result
from b2ct.validate.scrub import Scrubber

SHOWN = 3
"""Commands of a failed check that its evidence shows."""
LINE, BLOCK = 500, 800
"""Characters of a message, and of an answer in the evidence."""

Evidence = Mapping[str, Answer | None]


@dataclass(frozen=True)
class Around:
    """What stands around a check when it is carried out."""

    values: remedy.Values
    scrubber: Scrubber
    evidence: Callable[[], Evidence]
    """Takes the commands since the last call."""


def carry_out(check: Check, arguments: Callable[[], Mapping[str, Any]], around: Around) -> Result:
    """Run a check; `arguments` are made first, and may fail as the check itself.

    Raises nothing but KeyboardInterrupt and SystemExit.
    """
    around.evidence()
    started = time.monotonic()
    found = _Found(Outcome.PASSED)
    try:
        check.function(**arguments())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as err:  # a check is somebody else's code
        found = _found(check, err, around)
    seconds = round(time.monotonic() - started, 3)
    if found.outcome in (Outcome.PASSED, Outcome.SKIPPED):
        return Result(check.name, found.outcome, _line(found.message), seconds=seconds)
    clean = around.scrubber.clean
    return Result(
        check.name, found.outcome, _line(clean(found.message)), clean(found.remedy), seconds,
        tuple(clean(text) for text in _texts(around.evidence())), tuple(map(clean, found.items)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    outcome: Outcome
    message: str = ""
    remedy: str = ""
    items: tuple[str, ...] = ()


def _found(check: Check, err: BaseException, around: Around) -> _Found:
    usual = remedy.filled(check.remedy, around.values)
    if isinstance(err, NotApplicableError) or _is_pytest(err, "Skipped"):
        return _Found(Outcome.SKIPPED, str(err))
    if isinstance(err, CheckFailedError):
        own = remedy.replaced(err.remedy, around.values)
        return _Found(Outcome.FAILED, str(err), own or usual, err.items)
    if isinstance(err, AssertionError) or _is_pytest(err, "Failed"):
        return _Found(Outcome.FAILED, _asserted(check, err), usual)
    if isinstance(err, CommandTimeoutError):
        where = f"{around.values.user}@{around.values.address}"
        return _Found(
            Outcome.NOT_RUN, str(err), by_hand(f"run it in `ssh {where}`: what does it wait for?")
        )
    if isinstance(err, B2ctError):
        return _Found(Outcome.NOT_RUN, err.message, by_hand(err.hint or usual))
    where = _where(check, err)
    text = " ".join(str(err).split())
    return _Found(
        Outcome.NOT_RUN,
        f"the check itself broke: {type(err).__name__}: {text} ({where})",
        by_hand(f"correct {where}, or leave the check out"),
    )


def _is_pytest(err: BaseException, name: str) -> bool:
    """Whether a check of the site's own said pytest.fail() or pytest.skip()."""
    outcomes = sys.modules.get("_pytest.outcomes")
    return outcomes is not None and isinstance(err, getattr(outcomes, name))


def _asserted(check: Check, err: BaseException) -> str:
    """What an assertion says; of one that says nothing: the line itself."""
    text = str(err)
    if text.startswith("Unexpected exit code"):  # of testinfra, with the whole answer behind it
        return text.partition(" for CommandResult")[0] + f" of a command ({_where(check, err)})"
    if text.strip():
        return text
    frames = traceback.extract_tb(err.__traceback__)
    line = linecache.getline(frames[-1].filename, frames[-1].lineno or 0).strip()
    return f"this does not hold: {line} ({_where(check, err)})"


def _where(check: Check, err: BaseException) -> str:
    """FILE:LINE of the check, where it got to."""
    file = check.function.__code__.co_filename
    frames = [one for one in traceback.extract_tb(err.__traceback__) if one.filename == file]
    return f"{file}:{frames[-1].lineno}" if frames else check.source


def _texts(evidence: Evidence) -> list[str]:
    """The last commands with their answers, as one would see them at a terminal."""
    texts = []
    for command, answer in list(evidence.items())[-SHOWN:]:
        lines = [f"$ {_cut(command, BLOCK)}"]
        if answer is None:
            lines.append("(it did not end)")
        else:
            for stream in (answer.stdout, answer.stderr):
                if text := _printable(stream[: 4 * BLOCK].decode(errors="replace")).strip():
                    lines.append(_cut(text, BLOCK))
            if answer.code:
                lines.append(f"(exit code {answer.code})")
        texts.append("\n".join(lines))
    return texts


def _line(text: str) -> str:
    return _cut(_printable(" ".join(text.split())), LINE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text.expandtabs(4))
