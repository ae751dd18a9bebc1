"""What an administrator does once the nodes are there: b2ct apply and register-image."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from b2ct.core import files
from b2ct.core.run import run
from b2ct.rehearsal.site import inside
from b2ct.rehearsal.site.values import Plan

IMAGE = "el9-worker"
_TIMEOUT = 120.0


def fill(site: Plan, folder: Path) -> None:
    """Networks, image and VM template of the site's worker are registered, by our own verbs.

    The image is an empty disk. Raises B2ctError where a verb fails.
    """
    control = site.machines[0]
    auth = folder / "one_auth"
    text = inside.on(site.name, control.name, "cat /var/lib/one/.one/one_auth").stdout
    files.write(auth, text, mode=0o600)
    made = inside.on(
        site.name,
        control.name,
        "qemu-img create -q -f qcow2 /tmp/w.qcow2 20G; base64 -w 0 /tmp/w.qcow2; rm /tmp/w.qcow2",
    )
    image = folder / f"{IMAGE}.qcow2"
    files.write(image, base64.b64decode(made.stdout))
    access = (
        *("--site", folder / "site.yaml", "--auth", auth),
        *("--endpoint", f"http://{control.address}:2633/RPC2"),
    )
    _b2ct("apply", *access, "--yes")
    _b2ct(
        *("register-image", image, *access, "--unverified", "--worker", "b2ct-worker"),
        *("--ssh", f"root@{control.address}", "--identity", folder / "admin"),
        *("--known-hosts", folder / "known_hosts"),
    )


def _b2ct(*words: str | Path) -> None:
    env = {"NO_PROXY": "*", "no_proxy": "*"}  # nodes are on this computer
    run([sys.executable, "-m", "b2ct", *words], timeout=_TIMEOUT, env=env)
