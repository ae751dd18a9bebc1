"""oneadmin's account: whom it lets in, whom it knows, how its files are guarded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from b2ct.site import places
from b2ct.validate.facts import sections, sshd
from b2ct.validate.facts.paths import ONE, Entry

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Site

_QUESTIONS = {
    "authorized": f"cat {ONE}/.ssh/authorized_keys",
    "known": f"cat {ONE}/.ssh/known_hosts",
    "strict": f"runuser -u oneadmin -- ssh -G -F {ONE}/.ssh/config localhost"
    " | sed -n 's/^stricthostkeychecking //p'",
}


def of(host: Host) -> dict[str, str]:
    """`authorized`, `known` and `strict`; empty where there is nothing."""
    return sections.ask(host, _QUESTIONS)


def loose(entries: Mapping[str, Entry]) -> tuple[str, str] | None:
    """The first of oneadmin's SSH files that is not as sshd wants it, and how it is."""
    home = entries.get(ONE)
    if home and (home.user not in ("oneadmin", "root") or home.mode & 0o022):
        return home.path, str(home)
    folder = entries.get(f"{ONE}/.ssh")
    if folder is None:
        return f"{ONE}/.ssh", "missing"
    if folder.user != "oneadmin" or folder.mode & 0o077:
        return folder.path, str(folder)
    for path, entry in entries.items():
        if path.startswith(f"{ONE}/.ssh/"):
            private = path.startswith(f"{ONE}/.ssh/id_") and not path.endswith(".pub")
            if entry.user != "oneadmin" or entry.mode & (0o077 if private else 0o022):
                return path, str(entry)
    return None


def distrust(authorized: str, site: Site) -> str:
    """Why an authorized_keys file lets no certificate of the control node in; empty: it does."""
    mine = [line for line in authorized.splitlines() if line.lstrip().startswith("cert-authority")]
    if not mine:
        return f"{ONE}/.ssh/authorized_keys trusts no control node"
    control = places.control_of(site)
    if control and control.host_key:
        pinned = " ".join(control.host_key.split()[:2])
        if pinned not in sshd.keys("\n".join(mine)):
            return "it trusts another key than the control node's `host_key` of site.yaml"
    return ""


def known(text: str) -> frozenset[str] | None:
    """Names and addresses of a known_hosts file; None where they are hashed."""
    names = {n for line in text.splitlines() for n in line.split(" ", 1)[0].split(",") if n}
    if any(name.startswith("|1|") for name in names):
        return None
    return frozenset(names | {name.strip("[]").partition("]:")[0] for name in names})
