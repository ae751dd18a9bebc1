"""The audit log: whole lines, rotated by size; and no calls while it cannot be written."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.gateway.audit import Audit
from tests.gateway.cloud import Cloud
from tests.gateway.process import Running


def audit(path: Path, size: int = 1000, files: int = 3) -> Audit:
    return Audit(path, size=size, files=files, notice=lambda _text: None)


def test_it_is_rotated_by_size_and_keeps_the_last_files(tmp_path: Path) -> None:
    log = audit(tmp_path / "audit.log")
    log.open()
    for number in range(200):
        assert log.write({"number": number})
    log.close()
    files = sorted(tmp_path.iterdir(), key=lambda path: path.name.partition("log")[2])
    assert [path.name for path in files] == [
        "audit.log", "audit.log.1", "audit.log.2", "audit.log.3",
    ]  # fmt: skip
    assert all(path.stat().st_size <= 1000 for path in files)
    found = [
        json.loads(line)["number"]
        for path in reversed(files)
        for line in path.open(encoding="utf-8")
    ]
    assert found == list(range(found[0], 200))


def test_it_goes_on_in_a_file_that_is_there(tmp_path: Path) -> None:
    for number in range(2):
        log = audit(tmp_path / "audit.log")
        log.open()
        log.write({"number": number})
        log.close()
    lines = (tmp_path / "audit.log").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1]


def test_what_a_client_could_have_written_stays_one_line(tmp_path: Path) -> None:
    log = audit(tmp_path / "audit.log")
    log.write({"vm": 'a\n{"verdict": "done"}\u2028\x1b[2J'})
    log.close()
    (line,) = (tmp_path / "audit.log").read_bytes().splitlines()
    assert line.isascii()
    assert b"\x1b" not in line


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.log").symlink_to(tmp_path / "else")
    with pytest.raises(B2ctError, match="cannot write the audit log"):
        audit(tmp_path / "audit.log").open()
    assert not (tmp_path / "else").exists()


def test_while_it_cannot_be_written_nothing_is_done(one: Cloud, gate: Running) -> None:
    """A limit on the size of files stands for a full disk; it is the same failure of write."""
    vm = one.mine("VMDIRAC3_1")
    one.double.until(lambda: one.state(vm) == "RUNNING")
    gate.call("one.vm.info", vm)
    size = gate.audit.stat().st_size
    unlimited = resource.RLIM_INFINITY
    # The record of one more call fits half.
    resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, (size + 20, unlimited))
    gate.call("one.vm.info", vm)  # carried out, as nobody knew
    one.forget_calls()
    for _ in range(3):
        answer = gate.call("one.vm.action", "terminate", vm)
        assert (answer[0], answer[2]) == (False, 0x2000)
        assert "audit log" in answer[1]
    assert one.double.calls == []
    assert one.state(vm) != "DONE"
    assert gate.log.read_text().count("cannot be written") == 1
    resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    assert gate.call("one.vm.action", "terminate", vm)[0] is True
    lines = [json.loads(line) for line in gate.audit.read_text().splitlines()]
    assert [line.get("event") for line in lines] == [
        "started", None, "audit log works again", None,
    ]  # fmt: skip
    assert lines[-1]["method"] == "one.vm.action"
