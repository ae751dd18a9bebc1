"""What is seen of a site: the folder, machines and OpenNebula, in seconds and without asking."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from b2ct.core.errors import B2ctError, InvalidFileError, Problem
from b2ct.guide import look as looking
from b2ct.guide.evidence import OFFLINE, Cloud, Machines, Unseen
from b2ct.guide.look import at_once, look
from b2ct.rehearsal.oned import OnedDouble
from b2ct.site.chosen import ChosenSite
from b2ct.site.load import load_text

SITE = Path("site.yaml")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a site.yaml, and a home without credentials."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("ONE_XMLRPC", "ONE_AUTH"):
        monkeypatch.delenv(name, raising=False)
    SITE.write_text("site: {name: x}\n")
    os.utime(SITE, (1000, 1000))
    return tmp_path


def chosen(text: str = "site: {name: x}") -> ChosenSite:
    return ChosenSite(load_text(text), Path.cwd())


def iso(name: str, folder: str, when: int = 2000) -> None:
    made = pycdlib.PyCdlib()
    made.new(rock_ridge="1.09")
    made.add_directory(f"/{folder.upper()}", rr_name=folder)
    made.add_fp(io.BytesIO(b"x"), 1, f"/{folder.upper()}/A.;1", rr_name="a")
    made.write(name)
    made.close()
    os.utime(name, (when, when))


def test_no_file_and_a_broken_one(here: Path) -> None:
    seen = look(SITE, None, named=False, offline=True)
    assert (seen.site, seen.problems) == (None, ())
    error = InvalidFileError([Problem(SITE, 3, 5, "wrong")])
    assert look(SITE, error, named=False, offline=True).problems == ("site.yaml:3:5: wrong",)
    assert look(SITE, B2ctError("no"), named=False, offline=True).problems == ("no",)


def test_installers_of_b2ct_and_no_others(here: Path) -> None:
    iso("ours.iso", "ks")
    iso("older.iso", "ks", when=500)
    iso("distribution.iso", "images")
    (here / "junk.iso").write_bytes(b"junk")
    (here / "folder.iso").mkdir()
    (here / "cut.iso").symlink_to("nowhere")
    found = look(SITE, chosen(), named=False, offline=True).media
    assert [(str(one.file), one.old) for one in found] == [("ours.iso", False), ("older.iso", True)]


def test_images_and_the_newest_report(here: Path) -> None:
    (here / "el9-worker.qcow2").touch()
    seen = look(SITE, chosen(), named=False, offline=True)
    assert (seen.images, seen.proof) == (frozenset({"el9-worker"}), None)
    folder = here / "report" / "history"
    folder.mkdir(parents=True)
    run = {"seconds": 1.0, "nodes": ["", "one"], "letters": {}}
    for day, counts in (("01", {"failed": 9}), ("02", {"failed": 1, "not-run": 1, "passed": 7})):
        started = f"2026-12-{day}T10:00:00Z"
        former = {**run, "started": started, "counts": counts}
        (folder / f"{started.replace(':', '')}.json").write_text(json.dumps(former))
    (folder / "2026-12-03T100000Z.json").write_text("{damaged")
    proof = look(SITE, chosen(), named=False, offline=True).proof
    assert proof is not None
    assert (proof.day, proof.old) == ("2026-12-02", False)
    assert proof.failed >= 1
    os.utime(SITE)
    newer = look(SITE, chosen(), named=False, offline=True).proof
    assert newer is not None
    assert newer.old == (time.time() > 1796205600)


def test_offline_nothing_is_asked(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_outside", lambda *_: pytest.fail("it looked outside"))
    seen = look(SITE, chosen("nodes: [{name: one, role: single}]"), named=False, offline=True)
    assert (seen.machines, seen.cloud) == (OFFLINE, OFFLINE)


def test_who_takes_longer_is_missing() -> None:
    ever = threading.Event()

    def fails() -> str:
        raise ConnectionRefusedError

    looks: dict[str, Callable[[], Any]] = {
        "quick": lambda: "here", "slow": lambda: ever.wait(60), "gone": fails,
    }  # fmt: skip
    start = time.monotonic()
    assert at_once(looks, 0.5) == {"quick": "here"}
    assert time.monotonic() - start < 10
    ever.set()


NODES = """\
networks: {n: {cidr: 10.0.0.0/24}}
nodes:
  - {name: one, role: control, interfaces: [{network: n, address: 10.0.0.1}]}
  - {name: hv1, role: hypervisor, interfaces: [{network: n, address: 10.0.0.2}]}
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"SSH-2.0-OpenSSH\r\n", Machines(1, ("hv1",))),
        # What takes every connection, as some firewalls do, is no machine.
        (b"HTTP/1.1 400\r\n", Machines(0, ("one", "hv1"))),
        (b"", Machines(0, ("one", "hv1"))),
    ],
)
def test_machines_answer_as_sshd_does(
    here: Path, monkeypatch: pytest.MonkeyPatch, words: bytes, expected: Machines
) -> None:
    connect = socket.create_connection
    with socket.create_server(("127.0.0.1", 0)) as server:

        def door(place: tuple[str, int], **more: Any) -> socket.socket:
            if place != ("10.0.0.1", 22):
                raise ConnectionRefusedError
            return connect(server.getsockname(), **more)

        def serve() -> None:
            caller, _ = server.accept()
            with caller:
                caller.sendall(words)

        monkeypatch.setattr(socket, "create_connection", door)
        threading.Thread(target=serve, daemon=True).start()
        assert look(SITE, chosen(NODES), named=False, offline=False).machines == expected


