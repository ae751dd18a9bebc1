"""OpenNebula's client of a check, through a real ssh connection, on the double of oned."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from b2ct.rehearsal.oned import OnedDouble
from b2ct.site.model import Node
from b2ct.ssh.answer import Answer, Asked
from b2ct.validate.access import Access, opener
from b2ct.validate.results import Outcome, Result
from b2ct.validate.runner import Plan, run
from tests.ssh.sshds import Ground, ground, needs_sshd
from tests.validate.made_up import whole_check

if TYPE_CHECKING:
    from b2ct.ssh.node import SshNode

pytestmark = [
    needs_sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="the sshd of a test lets its own user in"),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("cloud"), "one") as made:
        yield made


class _WithFiles:
    """A node whose files of oneadmin are these."""

    def __init__(self, node: Any, files: dict[str, str]) -> None:
        self._node: SshNode = node
        self._files = files
        self.name, self.lost, self.tunnel = node.name, node.lost, node.tunnel

    def run(self, command: str, seconds: float | None = None) -> Answer:
        for name, text in self._files.items():
            if f"/var/lib/one/.one/{name} " in command:
                return Answer(0, text.encode(), b"")
        return self._node.run(command, seconds)

    def close(self) -> None:
        self._node.close()


def result(here: Ground, files: dict[str, str], check: Any) -> Result:
    site = here.site()
    access = Access(ssh_config=here.config, identity=here.key)
    with opener(site, access) as opens:

        def opened(node: Node) -> Asked:
            return _WithFiles(opens(node), files)

        report = run(Plan(site, site.nodes, (whole_check("cloud", check),)), opened)
    (found,) = report.site_wide
    return found


def test_the_client_speaks_through_the_connection(
    here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # nothing of ours goes there
    seen = list[object]()

    def check(cloud: Any, hosts: Any) -> None:
        seen.extend([cloud.me.name, cloud.version, list(hosts), cloud.endpoint.url])

    with OnedDouble() as double:
        files = {"one_auth": f"{double.auth}\n", "one_endpoint": f"{double.url}\n"}
        found = result(here, files, check)
    assert found.outcome is Outcome.PASSED, found
    assert seen[0] == "oneadmin"
    assert seen[2] == ["one"]
    assert str(seen[3]).startswith("http://127.0.0.1:")
    assert seen[3] != double.url


def test_its_password_is_in_no_message(here: Ground) -> None:
    def check(cloud: Any) -> None:
        raise AssertionError(f"it is {cloud.endpoint.auth}")

    with OnedDouble() as double:
        files = {"one_auth": double.auth, "one_endpoint": double.url}
        found = result(here, files, check)
    assert found.message == "it is (not shown)"


def test_a_control_node_without_oneadmins_files(here: Ground) -> None:
    found = result(here, {"one_auth": ""}, lambda cloud: cloud)
    assert found.outcome is Outcome.NOT_RUN
    assert found.message == "one has no /var/lib/one/.one/one_auth"


def test_an_oned_that_does_not_listen(here: Ground) -> None:
    files = {"one_auth": "oneadmin:geheim42", "one_endpoint": "http://127.0.0.1:1/RPC2"}
    found = result(here, files, lambda cloud: cloud)
    assert found.outcome is Outcome.NOT_RUN
    assert found.message.startswith("port 1 of 127.0.0.1 cannot be reached from one")


def test_an_auth_file_that_is_none(here: Ground, tmp_path: Path) -> None:
    found = result(here, {"one_auth": "geheim42"}, lambda cloud: cloud.me)
    assert found.outcome is Outcome.NOT_RUN
    assert "geheim42" not in repr(found)
