"""The idle rule: the awk filter against a model in Python, and the script around it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.contents.worker import LIBEXEC, WORKER, sh

AWKS = [awk for awk in ("mawk", "gawk", "busybox") if shutil.which(awk)]


@dataclass(frozen=True)
class Thresholds:
    limit: float = 0.01
    period: int = 600
    margin: int = 300
    span: int = 60
    interval: int = 60
    grace: int = 1800
    lifetime: int = 0
    logins: str = "keep"


@dataclass(frozen=True)
class Look:
    uptime: int
    load: float
    logins: int = 0


def model(looks: list[Look], rule: Thresholds) -> str:
    """The verdict at the last look, from the rule's description and not from the script."""
    now = looks[-1]
    if rule.lifetime and now.uptime >= rule.lifetime:
        return "expired"
    recent = [look.load for look in looks if look.uptime > now.uptime - rule.span]
    enough = len(recent) >= max(1, rule.span // rule.interval)
    to_the_end = rule.period - now.uptime % rule.period
    if now.uptime < rule.grace or not enough or to_the_end >= rule.margin:
        return "wait"
    if sum(recent) / len(recent) >= rule.limit or (rule.logins == "keep" and now.logins):
        return "check"
    return "unused"


def verdicts(looks: list[Look], rule: Thresholds, awk: str = AWKS[0]) -> list[str]:
    program = [awk, "awk"] if awk == "busybox" else [awk]
    options = [word for k, v in vars(rule).items() for word in ("-v", f"{k}={v}")]
    text = "".join(f"{look.uptime} {look.load:.2f} {look.logins}\n" for look in looks)
    done = subprocess.run(
        [*program, *options, "-f", str(LIBEXEC / "idle.awk")],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.split()[0] for line in done.stdout.splitlines()]


# Loads as the kernel prints them, and limits that no average of them can meet exactly.
LOADS = st.integers(0, 40).map(lambda n: n / 100) | st.just(0.0)
RULES = st.builds(
    Thresholds,
    limit=st.sampled_from([0.011, 0.0503, 0.2001]),
    period=st.sampled_from([60, 600, 3600]),
    margin=st.sampled_from([65, 300, 700]),
    span=st.sampled_from([30, 60, 180, 300]),
    interval=st.sampled_from([30, 60]),
    grace=st.sampled_from([0, 600, 1800]),
    lifetime=st.sampled_from([0, 0, 3000]),
    logins=st.sampled_from(["keep", "ignore"]),
)
STEPS = st.lists(st.tuples(st.integers(1, 200), LOADS, st.integers(0, 1)), min_size=1, max_size=40)


@settings(max_examples=60)
@given(rule=RULES, start=st.integers(0, 4000), steps=STEPS)
def test_the_script_decides_as_the_model(
    rule: Thresholds, start: int, steps: list[tuple[int, float, int]]
) -> None:
    looks: list[Look] = []
    uptime = start
    for step, load, logins in steps:
        uptime += step
        looks.append(Look(uptime, load, logins))
    expected = [model(looks[: n + 1], rule) for n in range(len(looks))]
    assert verdicts(looks, rule) == expected


def every_minute(until: int, load: float) -> list[Look]:
    return [Look(uptime, load) for uptime in range(60, until + 1, 60)]


@pytest.mark.parametrize("awk", AWKS)
def test_a_vm_without_work_lives_until_the_end_of_the_period_after_the_grace(awk: str) -> None:
    looks = every_minute(3600, 0.0)
    found = verdicts(looks, Thresholds(), awk)
    first = looks[found.index("unused")].uptime
    assert first == 2160  # grace 1800, period 600: the window of the next period opens after 2100
    assert "unused" not in verdicts(every_minute(3600, 0.02), Thresholds(), awk)


def test_one_busy_minute_of_a_long_span_keeps_the_vm() -> None:
    rule = Thresholds(span=300)
    looks = every_minute(2160, 0.0)
    looks[-3] = replace(looks[-3], load=0.5)
    assert verdicts(looks, rule)[-1] == "check"
    assert verdicts(looks, replace(rule, span=60))[-1] == "unused"


def test_the_lifetime_ends_a_busy_vm_with_somebody_logged_in() -> None:
    rule = Thresholds(lifetime=600)
    looks = [Look(540, 4.0, 2), Look(600, 4.0, 2)]
    assert verdicts(looks, rule) == ["wait", "expired"]


class Machine:
    """Folders that stand for a VM's, and a power-off that is only noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("etc", "proc", "pts"):
            (folder / name).mkdir()
        self.asked = folder / "asked"
        stub = folder / "poweroff"
        stub.write_text(f'#!/bin/sh\necho "asked $*" >>{self.asked}\n')
        stub.chmod(0o755)
        self.stub = str(stub)

    def config(self, text: str) -> None:
        (self.folder / "etc/idle.conf").write_text(text)

    def look(self, uptime: int, load: str = "0.00") -> str:
        (self.folder / "proc/uptime").write_text(f"{uptime}.53 1234.00\n")
        (self.folder / "proc/loadavg").write_text(f"{load} 0.10 0.20 1/123 4567\n")
        done = sh(
            LIBEXEC / "idle",
            "look",
            env={
                "B2CT_ETC": str(self.folder / "etc"),
                "B2CT_PROC": str(self.folder / "proc"),
                "B2CT_PTS": str(self.folder / "pts"),
                "B2CT_RUN": str(self.folder / "run"),
                "B2CT_CONSOLE": str(self.folder / "console"),
                "B2CT_POWEROFF": self.stub,
            },
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def powered_off(self) -> list[str]:
        return self.asked.read_text().splitlines() if self.asked.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_unused_vm_powers_off_and_says_why_once(machine: Machine) -> None:
    shipped = (WORKER / "etc/b2ct/idle.conf").read_text()
    machine.config(shipped)
    said = machine.look(2340)
    expected = "unused: load 0.000 over 60 s, limit 0.01, uptime 2340 s; powering off"
    assert said == f"idle: {expected}\n"
    assert machine.powered_off == ["asked "]
    assert (machine.folder / "console").read_text() == f"B2CT idle: {expected}\n"


def test_without_a_file_the_shipped_values_hold(machine: Machine) -> None:
    shipped = (WORKER / "etc/b2ct/idle.conf").read_text()
    for uptime, load in ((1740, "0.00"), (2040, "0.00"), (2100, "0.00"), (2160, "0.01")):
        without = machine.look(uptime, load)
        machine.config(shipped)
        assert machine.look(uptime, load) == without
        (machine.folder / "etc/idle.conf").unlink()
    assert machine.powered_off == []


def test_a_power_off_that_hangs_is_forced_after_five_minutes(machine: Machine) -> None:
    for uptime in (2340, 2400 + 540, 2400 + 580):
        machine.look(uptime)
    assert machine.powered_off == ["asked ", "asked --force", "asked --force"]


def test_a_dry_run_only_says_so(machine: Machine) -> None:
    machine.config("MODE=dry-run\n")
    assert machine.look(2340).endswith("would power off (MODE=dry-run)\n")
    assert machine.powered_off == []


def test_mode_off_never_looks(machine: Machine) -> None:
    machine.config("MODE=off\nLIFETIME=1\n")
    assert machine.look(2340) == "idle: MODE=off: this VM is never powered off\n"
    assert machine.powered_off == []


def test_somebody_logged_in_keeps_the_vm_unless_the_site_says_otherwise(machine: Machine) -> None:
    (machine.folder / "pts/ptmx").touch()
    (machine.folder / "pts/0").touch()
    assert "unused but somebody is logged in" in machine.look(2340)
    assert machine.powered_off == []
    machine.config("LOGINS=ignore\n")
    machine.look(2340)
    assert machine.powered_off == ["asked "]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("LOAD=abc", "LOAD"), ("LOAD=-1", "LOAD"), ("PERIOD=0", "PERIOD"), ("SPAN=1m", "SPAN"),
        ("GRACE=99999999999999", "GRACE"), ("MODE=$(touch /tmp/b2ct-was-run)", "MODE"),
        ("LIFETIME=1;reboot", "LIFETIME"), ("LOGINS=maybe", "LOGINS"),
        ("LOAD=.", "LOAD"), ("LOAD=1.2.3", "LOAD"), ("SPAN=6 0", "SPAN"), ("LAOD=1", "LAOD"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_and_the_default_stands(
    machine: Machine, line: str, name: str
) -> None:
    machine.config(f"{line}\n")
    said = machine.look(1000).splitlines()
    assert len(said) == 2
    assert f" {name}='" in said[0]
    assert "is not valid and is left out" in said[0]
    assert said[1] == "idle: no decision before 1800 s of uptime"
    assert not Path("/tmp/b2ct-was-run").exists()


def test_the_filter_is_broken_then_the_vm_stays(machine: Machine) -> None:
    folder = machine.folder / "broken"
    folder.mkdir()
    shutil.copy(LIBEXEC / "idle", folder)
    (folder / "idle.awk").write_text("{ print 'no awk' }\n")
    machine.look(2280, "9")  # makes the folders' files
    done = sh(
        folder / "idle",
        "look",
        env={
            "B2CT_PROC": str(machine.folder / "proc"),
            "B2CT_RUN": str(machine.folder / "run"),
            "B2CT_POWEROFF": machine.stub,
        },
    )
    assert "this VM stays on" in done.stdout
    assert machine.powered_off == []


def test_the_file_of_looks_does_not_grow(machine: Machine) -> None:
    machine.config("SPAN=180\n")
    for uptime in range(60, 1200, 60):
        machine.look(uptime)
    assert len((machine.folder / "run/idle.looks").read_text().splitlines()) <= 6


def test_usage() -> None:
    done = sh(LIBEXEC / "idle")
    assert (done.returncode, done.stderr) == (2, "usage: idle run | look\n")
