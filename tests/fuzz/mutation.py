"""Something nearly right: a good input that was changed, cut, repeated or mixed with another."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

LARGEST = 1 << 20
"""Bytes of what is made."""
_KINDS = ("change", "cut", "repeat", "insert", "swap")
_BYTES = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.sampled_from([
        b"\0", b"\xff" * 4, b"\x00\x00\x00\x80", b"\r\n", b"\n", b"\x1b[2J", b"'", b'"', b"]]>",
        b"<", b"%", b"$", b"\\", b"\xc3", b"\xf0\x9f\x98\x80", b"-1", b"9" * 30,
    ]),
)  # fmt: skip
Step = tuple[str, float, int, bytes, int]


def mutated(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A seed after a few steps."""
    step = st.tuples(
        st.sampled_from(_KINDS), st.floats(0, 1, exclude_max=True), st.integers(1, 200), _BYTES,
        st.integers(1, 300),
    )  # fmt: skip
    return st.one_of(
        st.builds(_changed, st.sampled_from(seeds), st.lists(step, max_size=5)),
        st.binary(max_size=300),
    )


def _changed(data: bytes, steps: Sequence[Step]) -> bytes:
    made = bytearray(data)
    for kind, where, length, new, times in steps:
        at = int(where * len(made))
        if kind == "change":
            made[at : at + len(new)] = new
        elif kind == "cut":
            del made[at : at + length]
        elif kind == "repeat":
            made[at:at] = made[at : at + length] * times
        elif kind == "insert":
            made[at:at] = new * times
        else:
            made[at : at + 2 * length] = (
                made[at + length : at + 2 * length] + made[at : at + length]
            )
        del made[LARGEST:]
    return bytes(made)
