from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from b2ct.document import types

TYPES = {
    name: TypeAdapter[Any](getattr(types, name))
    for name in (
        "AbsolutePath", "EnvName", "Fingerprint", "Identifier", "Line", "LocalPath", "Package",
        "Sha256", "Size", "Url", "Uuid",
    )
}  # fmt: skip
# (type, what is typed, what it means)
GOOD = [
    ("Size", "1.5 GiB", 3 * 2**29),
    ("Size", "1tb", 2**40),
    ("Size", "100G", 100 * 2**30),
    ("Fingerprint", "bf18 ac28 7617 8908 d6e7  1267 d36c b86c b86b 3716",
     "BF18AC2876178908D6E71267D36CB86CB86B3716"),
    ("Url", "http://[2001:db8::1]:8080/el9/", "http://[2001:db8::1]:8080/el9/"),
    ("Url", "file:///mnt/el9/", "file:///mnt/el9/"),
    ("Package", "@^minimal-environment", "@^minimal-environment"),
    ("Package", "-plymouth*", "-plymouth*"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "typed", "meant"), GOOD)
def test_what_is_meant(kind: str, typed: str, meant: object) -> None:
    assert TYPES[kind].validate_python(typed) == meant


@given(
    st.text(max_size=40)
    | st.from_regex(r"[0-9A-Fa-f:./ -]{0,40}", fullmatch=True)
    | st.from_regex(r"(https?|file)://[!-~]{0,20}", fullmatch=True)
)
def test_any_text_is_taken_or_refused_and_stays_one_line(text: str) -> None:
    for adapter in TYPES.values():
        try:
            value = adapter.validate_python(text)
        except ValidationError:
            continue
        assert len(str(value).splitlines()) <= 1
        assert not set(str(value)) & {"\0", "\x1b", "\ud800"}


@given(st.none() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_what_is_no_text_is_taken_or_refused(value: Any) -> None:
    for adapter in TYPES.values():
        try:
            adapter.validate_python(value)
        except ValidationError:
            continue
