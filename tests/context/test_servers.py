"""Which servers VMs ask for which domain."""

from __future__ import annotations

from typing import Any

from b2ct.context import servers
from b2ct.context.servers import DomainServers
from tests.context.sites import site


def of(domain: str, **changes: Any) -> DomainServers:
    (found,) = servers.domains(site(**changes), (f"x.{domain}", f"y.{domain}"))
    return found


def hosts(found: DomainServers) -> list[str]:
    return [url.split("/")[2] for url in found.urls]


def test_servers_that_serve_other_domains_only_are_left_out() -> None:
    cern, kek = hosts(of("cern.ch")), hosts(of("kek.jp"))
    assert cern[0] == "cvmfs-stratum-one.cern.ch:8000"
    assert kek[0] == "cvmfs-stratum-one.cc.kek.jp:8000"
    assert "cvmfs-stratum-one.cc.kek.jp:8000" not in cern
    assert "cvmfs-stratum-one.cern.ch:8000" not in kek
    assert "cernvmfs.gridpp.rl.ac.uk:8000" in cern
    assert "cernvmfs.gridpp.rl.ac.uk:8000" in kek


def test_the_sites_own_server_serves_every_domain() -> None:
    mine = {"stratum1": ["http://s1.example.org:8000/", "http://cvmfs-stratum-one.cern.ch:8000"]}
    assert hosts(of("kek.jp", cvmfs=mine)) == ["s1.example.org:8000"]
    assert of("kek.jp", cvmfs=mine).urls == ("http://s1.example.org:8000/cvmfs/@fqrn@",)


def test_where_none_would_be_left_all_are() -> None:
    only = {"stratum1": ["http://cvmfs-stratum-one.cern.ch:8000"]}
    assert hosts(of("kek.jp", cvmfs=only)) == ["cvmfs-stratum-one.cern.ch:8000"]


def test_an_order_that_was_written_down_is_kept() -> None:
    assert of("cern.ch").geo
    assert not of("cern.ch", cvmfs={"stratum1": ["http://s1.example.org:8000"]}).geo


def test_who_has_the_key() -> None:
    assert of("cern.ch").keys == "/etc/cvmfs/keys/cern.ch"
    assert of("kek.jp").keys == ""
    own = of("kek.jp", cvmfs={"keys": {"kek.jp": "kek.pub"}})
    assert (own.keys, own.brings_key) == ("/etc/cvmfs/keys/kek.jp", True)
    assert of("example.org").keys == ""


def test_each_domain_once() -> None:
    found = servers.domains(site(), ("belle.cern.ch", "belle.kek.jp", "grid.cern.ch"))
    assert [domain.name for domain in found] == ["cern.ch", "kek.jp"]
