"""`b2ct practice site`: what is printed, and who is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli.practice_site import site as command
from b2ct.core.errors import B2ctError
from b2ct.rehearsal.site import lifecycle as practice
from b2ct.rehearsal.site import state
from b2ct.rehearsal.site.lifecycle import Practice
from b2ct.rehearsal.site.values import plan, site_yaml
from b2ct.site.load import load_text
from tests.rehearsal.site.test_values import KEYS, _key

PLAN = plan("lab", 91, 3)


@pytest.fixture(name="made")
def _made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Practice:
    """What `up` would have made."""
    described = tmp_path / "site.yaml"
    described.write_text(site_yaml(PLAN, KEYS, _key(99), _key(98)))
    made = Practice("lab", described, tmp_path / "admin", tmp_path / "known_hosts", PLAN.machines)
    monkeypatch.setattr(practice, "up", lambda *_, **__: made)
    return made


def test_stdout_is_the_site_yaml_and_nothing_else(made: Practice) -> None:
    done = CliRunner().invoke(command, ["--name", "lab"])
    assert done.exit_code == 0
    assert load_text(done.stdout, made.site_yaml).site.name == "lab"
    assert "a double answers as OpenNebula" in done.stderr
    assert "b2ct practice site --name lab --down" in done.stderr


def test_json_says_where_everything_is(made: Practice) -> None:
    done = CliRunner().invoke(command, ["--json"])
    found = json.loads(done.stdout)
    assert found["site"] == str(made.site_yaml)
    assert found["nodes"]["hv2"] == "10.77.91.12"
    assert found["oned_double"] is True


def test_status_says_which_nodes_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for node in ("hv1", "one", "hv2"):
        (tmp_path / "lab/nodes" / node).mkdir(parents=True)
        (tmp_path / "lab/nodes" / node / "node.env").touch()
    monkeypatch.setattr(state, "FOLDER", tmp_path)
    done = CliRunner().invoke(command, ["--name", "lab", "--status"])
    assert isinstance(done.exception, B2ctError)
    monkeypatch.setattr(state, "leader", lambda _: 1)
    done = CliRunner().invoke(command, ["--name", "lab", "--status"])
    assert (done.exit_code, done.stdout) == (0, "one      runs\nhv1      runs\nhv2      runs\n")
    (tmp_path / "lab/nodes/hv2/ended").write_text("130\n")
    (tmp_path / "lab/nodes/one/ended").write_text("137\n")
    done = CliRunner().invoke(command, ["--name", "lab", "--status"])
    lines = "one      dead\nhv1      runs\nhv2      switched off\n"
    assert (done.exit_code, done.stdout) == (1, lines)


def test_somebody_who_is_not_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for words in ([], ["--down"], ["--start", "hv1"]):
        done = CliRunner().invoke(command, words)
        assert isinstance(done.exception, B2ctError)
        assert done.exception.exit_code == 2
    assert "practice" not in state.names()


def test_a_name_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("../etc", "a b", "", "x" * 40, "a/b"):
        done = CliRunner().invoke(command, ["--name", name, "--down"])
        assert done.exit_code == 2, name
        assert "letters" in done.output
