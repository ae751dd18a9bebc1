from __future__ import annotations

from b2ct.one.objects import base
from b2ct.one.objects.network import SecurityGroup, VirtualNetwork
from b2ct.one.states import NetState
from tests.one.recorded import labelled


def test_a_network() -> None:
    found = base.one(labelled("vn-info").value, VirtualNetwork.parse)
    assert (found.name, found.bridge, found.state) == ("private", "br0", NetState.READY)
    (one,) = found.ranges
    assert (one.ip, one.ip_end, one.size, one.type) == ("192.0.2.10", "192.0.2.12", 3, "IP4")
    assert found.size == 3


def test_security_groups_have_rules() -> None:
    body = (
        "<SECURITY_GROUP><ID>100</ID><NAME>worker</NAME><TEMPLATE><RULE><PROTOCOL>TCP</PROTOCOL>"
        "<RANGE>22</RANGE></RULE><RULE><PROTOCOL>ALL</PROTOCOL></RULE></TEMPLATE></SECURITY_GROUP>"
    )
    found = base.one(body, SecurityGroup.parse)
    assert [rule["PROTOCOL"] for rule in found.rules] == ["TCP", "ALL"]
