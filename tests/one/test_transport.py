"""Deadlines, retries and codes against servers that misbehave in a planned way."""

from __future__ import annotations

import ssl
import subprocess
import threading
import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.proxy import Proxy, through
from b2ct.one import transport as transport_module
from b2ct.one import wire
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import (
    AuthenticationError,
    BrokenError,
    DeadlineError,
    DuplicateError,
    MissingError,
    OneError,
    UncertainError,
    UnreachableError,
    VersionError,
)
from b2ct.one.text import TextError
from b2ct.one.transport import Pauses, Repeat, Transport

from .recorded import FOLDER
from .servers import (
    Hangs,
    Server,
    answer,
    bad,
    cuts,
    free_port,
    good,
    http,
    sends,
    serving,
    tunnels,
)

QUICK = Pauses(first=0.01, longest=0.02)


def transport(server: Server | Endpoint, **options: Any) -> Transport:
    where = server if isinstance(server, Endpoint) else server.endpoint()
    return Transport(
        where, **{"deadline": 20.0, "pauses": QUICK, "notice": lambda _text: None, **options}
    )


def test_a_call_sends_what_oned_expects() -> None:
    with serving(good("<X/>")) as server:
        assert transport(server).call("image.info", 7, True, "a<&>\u00fc\n", [1, 2]) == "<X/>"
        arguments, method = xmlrpc.client.loads(server.bodies[0])
        assert method == "one.image.info"
        assert arguments == ("oneadmin:geheim42", 7, True, "a<&>\u00fc\n", [1, 2])


@pytest.mark.parametrize("value", [0, 2**31 - 1, "6.10.5", "<A>&lt;ü€</A>", ""])
def test_every_kind_of_result(value: object) -> None:
    with serving(good(value)) as server:
        assert transport(server).call("system.version") == value


def test_the_code_that_pyone_drops() -> None:
    text = "[one.image.allocate] Error allocating a new image. NAME is already taken by IMAGE 1."
    with serving(bad(0x4000, text)) as server, pytest.raises(DuplicateError) as caught:
        transport(server).call("image.allocate", "NAME=x", 1, repeat=Repeat.NEVER)
    assert (caught.value.code, caught.value.id) == (0x4000, 1)
    assert caught.value.method == "one.image.allocate"


def test_a_fault_of_the_protocol() -> None:
    fault = xmlrpc.client.dumps(
        xmlrpc.client.Fault(-506, "Method 'one.x' not defined"), methodresponse=True
    )
    with serving(sends(http(fault.encode()))) as server, pytest.raises(VersionError) as caught:
        transport(server).call("x")
    assert caught.value.code == -506


def test_the_answers_of_a_real_server() -> None:
    """Byte for byte as oned wrote them."""
    steps = [
        sends(http((FOLDER / f"envelope-{kind}.xml").read_bytes()))
        for kind in ("success", "refusal", "fault")
    ]
    with serving(*steps) as server:
        one = transport(server)
        assert one.call("system.version") == "6.10.5"
        with pytest.raises(DuplicateError) as taken:
            one.call("host.allocate", "node01", repeat=Repeat.NEVER)
        with pytest.raises(VersionError):
            one.call("image.nosuch", 1)
    assert (taken.value.code, taken.value.id) == (0x2000, 0)


@pytest.mark.parametrize("repeat", list(Repeat))
def test_what_was_never_sent_is_tried_again_whatever_it_is(repeat: Repeat) -> None:
    """The front-end restarts: nobody listens for a while, then it is back."""
    port = free_port()
    where = Endpoint(f"http://127.0.0.1:{port}/RPC2", "a:b", proxy="")
    notices: list[str] = []
    with serving(good(1)) as server:
        one = transport(server)
        one.call("vm.action", "hold", 1)
        one.endpoint = where
        one.notice = notices.append
        one.pauses = Pauses(first=0.05, longest=0.05)
        started = threading.Event()

        def start() -> None:
            with serving(good(5), address=("127.0.0.1", port)):
                started.set()
                done.wait(20)

        done = threading.Event()
        threading.Timer(0.2, start).start()
        assert one.call("vm.action", "resume", 1, repeat=repeat) == 5
        done.set()
    assert started.is_set()
    assert len(notices) == 1
    assert "connection refused" in notices[0]


