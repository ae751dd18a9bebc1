"""`gateway` of site.yaml: what cannot work is said."""

from __future__ import annotations

import pytest

from b2ct.core.errors import InvalidFileError
from b2ct.site.load import load_text

DIRAC = "cloud: {dirac: {}}\nsecrets: {dirac_password: {file: a}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gateway: {clients: [192.0.2.0/24]}\n", "nobody is named who may call"),
        ("gateway: {clients: [192.0.2.0/24], user: oneadmin}\n", "is OpenNebula's own"),
        (f"{DIRAC}gateway: {{}}\n", "clients"),
        (f"{DIRAC}gateway: {{clients: []}}\n", "clients"),
        (f"{DIRAC}gateway: {{clients: [everybody]}}\n", "10.0.0.0/24"),
        (f"{DIRAC}gateway: {{clients: [192.0.2.0/24], port: 2633}}\n", "has another use"),
        (f"{DIRAC}gateway: {{clients: [192.0.2.0/24], port: 3128}}\n", "has another use"),
        (f"{DIRAC}gateway: {{clients: [192.0.2.0/24], key: a.pem}}\n", "an absolute path"),
        (f"{DIRAC}gateway: {{clients: [192.0.2.0/24], key: '/my key'}}\n", "without spaces"),
        (f"release: {{version: el6}}\n{DIRAC}gateway: {{clients: [192.0.2.0/24]}}\n", "systemd"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said(text: str, expected: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    assert expected in "\n".join(caught.value.lines())
    assert len(caught.value.problems) == 1


def test_the_user_is_that_of_dirac_or_another() -> None:
    site = load_text(f"{DIRAC}gateway: {{clients: [192.0.2.0/24]}}\n")
    assert site.gateway_user == "dirac"
    site = load_text("gateway: {clients: [0.0.0.0/0], user: pilots}\n")
    assert site.gateway_user == "pilots"
