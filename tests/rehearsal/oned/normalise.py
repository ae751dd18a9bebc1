"""What two servers may say differently about the same thing: one rule each, with its reason.

`test_contract.py` fails when a rule is no longer needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """Replace what `pattern` finds by `by`."""

    name: str
    reason: str
    pattern: re.Pattern[str]
    by: str | Callable[[re.Match[str]], str]

    def apply(self, text: str) -> str:
        return self.pattern.sub(self.by, text)


def _rule(name: str, reason: str, pattern: str, by: str | Callable[[re.Match[str]], str]) -> Rule:
    return Rule(name, reason, re.compile(pattern, re.DOTALL), by)


_TIMES = "REGTIME|MODTIME|STIME|ETIME|PSTIME|PETIME|RSTIME|RETIME|ESTIME|EETIME"

RULES = (
    _rule(
        "times",
        "the clock of the recording; whether a time has come (not 0) is compared",
        rf"<({_TIMES})>[1-9][0-9]*</",
        r"<\1>T</",
    ),
    _rule(
        "capacities",
        "the size of the disk that the recorded server had",
        r"<(TOTAL|FREE|USED)_MB>[1-9][0-9]*</",
        r"<\1_MB>N</",
    ),
    _rule(
        "serveradmin",
        "its password is random",
        r"(?<=<NAME>serveradmin</NAME><PASSWORD><!\[CDATA\[)[0-9a-f]{64}",
        "64 digits",
    ),
    _rule("locks", "the clock of the recording", r"<LOCK>(.*?)<TIME>[0-9]+<", r"<LOCK>\1<TIME>T<"),
    _rule(
        "dates",
        "the clock of the recording, as text",
        r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}",
        "DATE",
    ),
    _rule(
        "sources",
        "the file name in the datastore is a digest of time and name",
        r"/datastores/([0-9]+)/[0-9a-f]{32}",
        r"/datastores/\1/DIGEST",
    ),
    _rule("uuids", "random", r"<UUID><!\[CDATA\[[0-9a-f-]{36}\]\]>", "<UUID><![CDATA[UUID]]>"),
    _rule(
        "secrets",
        "CONTEXT/PASSWORD is encrypted with a key of the server; its length is compared",
        r"<PASSWORD><!\[CDATA\[([A-Za-z0-9+/]{22}==)\]\]>",
        "<PASSWORD><![CDATA[22 characters ==]]>",
    ),
    _rule(
        "tokens",
        "random, made when the server is new; its length is compared",
        r"<TOKEN_PASSWORD><!\[CDATA\[[0-9a-f]{64}\]\]>",
        "<TOKEN_PASSWORD><![CDATA[64 digits]]>",
    ),
    _rule("requests", "a number drawn per request", r"<(REQUEST|REQ)_ID>[0-9]+</", r"<\1_ID>N</"),
    _rule(
        "lines",
        "the parser's line number is not initialised (1684370545 was recorded)",
        r" at line [0-9]+, columns",
        " at line N, columns",
    ),
    _rule(
        "installation",
        "the directories never copied from depend on where the server was installed",
        r"copy images from /var/lib/one/ \S+ \S+ /",
        "copy images from DIRECTORIES",
    ),
    _rule(
        "invented hardware",
        "PCI devices, NUMA nodes, CPU features and load that the dummy monitoring driver makes up",
        r"(?<=<PCI_DEVICES>).*?(?=</PCI_DEVICES>)|(?<=<NUMA_NODES>).*?(?=</NUMA_NODES>)"
        r"|<MEMORY_ENCRYPTION>.*?</MEMORY_ENCRYPTION>"
        r"|<KVM_CPU_FEATURES>.*?</KVM_CPU_FEATURES>|<KVM_CPU_MODELS>.*?</KVM_CPU_MODELS>"
        r"|(?<=</TEMPLATE>)<MONITORING>.*?</MONITORING>(?=</HOST>)",
        "",
    ),
    _rule(
        "invented load",
        "what the dummy hypervisor says of a VM, and when it happened to be asked",
        r"<LAST_POLL>[0-9]+</LAST_POLL>|<MONITORING>[^M]*?(?:<MEMORY>.*?)?</MONITORING>"
        r"(?=<SCHED_ACTIONS>)",
        "",
    ),
)


def normalise(text: str, rules: tuple[Rule, ...] = RULES) -> str:
    for rule in rules:
        text = rule.apply(text)
    return text