def test_a_wrong_address_is_told_soon() -> None:
    where = Endpoint(f"http://127.0.0.1:{free_port()}/RPC2", "a:b", proxy="", url_from="ONE_XMLRPC")
    one = transport(where, deadline=3600)
    with pytest.raises(UnreachableError, match=r"from ONE_XMLRPC: connection refused"):
        one.call("system.version")
    assert one.calls == 2


def test_a_name_that_does_not_resolve() -> None:
    where = Endpoint("http://nowhere.invalid:2633/RPC2", "a:b", proxy="")
    with pytest.raises(UnreachableError, match="name cannot be resolved"):
        transport(where).call("system.version")


@pytest.mark.parametrize(
    "step",
    [
        cuts(b""),
        cuts(b"HTTP/1.1 200 OK\r\nContent-"),
        cuts(http(answer(True, "x" * 3000, 0))[:900]),
        sends(http(answer(True, "x" * 3000, 0))[:900]),
        sends(http(b"", status="500 Internal Server Error")),
        sends(http(b"<html>", status="502 Bad Gateway")),
        sends(http(b"", status="503 Service Unavailable")),
        sends(http(b"<methodResponse><params>")),
        sends(http(b"not XML at all")),
        sends(http(xmlrpc.client.dumps((1,), methodresponse=True).encode())),
        sends(http(answer("yes", 1, 0))),
    ],
)
class TestBrokenAnswer:
    def test_a_read_is_repeated(self, step: Any) -> None:
        with serving(step, step, good("<X/>")) as server:
            one = transport(server)
            assert one.call("image.info", 1) == "<X/>"
            assert one.calls == 3

    def test_what_makes_something_is_not(self, step: Any) -> None:
        with serving(step, good(5)) as server:
            with pytest.raises(UncertainError, match="not known whether") as caught:
                transport(server).call("image.allocate", "x", repeat=Repeat.NEVER, what="image 'x'")
            assert server.connections == 1
        assert caught.value.hint
        assert str(caught.value).startswith("image 'x': ")


def test_nonsense_is_not_asked_for_for_ever() -> None:
    with serving(sends(http(b"not XML"))) as server:
        one = transport(server, deadline=3600)
        with pytest.raises(BrokenError, match="malformed XML"):
            one.call("image.info", 1)
        assert one.calls == 3


def test_a_second_attempt_says_so() -> None:
    """After a lost answer `there is no such object` may mean: the first attempt removed it."""
    missing = bad(0x400, "[one.vn.delete] Error getting virtual network [3].")
    with serving(cuts(b""), missing) as server, pytest.raises(MissingError) as caught:
        transport(server).call("vn.delete", 3)
    assert caught.value.repeated
    with serving(missing) as server, pytest.raises(MissingError) as caught:
        transport(server).call("vn.delete", 3)
    assert not caught.value.repeated


HANGS = {
    "at once": b"",
    "in the status line": b"HTTP/1.1 200 OK" * 100,
    "in the headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500,
    "in the body": http(answer(True, "x" * 5000, 0)),
    "in a chunked body": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"1\r\nx\r\n" * 999,
    "in an unframed body": b"HTTP/1.1 200 OK\r\n\r\n" + answer(True, "x" * 5000, 0),
}


@pytest.mark.parametrize("where", HANGS)
@pytest.mark.parametrize("repeat", list(Repeat))
def test_a_server_that_hangs_or_trickles_is_cut_at_the_deadline(where: str, repeat: Repeat) -> None:
    """A byte comes every 20 ms: no single receive ever times out."""
    hangs = Hangs(HANGS[where])
    error = UncertainError if repeat is Repeat.NEVER else DeadlineError
    with serving(hangs) as server:
        with pytest.raises(error, match=r"no answer within"):
            transport(server, deadline=0.4).call("vm.action", "hold", 1, repeat=repeat)
        assert hangs.left.wait(20)


def test_a_tls_handshake_that_hangs_is_cut_and_nothing_was_sent() -> None:
    hangs = Hangs()
    with serving(hangs) as server:
        where = server.endpoint(scheme="https")
        with pytest.raises(UnreachableError, match="no connection within"):
            transport(where, deadline=0.4).call("vm.action", "hold", 1, repeat=Repeat.NEVER)


