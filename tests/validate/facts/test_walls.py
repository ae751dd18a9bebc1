from __future__ import annotations

from b2ct.validate.expect import Opening
from b2ct.validate.facts import walls

TEXT = """default b2ct
b2ct
  target: default
  interfaces:
  services: dhcpv6-client ssh
  ports: 5900-32767/tcp
  forward: no
  rich rules:
\trule family="ipv4" source address="10.0.0.0/24" port port="2633" protocol="tcp" accept
\trule family="ipv4" source address="10.9.0.0/24" accept

block
  target: %%REJECT%%
  ports: 1/tcp

libvirt (active)
  target: ACCEPT
  interfaces: virbr0

trusted (active)
  target: ACCEPT
  interfaces: eth1
  services: cockpit strange
"""


def test_active_zones_and_the_default_one() -> None:
    found = {zone.name: zone for zone in walls.parse(TEXT)}
    assert list(found) == ["b2ct", "libvirt", "trusted"]
    assert found["b2ct"].openings == {
        Opening("22", "tcp"),
        Opening("5900-32767", "tcp"),
        Opening("2633", "tcp", "10.0.0.0/24"),
    }
    assert found["b2ct"].others == ('rule family="ipv4" source address="10.9.0.0/24" accept',)
    assert (found["trusted"].target, found["trusted"].interfaces) == ("ACCEPT", ("eth1",))
    assert found["trusted"].others == ("the service strange",)


def test_an_active_default_zone_is_there_once() -> None:
    text = "default public\npublic (default, active)\n  ports: 22/tcp\n"
    assert [zone.name for zone in walls.parse(text)] == ["public"]


def test_nothing() -> None:
    assert walls.parse("") == ()
    assert walls.parse("FirewallD is not running\n") == ()
