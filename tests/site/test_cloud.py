"""What cannot work in `cloud`, the line that says so, and the site mended."""

from __future__ import annotations

import pytest

from b2ct.core.errors import InvalidFileError
from b2ct.site.cloud import SecurityRule
from b2ct.site.load import load_text

VMS = (
    "networks:\n"
    "  vms: {cidr: 10.0.0.0/24, bridge: br0, vm_range: {first: 10.0.0.9, last: 10.0.0.99}}\n"
)
GUARD = "cloud: {{security_groups: {{guard: {{rules: [{rule}]{more}}}}}}}\n"
PASSWORD = "secrets: {dirac_password: {env: DIRAC_PASSWORD}}\n"


def guard(rule: str, more: str = "") -> str:
    return VMS + GUARD.format(rule=rule, more=f", {more}" if more else "")


CASES = [
    ("cloud: {cluster: default}", "default is OpenNebula's own", "cloud: {cluster: batch}"),
    ("cloud: {groups: [users]}", "users is OpenNebula's own", "cloud: {groups: [people]}"),
    (
        "cloud: {datastores: {system: {}}}",
        "cloud.datastores.system: system is OpenNebula's own",
        "cloud: {datastores: {more: {kind: system}}}",
    ),
    (
        VMS + "cloud: {security_groups: {default: {rules: [{}]}}}",
        "default is OpenNebula's own",
        guard("{}"),
    ),
    (guard("{protocol: icmp, ports: '22'}"), "icmp has no ports", guard("{protocol: icmp}")),
    (
        guard("{protocol: tcp, ports: '90:22'}"),
        "90:22 are no ports: expected 1 to 65535, the lower first",
        guard("{protocol: tcp, ports: '22:90'}"),
    ),
    (
        guard("{protocol: tcp, ports: '65536'}"),
        "65536 are no ports",
        guard("{protocol: tcp, ports: '65535'}"),
    ),
    (guard("{protocol: tcp, ports: ssh}"), "ports and ranges of ports", guard("{protocol: tcp}")),
    (
        guard("{}", "networks: [vm]"),
        "there is no such network with a `vm_range` in `networks` (hint: did you mean vms?)",
        guard("{}", "networks: [vms]"),
    ),
    (
        "cloud: {security_groups: {guard: {rules: []}}}",
        "cloud.security_groups.guard.rules",
        guard("{}"),
    ),
    (
        "cloud: {dirac: {}}",
        "this user needs a password: expected `secrets.dirac_password`",
        PASSWORD + "cloud: {dirac: {}}",
    ),
    (
        "secrets: {dirac_password: generate}\ncloud: {dirac: {}}",
        "a generated password would be known to nobody",
        PASSWORD + "cloud: {dirac: {}}",
    ),
    (
        PASSWORD + "cloud: {dirac: {user: oneadmin}}",
        "oneadmin is OpenNebula's own",
        PASSWORD + "cloud: {dirac: {user: vo-dirac}}",
    ),
    (
        PASSWORD + "cloud: {dirac: {group: oneadmin}}",
        "cloud.dirac.group",
        PASSWORD + "cloud: {dirac: {group: grid}}",
    ),
    (
        PASSWORD + "cloud: {dirac: {quota: {vms: -1}}}",
        "cloud.dirac.quota.vms",
        PASSWORD + "cloud: {dirac: {quota: {vms: 0, cpu: 2.5, memory: 4 GiB, disk: 1 TiB}}}",
    ),
    (
        PASSWORD + "cloud: {dirac: {quota: {cpu: .inf}}}",
        "cloud.dirac.quota.cpu",
        PASSWORD + "cloud: {dirac: {quota: {cpu: 8}}}",
    ),
    (
        guard("{network: 0.0.0.0/0}"),
        "OpenNebula takes no such network in a rule (hint: leave `network` out: then everybody",
        guard("{network: 10.0.0.0/8}"),
    ),
    (
        "cloud: {groups: [belle, Belle]}",
        'cloud.groups[1]: "Belle": differs from the group belle only in case, and MySQL sees no',
        "cloud: {groups: [belle, belle2]}",
    ),
    (
        PASSWORD + "cloud: {groups: [Grid], dirac: {group: grid}}",
        "differs from the group Grid only in case",
        PASSWORD + "cloud: {groups: [grid], dirac: {group: grid}}",
    ),
    (
        "cloud: {datastores: {more: {}, MORE: {}}}",
        "cloud.datastores.MORE: differs from the datastore more only in case",
        "cloud: {datastores: {more: {}, most: {}}}",
    ),
    (
        "cloud: {security_groups: {a: {rules: [{}]}, A: {rules: [{}]}}}",
        "cloud.security_groups.A: differs from the security group a only in case",
        guard("{}"),
    ),
    (
        "cloud: {volumes: {a: {size: 1GiB}, A: {size: 1GiB}}}",
        "cloud.volumes.A: differs from the volume a only in case",
        "cloud: {volumes: {a: {size: 1GiB}, b: {size: 1GiB}}}",
    ),
    (
        "cloud: {datastores: {d: {kind: system}}, volumes: {a: {size: 1GiB, datastore: d}}}",
        "there is no image datastore d: expected default",
        "cloud: {datastores: {d: {}}, volumes: {a: {size: 1GiB, datastore: d}}}",
    ),
    (
        "workers: {w: {image: a}}\ncloud: {volumes: {a: {size: 1GiB}}}",
        "a is the image of a worker",
        "workers: {w: {image: a}}\ncloud: {volumes: {b: {size: 1GiB}}}",
    ),
    (
        "networks: {vms: {}, VMs: {}}",
        "differs from the network vms only in case",
        "networks: {vms: {}}",
    ),
]


@pytest.mark.parametrize(
    ("ports", "lists"),
    [
        ("22", ("22",)),
        (",".join(map(str, range(1, 16))), (",".join(map(str, range(1, 16))),)),
        (",".join(map(str, range(1, 19))), (",".join(map(str, range(1, 16))), "16,17,18")),
        (",".join(["1:2"] * 8), (",".join(["1:2"] * 7), "1:2")),
        (None, ()),
    ],
)
def test_a_rule_has_fifteen_ports_at_most_and_a_range_counts_as_two(
    ports: str | None, lists: tuple[str, ...]
) -> None:
    assert SecurityRule(protocol="tcp", ports=ports).port_lists == lists


@pytest.mark.parametrize(("wrong", "said", "mended"), CASES)
def test_each_finding(wrong: str, said: str, mended: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        load_text(wrong)
    assert said in str(caught.value)
    load_text(mended)
