"""What leaves a template is quoted for its place, or refused."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core import quoting

LINES = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\u2028\u2029")
)


@given(LINES)
def test_sh_is_one_word_of_the_same_value(value: str) -> None:
    assert shlex.split(quoting.sh(value)) == [value]
    assert shlex.split(quoting.ks(value)) == [value]


@settings(max_examples=30)
@given(LINES)
def test_bash_agrees(value: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"printf %s {quoting.sh(value)}"], capture_output=True, check=True
    )
    assert done.stdout.decode() == value


@pytest.mark.parametrize(
    "value", ["a\nb", "\x00", "a\x1b[2J", "\x7f", "\x85", "a\u2028b", "\u2029"]
)
@pytest.mark.parametrize("quote", [quoting.sh, quoting.ks, quoting.word, quoting.comment])
def test_control_characters_never_pass(quote: object, value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        quote(value)  # type: ignore[operator]


@pytest.mark.parametrize(
    "value", ["", "a b", "$(x)", "`x`", "a'b", 'a"b', "a\\b", "é", "{{x}}", "a;b"]
)
def test_a_bare_word_needs_no_quoting(value: str) -> None:
    with pytest.raises(ValueError, match="cannot stand unquoted"):
        quoting.word(value)


def test_words_that_do_pass() -> None:
    for value in ("10.0.0.1/24", "ttyS0,115200", "a@b.c:/d+e%f=g-h_i*"):
        assert quoting.word(value) == value


@given(LINES)
def test_a_comment_stays_a_comment(value: str) -> None:
    assert len(f"# {quoting.comment(value)}".splitlines()) == 1


@pytest.mark.parametrize("value", ["text", "%end", None, True, 1.5, ["a"], Path("/x")])
def test_nothing_unquoted_is_printed(value: object) -> None:
    with pytest.raises(TypeError, match="without a filter"):
        quoting.only_safe(value)


def test_numbers_and_quoted_text_are_printed() -> None:
    assert quoting.only_safe(7) == 7
    assert quoting.only_safe(quoting.sh("a b")) == "'a b'"


@settings(max_examples=30)
@given(st.lists(LINES | st.sampled_from(["B2CT_EOF", "|x", "%end", "$HOME", "\\"]), max_size=6))
def test_a_here_document_gives_back_its_text(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    code = quoting.here_document(text, quoting.Safe("/dev/stdout"))
    assert not [line for line in code.splitlines() if line.startswith("%")]
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=True)
    assert done.stdout.decode() == text
