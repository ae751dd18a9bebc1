from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2ct.core.errors import InvalidFileError
from b2ct.document.problems import MAX_PROBLEMS
from b2ct.site.load import load, load_text
from b2ct.site.model import Site
from tests.site import strategies


def refusal(text: str) -> list[str]:
    """The lines that say what is wrong, without the file name."""
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    return [line.removeprefix("site.yaml:") for line in caught.value.lines()]


NODE = "nodes:\n  - name: one\n    role: single\n"
# text -> the line that a person reads; the position counts.
BAD = [
    (
        "[a]",
        "1:1: expected keys such as site, release, opennebula, networks (hint: remove the '- '",
    ),
    ("foo", '1:1: "foo": expected keys such as site, release'),
    ("sit: {}", '1:1: unknown key "sit" (hint: did you mean site?)'),
    ("site: {nmae: x}", '1:8: site: unknown key "nmae" (hint: did you mean name?)'),
    ("ntp: [a.b]", '1:1: unknown key "ntp" (hint: it belongs in site.ntp)'),
    ("vm_range: {}", "(hint: it belongs in networks.NAME.vm_range)"),
    ("site: {name: 1a}", "1:14: site.name: \"1a\": expected a short name: letters, digits, '-'"),
    (
        "site: {domain: localhost}",
        'site.domain: "localhost": expected a DNS domain of the site\'s own',
    ),
    ("site: {timezone: Mars Base}", '"Mars Base": expected a time zone such as Europe/Rome'),
    ("site: {language: english}", "expected a locale such as en_US.UTF-8"),
    ("site: {ntp: a.b}", "expected a list (hint: write it as a list: [a.b])"),
    ("site: {ntp: [1.2.3.400]}", "a host name or an IPv4 address; this is neither"),
    ("site: 5", '"5": expected keys such as name, domain, timezone, language (hint: put its keys'),
    (
        "site: [name]",
        "1:7: site: expected keys such as name, domain, timezone, language (hint: remove",
    ),
    ("site: {name: [b2ct]}", "site.name: expected one value, not a list"),
    ("site: {name: {a: b}}", "site.name: expected one value"),
    ("site: {name: ''}", "expected a short name"),
    ("release: {version: el5}", "el6, el7, el8, el9 or el10"),
    (
        "release: {version: centos7}",
        "a release that the catalogue knows: el6, el7, el8, el9 or el10",
    ),
    ("release: {distribution: rock}", "rocky, rhel or oracle (hint: did you mean rocky?)"),
    ("release: {mirror: mirror.org/x}", "expected a URL such as https://mirror.example.org/el9/"),
    ("release: {mirror: 'https:///x'}", "its host is missing or wrong"),
    ("release: {iso_sha256: abc}", "expected a SHA-256: 64 hexadecimal digits"),
    ("release: {signing_key: 12AB}", "expected a full OpenPGP fingerprint: 40 hexadecimal digits"),
    ("opennebula: {version: 6.1}", "7.2 or 7.4 (hint: did you mean 6.10?)"),
    ("opennebula: {cloud_api: occi}", "expected xmlrpc or rocci (hint: did you mean rocci?)"),
    ("networks: {service: {cidr: 10.0.0.0}}", "expected a network in CIDR notation"),
    ("networks: {service: {cidr: 10.0.0.0/33}}", "expected a network in CIDR notation"),
    (
        "networks: {service: {cidr: 10.0.0.7/24}}",
        '1:28: networks.service.cidr: "10.0.0.7/24": expected a network address;'
        " did you mean 10.0.0.0/24?",
    ),
    (
        "networks: {service: {gateway: 10.0.0.300}}",
        '"10.0.0.300": expected an IPv4 address such as',
    ),
    ("networks: {service: {vlan: 5000}}", '"5000": expected a whole number from 1 to 4094'),
    ("networks: {service: {vlan: x}}", '"x": expected a whole number from 1 to 4094'),
    ("networks: {service: {vlan: 2.5}}", '"2.5": expected a whole number from 1 to 4094'),
    ("networks: {service: {dns: 10.0.0.1}}", "write it as a list: [10.0.0.1]"),
    (
        "networks: {service: {vm_range: {first: 10.0.0.1}}}",
        "vm_range.last: is missing: expected last",
    ),
    ("networks: {9a: {}}", "1:12: networks.9a: expected a short name"),
    ("networks: [service]", "networks: expected names, each with a value"),
    ("networks: {service: {bridge: a-very-long-bridge-name}}", "interface name of at most 15"),
    ("storage: {}", "storage: the key `type` is missing: expected ssh, local, nfs, lvm or ceph"),
    (
        "storage: {type: nsf}",
        'type: "nsf": expected ssh, local, nfs, lvm or ceph (hint: did you mean',
    ),
    ("storage: {type: nfs, servr: a}", 'storage: unknown key "servr" (hint: did you mean server?)'),
    ("storage: {type: nfs, server: a}", "storage.export: is missing: expected exported path"),
    ("storage: {type: nfs, server: a, export: b}", 'export: "b": expected an absolute path'),
    ("storage: {type: nfs, version: 5}", "expected 3, 4, 4.1 or 4.2"),
    ("storage: {type: ceph, monitors: [], secret_uuid: 1}", "expected a UUID such as"),
    ("storage: {type: lvm, system_datastore: -1}", '"-1": expected a whole number, at least 0'),
    ("disk_layout: {root: 50}", '"50": expected a size with its unit, such as 50 GiB'),
    ("disk_layout: {root: 1 GiB}", '"1 GiB": expected a size of at least 8 GiB'),
    ("disk_layout: {swap: 99999999 TiB}", "a size of more than 0 and less than 1 EiB"),
    (f"disk_layout: {{swap: {'9' * 400} G}}", "expected a size with its unit"),
    ("disk_layout: {root: [1]}", "disk_layout.root: expected a size with its unit"),
    ("nodes: {name: a}", "nodes: expected a list (hint: begin each entry with '- ')"),
    ("nodes: [one]", 'nodes[0]: "one": expected keys such as name, role'),
    (
        "nodes:\n  - role: single",
        "2:5: nodes[0].name: is missing: expected host name without domain",
    ),
    (
        "nodes:\n  - name: a",
        "2:5: nodes[0].role: is missing: expected control, hypervisor or single",
    ),
    ("nodes:\n  - name: a\n    role:", "3:5: nodes[0].role: is empty: expected control"),
    ("nodes: [{name: localhost, role: single}]", "'localhost' is every machine's name for itself"),
    ("nodes: [{name: a.b, role: single}]", "a host name without domain"),
    (
        "nodes: [{name: a, role: hyperviser}]",
        '"hyperviser": expected control, hypervisor or single',
    ),
    (NODE + "    interfaces: [{mac: x}]", "interfaces[0].network: is missing"),
    (
        NODE + "    interfaces: [{network: a, mac: 10:20:30}]",
        '"10:20:30": expected a MAC address such',
    ),
    (NODE + "    interfaces: [{network: a, mac: 01:00:5e:00:00:01}]", "this one is a multicast"),
    (
        NODE + "    interfaces: [{network: a, address: x}]",
        'nodes[0].interfaces[0].address: "x":'
        " expected an IPv4 address such as 10.0.0.11 or dhcp or none",
    ),
    (
        NODE + "    interfaces: [{network: a, address: dchp}]",
        "such as 10.0.0.11 or dhcp or none (hint: did you mean dhcp?)",
    ),
    (
        NODE + "    interfaces: [{network: a, mac: 52:54:00:00:00:01,"
        " bond: {members: [52:54:00:00:00:02, 52:54:00:00:00:03]}}]",
        "expected `mac` or `bond`, not both",
    ),
    (
        NODE + "    interfaces: [{network: a, bond: {members: [52:54:00:00:00:02]}}]",
        "bond.members: expected at least 2 entries",
    ),
    (
        NODE + "    disk: {mirror: [{serial: a}]}",
        "nodes[0].disk.mirror: expected at least 2 entries",
    ),
    (
        NODE + "    disk: {mirror: [{serial: a}, {serial: b}, {serial: c}]}",
        "nodes[0].disk.mirror: expected at most 2 entries",
    ),
    (
        NODE + "    disk: {mirror: [{serial: a}, {serial: b}], model: c}",
        "`mirror` instead of `serial`, `wwn`, `path`, `model` and sizes",
    ),
    (NODE + "    disk: {wipe: perhaps}", '"perhaps": expected true or false'),
    (NODE + "    disk: {path: sda}", "expected an absolute path"),
    (NODE + '    disk: {serial: "a\\nb"}', "one line of text without control characters"),
    (NODE + "    host_key: ssh-dss AAAA", "expected an OpenSSH public key"),
    ("squid: {port: 80}", '"80": expected a whole number from 1024 to 65535'),
    ("squid: {external: ['http://a b']}", "(no spaces or quotes)"),
    ("cvmfs: {repositories: [belle]}", "expected a CVMFS repository such as belle.cern.ch"),
    ("admins: [{name: a, ssh_keys: []}]", "admins[0].ssh_keys: expected at least 1 entry"),
    ("admins: [{name: a, ssh_keys: [ssh-rsa AAAA]}]", "its base64 part is cut or of another type"),
    (
        "secrets: {root_password: {}}",
        "expected exactly one of `generate`, `file`, `env` or `command`",
    ),
    ("secrets: {root_password: {file: a, env: B}}", "expected exactly one of"),
    ("secrets: {root_password: {env: 1-2}}", "expected the name of an environment variable"),
    ("secrets: {root_password: {file: ' '}}", "expected a path such as root-password.txt"),
    ("packages: {all: ['a b']}", "expected a package name, or @group"),
    ("installer: {serial_console: tty0}", "expected a serial console such as ttyS0,115200"),
    ("installer: {source: net}", "expected auto, network or medium (hint: did you mean network?)"),
    ("installer: {timeout: 0}", '"0": expected a whole number from 1 to 3600'),
    ("a: &a {b: *a}\nsite: {", "refers to the value that it is a part of"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text[:50] for text, _ in BAD])
