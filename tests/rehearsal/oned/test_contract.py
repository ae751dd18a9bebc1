"""Every recorded request to real servers of two releases, in order, against the double.

6.10.5 was recorded whole. The same requests were sent to 7.4.0, in the same order; what is kept
of that is where its answer is another one (7.4.0-*.jsonl). All others have to be as they were.

The double starts as empty as the recorded server did, so numbers must agree too. Where the
recorder polled (labels that end in `-wait`), the double's time moves from event to event until
its answer is the recorded one; everywhere else it stands still. What is not compared is
in normalise.py; what differs is in differences.py; both fail here when they are needless.
"""

from __future__ import annotations

import http.server
import json
import threading
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from b2ct.rehearsal.oned import Clock, OnedDouble
from b2ct.rehearsal.oned.files import qcow2_header
from b2ct.rehearsal.oned.rpc import METHODS
from tests.rehearsal.oned.differences import DIFFERENT, MISSING, document
from tests.rehearsal.oned.normalise import RULES, normalise

RECORDINGS = Path(__file__).parent / "recordings"
MB = 1024 * 1024
# Two sessions with a new server each: the first of images, templates and VMs (pairs 1 to 532,
# repeated polls left out), the second of what a site consists of (pairs from 1001).
SESSIONS = ("images-and-vms", "site")
RELEASES = {"6.10": "6.10.5", "7.4": "7.4.0"}
PATIENCE = 40  # events of the double that a wait may see


@dataclass(frozen=True)
class Pair:
    n: int
    method: str
    label: str
    args: tuple[Any, ...]
    expected: tuple[Any, ...]
    path: str


def rows(version: str, session: str) -> dict[int, Any]:
    lines = (RECORDINGS / f"{version}-{session}.jsonl").read_text().splitlines()
    return {row["n"]: row for row in map(json.loads, lines)}


def recorded(session: str, release: str = "6.10") -> list[Pair]:
    pairs = []
    for row in (rows("6.10.5", session) | rows(RELEASES[release], session)).values():
        expected = tuple(row.get("answer") or row.get("fault") or row["http"])
        path = row.get("path", "/RPC2")
        pairs.append(
            Pair(row["n"], row["method"], row["label"], tuple(row["args"]), expected, path)
        )
    return pairs


def ask(one: OnedDouble, pair: Pair) -> tuple[Any, ...]:
    """The double's answer in the form of the recording: values, fault, or HTTP status and body."""
    body = xmlrpc.client.dumps(pair.args, pair.method).encode()
    status, text = one.raw(body, pair.path)
    if status != 200:
        return status, text.decode()
    try:
        values: Any = xmlrpc.client.loads(text)[0][0]
        return tuple(values)
    except xmlrpc.client.Fault as fault:
        return fault.faultCode, fault.faultString


def plain(answer: tuple[Any, ...], rules: Any = RULES) -> tuple[Any, ...]:
    return tuple(normalise(v, rules) if isinstance(v, str) else v for v in answer)


@dataclass(frozen=True)
class Replayed:
    pair: Pair
    answer: tuple[Any, ...]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The files that the recorded server could read, and a web server that has one of them."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "base.qcow2").write_bytes(qcow2_header(64 * MB) + bytes(1024))
    (folder / "huge.qcow2").write_bytes(qcow2_header(10 * 1024 * 1024 * MB))
    (folder / "junk.qcow2").write_bytes(b"not an image\n")
    (folder / "raw.img").write_bytes(bytes(MB))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.func.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()


def play(release: str, session: str, folder: Path, web: str) -> list[Replayed]:
    """One recorded session, against a new double."""
    with OnedDouble(release=release, clock=Clock()) as one:
        one.mount("/srv/images", folder)
        one.mount("http://127.0.0.1:2641", web)
        one.faults.fail_boot("bf")  # the recorder made that one fail
        done = []
        for pair in recorded(session, release):
            answer = ask(one, pair)
            for _ in range(PATIENCE if pair.label.endswith("-wait") else 0):
                if plain(answer) == plain(pair.expected) or not one.step():
                    break
                answer = ask(one, pair)
            done.append(Replayed(pair, answer))
        return done


@pytest.fixture(scope="module")
def replays(served: tuple[Path, str]) -> dict[str, list[Replayed]]:
    """For each release all sessions; the numbers of their pairs do not meet."""
    return {
        release: [done for session in SESSIONS for done in play(release, session, *served)]
        for release in RELEASES
    }


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def replay(replays: dict[str, list[Replayed]], release: str) -> list[Replayed]:
    return replays[release]


