from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.site import advice, summary
from b2ct.site.load import load_text
from tests.site.strategies import KEY

ADMINS = f"admins: [{{name: Ada, ssh_keys: ['{KEY}']}}]\n"
# (a site, what is said of it)
CASES = [
    (ADMINS, "root has no password"),
    ("", "nobody can log in to the machines"),
    ("networks: {a: {cidr: 192.168.122.0/25}}", "overlaps with 192.168.122.0/24, libvirt's own"),
    ("secrets: {root_password: {env: A}}", "nobody can log in by SSH"),
    (ADMINS + "release: {version: el7}", "el7 has had no updates since 2024"),
    (ADMINS + "release: {version: el6}", "OpenNebula 4.14 are not signed by anybody"),
    (
        ADMINS + "release: {version: el7}\nopennebula: {version: 5.4}",
        "the key that signs OpenNebula 5.4 is not pinned",
    ),
    (
        ADMINS + "release: {version: el10, distribution: centos-stream}",
        "the key that signs CentOS Stream 10 is not pinned",
    ),
    (ADMINS + "release: {distribution: centos-stream}", "publishes unsigned checksums"),
    (ADMINS + "release: {iso: 'http://a.org/x.iso'}", "release.iso cannot be verified"),
    (
        ADMINS + "secrets: {oneadmin_password: {env: A, on_medium: true}}",
        "whoever finds the medium can read oneadmin's password",
    ),
    (
        ADMINS + "networks: {a: {bridge: b, vm_range: {first: 10.0.0.1, last: 10.0.0.2}}}",
        "but has no `cidr`",
    ),
    (
        ADMINS + "networks: {a: {cidr: 10.0.0.0/24, vm_range: {first: 10.0.0.1, last: 10.0.0.2}}}",
        "but has no `bridge`",
    ),
    (ADMINS + "nodes: [{name: a, role: control}]", "there is no hypervisor"),
    (
        ADMINS + "nodes: [{name: a, role: single, disk: {serial: x, wipe: true}}]",
        "a erases its disk without asking",
    ),
    (
        ADMINS + "nodes: [{name: a, role: single, disk:"
        " {mirror: [{serial: x}, {serial: y}], wipe: true}}]",
        "a erases its disks without asking",
    ),
    (
        ADMINS + "release: {version: el6}\nnodes: [{name: a, role: single, disk:"
        " {mirror: [{serial: x}, {serial: y}]}}]",
        "a: el6 installs on a mirror under BIOS only, not under UEFI",
    ),
    (
        ADMINS + "networks: {n: }\nnodes:\n"
        "- {name: a, role: control, interfaces: [{network: n, address: dhcp}]}\n"
        "- {name: b, role: hypervisor}",
        "a has its address by DHCP",
    ),
    (
        ADMINS + "networks: {n: {gateway: 10.0.0.1}, m: {gateway: 10.1.0.1}}\nnodes:\n"
        "- {name: a, role: single, interfaces: [{network: n, address: 10.0.0.2},"
        " {network: m, address: 10.1.0.2}]}\n",
        "a has a gateway on each of n, m: its default route goes through n",
    ),
    (
        ADMINS + "networks: {n: {gateway: 10.0.0.1}, m: {gateway: 10.1.0.1}}\nnodes:\n"
        "- {name: a, role: single, interfaces: [{network: n, address: dhcp},"
        " {network: m, address: 10.1.0.2}]}\n",
        "a has a gateway on each of n, m: its default route goes through n",
    ),
]


@pytest.mark.parametrize(("text", "warning"), CASES, ids=[case[1][:40] for case in CASES])
def test_warnings(text: str, warning: str) -> None:
    assert any(warning in line for line in advice.warnings(load_text(text)))


WHOLE = ADMINS + "secrets: {root_password: {env: A}}\n"


@pytest.mark.parametrize("text", [WHOLE, WHOLE + "release: {version: el10, distribution: rocky}"])
def test_nothing_to_say(text: str) -> None:
    assert advice.warnings(load_text(text)) == []


def test_secrets_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("B2CT_NO", raising=False)
    site = load_text(
        "secrets: {root_password: {file: pw}, oneadmin_password: {env: B2CT_NO, on_medium: true}}"
    )
    said = advice.about_secrets(site, tmp_path)
    assert said == [
        f"secrets.root_password: there is no file {tmp_path}/pw here",
        "secrets.oneadmin_password: the environment variable B2CT_NO is not set here",
    ]
    path = tmp_path / "pw"
    path.write_text("hunter2")
    path.chmod(0o644)
    monkeypatch.setenv("B2CT_NO", "x")
    assert "can be read by every user" in advice.about_secrets(site, tmp_path)[0]
    path.chmod(0o600)
    assert advice.about_secrets(site, tmp_path) == []


COMPLETE = """
site: {domain: b2ct.org, keyboard: it}
networks: {n: {cidr: 10.0.0.0/24, gateway: 10.0.0.1, dns: [10.0.0.1]}}
nodes:
- name: a
  role: single
  interfaces: [{network: n, mac: 52:54:00:00:00:01, address: 10.0.0.2}]
  disk: {serial: x, max_size: 1 TiB, wipe: true}
"""


def test_a_complete_description_asks_nothing() -> None:
    site = load_text(COMPLETE)
    assert list(summary.questions(site, site.nodes[0])) == []


@pytest.mark.parametrize(
    ("left_out", "asked"),
    [
        ("domain: b2ct.org, ", "the domain"),
        (", keyboard: it", "the keyboard layout"),
        ("cidr: 10.0.0.0/24, ", "the netmask of n"),
        ("gateway: 10.0.0.1, ", "the gateway"),
        (", dns: [10.0.0.1]", "the DNS server"),
        (", mac: 52:54:00:00:00:01", "the network card for n"),
        (", mac: 52:54:00:00:00:01", "which machine it is"),
        (", address: 10.0.0.2", "the address on n"),
        ("serial: x, ", "if several fit"),
        (", wipe: true", "before it erases a disk that holds data"),
        ("  disk: {serial: x, max_size: 1 TiB, wipe: true}\n", "the disk to install on"),
        ("  interfaces: [{network: n, mac: 52:54:00:00:00:01, address: 10.0.0.2}]\n", "interface"),
    ],
)
def test_what_is_left_out_is_asked(left_out: str, asked: str) -> None:
    site = load_text(COMPLETE.replace(left_out, ""))
    assert any(asked in question for question in summary.questions(site, site.nodes[0]))
