"""What may be asked, as a property: whatever comes, what is sent on is of a known, narrow form."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from b2ct.gateway import policy
from b2ct.gateway.errors import Refusal
from b2ct.gateway.message import Request, Value

USER = "dirac"
SESSION = "dirac:secret"
VALUE = st.one_of(
    st.integers(-5, 12), st.integers(-(2**31), 2**31 - 1), st.booleans(), st.text(max_size=12),
    st.sampled_from(["0", "-2", "7", "terminate", "delete", "terminate-hard", "poweroff", "true"]),
)  # fmt: skip
KNOWN = st.sampled_from(sorted(policy.METHODS))
PAIRS = st.tuples(
    st.sampled_from(["USERDATA", "USER_DATA", "USERDATA_ENCODING", "NETWORK", "SSH_PUBLIC_KEY",
                     "START_SCRIPT", "TOKEN", "PASSWORD", "userdata"]),
    st.sampled_from(["=", " = ", "", "=["]),
    st.one_of(st.just('"YES"'), st.just('"I2Nsb3Vk"'), st.just('"base64"'), st.text(max_size=8)),
).map("".join)  # fmt: skip
TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(PAIRS, max_size=4).map(lambda pairs: f"CONTEXT = [ {', '.join(pairs)} ]"),
    st.lists(st.one_of(PAIRS, st.just("CPU=9"), st.just("DISK=[IMAGE_ID=3]")), max_size=3).map(
        "\n".join
    ),
)


@given(
    st.one_of(KNOWN, st.from_regex(r"[a-z.]{1,20}", fullmatch=True)), st.lists(VALUE, max_size=7)
)
def test_whatever_comes_known_types_go_on(method: str, values: list[Value]) -> None:
    try:
        call = policy.check(Request(method, (SESSION, *values)), USER)
    except Refusal:
        return
    assert call.method == method in policy.METHODS
    assert call.session == SESSION
    if method == "one.vm.action":
        assert call.arguments[0] == policy.KILL
    if method != policy.INSTANTIATE:
        numbers = [value for value in call.arguments if value != policy.KILL]
        assert all(type(value) in (int, bool) for value in numbers)
        assert len(call.arguments) == len(values)


@given(KNOWN, st.one_of(VALUE, st.none()), st.lists(VALUE, max_size=5))
@example("one.vm.info", "dirac:", [0])
@example("one.vm.info", "dirac", [0])
def test_nobody_else_is_let_through(
    method: str, session: Value | None, values: list[Value]
) -> None:
    given_values = values if session is None else [session, *values]
    with pytest.raises(Refusal) as caught:
        policy.check(Request(method, tuple(given_values)), "nobody-calls-so")
    assert caught.value.why == "user"


def instantiation(text: str) -> policy.Call:
    request = Request(policy.INSTANTIATE, (SESSION, 0, "vm", False, text))
    return policy.instantiation(policy.check(request, USER))


@pytest.mark.parametrize(("length", "taken"), [(64 * 1024, True), (policy.LONGEST_TEXT, False)])
def test_a_text_that_no_user_data_needs_is_not_read(length: int, taken: bool) -> None:
    text = f'CONTEXT=[USERDATA_ENCODING="base64",USERDATA="{"IyNs" * (length // 4)}"]'
    if taken:
        assert instantiation(text).pilot
        return
    with pytest.raises(Refusal, match="too long"):
        instantiation(text)


@given(TEXT)
@example('CONTEXT = [ USERDATA = "I2Nsb3Vk", USERDATA_ENCODING = "base64" ]')
@example('CONTEXT=[USERDATA="x"] CPU=9')
def test_of_a_template_text_only_user_data_is_taken(text: str) -> None:
    """Nothing of the text itself goes on: it is made anew of the template and the user data."""
    with contextlib.suppress(Refusal):
        call = instantiation(text)
        assert call.arguments == (0, "vm", False, "")
        assert call.pilot is None or isinstance(call.pilot, str)


@given(st.text(max_size=200))
def test_user_data_arrives_as_it_was(data: str) -> None:
    packed = base64.b64encode(data.encode()).decode()
    text = f'CONTEXT = [ USERDATA = "{packed}", USERDATA_ENCODING = "base64" ]'
    assert instantiation(text).pilot == (data or None)
