"""Words that an installer or the kernel knows or does not know: zones, keyboards, names of cards.

The names are lists of data, in b2ct/site/known: a newer one is a new line there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path as File

from b2ct.document.finding import Finding, did_you_mean
from b2ct.site.model import Site
from b2ct.site.placeholders import is_placeholder

FOLDER = File(__file__).parent.parent / "known"

# What has such a name is not a bridge of the site's, or will not stay one.
_TAKEN = (
    (r"lo", "the loopback device's"),
    (r"virbr[0-9]+(-nic)?", "a bridge of libvirt's own"),
    (r"vnet[0-9]+|one-.*|tap.*|tun[0-9]*", "a VM's card's"),
    (r"eth[0-9]+|en[osxpP][0-9a-f].*|em[0-9]+|p[0-9]+p[0-9]+|wl.+|ib[0-9]+", "a network card's"),
    (r"bond[0-9]*|team[0-9]*", "a bond's"),
    (r"vlan[0-9]+(_[0-9]+)?|.*\.[0-9]+", "a VLAN's"),
)


@cache
def names(kind: str) -> frozenset[str]:
    """The names of a list: `timezones`, `keyboards` or `languages`."""
    lines = (FOLDER / f"{kind}.txt").read_text().splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def findings(site: Site) -> Iterator[Finding]:
    """What an installer or the kernel would refuse."""
    yield from _words(site)
    for name, network in site.networks.items():
        if network.bridge and (why := taken(network.bridge)):
            yield Finding(
                ("networks", name, "bridge"), f"this is {why} name: expected another, such as br0"
            )
    for i, node in enumerate(site.nodes):
        if node.serial and is_placeholder(node.serial):
            yield Finding(
                ("nodes", i, "serial"),
                "is what a maker leaves who gave no number: thousands of machines have it",
                "leave it out, and give the `mac` of a card",
            )


def _words(site: Site) -> Iterator[Finding]:
    info = site.site
    if info.timezone not in names("timezones"):
        yield _unknown("timezone", info.timezone, "a time zone such as Europe/Rome")
    locale = info.language.partition(".")[0]
    if locale not in names("languages"):
        yield _unknown("language", locale, "a locale such as en_US.UTF-8")
    if info.keyboard and _keymap(info.keyboard) not in names("keyboards"):
        yield _unknown("keyboard", info.keyboard, "a layout such as us, uk, de, it or jp106")


def _keymap(word: str) -> str:
    """`cz (qwerty)`, as Anaconda calls a layout's variant, is the keymap cz-qwerty."""
    found = re.fullmatch(r"([A-Za-z0-9_.-]+) ?\(([A-Za-z0-9_.-]+)\)", word)
    return f"{found[1]}-{found[2]}" if found else word


def _unknown(key: str, word: str, expected: str) -> Finding:
    hint = did_you_mean(word, names(f"{key}s"))
    return Finding(("site", key), f"no installer knows it: expected {expected}", hint)


def taken(bridge: str) -> str:
    """Whose name it is, if it cannot be a bridge's; else empty."""
    return next((whose for pattern, whose in _TAKEN if re.fullmatch(pattern, bridge)), "")
