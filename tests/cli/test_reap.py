"""`b2ct reap` as it is used, on a double of oned that has VMs of every kind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.cloud.reaper.journal import read
from b2ct.rehearsal.oned import Clock, OnedDouble
from b2ct.rehearsal.oned.states import Lcm, VmState
from tests.cli.cloud import Cloud
from tests.cli.program import assert_refused
from tests.cloud.reaper.field import HOUR, PREFIX, Field

SITE = "reaper: {user: dirac}\n"


@pytest.fixture
def field() -> Iterator[Field]:
    """A field whose clock stands at what this machine's clock says."""
    with OnedDouble(clock=Clock(start=time.time())) as double:
        yield Field(double)


@pytest.fixture
def cloud(field: Field, tmp_path: Path) -> Cloud:
    auth = tmp_path / "one_auth"
    auth.write_text(f"{field.double.auth}\n")
    auth.chmod(0o600)
    made = Cloud(field.double, tmp_path, tmp_path)
    made.site(SITE)
    return made


def two_unused(field: Field) -> tuple[int, int]:
    field.running(age=HOUR)
    field.running(uid=field.other, age=900 * HOUR)
    field.vm("web", lcm=Lcm.RUNNING, age=900 * HOUR)
    off = field.vm(f"{PREFIX}off", state=VmState.POWEROFF, since=700).id
    return off, field.running(name=f"{PREFIX}old", age=900 * HOUR).id


def test_a_dry_run_explains_each_verdict_and_changes_nothing(cloud: Cloud, field: Field) -> None:
    off, old = two_unused(field)
    field.asked.clear()
    done = cloud.b2ct("reap", "--dry-run", "--journal", "journal")
    assert done.returncode == 0, done.stderr
    lines = {int(line.split()[1]): line for line in done.stdout.splitlines()}
    assert len(lines) == 3
    assert lines[off].startswith("terminate ")
    assert lines[off].endswith("poweroff: powered off for 11 min, over the limit of 10 min")
    assert "age: 37 d 12 h old, over the limit of 4 d" in lines[old]
    (kept,) = (line for number, line in lines.items() if number not in (off, old))
    assert kept.startswith("keep ")
    assert "under the limit of 40 min" in kept
    assert f"3 VMs of dirac named {PREFIX}*, 2 would be terminated; 1 of other" in done.stderr
    assert field.changes == []
    assert not (cloud.folder / "journal").exists()


def test_it_terminates_and_writes_down_what_and_why(cloud: Cloud, field: Field) -> None:
    off, old = two_unused(field)
    done = cloud.b2ct("reap", "--journal", "journal")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nterminated ") + done.stdout.startswith("terminated ") == 2
    events = read(cloud.folder / "journal")
    assert [(e["vm"], e["event"], e["reason"]) for e in events] == [
        (off, "terminate", "poweroff"), (off, "terminated", "poweroff"),
        (old, "terminate", "age"), (old, "terminated", "age"),
    ]  # fmt: skip
    assert {e["user"] for e in events} == {"dirac"}
    assert field.double.auth.partition(":")[2] not in (cloud.folder / "journal").read_text()
    field.double.tick(60)
    again = cloud.b2ct("reap", "--journal", "journal")
    assert (again.returncode, again.stdout.startswith("keep ")) == (0, True)
    assert len(read(cloud.folder / "journal")) == 4


def test_for_programs(cloud: Cloud, field: Field) -> None:
    off, old = two_unused(field)
    told = json.loads(cloud.b2ct("reap", "--json", "--dry-run").stdout)
    assert (told["user"], told["prefixes"], told["dry_run"]) == ("dirac", [PREFIX], True)
    assert (told["others"], told["outcomes"]) == (1, [])
    reasons = {one["vm"]: one["reason"] for one in told["verdicts"] if one["reason"]}
    assert reasons == {off: "poweroff", old: "age"}
    told = json.loads(cloud.b2ct("reap", "--json").stdout)
    assert {one["vm"]: one["result"] for one in told["outcomes"]} == {
        off: "terminated", old: "terminated",
    }  # fmt: skip


def test_what_could_not_be_terminated_is_exit_code_1(cloud: Cloud, field: Field) -> None:
    stuck = field.vm(state=VmState.POWEROFF, since=700).id
    field.double.faults.http("garbage", method="one.vm.action")
    done = cloud.b2ct("reap")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stdout.startswith("failed ")
    assert f"1 of 1 VMs could not be terminated: {stuck}" in done.stderr


def test_user_and_prefix_from_the_command_line(cloud: Cloud, field: Field) -> None:
    (cloud.folder / "site.yaml").unlink()
    mine = field.vm("test-1", uid=field.other, state=VmState.POWEROFF, since=700)
    done = cloud.b2ct("reap", "--user", "someone", "--prefix", "test-")
    field.double.tick(60)
    assert (done.returncode, mine.state) == (0, VmState.DONE), done.stderr


@pytest.mark.parametrize(
    ("site", "words", "text"),
    [
        ("", (), "nothing says whose VMs may be terminated"),
        ("", ("--user", "oneadmin"), "OpenNebula's own user"),
        ("", ("--user", "ServerAdmin"), "OpenNebula's own user"),
        ("reaper: {user: oneadmin}\n", (), "OpenNebula's own"),
        ("reaper: {user: dirac, prefixes: []}\n", (), "prefixes"),
        ("reaper: {user: dirac, prefixes: ['V']}\n", (), "prefixes"),
        ("reaper: {user: dirac, age: 5 min}\n", (), "age"),
        ("reaper: {user: nobody}\n", (), "OpenNebula has no user nobody"),
        (SITE, ("--prefix", ""), "too short"),
        (SITE, ("--prefix", "   "), "too short"),
        (SITE, ("--journal", "no/such/folder"), "cannot write the journal"),
        (SITE, ("--journal", "/dev/null"), "not an ordinary file"),
        (SITE, ("--auth", "no-such-file"), "no-such-file"),
    ],
)
def test_refusals(site: str, words: tuple[str, ...], text: str, cloud: Cloud, field: Field) -> None:
    field.vm(state=VmState.POWEROFF, since=700)
    cloud.site(site or "site: {name: b2ct}\n")
    field.asked.clear()
    done = cloud.b2ct("reap", *words)
    assert_refused(done, text)
    assert field.changes == []


def test_oned_away_is_exit_code_2_and_nothing_happened(cloud: Cloud, field: Field) -> None:
    field.double.stop()
    try:
        done = cloud.b2ct("reap", "--journal", "journal")
    finally:
        field.double.start()
    assert_refused(done, "127.0.0.1")
    assert field.changes == []
