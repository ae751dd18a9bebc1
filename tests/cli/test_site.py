"""`b2ct init`, `check` and `schema` as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pexpect
import pytest

from b2ct.site import catalogue
from b2ct.site.load import load
from tests.site.strategies import KEY

ED25519 = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbxN/cCdYfFe76UsPQCTre0XsG0m7Yr+iEUdvW9sjcc ada@laptop"
)
B2ct = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own: the keys of whoever runs the tests are nobody's business."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    return {**os.environ, "HOME": str(home), "TERM": "dumb"}


@pytest.fixture
def b2ct(tmp_path: Path, environment: dict[str, str]) -> B2ct:
    def run(*words: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "b2ct", *words],
            cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    return run


def add_key(environment: dict[str, str], name: str, text: str) -> None:
    (Path(environment["HOME"]) / ".ssh" / name).write_text(text + "\n")


def test_check_of_a_valid_file(b2ct: B2ct, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "site: {domain: b2ct.org}\nnodes: [{name: one, role: single}]"
    )
    done = b2ct("check")
    assert done.returncode == 0
    assert done.stdout.startswith("site.yaml is valid.")
    for text in ("domain b2ct.org", "AlmaLinux 9 (el9)", "6.10", "one: asks at the console:",
                 "  - the keyboard layout", "warning: nobody can log in"):  # fmt: skip
        assert text in done.stdout
    assert "the domain" not in done.stdout


def test_check_of_a_wrong_file_tells_all_and_exits_2(b2ct: B2ct, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("sit: {}\nrelease: {version: el5}\n")
    done = b2ct("check", "s.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split(":")[:3] for line in done.stderr.splitlines()] == [
        ["b2ct", " s.yaml", "1"],
        ["b2ct", " s.yaml", "2"],
    ]


def test_check_as_json(b2ct: B2ct, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("nodes: [{name: one, role: single}]")
    done = b2ct("check", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["valid"], told["problems"]) == (0, True, [])
    assert told["site"]["nodes"][0]["name"] == "one"
    assert "the domain" in told["site"]["nodes"][0]["asks"]
    path.write_text("nodes: [{name: one, role: singl}]")
    done = b2ct("check", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["valid"]) == (2, False)
    [problem] = told["problems"]
    assert (problem["line"], problem["column"]) == (1, 27)
    assert problem["hint"] == "did you mean single?"


def test_check_without_a_file(b2ct: B2ct) -> None:
    done = b2ct("check")
    assert done.returncode == 2
    assert done.stderr == (
        "b2ct: site.yaml: there is no such file (hint: `b2ct init` writes one to start from)\n"
    )


def test_schema(b2ct: B2ct, tmp_path: Path) -> None:
    printed = b2ct("schema")
    jsonschema.Draft202012Validator.check_schema(json.loads(printed.stdout))
    written = b2ct("schema", "-o", "site.schema.json")
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "site.schema.json").read_text() == printed.stdout
    refused = b2ct("schema", "-o", "no/such/folder.json")
    assert refused.returncode == 2
    assert "hint: create the folder first" in refused.stderr


@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_init_with_defaults_passes_check(b2ct: B2ct, tmp_path: Path, release: str) -> None:
    done = b2ct("init", "--yes", "--release", release)
    assert done.returncode == 0, done.stderr
    assert "add an SSH key to it" in done.stderr
    assert b2ct("check").returncode == 0
    assert load(tmp_path / "site.yaml").release.version == release
    assert not (tmp_path / "site.schema.json").exists()


def test_init_takes_the_first_key_that_would_work(
    b2ct: B2ct, tmp_path: Path, environment: dict[str, str]
) -> None:
    add_key(environment, "a.pub", "no key at all")
    add_key(environment, "b.pub", KEY)
    add_key(environment, "c.pub", ED25519)
    done = b2ct("init", "--yes")
    assert "admin's SSH key: ssh-ed25519 ...+iEUdvW9sjcc ada@laptop" in done.stderr
    assert load(tmp_path / "site.yaml").admins[0].ssh_keys == (ED25519,)
    assert load(tmp_path / "site.yaml").admins[0].name == "ada"
    b2ct("init", "--yes", "--release", "el6", "-o", "el6.yaml")
    assert load(tmp_path / "el6.yaml").admins[0].ssh_keys == (KEY,)


def test_init_with_the_schema_beside(b2ct: B2ct, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert b2ct("init", "--yes", "--schema", "-o", "sub/desy.yaml").returncode == 0
    first = (tmp_path / "sub" / "desy.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=./site.schema.json"
    assert json.loads((tmp_path / "sub" / "site.schema.json").read_text())


def test_init_overwrites_only_by_force(b2ct: B2ct, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("mine")
    done = b2ct("init", "--yes")
    assert done.returncode == 2
    assert "site.yaml exists" in done.stderr
    assert "--force" in done.stderr
    assert path.read_text() == "mine"
    assert b2ct("init", "--yes", "--force").returncode == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "there is no terminal to ask questions on"),
        (("--yes", "--release", "el5"), "unknown release 'el5'"),
        (("--yes", "-o", "home"), "home is a folder"),
        (("--yes", "-o", "no/site.yaml"), "no such file or directory"),
        (("--yes", "--schema", "-o", "no/site.yaml"), "no such file or directory"),
    ],
)
def test_init_refused_writes_nothing(
    b2ct: B2ct, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = b2ct("init", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def converse(
    environment: dict[str, str], tmp_path: Path, talk: list[tuple[str, str]], *words: str
) -> str:
    """Answer the questions of `b2ct init` on a terminal; what was said after the last answer."""
    child = pexpect.spawn(
        sys.executable, ["-m", "b2ct", "init", *words],
        cwd=str(tmp_path), env=environment, encoding="utf-8", timeout=30, echo=False,
    )  # fmt: skip
    for question, answer in talk:
        child.expect_exact(question)
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, child.before
    return str(child.before)


def test_the_questions(tmp_path: Path, environment: dict[str, str]) -> None:
    add_key(environment, "id.pub", ED25519)
    said = converse(
        environment,
        tmp_path,
        [
            ("Name of the site [b2ct]: ", "1st"),
            ("expected a short name", "desy"),
            ("DNS domain of the machines: ", "localhost"),
            ("not localhost", "cloud.desy.de"),
            ("Release (el6, el7, el8, el9, el10) [el9]: ", "el5"),
            ("unknown release 'el5'", ""),
            ("Service network, as in 10.0.0.0/24: ", "10.0.0.1/24"),
            ("did you mean 10.0.0.0/24?", "10.0.0.0/24"),
            ("Host name of the control node [one]: ", "front"),
            ("Its MAC address: ", "52:54:00"),
            ("expected a MAC address", "52:54:00:00:00:01"),
            ("Its address on the service network, or dhcp: ", "10.0.1.5"),
            ("is not in 10.0.0.0/24", "10.0.0.5"),
            ("Number of hypervisors (0: all on one machine) [1]: ", "many"),
            ("a number from 0 to 200", "2"),
            ("Let ssh-ed25519 ...+iEUdvW9sjcc ada@laptop log in as root? [Y/n]: ", "y"),
        ],
    )
    assert "Next: b2ct check site.yaml" in said
    site = load(tmp_path / "site.yaml")
    assert (site.site.name, site.site.domain) == ("desy", "cloud.desy.de")
    assert [node.name for node in site.nodes] == ["front", "hv01", "hv02"]
    assert site.nodes[0].address == "10.0.0.5"
    assert site.admins[0].ssh_keys == (ED25519,)


def test_empty_answers_leave_everything_to_the_console(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    questions = ("site", "domain", "network", "name", "MAC", "address", "hypervisors", "public key")
    converse(environment, tmp_path, [(q, "") for q in questions], "--release", "el10")
    site = load(tmp_path / "site.yaml")
    assert site.release.version == "el10"
    assert site.site.domain is None
    assert site.nodes[0].interfaces[0].address is None


def test_a_private_key_is_not_taken(tmp_path: Path, environment: dict[str, str]) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "b2ct", "init", "--release", "el9"],
        cwd=str(tmp_path), env=environment, encoding="utf-8", timeout=30, echo=False,
    )  # fmt: skip
    for question in ("site", "domain", "network", "name", "MAC", "address", "hypervisors"):
        child.expect_exact(question)
        child.sendline("")
    child.expect_exact("public key")
    child.sendline("-----BEGIN OPENSSH PRIVATE KEY----- hunter2")
    child.expect_exact("never put a private key here")
    assert "hunter2" not in child.before
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert not (tmp_path / "site.yaml").exists()
