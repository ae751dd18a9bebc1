from __future__ import annotations

import pytest

from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.target import Jump, jump_chain


def test_jump_hosts_as_they_are_written() -> None:
    assert jump_chain("gate") == (Jump("gate"),)
    assert jump_chain("a@b:22, [::1]:2222,c") == (
        Jump("b", "a", 22), Jump("::1", "", 2222), Jump("c"),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["@host", "host:", "host:x", "host:70000", ",", "-oX", "a@", ""])
def test_what_is_no_jump_host(text: str) -> None:
    with pytest.raises(UnreachableError, match="is no jump host") as caught:
        jump_chain(text)
    assert "[USER@]HOST[:PORT]" in caught.value.hint
