"""The next step is right for what was seen, and each command can be pasted."""

from __future__ import annotations

import itertools
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import click
import pytest

from b2ct.cli.main import b2ct
from b2ct.guide.evidence import OFFLINE, Cloud, Evidence, Machines, Medium, Proof, Unseen
from b2ct.guide.path import State, Way, way
from b2ct.site.load import load_text
from tests.docs.test_commands import ROOT, commands

FETCH = (
    "(umask 077; mkdir -p ~/.one; ssh root@one cat /var/lib/one/.one/one_auth > ~/.one/one_auth)"
)
SITE = load_text("""\
nodes:
  - {name: one, role: control}
  - {name: hv1, role: hypervisor}
cloud: {dirac: {user: dirac}}
secrets: {dirac_password: {env: X}}
""")
EMPTY = Evidence(Path("site.yaml"))
VALID = replace(EMPTY, site=SITE)
MADE = replace(VALID, media=(Medium(Path("site.iso"), old=False),))
INSTALLED = replace(MADE, machines=Machines(2), cloud=Unseen("no credentials are here", FETCH))
PROVEN = replace(INSTALLED, proof=Proof("2026-12-01", 2, old=False))
BUILT = replace(PROVEN, cloud=Cloud(0, missing=("el9-worker",)))
REGISTERED = replace(PROVEN, cloud=Cloud(0))
RUNNING = replace(PROVEN, cloud=Cloud(0, vms=1))
WORKING = replace(PROVEN, cloud=Cloud(0, vms=7, of_dirac=6))


def following(seen: Evidence) -> tuple[str, ...]:
    return way(seen).commands


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (EMPTY, ("b2ct init",)),
        (replace(EMPTY, problems=("site.yaml:1:1: no",)), ("b2ct check",)),
        (
            VALID,
            (
                "b2ct iso --role control --role hypervisor -o site.iso",
                "b2ct boot site.iso --firmware uefi --as usb",
            ),
        ),
        (MADE, ("b2ct usb list",)),
        (INSTALLED, ("b2ct validate",)),
        (PROVEN, (FETCH, "b2ct plan", "b2ct apply")),
        (replace(PROVEN, cloud=Cloud(3)), ("b2ct plan", "b2ct apply")),
        (
            BUILT,
            (
                "b2ct image build el9-worker",
                "b2ct image test el9-worker.qcow2",
                "b2ct register-image el9-worker.qcow2",
            ),
        ),
        (
            replace(BUILT, images=frozenset({"el9-worker"})),
            ("b2ct register-image el9-worker.qcow2",),
        ),
        (REGISTERED, ("b2ct instantiate b2ct-worker --wait",)),
        (RUNNING, ("b2ct dirac config", "b2ct dirac check")),
        (WORKING, ("b2ct validate",)),
        (replace(WORKING, proof=Proof("2026-12-01", 0, old=False)), ("b2ct status",)),
        (replace(WORKING, proof=Proof("2026-12-01", 0, old=True)), ("b2ct validate",)),
    ],
)
def test_the_next_command(seen: Evidence, expected: tuple[str, ...]) -> None:
    assert following(seen) == expected


def test_what_is_wrong_with_the_file_is_said() -> None:
    told = way(replace(EMPTY, problems=("site.yaml:3:5: nodes[0].rol: is no key", "another")))
    assert "site.yaml:3:5: nodes[0].rol: is no key (and 1 more)" in told.as_text()


def test_what_cannot_be_seen_is_said() -> None:
    assert "not looked at: offline; start each from site.iso" in way(MADE).as_text()
    seen = replace(PROVEN, cloud=Unseen("one: connection refused"))
    assert "next   build the cloud: not looked at: one: connection refused" in way(seen).as_text()
    seen = replace(PROVEN, machines=OFFLINE)
    assert (
        "done   install the machines: their state was not looked at: offline" in way(seen).as_text()
    )


def test_a_medium_that_is_older_than_the_site_is_made_anew_while_nothing_is_installed() -> None:
    old = replace(VALID, media=(Medium(Path("a b.iso"), old=True),))
    assert following(old)[0].endswith("-o 'a b.iso' --force")
    assert "a b.iso is older than site.yaml" in way(old).as_text()
    assert following(replace(old, machines=Machines(2))) == ("b2ct validate",)


def test_a_machine_that_is_silent_is_named() -> None:
    some = replace(MADE, machines=Machines(1, ("hv1",)))
    assert "1 of 2 answer; silent: hv1; start each from site.iso" in way(some).as_text()
    # It was installed once: then validate finds what is the matter.
    assert following(replace(some, proof=Proof("2026-12-01", 1, old=True))) == ("b2ct validate",)


