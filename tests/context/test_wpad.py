"""What the proxy file says, by the parser that CVMFS itself uses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.context import wpad
from b2ct.core import quoting, templates
from b2ct.core.data import data_folder
from b2ct.site.model import Site
from tests.pac import ask

OWN = "192.0.2.1"


def site(**parts: Any) -> Site:
    return Site.model_validate(
        {
            "site": {"name": "b2ct", "domain": "b2ct.example.org"},
            "networks": {"service": {"cidr": "10.0.0.0/24"}},
            "nodes": [
                {"name": "one", "role": "control", "interfaces": [{"network": "service"}]},
                {
                    "name": "hv01",
                    "role": "hypervisor",
                    "interfaces": [{"network": "service", "address": "10.0.0.11"}],
                },
                {"name": "hv02", "role": "hypervisor"},
            ],
            **parts,
        }
    )


def pac(described: Site) -> str:
    template = templates.environment(data_folder("templates")).get_template("wpad/wpad.dat.j2")
    return template.render(wpad=wpad.of(described), own=quoting.word(OWN))


@pytest.mark.parametrize(
    ("squid", "answer"),
    [
        ({}, f"PROXY {OWN}:3128"),
        ({"port": 3200, "node": "one"}, f"PROXY {OWN}:3200"),
        ({"node": "hv01"}, "PROXY 10.0.0.11:3128"),
        ({"node": "hv02"}, "PROXY hv02.b2ct.example.org:3128"),
        ({"backup": ["http://b:3128/"]}, f"PROXY {OWN}:3128; PROXY b:3128"),
        (
            {"external": ["http://a:3128", "http://c:80"], "backup": ["http://b:3128"]},
            "PROXY a:3128; PROXY c:80; PROXY b:3128",
        ),
    ],
)
def test_stratum_ones_get_the_squids(squid: dict[str, Any], answer: str) -> None:
    described = site(squid=squid)
    urls = [f"{url}/cvmfs/belle.cern.ch/.cvmfspublished" for url in described.cvmfs.stratum1]
    assert set(ask(pac(described), *urls).split("\n")) == {answer}


def test_what_squid_refuses_goes_direct() -> None:
    """A proxy that answers 403 counts as a broken one."""
    described = site(
        cvmfs={"stratum1": ["http://s1.example.org:8000", "http://S2.example.org"]},
        squid={"destinations": ["db.example.org"]},
    )
    text = pac(described)
    good = (
        "http://s1.example.org:8000/x", "http://S1.Example.org:8000/x", "http://s2.example.org/x",
        "http://s2.example.org:80/x", "http://db.example.org/x", "http://db.example.org:8000/",
    )  # fmt: skip
    bad = (
        "http://s1.example.org/x", "http://s1.example.org:80001/x", "https://s2.example.org/x",
        "http://s2.example.org:8000/x", "http://s2.example.org.evil.org/x", "ftp://db.example.org/",
        "http://evil.org/http://s2.example.org/x", "http://s1xexample.org:8000/x",
    )  # fmt: skip
    assert set(ask(text, *good).split("\n")) == {f"PROXY {OWN}:3128"}
    assert set(ask(text, *bad).split("\n")) == {"DIRECT"}


HOSTS = st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?(\.[A-Za-z]{2,5})?", fullmatch=True
)


@settings(max_examples=15)
@given(st.lists(HOSTS, min_size=1, max_size=4), st.lists(HOSTS, max_size=3))
def test_whatever_the_names_are_it_is_sound(servers: list[str], squids: list[str]) -> None:
    described = site(
        cvmfs={"stratum1": [f"http://{name}:8000" for name in servers]},
        squid={"external": [f"http://{name}:3128" for name in squids]},
    )
    (answer,) = set(ask(pac(described), *(f"http://{n}:8000/x" for n in servers)).split("\n"))
    names = dict.fromkeys(f"PROXY {name}:3128" for name in squids) or {f"PROXY {OWN}:3128": None}
    assert answer == "; ".join(names)
