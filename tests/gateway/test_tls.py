"""TLS as clients meet it: versions, names, certificates that are renewed, peers that stall."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.gateway import tls
from tests.gateway.authority import Authority, Pair
from tests.gateway.cloud import Cloud
from tests.gateway.process import SESSION, Running, running
from tests.gateway.test_hostile import GROWTH, answer


@dataclass
class Secured:
    gate: Running
    pair: Pair
    authority: Authority

    def client(self, change: Callable[[ssl.SSLContext], None] = lambda _context: None) -> bytes:
        """Connect as a client of DIRAC would; the certificate that was shown, in DER."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        change(context)
        with (
            socket.create_connection(("127.0.0.1", self.gate.port), 30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True) or b""

    def served(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        url = f"https://localhost:{self.gate.port}/RPC2"
        with xmlrpc.client.ServerProxy(url, context=context) as proxy:
            answer: list[object] = proxy.one.vmpool.info(SESSION, -2, 0, -1, -1)  # type: ignore[assignment]
        return answer[0] is True


@pytest.fixture
def secured(one: Cloud, authority: Authority, tmp_path: Path) -> Iterator[Secured]:
    pair = authority.issue(tmp_path.name[:40])
    settings = {
        "certificate": str(pair.certificate), "key": str(pair.key),
        "limits": {"handshake_time": 8, "connections_per_peer": 256, "connections": 256},
    }  # fmt: skip
    with running(tmp_path, one.double.url, tls=True, **settings) as gate:
        yield Secured(gate, pair, authority)


def only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version

    return change


def ciphers(names: str) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(names)

    return change


def test_todays_clients_are_served(secured: Secured) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert secured.client(only(version))
    assert secured.served()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(
    "change",
    [only(ssl.TLSVersion.TLSv1), only(ssl.TLSVersion.TLSv1_1), ciphers("ECDHE+AES+SHA1"),
     ciphers("AES128-GCM-SHA256:ECDHE+AES128+SHA256")],
)  # fmt: skip
def test_old_versions_and_weak_ciphers_are_refused(
    secured: Secured, change: Callable[[ssl.SSLContext], None]
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secured.client(change)


def test_a_call_without_tls_reaches_nobody(one: Cloud, secured: Secured) -> None:
    url = f"http://127.0.0.1:{secured.gate.port}/RPC2"
    with pytest.raises(OSError, match=r"."), xmlrpc.client.ServerProxy(url) as proxy:
        proxy.one.vmpool.info(SESSION, -2, 0, -1, -1)
    assert one.double.calls == []
    assert secured.served()


def test_200_clients_in_parallel_that_stall_in_tls(one: Cloud, secured: Secured) -> None:
    """Half of them say nothing, half begin a handshake: others are served, and all are cut."""
    before = secured.gate.memory()
    with contextlib.ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(("127.0.0.1", secured.gate.port), 30))
            for _ in range(199)
        ]
        for connection in held[::2]:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert secured.served()
        for connection in held:
            answer(connection)  # comes to its end: the gateway hangs up
    assert secured.served()
    assert secured.gate.memory("VmHWM") - before < GROWTH
    assert set(one.double.calls) == {"one.vmpool.info"}


def test_200_calls_in_parallel_are_all_answered(one: Cloud, secured: Secured) -> None:
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(secured.served())) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 200
    assert one.double.calls == ["one.vmpool.info"] * 200


def test_a_renewed_certificate_is_shown_after_sighup(secured: Secured) -> None:
    first = secured.client()
    other = secured.authority.issue(f"{secured.pair.certificate.stem}-new")
    other.certificate.replace(secured.pair.certificate)
    other.key.replace(secured.pair.key)
    assert secured.client() == first
    os.kill(secured.gate.process.pid, signal.SIGHUP)
    wait(lambda: "the certificate was read again" in secured.gate.log.read_text())
    second = secured.client()
    assert second != first
    # A pair that does not fit together changes nothing.
    secured.pair.key.write_text(secured.authority.issue("third").key.read_text())
    os.kill(secured.gate.process.pid, signal.SIGHUP)
    wait(lambda: "the old certificate stays" in secured.gate.log.read_text())
    assert secured.client() == second


def wait(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_a_certificate_says(authority: Authority) -> None:
    found = tls.inspect(authority.issue("said", 20).certificate)
    assert found.names == ("localhost", "127.0.0.1")
    assert 19 < found.days <= 20


def test_files_that_cannot_be_used_are_refused(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue("good"), authority.issue("other")
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    locked = Pair(good.certificate, tmp_path / "locked.key")
    locked.key.write_text(good.key.read_text())
    for pair, mode, said in (
        (Pair(tmp_path / "none.pem", good.key), 0o600, "cannot read the certificate"),
        (Pair(good.certificate, tmp_path / "none.key"), None, "cannot read the private key"),
        (Pair(bad, good.key), 0o600, "cannot be used"),
        (Pair(good.certificate, other.key), 0o600, "key values mismatch"),
        (locked, 0o644, "others may read or change the private key"),
        (authority.issue("over", -1), 0o600, "has expired on"),
    ):
        if mode is not None:
            pair.key.chmod(mode)
        with pytest.raises(B2ctError, match=said) as caught:
            tls.server(pair.certificate, pair.key)
        assert caught.value.hint


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(
    authority: Authority, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization as form

    good = authority.issue("plain")
    key = form.load_pem_private_key(good.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"x")
        )
    )
    locked.chmod(0o600)
    with pytest.raises(B2ctError, match="passphrase") as caught:
        tls.server(good.certificate, locked)
    assert "openssl pkey" in caught.value.hint
