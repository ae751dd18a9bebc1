"""Each finding: a site that cannot work, the line that says so, and the site mended."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from pydantic import ValidationError

from b2ct.core.errors import InvalidFileError
from b2ct.site import crosscheck
from b2ct.site.load import load_text
from b2ct.site.model import Site
from tests.site import strategies

RSA = f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDH{'A' * 340} a"
ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbxN/cCdYfFe76UsPQCTre0XsG0m7Yr+iEUdvW9sjcc a"
SK = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t a"
LONG = "x" * 40


def network(keys: str, more: str = "") -> str:
    return f"networks:\n  service: {{{keys}}}\n{more}"


def nodes(*rows: str) -> str:
    return "nodes:\n" + "".join(f"  - {{{row}}}\n" for row in rows)


def two(one: str, other: str) -> str:
    """A control node and a hypervisor with these keys."""
    return nodes(f"name: a, role: control, {one}", f"name: b, role: hypervisor, {other}")


def on(network: str, keys: str) -> str:
    return f"interfaces: [{{network: {network}, {keys}}}]"


SERVICE = network("cidr: 10.0.0.0/24, gateway: 10.0.0.1")
TWO_NETS = "networks:\n  x: {vlan: 2}\n  y: {}\n  z: {}\n"
M1, M2, M3 = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"

# (a site that cannot work, what is said, the same site mended)
CASES: list[tuple[str, str, str]] = [
    # networks
    (
        network("cidr: 10.0.0.0/24, gateway: 10.0.1.1"),
        '2:41: networks.service.gateway: "10.0.1.1": is not in 10.0.0.0/24:'
        " expected an address from 10.0.0.1 to 10.0.0.254",
        network("cidr: 10.0.0.0/24, gateway: 10.0.0.254"),
    ),
    (
        network("cidr: 10.0.0.0/24, gateway: 10.0.0.0"),
        "is the network address of 10.0.0.0/24",
        network("cidr: 10.0.0.0/31, gateway: 10.0.0.0"),
    ),
    (
        network("cidr: 10.0.0.0/24, gateway: 10.0.0.255"),
        "is the broadcast address of 10.0.0.0/24",
        network("cidr: 10.0.0.0/23, gateway: 10.0.0.255"),
    ),
    (network("cidr: 127.0.0.0/8"), "is the loopback network", network("cidr: 128.0.0.0/8")),
    (network("cidr: 224.0.0.0/8"), "is a multicast network", network("cidr: 10.0.0.0/8")),
    (network("cidr: 169.254.0.0/16"), "is the link-local network", network("cidr: 10.0.0.0/8")),
    (network("cidr: 0.0.0.0/0"), "is larger than any network of a site", network("")),
    (
        network("dns: [127.0.0.53]"),
        "is every machine's address for itself",
        network("dns: [9.9.9.9]"),
    ),
    (network("dns: [0.0.0.0]"), "is no machine's address", network("dns: [1.1.1.1]")),
    (network("dns: [1.1.1.1, 1.1.1.1]"), "stands in this list twice", network("dns: [1.1.1.1]")),
    (
        network("cidr: 10.0.0.0/24, dns: [10.0.0.255]"),
        'dns[0]: "10.0.0.255": is the broadcast address',
        network("cidr: 10.0.0.0/24, dns: [10.0.0.2]"),
    ),
    (
        network("vm_range: {first: 10.0.0.9, last: 10.0.0.8}"),
        'vm_range.last: "10.0.0.8": comes before first, 10.0.0.9 (hint: swap the two)',
        network("vm_range: {first: 10.0.0.8, last: 10.0.0.8}"),
    ),
    (
        network("cidr: 10.0.0.0/24, vm_range: {first: 10.0.0.9, last: 10.0.1.8}"),
        'vm_range.last: "10.0.1.8": is not in 10.0.0.0/24',
        network("cidr: 10.0.0.0/23, vm_range: {first: 10.0.0.9, last: 10.0.1.8}"),
    ),
    (
        network("gateway: 10.0.0.9, vm_range: {first: 10.0.0.9, last: 10.0.0.20}"),
        "vm_range: holds 10.0.0.9, the gateway (line 2)",
        network("gateway: 10.0.0.9, vm_range: {first: 10.0.0.10, last: 10.0.0.20}"),
    ),
    (
        network("dns: [10.0.0.20], vm_range: {first: 10.0.0.9, last: 10.0.0.20}"),
        "vm_range: holds 10.0.0.20, the DNS server (line 2)",
        network("dns: [10.0.0.21], vm_range: {first: 10.0.0.9, last: 10.0.0.20}"),
    ),
    (
        "networks:\n  a: {cidr: 10.0.0.128/25}\n  b: {cidr: 10.1.0.0/24}\n"
        "  c: {cidr: 10.0.0.0/24}\n",
        '4:13: networks.c.cidr: "10.0.0.0/24": overlaps with network a, 10.0.0.128/25 (line 2)',
        "networks:\n  a: {cidr: 10.0.0.128/25}\n  b: {cidr: 10.1.0.0/24}\n"
        "  c: {cidr: 10.0.0.0/25}\n",
    ),
    (
        # Neighbours in the order of their starts need not overlap where a wider one holds both.
        "networks: {a: {cidr: 10.0.0.0/8}, b: {cidr: 10.1.0.0/24}, c: {cidr: 10.2.0.0/24}}",
        'networks.c.cidr: "10.2.0.0/24": overlaps with network a, 10.0.0.0/8',
        "networks: {b: {cidr: 10.1.0.0/24}, c: {cidr: 10.2.0.0/24}}",
    ),
    (
        "networks:\n  a: {bridge: br0}\n  b: {bridge: br0}\n",
        'networks.b.bridge: "br0": is also the bridge of network a (line 2)',
        "networks:\n  a: {bridge: br0}\n  b: {bridge: br1}\n",
    ),
    (
        network("vm_range: {first: 10.0.0.9, last: 10.0.0.20}")
        + nodes(f"name: a, role: single, {on('service', 'address: 10.0.0.9')}"),
        "is in the range that service gives to VMs, 10.0.0.9 to 10.0.0.20 (line 2)",
        network("vm_range: {first: 10.0.0.9, last: 10.0.0.20}")
        + nodes(f"name: a, role: single, {on('service', 'address: 10.0.0.8')}"),
    ),
    # nodes
    (
        nodes("name: a, role: hypervisor"),
        "nodes: no machine has the role control or single",
        nodes("name: a, role: single", "name: b, role: hypervisor"),
    ),
    (
        nodes("name: a, role: control", "name: b, role: single"),
        '3:21: nodes[1].role: "single": is a second front end: a site has one control or single'
        " node (line 2)",
        nodes("name: a, role: control", "name: b, role: hypervisor"),
    ),
    (
        nodes("name: a, role: single", "name: A, role: hypervisor"),
        'nodes[1].name: "A": is also another node\'s name (line 2)',
        nodes("name: a, role: single", "name: b, role: hypervisor"),
    ),
    (
        two("serial: x1", "serial: X1"),
        'nodes[1].serial: "X1": is also a\'s serial number (line 2)',
        two("serial: x1", "serial: x2"),
    ),
    (
        two(f"host_key: {ED}", f"host_key: {ED[:-1]}b"),
        'nodes[1].host_key: "ssh-ed25519',
        two(f"host_key: {ED}", f"host_key: {RSA}"),
    ),
    (
        network("") + two(on("service", f"mac: {M1}"), on("service", "mac: 52-54-00-00-00-01")),
        'nodes[1].interfaces[0].mac: "52-54-00-00-00-01": is also a\'s MAC address (line 4)',
        network("") + two(on("service", f"mac: {M1}"), on("service", f"mac: {M2}")),
    ),
    (
        network("")
        + two(on("service", f"mac: {M1}"), on("service", f"bond: {{members: [{M2}, {M1}]}}")),
        'nodes[1].interfaces[0].bond.members[1]: "52:54:00:00:00:01": is also a\'s MAC address',
        network("")
        + two(on("service", f"mac: {M1}"), on("service", f"bond: {{members: [{M2}, {M3}]}}")),
    ),
    (
        network("") + two(on("service", "address: 10.0.0.9"), on("service", "address: 10.0.0.9")),
        'nodes[1].interfaces[0].address: "10.0.0.9": is also a\'s address (line 4)',
        network("") + two(on("service", "address: 10.0.0.9"), on("service", "address: 10.0.0.8")),
    ),
    (
        two("disk: {serial: S1}", "disk: {serial: s1}"),
        "is also a's disk serial",
        two("disk: {serial: S1}", "disk: {wwn: s1}"),
    ),
    (
        f"site: {{domain: {LONG}.org}}\n" + nodes(f"name: {LONG}, role: single"),
        "has 85 characters: a host name has at most 64",
        "site: {domain: x.org}\n" + nodes(f"name: {LONG}, role: single"),
    ),
    (
        network("") + two(on("servce", "address: dhcp"), ""),
        '"servce": there is no such network in `networks` (hint: did you mean service?)',
        network("") + two(on("service", "address: dhcp"), ""),
    ),
    (
        two(on("service", "address: dhcp"), ""),
        "(hint: describe it under `networks`)",
        network("") + two(on("service", "address: dhcp"), ""),
    ),
    (
        TWO_NETS + two("interfaces: [{network: x}, {network: x}]", ""),
        'interfaces[1].network: "x": this node is on the network already',
        TWO_NETS + two("interfaces: [{network: x}, {network: y}]", ""),
    ),
    (
        SERVICE + two(on("service", "address: 10.0.1.9"), ""),
        'nodes[0].interfaces[0].address: "10.0.1.9": is not in 10.0.0.0/24: expected an address'
        " from 10.0.0.1 to 10.0.0.254 (network service) (line 2)",
        SERVICE + two(on("service", "address: 10.0.0.9"), ""),
    ),
    (
        SERVICE + two(on("service", "address: 10.0.0.1"), ""),
        "is the gateway of network service (line 2)",
        SERVICE + two(on("service", "address: 10.0.0.2"), ""),
    ),
    (
        network("") + two(on("service", "address: 127.0.0.1"), ""),
        "is no address that a machine can have",
        network("") + two(on("service", "address: 128.0.0.1"), ""),
    ),
    (
        network("") + two(on("service", "address: none"), ""),
        '"none": leaves this node out of reach',
        TWO_NETS + two("interfaces: [{network: x}, {network: y, address: none}]", ""),
    ),
    (
        TWO_NETS
        + two("interfaces: [{network: x, address: 10.0.0.1}, {network: y, address: 10.0.0.1}]", ""),
        "stands on two of its interfaces",
        TWO_NETS
        + two("interfaces: [{network: x, address: 10.0.0.1}, {network: y, address: 10.0.0.2}]", ""),
    ),
    (
        TWO_NETS + two(f"interfaces: [{{network: y, mac: {M1}}}, {{network: z, mac: {M1}}}]", ""),
        'interfaces[1].mac: "52:54:00:00:00:01": carries both y and z without a VLAN tag',
        TWO_NETS + two(f"interfaces: [{{network: y, mac: {M1}}}, {{network: x, mac: {M1}}}]", ""),
    ),
    (
        "networks: {x: {vlan: 2}, y: {vlan: 2}}\n"
        + two(f"interfaces: [{{network: x, mac: {M1}}}, {{network: y, mac: {M1}}}]", ""),
        "carries both x and y with the VLAN tag 2",
        "networks: {x: {vlan: 2}, y: {vlan: 3}}\n"
        + two(f"interfaces: [{{network: x, mac: {M1}}}, {{network: y, mac: {M1}}}]", ""),
    ),
    (
        network("") + two(on("service", f"bond: {{members: [{M1}, {M1}]}}"), ""),
        "bond.members: names one card twice",
        network("") + two(on("service", f"bond: {{members: [{M1}, {M2}]}}"), ""),
    ),
    (
        TWO_NETS
        + two(
            f"interfaces: [{{network: x, bond: {{members: [{M1}, {M2}]}}}},"
            f" {{network: y, mac: {M2}}}]",
            "",
        ),
        'interfaces[1].mac: "52:54:00:00:00:02": shares a card with another interface',
        TWO_NETS
        + two(
            f"interfaces: [{{network: x, bond: &b {{members: [{M1}, {M2}]}}}},"
            " {network: y, bond: *b}]",
            "",
        ),
    ),
    (
        two("disk: {min_size: 2 TiB, max_size: 1 TiB}", ""),
        'disk.max_size: "1 TiB": is less than min_size, 2 TiB',
        two("disk: {min_size: 1 TiB, max_size: 1 TiB}", ""),
    ),
    (
        two("disk: {path: /dev/sda}", ""),
        "is not a name that stays",
        two("disk: {path: /dev/disk/by-path/pci-0000:00:1f.2-ata-1}", ""),
    ),
    (
        two("disk: {wipe: true}", ""),
        "would erase a disk without saying which",
        two("disk: {wipe: true, serial: S1}", ""),
    ),
    (
        "disk_layout: {root: 40 GiB, swap: 10 GiB, squid: 50 GiB}\n"
        + two("disk: {max_size: 99 GiB}", ""),
        'disk.max_size: "99 GiB": is less than the 100 GiB that `disk_layout` asks for',
        "disk_layout: {root: 40 GiB, swap: 10 GiB, squid: 50 GiB}\n"
        + two("disk: {max_size: 100 GiB}", "disk: {max_size: 50 GiB}"),
    ),
    (
        two("disk: {mirror: [{serial: A}, {serial: a}]}", ""),
        'disk.mirror[1].serial: "a": names a disk of this machine a second time (',
        two("disk: {mirror: [{serial: A}, {serial: B}]}", ""),
    ),
    (
        two("disk: {wwn: '0x5000C5', datastores: [{wwn: wwn-0x5000c5}]}", ""),
        "names a disk of this machine a second time",
        two("disk: {wwn: '0x5000C5', datastores: [{wwn: wwn-0x5000c6}]}", ""),
    ),
    (
        two("disk: {wwn: '0x5000C5'}", "disk: {mirror: [{wwn: naa.5000c5}, {serial: B}]}"),
        "is also a's disk wwn",
        two("disk: {wwn: '0x5000C5'}", "disk: {mirror: [{wwn: naa.5000c6}, {serial: B}]}"),
    ),
    (
        two("disk: {mirror: [{path: /dev/sda}, {serial: B}]}", ""),
        'disk.mirror[0].path: "/dev/sda": is not a name that stays',
        two("disk: {mirror: [{model: A}, {model: A}]}", ""),
    ),
    (
        two("disk: {serial: A, datastores: [{}], wipe: true}", ""),
        "would erase a disk without saying which",
        two("disk: {serial: A, datastores: [{min_size: 1 TiB}], wipe: true}", ""),
    ),
    (
        "storage: {type: nfs, server: a.org, export: /one}\n"
        + two("disk: {serial: A, datastores: [{serial: B}]}", ""),
        "would stay empty: `storage` says that datastores live on NFS",
        two("disk: {serial: A, datastores: [{serial: B}]}", ""),
    ),
    (
        "disk_layout: {root: 40 GiB, swap: 10 GiB, squid: 50 GiB, datastore: 1 TiB}\n"
        + two("disk: {mirror: [{serial: A}, {max_size: 99 GiB}], datastores: [{serial: C}]}", ""),
        'disk.mirror[1].max_size: "99 GiB": is less than the 100 GiB',
        "disk_layout: {root: 40 GiB, swap: 10 GiB, squid: 50 GiB, datastore: 1 TiB}\n"
        + two("disk: {mirror: [{serial: A}, {max_size: 100 GiB}], datastores: [{serial: C}]}", ""),
    ),
    # software
    (
        "release: {version: el10, distribution: centos}",
        '"centos": there is no centos el10: expected almalinux, rocky, centos-stream, rhel or '
        "oracle (hint: centos exists as el6, el7 or el8)",
        "release: {version: el10, distribution: rhel}",
    ),
    (
        "release: {distribution: rhel}\ninstaller: {source: network}",
        "has no public package tree",
        "release: {distribution: rhel, mirror: 'http://a.org/'}\ninstaller: {source: network}",
    ),
    (
        "release: {version: el10}\nopennebula: {version: 6.10}",
        '2:23: opennebula.version: "6.10": OpenNebula 6.10 does not install on el10:'
        " expected 7.4, 7.2 or 7.0 (hint: it installs on el8 or el9)",
        "release: {version: el9}\nopennebula: {version: 6.10}",
    ),
    (
        "opennebula: {cloud_api: rocci, rocci_repository: 'http://a.org/'}",
        "the rOCCI server does not install on el9, only on el6 or el7: expected xmlrpc",
        "release: {version: el7}\n"
        "opennebula: {cloud_api: rocci, rocci_repository: 'http://a.org/'}",
    ),
    (
        "release: {version: el6}\nopennebula: {cloud_api: rocci}",
        "expected `rocci_repository` beside it",
        "release: {version: el6}\n"
        "opennebula: {cloud_api: rocci, rocci_repository: 'http://a.org/'}",
    ),
    (
        "squid: {node: aa}\n" + nodes("name: aaa, role: single"),
        'squid.node: "aa": there is no such node in `nodes` (hint: did you mean aaa?)',
        "squid: {node: AAA}\n" + nodes("name: aaa, role: single"),
    ),
    (
        "squid: {node: a, external: ['http://b:3128']}",
        "and `external` both stand here",
        "squid: {external: ['http://b:3128']}",
    ),
    (
        f"release: {{version: el6}}\nadmins: [{{name: Ada, ssh_keys: [{ED}]}}]",
        "2:32: admins[0].ssh_keys: the sshd of el6 knows none of these key types (ssh-ed25519):"
        " Ada could not log in (hint: add an ssh-rsa key",
        f"release: {{version: el6}}\nadmins: [{{name: Ada, ssh_keys: [{ED}, {RSA}]}}]",
    ),
    (
        f"release: {{version: el8}}\nadmins: [{{name: Ada, ssh_keys: [{SK}]}}]",
        "the sshd of el8 knows none of these key types",
        f"release: {{version: el9}}\nadmins: [{{name: Ada, ssh_keys: [{SK}]}}]",
    ),
    (
        "site: {timezone: Europe/Roma}",
        'site.timezone: "Europe/Roma": no installer knows it: expected a time zone such as'
        " Europe/Rome (hint: did you mean Europe/Rome?)",
        "site: {timezone: Europe/Rome}",
    ),
    (
        "site: {language: it_DE.UTF-8}",
        "no installer knows it: expected a locale such as en_US.UTF-8",
        "site: {language: it_IT.utf8}",
    ),
    (
        "site: {keyboard: italian}",
        "no installer knows it: expected a layout such as us, uk, de, it or jp106",
        "site: {keyboard: cz(qwerty)}",
    ),
    *(
        (
            f"networks: {{a: {{bridge: {bad}}}}}",
            f"this is {whose} name",
            "networks: {a: {bridge: br0}}",
        )
        for bad, whose in (
            ("lo", "the loopback device's"),
            ("virbr0", "a bridge of libvirt's own"),
            ("vnet3", "a VM's card's"),
            ("one-7-0", "a VM's card's"),
            ("eth0", "a network card's"),
            ("enp3s0", "a network card's"),
            ("em1", "a network card's"),
            ("p2p1", "a network card's"),
            ("eno1np0", "a network card's"),
            ("bond0", "a bond's"),
            ("team0", "a bond's"),
            ("vlan100", "a VLAN's"),
            ("vlan5_1", "a VLAN's"),
            ("br0.100", "a VLAN's"),
        )
    ),
    (
        nodes("name: a, role: single, serial: To Be Filled By O.E.M."),
        "is what a maker leaves who gave no number",
        nodes("name: a, role: single, serial: CZ3200ABCD"),
    ),
    (
        f"admins: [{{name: Ada, ssh_keys: [{RSA.replace('AAABAQDH', 'AAAAgQDH')}]}}]",
        "this RSA key has 1024 bits, and EL9 and later refuse less than 2048",
        f"admins: [{{name: Ada, ssh_keys: [{RSA}]}}]",
    ),
    (
        "secrets: {root_password: generate}",
        'secrets.root_password: "generate": a generated password of root would be known to nobody',
        "secrets: {root_password: {file: x}}",
    ),
    (
        "secrets: {oneadmin_password: {file: x}}",
        "readable by whoever finds the medium (hint: accept that with `on_medium: true`",
        "secrets: {oneadmin_password: {file: x, on_medium: true}}",
    ),
]


@pytest.mark.parametrize(("bad", "message", "good"), CASES, ids=[case[1][:60] for case in CASES])
def test_findings(bad: str, message: str, good: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        load_text(bad)
    lines = [line.removeprefix("site.yaml:") for line in caught.value.lines()]
    assert any(message in line for line in lines), lines
    assert isinstance(load_text(good), Site)


@given(strategies.sites())
def test_leaving_out_what_it_bears_to_miss_adds_no_finding(data: dict[str, object]) -> None:
    """What the loader relies on when it cross-checks a site with wrong values."""
    assert not crosscheck.problems(Site.model_validate(data))
    for path in _paths(data):
        if crosscheck.bears_without(path) and isinstance(path[-1], str):
            _left_out(data, path)


def _left_out(data: object, path: tuple[str | int, ...]) -> None:
    above: object = data
    for part in path[:-1]:
        above = above[part]  # type: ignore[index]
    assert isinstance(above, dict)
    kept = dict(above)
    del above[path[-1]]
    # What is needed cannot be left out: then the loader does not cross-check either.
    with suppress(ValidationError):
        assert not crosscheck.problems(Site.model_validate(data))
    above.clear()
    above.update(kept)


def _paths(value: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return [path for key, item in pairs for path in ((*above, key), *_paths(item, (*above, key)))]