def test_an_answer_that_is_too_large() -> None:
    with serving(good("x" * 100_000)) as server:
        with pytest.raises(BrokenError, match="larger than"):
            transport(server, largest=50_000).call("image.info", 1)
        assert server.connections == 1


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    b"<methodResponse><params><param><value><array><data><value><boolean>1</boolean></value>"
    b"<value><string>&b;</string></value><value><i4>0</i4></value></data></array></value></param>"
    b"</params></methodResponse>"
)


def test_entities_are_refused() -> None:
    with serving(sends(http(BOMB))) as server:
        with pytest.raises(BrokenError, match="document type"):
            transport(server).call("image.info", 1)
        assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "headers", "match"),
    [
        ("404 Not Found", [], "no XML-RPC interface"),
        ("403 Forbidden", [], "no XML-RPC interface"),
        ("302 Found", ["Location: http://evil.example/"], "has moved"),
        ("407 Proxy Authentication Required", [], "the proxy wants"),
    ],
)
def test_a_wrong_place_is_not_asked_twice(status: str, headers: list[str], match: str) -> None:
    with serving(sends(http(b"<HTML>", status=status, headers=headers))) as server:
        with pytest.raises(OneError, match=match) as caught:
            transport(server).call("image.allocate", "x", repeat=Repeat.NEVER)
        assert server.connections == 1
    assert caught.value.hint


def test_no_message_holds_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [
        bad(0x2000, "something about geheim42 and oneadmin:geheim42 and S3CRET"),
        sends(http(b"geheim42")), cuts(b""), sends(http(b"", status="500 geheim42")),
    ]  # fmt: skip
    said: list[str] = []
    for step in steps:
        with serving(step) as server:
            one = transport(server, deadline=0.3, notice=said.append)
            with pytest.raises(OneError) as caught:
                one.call("user.info", -1, secrets=["S3CRET"])
        error = caught.value
        said += [*error.lines(), error.server, repr(error), repr(one.endpoint), repr(vars(one))]
        assert error.__cause__ is None
    assert said
    assert not any("geheim42" in text or "S3CRET" in text for text in said)
    captured = capsys.readouterr()
    assert "geheim42" not in captured.out + captured.err