def test_a_site_without_dirac_is_at_its_end_without_it() -> None:
    seen = replace(RUNNING, site=load_text("site: {name: x}"))
    assert all(step.title != "bring in DIRAC" for step in way(seen).steps)
    assert following(seen) == ("b2ct validate",)


def test_a_file_that_was_named_is_named_in_each_command() -> None:
    elsewhere = {"file": Path("my sites/desy.yaml"), "named": True}
    assert following(replace(EMPTY, **elsewhere)) == ("b2ct init -o 'my sites/desy.yaml'",)  # type: ignore[arg-type]
    broken = replace(EMPTY, problems=("x",), **elsewhere)  # type: ignore[arg-type]
    assert following(broken) == ("b2ct check 'my sites/desy.yaml'",)
    seen = replace(INSTALLED, **elsewhere)  # type: ignore[arg-type]
    assert following(seen) == ("b2ct validate --site 'my sites/desy.yaml'",)


def every() -> list[Evidence]:
    """What can be seen, in all combinations that matter."""
    sites = (None, SITE, load_text("site: {name: x}"))
    media = ((), (Medium(Path("site.iso"), old=False),), (Medium(Path("site.iso"), old=True),))
    proofs = (None, Proof("2026-12-01", 3, old=False), Proof("2026-12-01", 0, old=True))
    machines: tuple[Machines | Unseen, ...] = (
        OFFLINE,
        Machines(2),
        Machines(0, ("one", "hv1", "hv2", "hv3"), more=9),
    )
    clouds: tuple[Cloud | Unseen, ...] = (
        OFFLINE, Unseen("x" * 300, FETCH), Cloud(3, ("w",)), Cloud(0, ("el9-worker",)), Cloud(0),
        Cloud(0, (), 3), Cloud(0, (), 3, 2),
    )  # fmt: skip
    problems = ((), ("y" * 300, "z"))
    named = (False, True)
    return [
        Evidence(Path("site.yaml"), is_named, site, wrong if site is None else (), discs,
                 frozenset(), proof, there, cloud)
        for is_named, site, wrong, discs, proof, there, cloud in itertools.product(
            named, sites, problems, media, proofs, machines, clouds
        )
    ]  # fmt: skip


WAYS: list[Way] = [way(seen) for seen in every()]


def test_it_is_never_more_than_ten_lines() -> None:
    for told in WAYS:
        lines = told.as_text().splitlines()
        assert len(lines) <= 10, told.as_text()
        assert all(len(line) <= 100 or FETCH in line for line in lines), told.as_text()
        assert told.commands


def test_one_step_is_next_and_all_before_it_are_done() -> None:
    for told in WAYS:
        states = [step.state for step in told.steps]
        done = states.count(State.DONE)
        assert states == sorted(states, key=list(State).index)
        assert states.count(State.NEXT) == (0 if done == len(states) else 1)


@pytest.mark.parametrize("command", sorted({c for told in WAYS for c in told.commands}))
def test_a_command_can_be_pasted(command: str) -> None:
    """A shell reads it, and each option and value is one that the verb takes."""
    subprocess.run(["bash", "-n", "-c", command], check=True)
    words = shlex.split(command, posix=True)
    if words[0] != "b2ct":
        assert command == FETCH
        return
    verb: click.Command = b2ct
    words = words[1:]
    context = click.Context(b2ct, info_name="b2ct")
    while isinstance(verb, click.Group):
        found = verb.get_command(context, words[0])
        assert found is not None, command
        verb, words = found, words[1:]
    verb.make_context(verb.name, words)


def test_the_quick_start_is_this_path() -> None:
    """Its commands that the path has stand in the path's order, and none is missing."""
    path = [VALID, MADE, INSTALLED, replace(PROVEN, cloud=Cloud(3)), BUILT, REGISTERED, RUNNING]
    order = ["b2ct init", "b2ct check", *(c for seen in path for c in following(seen))]
    verbs = [_verb(command) for command in order]
    (page,) = (ROOT / "docs").rglob("quick*start.md")
    told = [_verb(command) for command in commands(page)]
    assert [verb for verb in told if verb in verbs] == verbs
    assert "b2ct next" in told


def _verb(command: str) -> str:
    """`b2ct image build` of such a command."""
    words = shlex.split(command)
    groups = ("image", "usb", "dirac")
    return " ".join(words[: 3 if words[1:2] and words[1] in groups else 2])
