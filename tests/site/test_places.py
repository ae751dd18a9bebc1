from __future__ import annotations

from b2ct.site.model import Site
from b2ct.site.places import places, reached
from tests.context.sites import KEY, described, site


def test_without_an_address_a_node_is_reached_by_name() -> None:
    nodes = [{"name": "hv1", "role": "hypervisor"}]
    made = Site.model_validate({"nodes": nodes})
    assert reached(made.nodes[0], made) == "hv1"
    made = Site.model_validate({"nodes": nodes, "site": {"domain": "a.example.org"}})
    assert reached(made.nodes[0], made) == "hv1.a.example.org"


def test_all_names_of_a_machine_and_its_key_without_the_comment() -> None:
    data = described()
    data["nodes"][0]["host_key"] = f"{KEY} somebody@somewhere"
    made = places(site(**data))[0]
    assert made.name == "one"
    assert {"one", "one.b2ct.example.org", made.host} == made.names
    assert made.host_key == " ".join(KEY.split()[:2])