def test_bad_input_gets_one_clear_line(text: str, message: str) -> None:
    lines = refusal(text)
    assert any(message in line for line in lines), lines


def test_a_value_has_one_line_however_many_types_were_tried() -> None:
    [line] = refusal("networks: {a: {}}\n" + NODE + "    interfaces: [{network: a, address: [1]}]")
    assert line == (
        "5:40: nodes[0].interfaces[0].address: expected an IPv4 address such as 10.0.0.11"
        " or dhcp or none"
    )


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    lines = refusal(
        "site: {name: 1}\nrelease: {version: el5}\nsite: {}\n"
        "nodes:\n- {name: a, rôle: x}\nfoo: !x 1\n"
    )
    assert [line.split(":")[0] for line in lines] == ["1", "2", "3", "5", "5", "6", "6"]


def test_cross_checks_join_in_where_a_wrong_value_cannot_mislead_them() -> None:
    lines = refusal("site: {keyboard: '!'}\nnodes:\n- {name: a, role: hypervisor}\n")
    assert len(lines) == 2
    assert "no machine has the role control" in lines[1]
    # A misspelt release is not also reported as one that OpenNebula 4.14 does not install on.
    [line] = refusal("release: {version: el5}\nopennebula: {version: 4.14}")
    assert "el5" in line