def test_what_cannot_be_sent_is_refused_before() -> None:
    with serving(good(1)) as server:
        for argument in ("a\x00b", "a\x1bb", "a\rb", "a\ud800b", "😀", 2**31):
            with pytest.raises(TextError):
                transport(server).call("x", argument)
        assert server.connections == 0


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own CA."""
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2",
         "-subj", "/CN=front-end", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def tls(ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "cert.pem", ca / "key.pem")
    return context


class TestTls:
    def test_a_private_ca_by_option(self, ca: Path, tls: ssl.SSLContext) -> None:
        with serving(good(1), tls=tls) as server:
            where = server.endpoint(scheme="https", ca_file=str(ca / "cert.pem"))
            assert transport(where).call("x") == 1

    def test_a_private_ca_by_environment(
        self, ca: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca / "cert.pem"))
        with serving(good(1), tls=tls) as server:
            assert transport(server.endpoint(scheme="https")).call("x") == 1

    def test_an_unknown_ca_is_refused_before_the_password_is_sent(
        self, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        with serving(good(1), tls=tls) as server:
            with pytest.raises(UnreachableError, match="not trusted") as caught:
                transport(server.endpoint(scheme="https")).call("x")
            assert server.bodies == []
        assert "--ca-file" in caught.value.hint

    def test_a_bundle_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
        with serving(good(1)) as server, pytest.raises(UnreachableError, match="does not exist"):
            transport(server.endpoint(scheme="https")).call("x")

    def test_https_where_there_is_http(self) -> None:
        with (
            serving(sends(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server,
            pytest.raises(UnreachableError),
        ):
            transport(server.endpoint(scheme="https"), deadline=1).call("x")


class TestProxy:
    def test_the_environment_names_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(good(1)) as proxy:
            monkeypatch.setenv("http_proxy", f"http://me:pw@127.0.0.1:{proxy.port}")
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            where = Endpoint("http://front-end.example:2633/RPC2", "a:b")
            assert transport(where).call("x") == 1
            assert proxy.heads[0].startswith(b"POST http://front-end.example:2633/RPC2 ")
            assert b"Proxy-Authorization: Basic " in proxy.heads[0]

    def test_no_proxy_is_heeded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with serving(good(1)) as server:
            where = Endpoint(f"http://127.0.0.1:{server.port}/RPC2", "a:b")
            assert transport(where).call("x") == 1

    def test_what_a_site_with_a_proxy_has_inside_is_asked_directly(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither through the site's proxy nor through the environment's."""
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with serving(good(1)) as server, serving(good(2)) as outer:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{outer.port}")
            where = Endpoint(f"http://127.0.0.1:{server.port}/RPC2", "a:b")
            with through(Proxy(f"http://127.0.0.1:{outer.port}")):
                assert transport(where).call("x") == 1
            assert transport(where).call("x") == 2

    def test_a_proxy_that_is_not_there(self) -> None:
        secret = f"http://me:proxysecret@127.0.0.1:{free_port()}"
        where = Endpoint("http://front-end.example:2633/RPC2", "a:b", proxy=secret)
        with pytest.raises(UnreachableError, match="proxy") as caught:
            transport(where).call("x", repeat=Repeat.NEVER)
        assert "proxysecret" not in " ".join(caught.value.lines())

    def test_a_tunnel_that_is_refused(self) -> None:
        with serving(sends(http(b"", status="403 Forbidden"))) as proxy:
            where = Endpoint(
                "https://front-end.example:2633/RPC2", "a:b", proxy=f"http://127.0.0.1:{proxy.port}"
            )
            with pytest.raises(UnreachableError, match="proxy"):
                transport(where).call("x", repeat=Repeat.NEVER)
            assert proxy.heads[0].startswith(b"CONNECT front-end.example:2633 ")

    def test_tls_through_a_tunnel(self, ca: Path, tls: ssl.SSLContext) -> None:
        with serving(good(1), tls=tls) as server, serving(tunnels(server.port)) as proxy:
            where = Endpoint(
                f"https://127.0.0.1:{server.port}/RPC2", "a:b", ca_file=str(ca / "cert.pem"),
                proxy=f"http://127.0.0.1:{proxy.port}",
            )  # fmt: skip
            assert transport(where).call("x") == 1
            assert proxy.heads[0].startswith(b"CONNECT ")
            assert b"a:b" not in proxy.heads[0]

    @pytest.mark.parametrize("repeat", list(Repeat))
    def test_a_server_that_hangs_behind_a_tunnel(
        self, ca: Path, tls: ssl.SSLContext, repeat: Repeat
    ) -> None:
        hangs = Hangs(HANGS["in the body"])
        error = UncertainError if repeat is Repeat.NEVER else DeadlineError
        with serving(hangs, tls=tls) as server, serving(tunnels(server.port)) as proxy:
            where = Endpoint(
                f"https://127.0.0.1:{server.port}/RPC2", "a:b", ca_file=str(ca / "cert.pem"),
                proxy=f"http://127.0.0.1:{proxy.port}",
            )  # fmt: skip
            with pytest.raises(error, match="no answer within"):
                transport(where, deadline=0.5).call("x", repeat=repeat)
            assert hangs.left.wait(20)


def test_threads_may_call_at_once() -> None:
    """Each gets its own answer, and the deadline of one does not cut another."""

    def echo(connection: Any, body: bytes) -> None:
        arguments, _ = xmlrpc.client.loads(body)
        connection.sendall(http(answer(True, arguments[1], 0)))

    with serving(echo) as server:
        one = transport(server)
        found: dict[int, object] = {}

        def ask(number: int) -> None:
            found[number] = one.call("x", number)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {n: n for n in range(12)}


def test_a_wrong_password_is_not_tried_twice() -> None:
    refusal = bad(0x100, "[one.user.info] User couldn't be authenticated, aborting call.")
    with serving(refusal) as server:
        with pytest.raises(AuthenticationError, match="user or password"):
            transport(server).call("user.info", -1)
        assert server.connections == 1


PIECES = st.sampled_from(
    [f"<{slash}{name}>" for slash in ("", "/") for name in
     ("methodResponse", "params", "param", "value", "array", "data", "struct", "member", "name",
      "i4", "string", "boolean", "fault", "double", "base64", "dateTime.iso8601", "bigdecimal",
      "nil")] + ["1", "x", "", "-5", "faultCode", "&amp;", "1e999"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=25).map("".join)))
@settings(max_examples=200)
def test_no_answer_makes_the_client_fall_over(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()
    with suppress(wire.FailedError, xmlrpc.client.Fault):
        good, _, code = transport_module._judged(transport_module._parsed(raw)[0])
        assert isinstance(good, bool)
        assert isinstance(code, int)
