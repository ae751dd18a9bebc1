"""Whatever a valid site.yaml holds, it stays a value in every file that VMs read."""

from __future__ import annotations

import string
import subprocess
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.context.attributes import attributes
from b2ct.context.model import VmContext
from b2ct.context.squid import for_squid
from b2ct.context.userdata import cloud_config, user_data
from b2ct.context.worker import for_worker
from tests.context.shells import sourced
from tests.context.sites import KEY, site
from tests.site.strategies import LINES

MEAN = st.sampled_from(
    ["$(id)", "`id`", "'; id; '", '"; id; "', "\\", "a\\", "#", "{{ 7*7 }}", "{% raw %}", "%end"]
)
VALUES = st.one_of(MEAN, LINES)
PATHS = st.text(string.ascii_letters + string.digits + "$()&!;,=*~#?%[]@:+-._/", max_size=20)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
HOSTS = st.from_regex(
    r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\.[a-z]{2,4}(:[0-9]{2,4})?", fullmatch=True
)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Parts of a site as somebody mean might write them; the model accepts all of them."""
    urls = st.builds(lambda host, path: f"http://{host}/{path}", HOSTS, PATHS)
    return {
        "site": {"name": draw(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True))},
        "squid": {
            "external": draw(st.lists(urls, min_size=1, max_size=2)),
            "destinations": draw(st.lists(HOSTS.map(lambda h: h.split(":")[0]), max_size=2)),
        },
        "cvmfs": {
            "stratum1": draw(st.lists(urls, min_size=1, max_size=3)),
            "pac_urls": draw(st.lists(urls, max_size=2)),
        },
        "admins": [{"name": draw(VALUES), "ssh_keys": [f"{KEY} {draw(VALUES)}"]}],
        "workers": {
            draw(st.from_regex("[a-z][a-z0-9-]{0,8}", fullmatch=True)): {
                "environment": draw(st.dictionaries(NAMES, VALUES, max_size=3)),
                "mounts": draw(st.sampled_from(["autofs", "systemd"])),
            }
        },
    }


def text(made: VmContext, path: str) -> str:
    file = made.file(path)
    assert file is not None
    return file.text


@settings(max_examples=40)
@given(changes())
def test_shell_files_hold_the_values_and_nothing_else(data: dict[str, Any]) -> None:
    described = site(**data)
    made = for_worker(described)
    local = text(made, "/etc/cvmfs/default.local")
    pac = ";".join(described.cvmfs.pac_urls)
    names = ("CVMFS_HTTP_PROXY", *(["CVMFS_PAC_URLS"] if pac else []))
    found = sourced(local, *names)
    assert found.get("CVMFS_PAC_URLS", "") == pac
    origins = dict.fromkeys("/".join(url.split("/")[:3]) for url in data["squid"]["external"])
    assert found["CVMFS_HTTP_PROXY"] == "|".join(origins) + (";auto" if pac else "")
    assert len(local.splitlines()) == 6 + bool(pac)
    for file in made.files:
        if file.path.endswith(".local"):
            subprocess.run(["bash", "-n"], input=file.text.encode(), check=True)


@settings(max_examples=40)
@given(changes())
def test_the_environment_is_taken_literally(data: dict[str, Any]) -> None:
    made = for_worker(site(**data))
    (worker,) = data["workers"].values()
    lines = text(made, "/etc/b2ct/environment").split("\n")[2:-1]
    assert lines == [f"{name}={value}" for name, value in worker["environment"].items()]


@settings(max_examples=40)
@given(changes())
def test_cloud_config_holds_the_files_and_nothing_else(data: dict[str, Any]) -> None:
    made = for_worker(site(**data))
    read = yaml.safe_load(cloud_config(made))
    assert [(f["path"], f["content"]) for f in read["write_files"]] == [
        (file.path, file.text) for file in made.files
    ]
    assert read["ssh_authorized_keys"] == list(made.ssh_keys)
    assert set(read) == {
        *("disable_root", "ssh_pwauth", "ssh_authorized_keys", "timezone", "write_files", "runcmd"),
    }
    assert user_data(made).startswith("#cloud-config\n")


@settings(max_examples=40)
@given(changes())
def test_opennebula_expands_nothing_but_what_is_meant(data: dict[str, Any]) -> None:
    for value in attributes(for_worker(site(**data))).values():
        assert not isinstance(value, str) or not set(value) & set('$"\\\n')


@settings(max_examples=40)
@given(changes())
def test_squid_gets_as_many_rules_as_there_are_servers(data: dict[str, Any]) -> None:
    text_ = text(for_squid(site(**data)), "/usr/share/b2ct/squid.conf")
    rules = [line for line in text_.splitlines() if line.startswith("acl servers ")]
    wanted = len(data["cvmfs"]["stratum1"]) + len(data["squid"]["destinations"])
    assert len(rules) == wanted
    for line in rules:
        assert line.split()[2:4] == ["url_regex", "-i"]
        assert line.split()[4].startswith("^http://")
        assert len(line.split()) == 5
    allowed = [line for line in text_.splitlines() if line.startswith("http_access allow")]
    assert allowed == ["http_access allow servers", "http_access allow here counters"]
    here = [line for line in text_.splitlines() if line.startswith("acl here ")]
    assert here == ["acl here src 127.0.0.1/32"]
