"""ACL rules against the numbers that `oneacl` makes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.one.acl import RESOURCES, RIGHTS, AclRule


def test_the_numbers_of_opennebula() -> None:
    """The default rule of a new OpenNebula: group users (1) may create these things."""
    rule = AclRule.of("@1 VM+NET+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VROUTER+VMGROUP/* CREATE *")
    assert rule.hexadecimal == ("200000001", "2542d400000000", "8", "400000000")


def test_from_xml() -> None:
    body = (
        "<ACL><ID>3</ID><USER>200000001</USER><RESOURCE>2400000000</RESOURCE><RIGHTS>5</RIGHTS>"
        "<ZONE>100000000</ZONE><STRING>@1 HOST/* USE+ADMIN #0</STRING></ACL>"
    )
    rule = AclRule.parse(ET.fromstring(body))
    assert rule.id == 3
    assert str(rule) == "@1 HOST/* USE+ADMIN #0"
    assert rule.key == AclRule.of("@1 HOST/* USE+ADMIN #0").key
    assert rule.key != AclRule.of("@1 HOST/* USE *").key


WHOM = st.one_of(
    st.just("*"),
    st.builds("{}{}".format, st.sampled_from("#@%"), st.integers(0, 999_999_999)),
)


@given(
    WHOM, st.sets(st.sampled_from(sorted(RESOURCES)), min_size=1), WHOM,
    st.sets(st.sampled_from(sorted(RIGHTS)), min_size=1), WHOM,
)  # fmt: skip
@settings(max_examples=60)
def test_the_readable_form_comes_back(
    who: str, what: set[str], which: str, rights: set[str], zone: str
) -> None:
    rule = AclRule.of(f"{who} {'+'.join(what)}/{which} {'+'.join(rights)} {zone}")
    assert AclRule.of(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    ["", "#1", "#1 IMAGE USE *", "#1 IMAGES/* USE *", "x IMAGE/* USE", "#1 IMAGE/* FLY",
     "#1 VM/a USE", "#1 VM/* USE * more"],
)  # fmt: skip
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(B2ctError, match="is no ACL rule"):
        AclRule.of(text)
