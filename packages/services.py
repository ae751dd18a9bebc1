"""Gateway and reaper for a control node that no kickstart of ours installed.

Units and scripts are those of `kickstart/`, which the first boot of such a machine installs. There
they lie in /etc, so they stay in force where a package is installed later.
"""

from __future__ import annotations

from b2ct.kickstart import compose, render
from b2ct.site.catalogue import Role
from b2ct.site.load import load_text
from b2ct.site.model import Site

CONCERNS = ("gateway", "reaper")
PROGRAM = "/usr/bin/b2ct"
TOOLS = "/usr/lib/b2ct/libexec"
_PLACES = {
    "/etc/systemd/system/": "usr/lib/systemd/system/",
    "/usr/libexec/b2ct/": f"{TOOLS[1:]}/",
    "/etc/b2ct/": "usr/share/doc/b2ct/examples/",
}
"""Where a first boot puts a file, and where a package does: settings are examples to copy."""
_SITE = """\
site: {name: example, domain: example.org}
nodes: [{name: one, role: control}]
cloud: {dirac: {}}
secrets: {dirac_password: {file: dirac.txt}}
gateway: {clients: [192.0.2.17/32]}
"""
_USERS = """\
# The gateway runs as a user of its own.
u b2ct-gateway - "Gateway of B2CT to OpenNebula"
"""


def files() -> dict[str, str]:
    """Where each file goes, relative to the root, and its text."""
    made = {"usr/lib/sysusers.d/b2ct.conf": _USERS}
    values = {
        **render.template_values(_site(), roles=[Role.CONTROL]),
        "role": Role.CONTROL,
        "program": PROGRAM,
        "tools": TOOLS,
    }
    for concern in CONCERNS:
        for target, text in compose.files(concern, values):
            made[_place(target)] = text
    return made


def _place(target: str) -> str:
    for before, after in _PLACES.items():
        if target.startswith(before):
            return after + target.removeprefix(before)
    raise ValueError(f"{target}: packages/services.py does not know where a package has it")


def _site() -> Site:
    return load_text(_SITE)
