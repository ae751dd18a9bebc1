"""`b2ct plan` and `b2ct apply` from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pexpect
import pytest

from b2ct.rehearsal.oned import OnedDouble
from tests.cli.program import assert_refused, b2ct
from tests.cloud.clouds import PASSWORD, Cloud


@pytest.fixture
def folder(tmp_path: Path, frontend: OnedDouble) -> Path:
    (tmp_path / "site.yaml").write_text(Cloud().text())
    return tmp_path


def _writes(frontend: OnedDouble) -> list[str]:
    return [method for method in frontend.calls if not method.endswith(("info", "version"))]


def test_plan_apply_plan_apply(folder: Path, frontend: OnedDouble) -> None:
    planned = b2ct("plan", cwd=folder)
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "  + host t-hv01\n      cluster: default\n      driver: dummy\n" in planned.stdout
    assert "  * image t-image: it is not registered\n" in planned.stdout
    assert planned.stdout.endswith("12 to create, 1 image(s) to register, 1 left as they are, "
                                   "2 as they should be\n")  # fmt: skip
    assert _writes(frontend) == []

    done = b2ct("apply", "--yes", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "done: + user t-dirac\n" in done.stdout
    assert done.stdout.endswith("12 of 12 steps are done\n")
    assert PASSWORD not in planned.stdout + done.stdout

    before = len(_writes(frontend))
    again = b2ct("plan", "--prune", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "")
    second = b2ct("apply", cwd=folder)  # there is nothing to ask
    assert (second.returncode, second.stderr) == (0, "")
    assert len(_writes(frontend)) == before


def test_for_programs(folder: Path) -> None:
    planned = b2ct("plan", "--json", cwd=folder)
    told = json.loads(planned.stdout)
    assert (planned.returncode, told["pending"]) == (2, 12)
    assert told["count"] == {"create": 12, "nothing": 2, "register": 1, "leave": 1}
    (network,) = [step for step in told["steps"] if step["kind"] == "network"]
    assert network["action"] == "create"
    assert {"name": "BRIDGE", "old": "", "new": "br77"} in network["changes"]
    done = b2ct("apply", "--yes", "--json", cwd=folder)
    assert len(json.loads(done.stdout)["done"]) == 12
    assert PASSWORD not in planned.stdout + done.stdout + done.stderr


def test_changes_are_shown_with_old_and_new(folder: Path) -> None:
    b2ct("apply", "--yes", cwd=folder)
    cloud = Cloud()
    cloud.network["gateway"] = "10.77.0.254"
    (folder / "site.yaml").write_text(cloud.text())
    planned = b2ct("plan", cwd=folder)
    assert planned.returncode == 2
    assert "  ~ network t-vms\n      GATEWAY: 10.77.0.1 -> 10.77.0.254\n" in planned.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--site", "nowhere.yaml"], "nowhere.yaml"),
        (["--frobnicate"], "--frobnicate"),
        (["--endpoint", "http://127.0.0.1:9/"], "127.0.0.1"),
        (["--auth", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_found_out_is_1_and_not_2(
    folder: Path, words: list[str], expected: str
) -> None:
    done = b2ct("plan", *words, cwd=folder)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_site_file_with_mistakes_is_1(folder: Path) -> None:
    (folder / "site.yaml").write_text("cloud: {dirac: {}, cluster: default}\n")
    done = b2ct("plan", cwd=folder)
    assert done.returncode == 1
    assert "site.yaml:1:9: cloud.dirac: this user needs a password" in done.stderr
    assert "cloud.cluster" in done.stderr


def test_there_must_be_a_site(folder: Path) -> None:
    (folder / "site.yaml").unlink()
    assert b2ct("plan", cwd=folder).returncode == 1
    assert_refused(b2ct("apply", cwd=folder), "there is no site.yaml here", "b2ct init")


def test_nothing_is_done_without_a_yes(folder: Path, frontend: OnedDouble) -> None:
    done = b2ct("apply", cwd=folder)
    assert done.returncode == 2
    assert "there is no terminal to ask at" in done.stderr
    assert b2ct("apply", "--dry-run", cwd=folder).returncode == 0
    assert _writes(frontend) == []


def test_a_password_that_is_not_there_is_told_before_anything_is_done(
    folder: Path, frontend: OnedDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIRAC_PASSWORD")
    done = b2ct("apply", "--yes", cwd=folder)
    assert done.returncode == 2
    assert "secrets.dirac_password: the environment variable DIRAC_PASSWORD" in done.stderr
    assert _writes(frontend) == []


def test_a_step_that_fails_is_1_and_the_next_run_does_the_rest(
    folder: Path, frontend: OnedDouble
) -> None:
    frontend.faults.http("garbage", method="one.user.allocate", times=-1)
    done = b2ct("apply", "--yes", cwd=folder)
    assert done.returncode == 1
    assert "b2ct: + user t-dirac: " in done.stderr
    assert "7 of 12 steps are done: `b2ct apply` again does the rest" in done.stderr
    frontend.faults.clear()
    done = b2ct("apply", "--yes", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("5 of 5 steps are done\n")
    assert b2ct("plan", cwd=folder).returncode == 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_it_asks_at_a_terminal(folder: Path, frontend: OnedDouble, answer: str, code: int) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "b2ct", "apply"], cwd=str(folder), encoding="utf-8", timeout=60
    )
    child.expect("Carry out 12 step")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert bool(_writes(frontend)) is (answer == "y")
