from __future__ import annotations

import subprocess

from b2ct.validate.facts import sections


def asked(**questions: str) -> dict[str, str]:
    done = subprocess.run(
        ["sh", "-c", sections.command(questions)], capture_output=True, text=True, check=True
    )
    return sections.parse(done.stdout)


def test_each_question_has_its_own_answer_by_a_real_shell() -> None:
    said = asked(one="echo a; echo b", two="printf without-end", three="true", four="echo c")
    assert said == {"one": "a\nb", "two": "without-end", "three": "", "four": "c"}


def test_a_question_that_fails_or_complains_is_empty_and_harms_no_other() -> None:
    said = asked(one="cat /no/such/file", two="false; exit_is_no_command", three="echo c")
    assert said == {"one": "", "two": "", "three": "c"}


def test_percent_signs_reach_the_shell() -> None:
    assert asked(one="date +%Y")["one"].isdigit()
