from __future__ import annotations

import socket
import threading

import pytest

from b2ct.ssh.answer import UnreachableError
from b2ct.ssh.node import SshNode
from b2ct.ssh.tunnel import forwarded
from tests.ssh.logins import as_root, door, target
from tests.ssh.sshds import Ground, needs_sshd

pytestmark = needs_sshd


@as_root
def test_a_tunnel_to_a_port_of_the_node(field: Ground) -> None:
    node = SshNode(door(field), target(field, field["hv1"]))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with forwarded(node.tunnel, "127.0.0.1", port) as here:
            listening.accept()[0].close()  # the first is only a trial
            for text in (b"one", b"two" * 100000):
                with socket.create_connection(("127.0.0.1", here)) as client:
                    served, _ = listening.accept()
                    threading.Thread(target=client.sendall, args=(text,), daemon=True).start()
                    got = b""
                    while len(got) < len(text):
                        got += served.recv(1 << 16)
                    served.sendall(b"thanks")
                    served.close()
                    assert got == text
                    assert client.recv(100) == b"thanks"
    with (
        pytest.raises(UnreachableError, match="cannot be reached from hv1"),
        forwarded(node.tunnel, "127.0.0.1", 1),
    ):
        pass
    node.close()