def test_more_problems_than_somebody_reads() -> None:
    lines = refusal("".join(f"k{i}: 1\n" for i in range(1000)))
    assert len(lines) == MAX_PROBLEMS + 1
    assert "more problems" in lines[-1]


@pytest.mark.parametrize(
    "text",
    [
        "secrets: {root_password: hunter2}",
        "secrets: {root_password: [hunter2]}",
        "secrets: {root_password: {hunter2}}",
        "secrets: {root_password: {env: hunter2!}}",
        "secrets: {hunter2: }",
        "secrets: hunter2",
        "secrets: [hunter2]",
        "root_password: hunter2",
        "site: {password: hunter2}",
        "password: {hunter2: hunter2}",
        "release: {mirror: 'https://me:hunter2@mirror.org/'}",
        "squid: {external: ['http://me:hunter2@proxy:3128']}",
        "site: {name: 'password=hunter2'}",
        "site: {name: '-----BEGIN RSA PRIVATE KEY----- hunter2'}",
        "admins: [{name: a, ssh_keys: ['-----BEGIN OPENSSH PRIVATE KEY----- hunter2']}]",
        "admins: [{name: a, ssh_keys: [b3BlbnNzaC1rZXktdjEAAAAABG5vbmUhunter2]}]",
        "site: {name: '$6$salt$hunter2'}",
    ],
)
def test_a_secret_is_never_shown(text: str) -> None:
    lines = refusal(text)
    assert "hunter2" not in "\n".join(lines)


def test_what_is_shown_is_short_and_harmless_to_a_terminal() -> None:
    [line] = refusal(f"site: {{name: '{'x' * 1000}'}}")
    assert len(line) < 250
    [line] = refusal('site: {name: "\\e[31m\\u202e\\n"}')
    assert line.isprintable()
    [line] = refusal('site: {"\\e]0;x\\a": 1}')
    assert line.isprintable()


GOOD: list[tuple[str, Any]] = [
    ("", {}),
    ("# nothing\n", {}),
    ("---\n", {}),
    ("~", {}),
    ("{}", {}),
    ("site:\nnodes:\n", {}),
    ("site: {timezone: }", {}),
    ("site: {timezone: ~, keyboard: no}", {"site": {"keyboard": "no"}}),
    ("networks: {service: }", {"networks": {"service": {}}}),
    ("release: {repositories: {a: }}", {}),
    ("opennebula: {version: 6.10}", {"opennebula": {"version": "6.10"}}),
    ("disk_layout: {swap: 1.5g}", {"disk_layout": {"swap": 3 * 2**29}}),
    ("networks: {a: {vlan: '7', mtu: 9000}}", {"networks": {"a": {"vlan": 7, "mtu": 9000}}}),
    (NODE + "    serial: 007", {"nodes": [{"name": "one", "role": "single", "serial": "007"}]}),
    ("secrets: {root_password: {env: A}}", {"secrets": {"root_password": {"env": "A"}}}),
    ("secrets: {oneadmin_password: generate}", {}),
    ("secrets: {oneadmin_password: {generate: true}}", {}),
]


