from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from b2ct.site import types

TYPES = {
    name: TypeAdapter[Any](getattr(types, name))
    for name in (
        "Address", "Cidr", "CvmfsRepository", "Domain", "Host", "HostName", "InterfaceName",
        "Keyboard", "Locale", "Mac", "SerialConsole", "SshKey", "Timezone",
    )
}  # fmt: skip
# (type, what is typed, what it means)
GOOD = [
    ("HostName", "HV01", "hv01"),
    ("Domain", "Cloud.Example.ORG.", "cloud.example.org"),
    ("Host", "10.0.0.1", "10.0.0.1"),
    ("Mac", "52-54-00-AB-CD-EF", "52:54:00:ab:cd:ef"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "typed", "meant"), GOOD)
def test_what_is_meant(kind: str, typed: str, meant: object) -> None:
    assert TYPES[kind].validate_python(typed) == meant


def test_a_public_key_is_what_it_says() -> None:
    def key(kind: str, inside: str) -> str:
        blob = len(inside).to_bytes(4, "big") + inside.encode() + b"\0" * 40
        return f"{kind} {base64.b64encode(blob).decode()} me@laptop"

    good = key("ssh-ed25519", "ssh-ed25519")
    assert TYPES["SshKey"].validate_python(f" {good} ") == good
    for bad in (key("ssh-rsa", "ssh-ed25519"), good[:-40], f"no-pty {good}", good + "\nx"):
        with pytest.raises(ValidationError):
            TYPES["SshKey"].validate_python(bad)


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
