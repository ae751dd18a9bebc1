from __future__ import annotations

import socket
import subprocess

from b2ct.validate.facts import sockets
from b2ct.validate.facts.sockets import Listening

TEXT = """Netid State  Recv-Q Send-Q      Local Address:Port   Peer Address:PortProcess
udp   UNCONN 0      0                 0.0.0.0:4124        0.0.0.0:*
tcp   LISTEN 0      128               0.0.0.0:22          0.0.0.0:*
tcp   LISTEN 0      128             127.0.0.1:3306        0.0.0.0:*
tcp   LISTEN 0      128                  [::]:22             [::]:*
tcp   LISTEN 0      128                 [::1]:631            [::]:*
tcp   LISTEN 0      128    [::ffff:127.0.0.1]:2101              *:*
tcp   LISTEN 0      2048                    *:3128              *:*
tcp   LISTEN 0      128         10.0.0.2%eth0:53          0.0.0.0:*
"""


def test_who_listens_where() -> None:
    found = sockets.parse(TEXT)
    assert Listening("udp", "0.0.0.0", 4124) in found
    assert {one.port for one in found if one.local} == {3306, 631, 2101}
    assert [one.address for one in sockets.tcp(found, 22)] == ["0.0.0.0", "::"]
    assert sockets.tcp(found, 4124) == []
    assert not sockets.tcp(found, 53)[0].local


def test_what_is_no_table_is_empty() -> None:
    assert sockets.parse("ss: command not found\n\ntcp LISTEN\n") == frozenset()


def test_a_real_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = subprocess.run(["ss", "-lntu"], capture_output=True, text=True, check=True)
        (found,) = sockets.tcp(sockets.parse(done.stdout), server.getsockname()[1])
    assert found.local
