"""The options of the verb that runs: remedies name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """What helps where; empty: the verb has no option for it."""

    user: str = "--user logs in as another"
    port: str = "--port names another port"
    jump: str = "--jump goes through another machine"
    accept: str = "--accept-new takes the keys of new machines as they come, and remembers them"
    config: str = "name another one with --ssh-config (/dev/null: none)"
