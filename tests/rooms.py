"""The rooms of the house: what lives in each, and which others it may use.

`python -m tests.rooms` writes the table into ARCHITECTURE.md; tests/test_rooms.py checks the
arrows. Rows stand in the order of the arrows: a room uses only rooms above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- rooms: python -m tests.rooms -->\n", "<!-- end of rooms -->\n"


@dataclass(frozen=True)
class Room:
    """One folder of b2ct/."""

    name: str
    holds: str
    """What lives there: Markdown, one line."""
    uses: frozenset[str] = frozenset()
    """Rooms that it may import, besides itself and core."""


def _room(name: str, holds: str, *uses: str) -> Room:
    return Room(name, holds, frozenset(uses))


_BELOW_CLI = (
    _room(
        "core",
        "the doors: `run` (processes), `fetch` (HTTP), `files` (atomic writes), `errors`, "
        "`console` (progress), `data`; `templates` and `quoting`, the guarded Jinja environment; "
        "`sshkey` (keys for one use), `consent` (what the person said yes to, by hash), `gpg`, "
        "`mime`, `namespaces` (what helps where there are none)",
    ),
    _room(
        "document",
        "YAML that a person wrote, read into a typed frozen model: the tree that knows lines "
        "(merged from several files by `extends:`), the small types, errors in words, JSON Schema, "
        "reference pages",
    ),
    _room(
        "ssh",
        "other machines over ssh: `ways` (what the user, `~/.ssh/config` and the site say), host "
        "keys, jump hosts, one connection and one shell for each, uploads, `fresh` (a VM that "
        "started a moment ago), refusals in words",
    ),
    _room(
        "firmware",
        "how a PC starts, on the host's own parts: QEMU, OVMF, KVM, GRUB's images, what a serial "
        "console tells",
    ),
    _room(
        "stick",
        "block devices: what is there, what may be written, a writer that proves what it wrote, "
        "and the way back",
    ),
    _room(
        "papers",
        "what travels with an image: manifest, sums, SBOM, signature; their verification; what a "
        "QCOW2 says of itself",
    ),
    _room(
        "one",
        "the client of OpenNebula, which knows no site: `transport` makes the calls, `wire` is its "
        "HTTP, `kinds` a class for each kind of object, `objects/` what the server "
        "answers, `ownership` whose marks count",
    ),
    _room(
        "site",
        "what a site is: the frozen model, the cross-checks, the catalogue; `chosen` is the one "
        "way to a secret, `trust` knows what a site reaches for",
        "document",
    ),
    _room(
        "context",
        "what VMs are told: a worker or a squid of site.yaml in, cloud-init user data, OpenNebula "
        "CONTEXT and their CDs out",
        *("site", "document"),
    ),
    _room(
        "kickstart",
        "site and node in, kickstart text out; its linter",
        *("site", "context"),
    ),
    _room(
        "supply",
        "what is obtained elsewhere and carried along: installer images, package repositories, "
        "B2CT itself and its wheels",
        *("site", "kickstart"),
    ),
    _room(
        "media",
        "installer image in; remastered image and USB key image (`key/`) out; boot tests in QEMU "
        "(`qemu/`)",
        *("site", "kickstart", "firmware", "supply"),
    ),
    _room(
        "image",
        "worker definition in, QCOW2 with its papers out: `rootfs/` (mmdebstrap, dnf, layers, and "
        "`cell`: where programs of the image run), `tree` (the one door to the files of an image's "
        "tree), `disk/` (partitions, file system, GRUB, QCOW2), `trial/` (boot test)",
        *("site", "document", "context", "firmware", "papers", "ssh"),
    ),
    _room(
        "cloud",
        "the site as code in OpenNebula: plan and apply, which loop over `kinds/` (a file for each "
        "kind of object); images and templates (`register/`); "
        "status, drain, first VMs (`care/`); the reaper (`reaper/`)",
        *("one", "site", "context", "papers", "ssh"),
    ),
    _room(
        "squid",
        "the squids, asked as a VM asks them; `ask` is its one door",
        *("site", "context"),
    ),
    _room(
        "dirac",
        "the libcloud driver that DIRAC loads (`driver`), DIRAC's configuration text "
        "(`resources`), what its administrator gets (`handover`), what can be tested from its side "
        "(`check`)",
        *("site", "one", "cloud", "image"),
    ),
    _room(
        "gateway",
        "an XML-RPC filter in front of oned: `message` and `http` read, within bounds; `policy` is "
        "the table of what is allowed (`check` before the password, `instantiation` after it), "
        "`calls` merges CONTEXT, `reply` reads oned's answer while it comes, `answers` rewrites "
        "the document in it piece by piece, `limits` and `audit` bound and record, `server` and "
        "`upstream` are the only sockets",
        *("document", "site", "one", "dirac"),
    ),
    _room(
        "validate",
        "checks (`suites/`, what they know in `facts/`), the engine (`runner`), `report/`, trial "
        "VMs (`trial/`)",
        *("site", "kickstart", "supply", "context", "one", "cloud", "dirac", "squid", "ssh"),
    ),
    _room(
        "upgrade",
        "the site after its first day: today a newer B2CT to the control node",
        *("site", "kickstart", "supply", "validate", "ssh"),
    ),
    _room(
        "guide",
        "what comes next for a site: `look` sees how far it is, `path` decides",
        *("site", "media", "one", "cloud", "validate"),
    ),
    _room(
        "rehearsal",
        "a site to practise on: a small installer (`installer/`), synthetic packages "
        "(`packages/`), machines in namespaces (`site/`), a double of oned (`oned/`)",
        *("site", "kickstart", "supply", "image", "validate"),
    ),
)
ROOMS = (
    *_BELOW_CLI,
    _room(
        "cli",
        "one thin click module for each group of verbs: parse, call one function, print; nobody "
        "uses it",
        *(room.name for room in _BELOW_CLI if room.name != "core"),
    ),
)


def table() -> str:
    """The table as Markdown."""
    rows = ["| room | what lives there | what it may use, besides core |", "|---|---|---|"]
    for room in ROOMS:
        uses = ", ".join(one.name for one in ROOMS if one.name in room.uses) or "-"
        uses = "every room above" if room.name == "cli" else uses
        rows.append(f"| `b2ct/{room.name}/` | {room.holds} | {uses} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """ARCHITECTURE.md with this table in its place."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page())
