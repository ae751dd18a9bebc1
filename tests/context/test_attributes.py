"""The CONTEXT of a VM template: what oned expands, what it carries, how much of it."""

from __future__ import annotations

import base64
import dataclasses
import re
from pathlib import Path

import pytest

from b2ct.context import limits
from b2ct.context.attributes import attributes, expanded, opennebula, template_text
from b2ct.context.model import Expanded, OwnFiles, OwnText
from b2ct.context.userdata import user_data
from b2ct.context.worker import for_worker
from b2ct.core.errors import B2ctError
from tests.context.sites import KEY, site, whole

GOLDEN = Path(__file__).parent / "golden"


def test_golden(tmp_path: Path) -> None:
    assert template_text(whole(tmp_path)) == (GOLDEN / "whole.context").read_text()


def test_every_attribute(tmp_path: Path) -> None:
    made = whole(tmp_path)
    found = opennebula(made)
    assert base64.b64decode(found.pop("USERDATA")).decode() == user_data(made)
    assert found == {
        "NETWORK": "YES",
        "SET_HOSTNAME": "big-$VMID",
        "SSH_PUBLIC_KEY": f"{KEY}\n$USER[SSH_PUBLIC_KEY]",
        "USERDATA_ENCODING": "base64",
        "B2CT_SITE": "desy",
        "B2CT_WORKER": "big",
        "B2CT_VMID": "$VMID",
    }


def test_a_dollar_stands_only_where_it_is_meant(tmp_path: Path) -> None:
    for name, value in attributes(whole(tmp_path)).items():
        if isinstance(value, str):
            assert "$" not in value, name
        else:
            assert name in {"SET_HOSTNAME", "SSH_PUBLIC_KEY", "B2CT_VMID"}


UNMEANT = [
    *("$HOME", "$", "$$", "$(id)", "${NAME}", "$USER[PASSWORD]", "$name", "x$VMID$x"),
    # What oned's parser would take for another variable, or stumble over.
    *("$VMIDx", "$NAME_1", "$NAME[x]", "$NAME, x", "$VMID x", "$USER[SSH_PUBLIC_KEY]\nssh-rsa"),
]


@pytest.mark.parametrize("text", UNMEANT)
def test_other_variables_cannot_be_meant(text: str) -> None:
    with pytest.raises(ValueError, match="nobody meant"):
        Expanded(text)


def test_variables_as_a_vm_finds_them(tmp_path: Path) -> None:
    found = expanded(whole(tmp_path), {"VMID": "17", "USER[SSH_PUBLIC_KEY]": "ssh-rsa AAAA user"})
    assert found["SET_HOSTNAME"] == "big-17"
    assert found["SSH_PUBLIC_KEY"] == f"{KEY}\nssh-rsa AAAA user"
    assert expanded(whole(tmp_path), {})["B2CT_VMID"] == ""


@pytest.mark.parametrize("comment", ["$HOME", 'a "b"', "a\\", "]]>", "é", "`x`"])
def test_comments_of_keys_that_oned_would_misread_are_left_out(comment: str) -> None:
    key = f"{KEY.rsplit(' ', 1)[0]} {comment}"
    made = for_worker(site(admins=[{"name": "me", "ssh_keys": [key]}]))
    first = opennebula(made)["SSH_PUBLIC_KEY"].splitlines()[0]
    assert first == KEY.rsplit(" ", 1)[0]


def test_opennebula_reads_the_text_back(tmp_path: Path) -> None:
    text = template_text(whole(tmp_path))
    found = dict(re.findall(r'^  ([A-Z0-9_]+) = "((?:[^"\\]|\\")*)"', text, re.MULTILINE))
    assert found == opennebula(whole(tmp_path))


def test_more_than_opennebula_takes_is_refused() -> None:
    def with_script(size: int) -> dict[str, str]:
        script = OwnText("x.sh", "#!/bin/sh\n" + "# 123456\n" * (size // 9))
        return opennebula(dataclasses.replace(for_worker(site()), own=OwnFiles(scripts=(script,))))

    assert len(str(with_script(40_000))) < limits.CONTEXT + 1000
    with pytest.raises(B2ctError, match=rf"OpenNebula takes {limits.CONTEXT}") as caught:
        with_script(60_000)
    assert "fetch what is large" in caught.value.hint


def test_the_limit_leaves_room_for_the_rest_of_a_vm() -> None:
    # 128 KiB of base64 hold 96 KiB of XML.
    assert limits.CONTEXT + 32 * 1024 <= limits.ARGUMENT * 3 // 4
