"""`b2ct check --packages` against repositories that createrepo_c wrote."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from b2ct.cli.site import check
from b2ct.core.errors import VerdictError
from tests.supply.test_packages import repository

SITE = """\
release: {{version: el9, mirror: '{url}', repositories: {{epel: '{url}'}}}}
opennebula: {{mirror: '{url}'}}
packages: {{all: [{package}]}}
nodes:
  - {{name: one, role: control}}
"""
NEEDED = (
    "opennebula", "opennebula-fireedge", "opennebula-gate", "opennebula-flow", "opennebula-guacd",
    "mariadb-server", "tmux",
)  # fmt: skip


def site(folder: Path, package: str) -> Path:
    url = repository(folder / "repo", NEEDED).as_uri() + "/"
    file = folder / "site.yaml"
    file.write_text(SITE.format(url=url, package=package))
    return file


def test_all_packages_are_known(tmp_path: Path) -> None:
    done = CliRunner().invoke(check, [str(site(tmp_path, "tmux")), "--packages", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["unknown_packages"] == []


def test_an_unknown_package_is_a_verdict_with_a_suggestion(tmp_path: Path) -> None:
    done = CliRunner().invoke(check, [str(site(tmp_path, "tmuxx")), "--packages", "--json"])
    assert isinstance(done.exception, VerdictError)
    assert "tmuxx" in done.exception.message
    assert "tmux" in json.loads(done.stdout)["unknown_packages"][0].replace("tmuxx", "")