def first_difference(expected: tuple[Any, ...], got: tuple[Any, ...]) -> str:
    """Where two answers part, with some text around."""
    if len(expected) != len(got):
        return f"recorded {expected!r:.300}\ndouble   {got!r:.300}"
    for old, new in zip(expected, got, strict=True):
        if old == new:
            continue
        a, b = str(old), str(new)
        place = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
        start = max(0, (min(len(a), len(b)) if place is None else place) - 80)
        return f"recorded ...{a[start : start + 240]}\ndouble   ...{b[start : start + 240]}"
    return ""


def test_all_recorded_answers(replay: list[Replayed], release: str) -> None:
    wrong = [
        f"{r.pair.n} {r.pair.method} {r.pair.label}\n{first_difference(a, b)}"
        for r in replay
        if (a := plain(r.pair.expected)) != (b := plain(r.answer))
        and r.pair.n not in DIFFERENT[release]
    ]
    assert not wrong, f"{len(wrong)} of {len(replay)} answers differ:\n\n" + "\n\n".join(wrong)


def test_known_differences_are_still_there(replay: list[Replayed], release: str) -> None:
    same = [r.pair.n for r in replay if plain(r.pair.expected) == plain(r.answer)]
    known = set(DIFFERENT[release])
    assert not known & set(same), "take these out of differences.py: they agree now"
    assert known <= {r.pair.n for r in replay}


@pytest.mark.parametrize("session", SESSIONS)
def test_what_was_kept_of_7_4_differs_from_6_10(session: str) -> None:
    old, new = (
        {pair.n: pair for pair in recorded(session, release)} for release in ("6.10", "7.4")
    )
    assert list(old) == list(new)
    for number in rows("7.4.0", session):
        assert plain(old[number].expected) != plain(new[number].expected), number
        assert (old[number].method, old[number].args) == (new[number].method, new[number].args)


def test_the_contract_is_wide(replay: list[Replayed], release: str) -> None:
    different = DIFFERENT[release]
    labels = {r.pair.label for r in replay if r.pair.label and r.pair.n not in different}
    assert len(replay) == 217 + 311
    assert len(labels) >= 400


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_each_normalisation_is_needed(replays: dict[str, list[Replayed]], rule: Any) -> None:
    others = tuple(r for r in RULES if r is not rule)
    both = (r for replay in replays.values() for r in replay)
    agreeing = [r for r in both if plain(r.pair.expected) == plain(r.answer)]
    assert any(plain(r.pair.expected, others) != plain(r.answer, others) for r in agreeing)


def real_methods(version: str = "7.4.0") -> list[str]:
    """The methods that oned of that version registers."""
    return (Path(__file__).parent / f"methods-{version}.txt").read_text().split()


@pytest.mark.parametrize("version", RELEASES.values())
def test_the_double_invents_no_methods(version: str) -> None:
    assert set(METHODS) <= set(real_methods(version))


def test_what_is_missing_is_listed() -> None:
    absent = [name for name in real_methods() if name not in METHODS]
    unlisted = [n for n in absent if not any(fnmatchcase(n, p) for p in MISSING)]
    assert not unlisted, "say in differences.py why these are not there"


@pytest.mark.parametrize("pattern", MISSING)
def test_each_missing_entry_is_needed(pattern: str) -> None:
    meant = [name for name in real_methods() if fnmatchcase(name, pattern)]
    assert meant, "no such method"
    there = [name for name in meant if name in METHODS]
    assert not there, "take it out of differences.py, or narrow it: these are there"


def test_the_page_is_current() -> None:
    page = Path(__file__).parent / "NOT_IMPLEMENTED.md"
    assert page.read_text() == document(), "run python -m tests.rehearsal.oned.differences"


@pytest.mark.parametrize(("name", "number"), [("success", 1), ("refusal", 15), ("fault", 8)])
def test_the_envelope(name: str, number: int) -> None:
    """The XML around the values, octet for octet but for the line ends of the recording."""
    pairs = {pair.n: pair for pair in recorded(SESSIONS[0])}
    with OnedDouble(clock=Clock()) as one:
        if number == 15:
            ask(one, pairs[14])
        pair = pairs[number]
        status, text = one.raw(xmlrpc.client.dumps(pair.args, pair.method).encode())
    recorded_text = (RECORDINGS / f"envelope-{name}.xml").read_bytes()
    assert status == 200
    assert text.replace(b"\r\n", b"\n") == recorded_text