def test_no_secret_is_looked_up(here: Path) -> None:
    text = NODES + "secrets: {oneadmin_password: {command: [touch, run], on_medium: true}}\n"
    seen = look(SITE, chosen(text), named=False, offline=False)
    assert seen.cloud == Unseen("`b2ct next` looks up no secrets")
    assert not (here / "run").exists()


def test_a_password_that_is_not_here_can_be_fetched(here: Path) -> None:
    seen = look(SITE, chosen(NODES), named=False, offline=False)
    assert isinstance(seen.cloud, Unseen)
    assert seen.cloud.remedy.startswith("(umask 077; mkdir -p ")


def test_nobody_is_asked_whether_a_password_belongs_there(here: Path) -> None:
    (here / ".one").mkdir()
    (here / ".one" / "one_auth").write_text("oneadmin:secret\n")
    (here / ".one" / "one_auth").chmod(0o600)
    text = NODES.replace("10.0.0", "192.0.2")
    seen = look(SITE, chosen(text), named=False, offline=False)
    assert isinstance(seen.cloud, Unseen)
    assert "nobody has said that the password of oneadmin" in seen.cloud.why
    assert "secret" not in seen.cloud.why


def test_what_opennebula_has(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(looking, "SECONDS", 30.0)  # a busy machine is no fault
    with OnedDouble() as double:
        (here / "one_auth").write_text(double.auth)
        (here / "one_auth").chmod(0o600)
        monkeypatch.setenv("ONE_XMLRPC", double.url)
        monkeypatch.setenv("ONE_AUTH", str(here / "one_auth"))
        before = len(double.calls)
        seen = look(SITE, chosen("workers: {w: {image: mine}}"), named=False, offline=False)
        assert seen.cloud == Cloud(seen.cloud.pending if isinstance(seen.cloud, Cloud) else -1,
                                   ("mine",), 0, 0)  # fmt: skip
        assert all(call.endswith(("info", "version")) for call in double.calls[before:])
    assert capsys.readouterr() == ("", "")


def test_a_server_that_is_not_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "one_auth").write_text("a:b")
    (here / "one_auth").chmod(0o600)
    monkeypatch.setenv("ONE_XMLRPC", "http://127.0.0.1:9/RPC2")
    monkeypatch.setenv("ONE_AUTH", str(here / "one_auth"))
    seen = look(SITE, chosen(), named=False, offline=False)
    assert isinstance(seen.cloud, Unseen)
    assert "127.0.0.1" in seen.cloud.why
