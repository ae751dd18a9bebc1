"""The journal: whole lines, rotated by size, shared by several runs."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
from pathlib import Path

import pytest

from b2ct.cloud.reaper.journal import Journal, read
from b2ct.core.errors import B2ctError


def test_events_are_lines_of_json_in_their_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for number in range(3):
        journal.append({"n": number, "name": "a\nb\u2028c"})
    assert [event["n"] for event in read(tmp_path / "j")] == [0, 1, 2]
    assert (tmp_path / "j").read_text().count("\n") == 3
    assert (tmp_path / "j").stat().st_mode & 0o007 == 0


def test_it_is_rotated_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", largest=60, kept=2)
    for number in range(100, 120):
        journal.append({"n": number, "fill": "x" * 10})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["j", "j.1", "j.2"]
    kept = [e["n"] for name in ("j.2", "j.1", "j") for e in read(tmp_path / name)]
    assert kept == list(range(120 - len(kept), 120))
    assert all(path.stat().st_size <= 60 for path in tmp_path.iterdir())


def _many(path: Path, who: int) -> None:
    journal = Journal(path, largest=2000, kept=50)
    for number in range(50):
        journal.append({"who": who, "n": number})


def test_several_runs_at_a_time_lose_nothing(tmp_path: Path) -> None:
    runs = [multiprocessing.Process(target=_many, args=(tmp_path / "j", i)) for i in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
        assert run.exitcode == 0
    events = [(e["who"], e["n"]) for path in tmp_path.iterdir() for e in read(path)]
    assert sorted(events) == [(who, n) for who in range(3) for n in range(50)]


def test_a_line_that_a_crash_cut_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / "j").write_text('{"n": 1}\n{"n"')
    Journal(tmp_path / "j").append({"n": 2})
    assert (tmp_path / "j").read_text().endswith('{"n"\n{"n": 2}\n')


def _limited(path: Path) -> None:
    """Room for a part of the next line only, as on a disk that fills up."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
    try:
        journal.append({"n": 2, "fill": "x" * 100})
    except B2ctError as err:
        sys.exit(3 if "cannot write the journal" in err.message else 4)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    (tmp_path / "j").write_text('{"n": 1}\n')
    run = multiprocessing.Process(target=_limited, args=(tmp_path / "j",))
    run.start()
    run.join(60)
    assert run.exitcode == 3
    assert (tmp_path / "j").read_text() == '{"n": 1}\n'


@pytest.mark.parametrize("name", ["/dev/null", "/tmp"])
def test_what_is_no_file_is_no_journal(name: str) -> None:
    with pytest.raises(B2ctError, match=r"cannot write the journal|is not an ordinary file"):
        Journal(Path(name))


def test_a_journal_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match="cannot write the journal"):
        Journal(tmp_path / "no" / "j")
