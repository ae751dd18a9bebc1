from __future__ import annotations

from b2ct.cloud.difference import Change


def test_for_people() -> None:
    assert str(Change("GATEWAY", "10.0.0.1", "10.0.0.254")) == "GATEWAY: 10.0.0.1 -> 10.0.0.254"
    assert str(Change("cluster", "", "default")) == "cluster: (none) -> default"
    assert str(Change("BRIDGE", "br0", "")) == "BRIDGE: br0 -> (none)"
