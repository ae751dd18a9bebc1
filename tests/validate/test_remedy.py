from __future__ import annotations

import pytest

from b2ct.site.model import Site
from b2ct.validate import remedy
from tests.validate.made_up import site


def test_a_remedy_gets_the_values_of_its_node() -> None:
    made = site()
    values = remedy.values(made.node("hv1"), made, "ada")
    text = "ssh {user}@{address}; {node}.{domain}; {control}; awk '{{print $1}}'"
    assert remedy.problem(text) == ""
    assert remedy.filled(text, values) == (
        "ssh ada@10.77.0.2; hv1.example.org; 10.77.0.1; awk '{print $1}'"
    )


def test_of_the_site_it_is_the_control_node() -> None:
    values = remedy.values(None, site(), "root")
    assert (values.node, values.address, values.control) == ("one", "10.77.0.1", "10.77.0.1")
    nobody = remedy.values(None, Site(), "root")
    assert (nobody.node, nobody.address, nobody.control) == ("", "", "the control node")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo {host}", "{host} is none of {address}, {control}, {domain}, {node}, {user}"),
        ("awk '{print $1}'", "{print $1} is none of"),
        ("echo ${HOME", "a brace of the command itself is written twice"),
        ("echo }", "a brace of the command itself is written twice"),
        ("echo {}", "{} is none of"),
        ("echo {node.name}", "{node.name} is none of"),
    ],
)
def test_braces_that_are_no_values(text: str, said: str) -> None:
    assert said in remedy.problem(text)
