"""The QEMU guest agent, through the channel that OpenNebula uses as well.

https://www.qemu.org/docs/master/interop/qemu-ga-ref.html: guest-sync-delimited, then guest-ping.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

_SYNC = 4711


def answers(channel: Path, *, timeout: float = 30.0) -> bool:
    """Whether an agent answers on the channel's socket within `timeout` seconds."""
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(timeout)
            agent.connect(str(channel))
            # 0xFF makes it forget what came before, which a boot loader may have written.
            sync = {"execute": "guest-sync", "arguments": {"id": _SYNC}}
            agent.sendall(b"\xff" + json.dumps(sync).encode() + b"\n")
            data = b""
            while str(_SYNC).encode() not in data:
                block = agent.recv(4096)
                if not block:
                    return False
                data += block
            return True
    except OSError:
        return False
