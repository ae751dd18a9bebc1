from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from b2ct.core.errors import InvalidFileError
from b2ct.document import tree
from b2ct.site import catalogue, starter
from b2ct.site.load import load_text
from b2ct.site.starter import Answers
from tests.site.strategies import KEY

FULL = Answers(
    name="desy",
    domain="cloud.desy.de",
    cidr="10.7.0.0/24",
    control="front",
    mac="52:54:00:00:00:01",
    address="10.7.0.130",
    hypervisors=3,
    admin="Ada",
    ssh_key=KEY,
)


@pytest.mark.parametrize("release", catalogue.RELEASES)
@pytest.mark.parametrize("answers", [Answers(), FULL], ids=["defaults", "full"])
def test_it_is_valid(answers: Answers, release: str) -> None:
    site = load_text(starter.render(replace(answers, release=release)))
    assert site.release.version == release
    assert site.opennebula.version == catalogue.release(release).opennebula[0]


def test_it_says_what_was_answered() -> None:
    site = load_text(starter.render(FULL))
    assert (site.site.name, site.site.domain) == ("desy", "cloud.desy.de")
    assert site.networks["service"].cidr == IPv4Network("10.7.0.0/24")
    assert [node.name for node in site.nodes] == ["front", "hv01", "hv02", "hv03"]
    assert site.nodes[0].macs == ("52:54:00:00:00:01",)
    assert site.nodes[0].address == "10.7.0.130"
    assert site.admins[0].ssh_keys == (KEY,)


def test_no_hypervisors_means_one_machine_for_all() -> None:
    [node] = load_text(starter.render(replace(FULL, hypervisors=0))).nodes
    assert node.role == "single"


def test_hypervisors_do_not_take_the_control_nodes_name() -> None:
    site = load_text(starter.render(replace(FULL, control="HV02", hypervisors=2)))
    assert [node.name for node in site.nodes] == ["hv02", "hv01", "hv03"]


@pytest.mark.parametrize("answers", [Answers(), FULL], ids=["defaults", "full"])
@pytest.mark.parametrize("release", ["el6", "el9"])
def test_keys_that_are_commented_out_are_valid_once_they_are_not(
    answers: Answers, release: str
) -> None:
    text = starter.render(replace(answers, release=release))
    uncommented = re.sub(r"^#(?=[^ \n]|  )", "", text, flags=re.MULTILINE)
    assert len(load_text(uncommented).model_dump_json(exclude_defaults=True)) > 800
    assert load_text(uncommented).networks["public"].vlan == 100


@given(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)),
    st.integers(0, 2**16),
)
def test_examples_lie_in_the_network(network: tuple[int, int], host: int) -> None:
    cidr = IPv4Network(network, strict=False)
    address = cidr.network_address + min(host, cidr.num_addresses - 1)
    answers = replace(FULL, cidr=str(cidr), address=str(address))
    try:
        load_text(starter.render(answers))
    except InvalidFileError:
        assume(False)
    text = re.sub(r"^#(?=    (gateway|dns|vm_range))", "", starter.render(answers), flags=re.M)
    if cidr.prefixlen <= 26:  # smaller ones have no room for a range beside the machines
        load_text(text)


ANY = st.text(max_size=30) | st.sampled_from(
    ("null", "no", "1", "'", '"', "a: b", "a #b", "- a", "&a", "*a", "{}", "\n", "a\nb: c", "${x}")
)


@given(
    st.fixed_dictionaries(
        dict.fromkeys(("name", "domain", "cidr", "control", "mac", "address", "admin"), ANY)
    )
)
def test_hostile_answers_are_refused_or_kept_as_they_are(typed: dict[str, Any]) -> None:
    """Nothing that is typed becomes another key, a comment or another value."""
    answers = replace(FULL)
    for key, value in typed.items():
        changed = replace(answers, **{key: value})
        try:
            site = load_text(starter.render(changed))
        except InvalidFileError:
            continue
        answers = changed
        assert len(site.nodes) == 4
        assert site.admins[0].name == answers.admin
        assert site.site.name == answers.name
        assert site.nodes[0].name == answers.control.lower()
        assert (site.site.domain or "") == answers.domain.lower().rstrip(".")


@given(st.text() | st.text(st.sampled_from("a \x85\u2028\u2029\ufeff\xad\U000e0001\\\"'\t:#")))
def test_a_scalar_is_read_back(value: str) -> None:
    root, faults = tree.parse(starter.scalar(value))
    if not any("\ud800" <= char <= "\udfff" for char in value):  # no text that a file can hold
        assert not faults
        assert root is not None
        assert root.value == value
