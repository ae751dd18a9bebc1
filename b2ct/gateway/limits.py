"""Who takes how much: connections and calls by peer, in tables of bounded size. No clock here."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

MOST_PEERS = 4096
"""Peers whose calls are counted; the one that called longest ago is forgotten."""


@lru_cache(MOST_PEERS)
def peer_of(host: str) -> str:
    """Whom an address stands for: itself, or its /64, of which IPv6 gives everybody a whole one."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Rate:
    """A token bucket for each peer."""

    def __init__(self, per_second: float, burst: int, longest_wait: float) -> None:
        self._rate = per_second
        self._burst = float(burst)
        self._wait = longest_wait
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many peers are known."""
        return len(self._peers)

    def take(self, peer: str, now: float, cost: float = 1.0) -> float | None:
        """Seconds to wait before the call, or None: too many, and nothing was taken."""
        tokens, then = self._peers.get(peer, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate) - cost
        wait = max(0.0, -tokens / self._rate)
        if wait > self._wait:
            return None
        self._put(peer, tokens, now)
        return wait

    def punish(self, peer: str, now: float, cost: float) -> None:
        """Take more, down to where the peer is refused for a while."""
        tokens, then = self._peers.get(peer, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate) - cost
        self._put(peer, max(tokens, -self._wait * self._rate), now)

    def _put(self, peer: str, tokens: float, now: float) -> None:
        self._peers[peer] = (tokens, now)
        self._peers.move_to_end(peer)
        if len(self._peers) > MOST_PEERS:
            self._peers.popitem(last=False)


class Places:
    """Connections, in all and by peer."""

    def __init__(self, most: int, per_peer: int) -> None:
        self._most = most
        self._per_peer = per_peer
        self._peers: dict[str, int] = {}
        self.taken = 0

    def enter(self, peer: str) -> bool:
        """Whether there is a place."""
        if self.taken >= self._most or self._peers.get(peer, 0) >= self._per_peer:
            return False
        self.taken += 1
        self._peers[peer] = self._peers.get(peer, 0) + 1
        return True

    def leave(self, peer: str) -> None:
        """Give a place back."""
        self.taken -= 1
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]


@dataclass
class Budget:
    """Bytes of requests that are in memory."""

    most: int
    used: int = 0

    def take(self, count: int) -> bool:
        """Whether there is room."""
        if self.used + count > self.most:
            return False
        self.used += count
        return True

    def give(self, count: int) -> None:
        """Room again."""
        self.used -= count