@pytest.mark.parametrize(("text", "data"), GOOD)
def test_good_input(text: str, data: dict[str, Any]) -> None:
    assert load_text(text) == Site.model_validate(data)


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "false", "no", "off"])
def test_switches(word: str) -> None:
    site = load_text(NODE + f"    disk: {{serial: a, wipe: {word}}}")
    assert site.nodes[0].disk is not None
    assert site.nodes[0].disk.wipe is (word.lower() in {"true", "yes", "on"})


def test_a_mac_that_yaml_takes_for_a_number() -> None:
    site = load_text(
        "networks: {a: }\n" + NODE + "    interfaces: [{network: a, mac: 10:20:30:40:50:59}]"
    )
    assert site.nodes[0].macs == ("10:20:30:40:50:59",)


@given(strategies.sites(), st.booleans())
def test_round_trip(data: dict[str, Any], flow: bool) -> None:
    assert load_text(strategies.as_yaml(data, flow=flow)) == Site.model_validate(data)


PIECES = re.findall(
    r"\S+|\s",
    """site: nodes: - name: role: networks: interfaces: [ ] { } , \n &a *a ~ x single secrets:
    generate << ? | > ' " ! 10.0.0.1 10.0.0.0/24 cidr: vm_range: first: disk: storage: type: nfs""",
)


def outcome(read: Callable[[], Site]) -> Site | list[str]:
    """The site, or the lines that say why there is none."""
    try:
        return read()
    except InvalidFileError as err:
        return err.lines()


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text(max_size=60))
def test_any_text_gives_a_site_or_problems(text: str) -> None:
    result = outcome(lambda: load_text(text))
    assert isinstance(result, Site) or all(line.isprintable() for line in result)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_site_or_problems(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.yaml"
    path.write_bytes(data)
    assert outcome(lambda: load(path))


def problem(path: Path) -> str:
    with pytest.raises(InvalidFileError) as caught:
        load(path)
    [line] = caught.value.lines()
    return line


def test_files_that_are_none(tmp_path: Path) -> None:
    assert problem(tmp_path / "no.yaml").endswith(
        "no.yaml: there is no such file (hint: `b2ct init` writes one to start from)"
    )
    assert f"did you mean {tmp_path}/site.yaml?" in problem(tmp_path)
    assert "not a directory" in problem(Path("/dev/null/site.yaml"))
    assert "not a path" in problem(Path("a\0b"))
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert "cannot be read: too many levels of symbolic links" in problem(tmp_path / "loop.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.touch(mode=0)
    assert "cannot be read: permission denied" in problem(path)


def test_a_large_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(_text: str) -> None:
        raise AssertionError("it was parsed")

    path = tmp_path / "site.yaml"
    path.write_bytes(b"site: {}\n" + b"#" * 10_000_000)
    monkeypatch.setattr("b2ct.document.tree.parse", parse)
    assert "larger than 4 MiB" in problem(path)
    assert "larger than 4 MiB" in problem(Path("/dev/zero"))


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xef\xbb\xbfsite: {keyboard: it}\r\n")
    assert load(path).site.keyboard == "it"
    path.write_text("site: {}", encoding="utf-16")
    assert "UTF-16 text: expected UTF-8" in problem(path)
    path.write_bytes("site:\n  # Università\n".encode("latin-1"))
    assert f"{path}:2:14: the byte 0xE0 is not UTF-8 text" in problem(path)
    path.write_bytes(b"")
    assert load(path) == Site()


def test_loading_imports_nothing_heavy() -> None:
    """Start-up is part of speed: pydantic and PyYAML are what it costs."""
    code = "import sys, b2ct.site.load; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"rich", "requests", "jinja2", "paramiko", "pycdlib", "passlib", "difflib", "click"}
    assert "pydantic" in loaded
    assert not heavy & set(loaded)


def test_a_site_of_five_thousand_nodes_is_read() -> None:
    nodes = "".join(
        f"- {{name: hv{i:04}, role: hypervisor, serial: CZ{i:06}, disk: {{serial: WD{i:05}}}, "
        f"interfaces: [{{network: lan, address: 10.1.{i // 200}.{i % 200 + 1}}}]}}\n"
        for i in range(4999)
    )
    site = load_text(
        "networks: {lan: {cidr: 10.1.0.0/16}}\nnodes:\n- {name: one, role: control}\n" + nodes
    )
    assert len(site.nodes) == 5000
