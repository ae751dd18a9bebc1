"""The HTTP door against a real server with the faults of real ones."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.core import fetch, partial
from b2ct.core.errors import B2ctError
from tests import web
from tests.gateway.authority import Authority

BODY = random.Random(6).randbytes(700_001)
SHA = hashlib.sha256(BODY).hexdigest()
OTHER = random.Random(7).randbytes(len(BODY))
QUICK = fetch.Patience(connect=5, read=5, attempts=3, pause=0.01)


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Iterator[web.Web]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with web.serve() as server:
        yield server


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _half(server: web.Web, target: Path, **how: object) -> str:
    """Leave a partial download of BODY: the server cuts its only answer."""
    url = server.put("/f.iso", BODY, cut=[300_000], **how)
    with pytest.raises(fetch.UnreachableError):
        fetch.download(url, target, patience=fetch.Patience(attempts=1))
    assert not target.exists()
    assert partial.part_path(target).stat().st_size > 0
    server.asked.clear()
    return url


def test_a_whole_file_arrives_and_nothing_else_is_left(server: web.Web, tmp_path: Path) -> None:
    url = server.put("/f.iso", BODY)
    target = tmp_path / "new" / "f.iso"
    assert fetch.download(url, target, sha256=SHA.upper(), patience=QUICK) == target
    assert target.read_bytes() == BODY
    assert _left(target.parent) == ["f.iso"]
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_cut_line_is_resumed_within_one_call(
    server: web.Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.put("/f.iso", BODY, cut=[200_000, 200_000])
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY
    first, *later = server.ranges()
    assert first == ""
    assert len(later) == 2
    assert all(asked.startswith("bytes=") for asked in later)
    assert "the answer ended at byte" in (said := capsys.readouterr().err) or "cut" in said


def test_progress_counts_every_byte_once(server: web.Web, tmp_path: Path) -> None:
    counts: list[list[int]] = []

    @contextmanager
    def progress(label: str, total: int | None) -> Iterator[object]:
        assert (label, total) == ("f.iso", len(BODY))
        counts.append([])
        yield counts[-1].append

    url = server.put("/f.iso", BODY, cut=[200_000])
    fetch.download(url, tmp_path / "f.iso", progress=progress, patience=QUICK)  # type: ignore[arg-type]
    assert sum(counts[-1]) == len(BODY)


def test_a_second_call_goes_on_where_the_first_stopped(server: web.Web, tmp_path: Path) -> None:
    target = tmp_path / "f.iso"
    url = _half(server, target)
    have = partial.part_path(target).stat().st_size
    fetch.download(url, target, sha256=SHA, patience=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges() == [f"bytes={have}-"]
    assert server.asked[0].headers["If-Range"] == server.pages["/f.iso"].validators()["ETag"]
    assert _left(tmp_path) == ["f.iso"]


@pytest.mark.parametrize("etag", ["", 'W/"weak"', "unquoted"])
def test_without_a_strong_etag_nothing_is_resumed(
    server: web.Web, tmp_path: Path, etag: str
) -> None:
    """A date is none: what changed within its second would be completed from another file."""
    date = "Sat, 01 Jun 2024 10:00:00 GMT"
    url = _half(server, tmp_path / "f.iso", etag=etag, modified=date)
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY
    assert server.ranges() == [""]


@pytest.mark.parametrize("etag", ["", 'W/"same"', '"other"'])
def test_a_part_without_the_same_strong_etag_is_not_taken(
    server: web.Web, tmp_path: Path, etag: str
) -> None:
    """The rest of another file of the same length, sent by a server that does not look."""
    url = _half(server, tmp_path / "f.iso", etag='"same"')
    server.put("/f.iso", OTHER, etag=etag, honest_if_range=False)
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == OTHER
    assert server.ranges()[0] != ""
    assert server.ranges()[1:] == [""]


def test_a_file_that_changed_in_between_is_fetched_anew(server: web.Web, tmp_path: Path) -> None:
    url = _half(server, tmp_path / "f.iso")
    server.put("/f.iso", OTHER)
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == OTHER


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"ranges": False}, id="ignores Range"),
        pytest.param({"shift": 1}, id="sends another part than it says"),
        pytest.param({"headers": {"Content-Range": "bytes 0-9/10"}}, id="wrong Content-Range"),
        pytest.param({"headers": {"Content-Range": "nonsense"}}, id="no Content-Range"),
    ],
)
def test_a_server_that_does_not_honour_range_spoils_nothing(
    server: web.Web, tmp_path: Path, how: dict[str, object]
) -> None:
    url = _half(server, tmp_path / "f.iso")
    server.put("/f.iso", BODY, **how)
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY


def test_a_lying_if_range_is_found_by_the_etag_of_the_part(server: web.Web, tmp_path: Path) -> None:
    url = _half(server, tmp_path / "f.iso")
    server.put("/f.iso", OTHER, honest_if_range=False)
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == OTHER


def test_a_lying_etag_is_found_by_the_digest(server: web.Web, tmp_path: Path) -> None:
    url = _half(server, tmp_path / "f.iso", etag='"same"')
    server.put("/f.iso", OTHER, etag='"same"')
    digest = hashlib.sha256(OTHER).hexdigest()
    fetch.download(url, tmp_path / "f.iso", sha256=digest, patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == OTHER


def test_a_file_that_became_shorter_is_fetched_anew(server: web.Web, tmp_path: Path) -> None:
    url = _half(server, tmp_path / "f.iso", etag='"same"')
    server.put("/f.iso", BODY[:1000], etag='"same"')  # answers 416
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY[:1000]


def test_damage_to_the_partial_file_is_repaired(server: web.Web, tmp_path: Path) -> None:
    target = tmp_path / "f.iso"
    url = _half(server, target)
    with partial.part_path(target).open("r+b") as part:
        part.write(b"power loss")
    fetch.download(url, target, sha256=SHA, patience=QUICK)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("record", ["", "{", "[]", '{"url": 1}', '{"url": "x", "more": 1}', "null"])
def test_a_damaged_record_means_a_new_start(server: web.Web, tmp_path: Path, record: str) -> None:
    target = tmp_path / "f.iso"
    url = _half(server, target)
    (tmp_path / "f.iso.part.json").write_text(record)
    fetch.download(url, target, patience=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges() == [""]


def test_a_complete_partial_file_needs_no_body(server: web.Web, tmp_path: Path) -> None:
    target = tmp_path / "f.iso"
    url = _half(server, target)
    partial.part_path(target).write_bytes(BODY)  # killed between the last byte and the rename
    fetch.download(url, target, sha256=SHA, patience=QUICK)
    assert target.read_bytes() == BODY
    assert server.asked == []


def test_a_partial_file_of_another_url_is_not_used(server: web.Web, tmp_path: Path) -> None:
    _half(server, tmp_path / "f.iso", etag='"1"')
    url = server.put("/other.iso", OTHER, etag='"1"')
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == OTHER


def test_a_wrong_digest_is_refused_and_the_old_file_stays(server: web.Web, tmp_path: Path) -> None:
    target = tmp_path / "f.iso"
    target.write_bytes(b"the old one")
    url = server.put("/f.iso", OTHER)
    with pytest.raises(B2ctError, match=f"but {SHA} was expected") as caught:
        fetch.download(url, target, sha256=SHA, patience=QUICK)
    assert "another mirror" in caught.value.hint
    assert target.read_bytes() == b"the old one"
    assert _left(tmp_path) == ["f.iso"]


def test_a_length_larger_than_the_body_is_a_cut_line(server: web.Web, tmp_path: Path) -> None:
    url = server.put(
        "/f.iso", BODY, headers={"Content-Length": str(len(BODY) + 5)}, cut=[10**9] * 9
    )
    with pytest.raises(B2ctError, match="cannot fetch"):
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert not (tmp_path / "f.iso").exists()


def test_chunked_bodies_are_whole_or_refused(server: web.Web, tmp_path: Path) -> None:
    url = server.put("/f.iso", BODY, chunked=True, cut=[1000])
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY
    assert len(server.asked) == 2


def test_a_body_without_any_length_needs_a_digest(server: web.Web, tmp_path: Path) -> None:
    url = server.put("/f.iso", BODY, headers={"Content-Length": ""})
    with pytest.raises(B2ctError, match="does not say how long"):
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    fetch.download(url, tmp_path / "f.iso", sha256=SHA, patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY


def test_a_compressed_answer_is_refused(server: web.Web, tmp_path: Path) -> None:
    url = server.put("/f.iso", BODY, headers={"Content-Encoding": "gzip"})
    with pytest.raises(B2ctError, match="compressed"):
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert _left(tmp_path) == []


def test_transient_answers_are_tried_again(server: web.Web, tmp_path: Path) -> None:
    url = server.put("/f.iso", BODY, status=[503, 502], headers={"Retry-After": "0"})
    fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert len(server.asked) == 3


def test_a_server_that_goes_on_failing_is_given_up(server: web.Web, tmp_path: Path) -> None:
    url = server.put("/f.iso", BODY, status=[500] * 9)
    with pytest.raises(fetch.UnreachableError, match="answers 500") as caught:
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert f"put it at {tmp_path / 'f.iso'}" in caught.value.hint
    assert len(server.asked) == QUICK.attempts
    assert _left(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "words"), [(404, "no such file"), (410, "no such file"), (403, "refuses it")]
)
def test_a_refusal_is_not_tried_again(
    server: web.Web, tmp_path: Path, status: int, words: str
) -> None:
    url = server.put("/f.iso", BODY, status=[status] * 9)
    with pytest.raises(B2ctError, match=words) as caught:
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert str(tmp_path / "f.iso") in caught.value.hint
    assert len(server.asked) == 1
    assert _left(tmp_path) == []


def test_offline_says_which_file_and_where_to_put_it(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{web.closed_port()}/f.iso"
    with pytest.raises(fetch.UnreachableError, match="connection refused") as caught:
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert caught.value.hint == (
        f"offline? fetch {url} on another machine and put it at {tmp_path / 'f.iso'}"
    )
    assert _left(tmp_path) == []


def test_a_name_that_cannot_be_resolved_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(fetch.UnreachableError, match="its name cannot be resolved"):
        fetch.download("http://nowhere.invalid/f.iso", tmp_path / "f.iso", patience=QUICK)


def test_a_dead_proxy_is_named(
    tmp_path: Path, server: web.Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{web.closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(fetch.UnreachableError, match="proxy") as caught:
        fetch.download(server.put("/f.iso", BODY), tmp_path / "f.iso", patience=QUICK)
    assert "http_proxy" in caught.value.hint


def test_a_proxy_is_used(tmp_path: Path, server: web.Web, monkeypatch: pytest.MonkeyPatch) -> None:
    server.put("http://mirror.example.org/f.iso", BODY)  # what a proxy is asked for
    monkeypatch.setenv("http_proxy", server.base)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    fetch.download("http://mirror.example.org/f.iso", tmp_path / "f.iso", patience=QUICK)
    assert (tmp_path / "f.iso").read_bytes() == BODY


@pytest.mark.parametrize(
    "url", ["ftp://mirror.example.org/f", "nonsense", "http://", "http://[::1/f", "f.iso"]
)
def test_what_is_no_http_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(B2ctError) as caught:
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert "give a URL such as" in caught.value.hint
    assert _left(tmp_path) == []


def test_a_silent_server_is_given_up(server: web.Web, tmp_path: Path) -> None:
    stall = threading.Event()
    url = server.put("/f.iso", BODY, stall=stall)
    patience = fetch.Patience(connect=1, read=0.3, attempts=1, pause=0)
    try:
        with pytest.raises(fetch.UnreachableError, match="silent"):
            fetch.download(url, tmp_path / "f.iso", patience=patience)
    finally:
        stall.set()
    assert partial.part_path(tmp_path / "f.iso").stat().st_size > 0


def test_a_server_that_trickles_is_given_up() -> None:
    """A byte now and then is no silence, and would still take for ever."""
    asked = []

    def trickle(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                asked.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                with suppress(OSError), connection:
                    while not stop.wait(0.02):
                        connection.sendall(b"x")

    stop = threading.Event()
    patience = fetch.Patience(connect=5, read=0.3, attempts=2, pause=0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=trickle, args=[server], daemon=True).start()
        with pytest.raises(fetch.UnreachableError, match="sends less than 1000 bytes/s"):
            fetch.get_bytes(f"http://127.0.0.1:{server.getsockname()[1]}/", patience=patience)
        stop.set()
    assert len(asked) == 2


def test_passwords_in_urls_are_not_printed(tmp_path: Path) -> None:
    url = f"http://me:secret@127.0.0.1:{web.closed_port()}/f.iso"
    with pytest.raises(B2ctError) as caught:
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert "secret" not in " ".join(caught.value.lines())


def test_ctrl_c_keeps_what_was_fetched(server: web.Web, tmp_path: Path) -> None:
    stall = threading.Event()
    url = server.put("/f.iso", BODY, stall=stall)
    target = tmp_path / "f.iso"
    code = "import sys; from pathlib import Path; from b2ct.core import fetch\n"
    code += "fetch.download(sys.argv[1], Path(sys.argv[2]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, url, str(target)], stderr=subprocess.PIPE, text=True
    ) as child:
        assert server.pages["/f.iso"].half_sent.wait(60)
        part = partial.part_path(target)
        while not part.exists() or part.stat().st_size < 300_000:
            assert child.poll() is None
            threading.Event().wait(0.02)
        child.send_signal(signal.SIGINT)
        said = child.communicate()[1]
    stall.set()
    assert f"kept {part}" in said
    assert not target.exists()
    server.pages["/f.iso"].stall = None
    fetch.download(url, target, sha256=SHA, patience=QUICK)
    assert server.ranges()[-1].startswith("bytes=")


def test_concurrent_runs_share_one_download(
    server: web.Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stall = threading.Event()
    url = server.put("/f.iso", BODY, stall=stall)
    target = tmp_path / "f.iso"
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(fetch.download, url, target, sha256=SHA, patience=QUICK)
        assert server.pages["/f.iso"].half_sent.wait(30)
        others = [
            pool.submit(fetch.download, url, target, sha256=SHA, patience=QUICK) for _ in range(2)
        ]
        said = ""
        while said.count("another process fetches") < 2:
            threading.Event().wait(0.02)
            said += capsys.readouterr().err
        stall.set()
        assert {job.result() for job in (first, *others)} == {target}
    assert target.read_bytes() == BODY
    assert len(server.asked) == 1
    assert _left(tmp_path) == ["f.iso"]


def test_a_full_disk_is_noticed_before_the_download(
    server: web.Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.put("/f.iso", BODY, headers={"Content-Length": str(9 * 10**14)})
    with pytest.raises(B2ctError, match="MiB are needed") as caught:
        fetch.download(url, tmp_path / "f.iso", patience=QUICK)
    assert "XDG_CACHE_HOME" in caught.value.hint
    assert _left(tmp_path) == []


def test_a_disk_that_fills_up_on_the_way_keeps_what_it_has(
    server: web.Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, target, real = server.put("/f.iso", BODY), tmp_path / "f.iso", os.write

    def write(handle: int, data: memoryview) -> int:
        if partial.part_path(target).stat().st_size >= 200_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data[:50_000])  # a short write, as file systems may do

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        with pytest.raises(B2ctError, match="no space left") as caught:
            fetch.download(url, target, patience=QUICK)
    assert "goes on from there" in caught.value.hint
    assert not target.exists()
    have = partial.part_path(target).stat().st_size
    assert have >= 200_000
    fetch.download(url, target, sha256=SHA, patience=QUICK)
    assert server.ranges()[-1] == f"bytes={have}-"


def test_a_folder_that_cannot_be_written_is_one_line(server: web.Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(B2ctError, match="cannot write"):
        fetch.download(server.put("/f", BODY), tmp_path / "file" / "f.iso", patience=QUICK)
    assert server.asked == []


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.integers(0, 700_000), max_size=4), etag=st.sampled_from([None, "", 'W/"w"'])
)
def test_however_the_line_is_cut_the_file_is_whole(
    server: web.Web, tmp_path: Path, cuts: list[int], etag: str | None
) -> None:
    url = server.put("/f.iso", BODY, cut=list(cuts), etag=etag)
    patience = fetch.Patience(connect=5, read=5, attempts=6, pause=0)
    target = tmp_path / "f.iso"
    target.unlink(missing_ok=True)
    fetch.download(url, target, patience=patience)
    assert target.read_bytes() == BODY
    assert _left(tmp_path) == ["f.iso"]


def test_importing_the_door_does_not_import_requests() -> None:
    code = "import sys, b2ct.core.fetch; sys.exit('requests' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


@pytest.fixture(name="secure")
def _secure(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[web.Web]:
    """A server that this process trusts, over TLS."""
    authority = Authority(tmp_path_factory.mktemp("ca"))
    pair = authority.issue()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with web.serve((pair.certificate, pair.key)) as made:
        yield made


@pytest.mark.parametrize("hops", ["secure plain", "secure secure plain", "plain secure plain"])
def test_https_never_becomes_http(
    server: web.Web, secure: web.Web, tmp_path: Path, hops: str
) -> None:
    """Neither for a file nor for a text, and nothing is asked of the unprotected server."""
    target = server.put("/end", b"bent")
    for number, hop in enumerate(reversed(hops.split()[:-1])):
        target = {"plain": server, "secure": secure}[hop].put(f"/{number}", b"", redirect=target)
    with pytest.raises(B2ctError, match="leads to unprotected http://"):
        fetch.get_bytes(target, patience=QUICK)
    with pytest.raises(B2ctError, match="leads to unprotected http://"):
        fetch.download(target, tmp_path / "f", sha256=SHA, patience=QUICK)
    assert "/end" not in [asked.path for asked in server.asked]
    assert _left(tmp_path) == []


def test_redirections_that_keep_or_win_protection_are_followed(
    server: web.Web, secure: web.Web
) -> None:
    end = secure.put("/end", b"good", status=[503])  # and a second attempt begins anew
    inner = secure.put("/inner", b"", redirect=end)
    assert fetch.get_bytes(server.put("/a", b"", redirect=inner), patience=QUICK) == b"good"
    plain = server.put("/b", b"", redirect=server.put("/plain", b"plain"))
    assert fetch.get_bytes(plain, patience=QUICK) == b"plain"
