"""A site.yaml that somebody sent does nothing before its reader said yes, whatever the verb."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pexpect
import pytest

from tests.cli.program import PracticeIso, b2ct

SITE = """\
site: {name: strangers, keyboard: us}
networks: {service: {cidr: 192.0.2.0/24, gateway: 192.0.2.1}}
nodes:
- {name: one, role: control, interfaces: [{network: service, address: 192.0.2.10}]}
- {name: hv1, role: hypervisor, interfaces: [{network: service, address: 192.0.2.11}]}
cloud: {dirac: {user: dirac}}
gateway: {clients: [192.0.2.0/24]}
admins: [{name: me, ssh_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f]}]
secrets:
  root_password: {command: [sh, -c, touch ran-root; echo correct-horse]}
  oneadmin_password: {command: [sh, -c, touch ran-oneadmin; echo correct-horse], on_medium: true}
  dirac_password: {command: [sh, -c, touch ran-dirac; echo correct-horse]}
"""  # noqa: E501 - a key has no line ends


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the site; the home is another, without credentials."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("ONE_AUTH", "ONE_XMLRPC", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here/site.yaml").write_text(SITE)
    return tmp_path / "here"


def ran(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("ran-*"))


CONFIG = ("dirac", "config", "--name", "CLOUD.Torino.it", "--max-vms", "9")
LOOKS = [
    ("check",),
    ("kickstart", "--role", "control"),
    ("kickstart", "--role", "control", "--json", "--lint"),
    ("context", "render"),
    ("template", "render"),
    (*CONFIG, "--offline"),
    ("validate", "--list"),
]


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_who_only_looks_runs_nothing_and_is_not_refused(folder: Path, words: list[str]) -> None:
    done = b2ct(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert ran(folder) == []
    assert "$6$" not in done.stdout


REFUSED = [
    ("kickstart", "--role", "control", "-o", "x.ks"),
    (*CONFIG, "--offline", "-o", "out"),
    (*CONFIG, "--offline", "--show-password"),
    ("dirac", "check"),
    ("plan",),
    ("apply", "--yes"),
    ("status",),
    ("drain", "hv1"),
    ("instantiate", "worker"),
    ("reap", "--dry-run"),
    ("image", "versions", "w"),
    ("validate", "--dirac"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_would_run_a_command_is_refused_where_nobody_can_be_asked(
    folder: Path, words: list[str]
) -> None:
    done = b2ct(*words, cwd=folder)
    assert done.returncode in (1, 2), done.stderr
    assert "is not trusted with that" in done.stderr, done.stderr
    assert "--trust-site" in done.stderr
    assert ran(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == ["site.yaml"]


def test_a_refused_run_runs_nothing_even_when_trusted(folder: Path) -> None:
    for words in (
        ("kickstart", "--node", "hv99", "-o", "x.ks"),
        ("kickstart", "--role", "control", "-o", "no/such/x.ks"),
        (*CONFIG, "--offline", "--legacy", "--stock", "-o", "out"),
        (*CONFIG, "--offline", "-o", "no/such"),
        ("iso", "--role", "control", "--source", "none.iso"),
        ("usb", "image", "none.iso"),
    ):
        done = b2ct(*words, "--trust-site", cwd=folder)
        assert done.returncode == 2, done.stderr
        assert ran(folder) == [], words


@pytest.mark.parametrize("verb", [("iso", "--source"), ("usb", "image")])
def test_a_dry_run_of_a_medium_runs_nothing_and_invents_no_hash(
    folder: Path, practice_iso: PracticeIso, verb: tuple[str, ...]
) -> None:
    words: tuple[str | Path, ...] = (*verb, practice_iso("el9"), "--role", "control", "--dry-run")
    done = b2ct(*words, "--json", "--trust-site", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert ran(folder) == []
    assert {row["sha256"] for row in json.loads(done.stdout)["kickstarts"]} == {None}
    assert "a dry run looks no secrets up" in b2ct(*words, cwd=folder).stdout


def test_a_medium_needs_the_word_and_then_has_the_secrets(
    folder: Path, practice_iso: PracticeIso
) -> None:
    made = ("iso", "--source", practice_iso("el9"), "--role", "control", "-o")
    words = (*made, "x.iso")
    done = b2ct(*words, cwd=folder)
    assert done.returncode == 2
    assert "is not trusted with that" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["site.yaml"]
    unwritable = b2ct(*made, "none/x.iso", "--trust-site", cwd=folder)
    assert unwritable.returncode == 2
    assert ran(folder) == []
    done = b2ct(*words, "--trust-site", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert ran(folder) == ["ran-oneadmin", "ran-root"]
    image = (folder / "x.iso").read_bytes()
    assert b"b2ct-stand-in" not in image
    assert b"correct-horse" in image


def at_a_terminal(folder: Path, answer: str, *words: str) -> tuple[str, int | None]:
    child = pexpect.spawn(
        sys.executable, ["-m", "b2ct", *words], cwd=str(folder), encoding="utf-8", timeout=60
    )
    if answer:
        child.expect("until it changes")
        assert ran(folder) == []
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before), child.exitstatus


def test_at_a_terminal_it_is_shown_and_asked_once(folder: Path) -> None:
    words = ("kickstart", "--role", "control", "-o", "x.ks")
    _, code = at_a_terminal(folder, "n", *words)
    assert code == 2
    assert ran(folder) == []
    _, code = at_a_terminal(folder, "y", *words)
    assert code == 0
    assert ran(folder) == ["ran-oneadmin", "ran-root"]
    for path in folder.glob("ran-*"):
        path.unlink()
    # Remembered, also where there is no terminal; but not for a changed file.
    assert b2ct(*words, cwd=folder).returncode == 0
    assert ran(folder) == ["ran-oneadmin", "ran-root"]
    (folder / "site.yaml").write_text(SITE + "# more\n")
    assert "is not trusted" in b2ct(*words, cwd=folder).stderr


@pytest.fixture
def auth(tmp_path: Path) -> Path:
    path = tmp_path / "home/.one/one_auth"
    path.parent.mkdir()
    path.write_text("oneadmin:hunter2\n")
    path.chmod(0o600)
    return path


VERBS = [
    ("plan",), ("apply", "--dry-run"), ("status",), ("drain", "hv1"), ("instantiate", "w"),
    ("reap", "--dry-run"), ("image", "versions", "w"),
]  # fmt: skip


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
@pytest.mark.usefixtures("auth")
def test_ones_own_password_does_not_go_to_a_strangers_server(
    folder: Path, words: tuple[str, ...]
) -> None:
    done = b2ct(*words, cwd=folder)
    assert done.returncode in (1, 2)
    assert "which only site.yaml names" in done.stderr, done.stderr
    assert "http://192.0.2.10:2633" in done.stderr
    assert "hunter2" not in done.stderr
    assert "cannot reach" not in done.stderr


@pytest.mark.usefixtures("auth")
def test_dirac_config_asks_no_strangers_server_either(folder: Path) -> None:
    done = b2ct(*CONFIG, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the cloud was not asked" in done.stderr
    assert "which only site.yaml names" in done.stderr


@pytest.mark.usefixtures("auth")
def test_in_clear_beyond_the_sites_networks(folder: Path) -> None:
    done = b2ct("status", "--endpoint", "http://203.0.113.9:2633", cwd=folder)
    assert done.returncode == 2
    assert "unencrypted" in done.stderr
    assert "--in-clear" in done.stderr
