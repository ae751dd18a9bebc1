from __future__ import annotations

from typing import Any

import pytest

from b2ct.validate.facts import accounts
from tests.validate.sites import KEY, site

PUBLIC = " ".join(KEY.split()[:2])
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"


def pinned() -> list[dict[str, Any]]:
    described = site()
    nodes = [node.model_dump(exclude_none=True, mode="json") for node in described.nodes]
    nodes[0]["host_key"] = KEY
    return nodes


@pytest.mark.parametrize(
    ("authorized", "wrong"),
    [
        (f'cert-authority,principals="oneadmin" {PUBLIC} b2ct:control\n', ""),
        ("", "trusts no control node"),
        (f"{PUBLIC} oneadmin@one\n", "trusts no control node"),
        (f'cert-authority,principals="oneadmin" {OTHER} b2ct:control\n', "another key"),
    ],
)
def test_whom_a_node_trusts(authorized: str, wrong: str) -> None:
    said = accounts.distrust(authorized, site(nodes=pinned()))
    assert (wrong in said) if wrong else said == ""


def test_without_a_pinned_key_any_control_node_will_do() -> None:
    assert accounts.distrust(f"cert-authority {OTHER}\n", site()) == ""


def test_whom_oneadmin_knows() -> None:
    text = f"hv1,hv1.example.org,10.0.0.11 {PUBLIC} b2ct:hv1\n[hv2]:2222 {PUBLIC}\n"
    known = accounts.known(text)
    assert known is not None
    assert {"hv1", "10.0.0.11", "hv2"} <= known
    assert accounts.known(f"|1|abc= {PUBLIC}\n") is None
    assert accounts.known("") == frozenset()
