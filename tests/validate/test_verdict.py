from __future__ import annotations

from collections.abc import Callable

import pytest

from b2ct.core.errors import B2ctError
from b2ct.ssh.answer import Answer, CommandTimeoutError
from b2ct.validate import remedy
from b2ct.validate.check import Check, check, fail, not_applicable, of_function
from b2ct.validate.results import Outcome, Result
from b2ct.validate.scrub import Scrubber
from b2ct.validate.verdict import Around, Evidence, carry_out

VALUES = remedy.Values("hv1", "10.0.0.2", "10.0.0.1", "example.org", "root")


def made(body: Callable[[], object]) -> Check:
    def test_it() -> None:
        body()

    marked = check(proves="a", why="b", remedy="ssh {user}@{address} mend {node}")(test_it)
    found = of_function(marked, "mine")
    assert found
    return found


def outcome(body: Callable[[], object], evidence: Evidence | None = None) -> Result:
    scrubber = Scrubber(["geheim42"])
    return carry_out(made(body), dict, Around(VALUES, scrubber, lambda: evidence or {}))


def raises(err: BaseException) -> Callable[[], object]:
    def body() -> None:
        raise err

    return body


def test_a_check_that_passes_says_nothing() -> None:
    found = outcome(lambda: None, {"ls": Answer(0, b"x", b"")})
    assert (found.outcome, found.message, found.remedy) == (Outcome.PASSED, "", "")
    assert found.evidence == ()


def test_an_assertion_fails_with_the_remedy_filled_in() -> None:
    found = outcome(raises(AssertionError("the service\n  does not run")))
    assert found.outcome is Outcome.FAILED
    assert found.message == "the service does not run"
    assert found.remedy == "ssh root@10.0.0.2 mend hv1"


def test_fail_brings_a_remedy_of_its_own() -> None:
    found = outcome(lambda: fail("no", "echo {braces} stay"))
    assert (found.message, found.remedy) == ("no", "echo {braces} stay")
    assert outcome(lambda: fail("no")).remedy == "ssh root@10.0.0.2 mend hv1"


def test_what_does_not_apply() -> None:
    found = outcome(lambda: not_applicable("there is no NFS"))
    assert (found.outcome, found.message, found.remedy) == (Outcome.SKIPPED, "there is no NFS", "")


def test_pytests_own_words_are_understood() -> None:
    assert outcome(lambda: pytest.skip("later")).outcome is Outcome.SKIPPED
    found = outcome(lambda: pytest.fail("bad"))
    assert (found.outcome, found.message) == (Outcome.FAILED, "bad")


def test_an_assertion_without_words_shows_its_line() -> None:
    found = outcome(raises(AssertionError()))
    assert found.message.startswith("this does not hold: raise err (")


def test_testinfras_long_words_are_cut() -> None:
    found = outcome(raises(AssertionError("Unexpected exit code 1 for CommandResult(command=b'x'")))
    assert found.message.startswith("Unexpected exit code 1 of a command (")
    assert "CommandResult" not in found.message


def test_a_command_that_hangs_is_not_run() -> None:
    found = outcome(raises(CommandTimeoutError("`df` did not end within 30 s")))
    assert found.outcome is Outcome.NOT_RUN
    assert found.remedy.startswith("by hand: run it in `ssh root@10.0.0.2`")


def test_an_error_of_ours_brings_its_hint() -> None:
    found = outcome(raises(B2ctError("oned is away", hint="start it")))
    assert (found.outcome, found.message, found.remedy) == (
        Outcome.NOT_RUN, "oned is away", "by hand: start it",
    )  # fmt: skip


@pytest.mark.parametrize("err", [ValueError("odd"), RecursionError("deep"), GeneratorExit("x")])
def test_a_check_that_breaks_is_told_as_such(err: BaseException) -> None:
    found = outcome(raises(err))
    assert found.outcome is Outcome.NOT_RUN
    assert found.message.startswith(f"the check itself broke: {type(err).__name__}: {err}")
    assert "test_verdict.py:" in found.message


@pytest.mark.parametrize("err", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_stop_is_let(err: type[BaseException]) -> None:
    with pytest.raises(err):
        outcome(raises(err()))


def test_arguments_that_cannot_be_made_are_a_result() -> None:
    found = carry_out(
        made(lambda: None),
        raises(B2ctError("no control node")),  # type: ignore[arg-type]
        Around(VALUES, Scrubber(), dict),
    )
    assert (found.outcome, found.message) == (Outcome.NOT_RUN, "no control node")


def test_evidence_is_short_printable_and_without_secrets() -> None:
    evidence: Evidence = {
        "first": Answer(0, b"never shown", b""),
        "cat one_auth": Answer(0, b"oneadmin:geheim42", b""),
        "dump": Answer(1, b"\x1b[31m\xff" + b"x" * 5000, b"why\n"),
        "sleep": None,
    }
    found = outcome(raises(AssertionError("it says geheim42")), evidence)
    assert found.message == "it says (not shown)"
    assert "geheim42" not in "".join(found.evidence)
    auth, dump, sleep = found.evidence
    assert auth.startswith("$ cat one_auth\n")
    assert dump.endswith("...\nwhy\n(exit code 1)")
    assert "\x1b" not in dump
    assert len(dump) < 1000
    assert sleep == "$ sleep\n(it did not end)"
