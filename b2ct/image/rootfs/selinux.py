"""SELinux labels of a tree that is to be enforcing; selinux(8), setfiles(8).

A file system that is made outside the machine has no labels. A permissive or disabled system boots
without them (our EL workers are permissive, see images/scripts/selinux-permissive.sh); an
enforcing one needs them. They are extended attributes, `security.selinux`, which mke2fs copies
into the image. setfiles(8) writes them from the policy in the tree, whether or not the host has
SELinux, but only the host's root may: in a user namespace the kernel refuses them, and then the
image gets /.autorelabel, which makes the first boot label everything and boot once more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run
from b2ct.image.rootfs.workspace import Workspace

RELABEL = ".autorelabel"
_NAME = "security.selinux"
_PROBE = b"system_u:object_r:default_t:s0\0"


def contexts(tree: Path) -> Path | None:
    """The file contexts of the policy that the tree will enforce; None: it enforces none.

    Raises B2ctError when the tree is to be enforcing and has no policy.
    """
    config = tree / "etc/selinux/config"
    if not config.is_file():
        return None
    text = config.read_text(errors="replace")
    values = dict(
        re.findall(r"^[ \t]*(SELINUX|SELINUXTYPE)[ \t]*=[ \t]*([A-Za-z0-9_-]+)", text, re.M)
    )
    if values.get("SELINUX", "").lower() != "enforcing":
        return None
    policy = values.get("SELINUXTYPE", "targeted")
    found: Path = tree / "etc/selinux" / policy / "contexts/files/file_contexts"
    if not found.is_file():
        raise B2ctError(
            f"SELinux is enforcing in the image, and its policy '{policy}' is not installed",
            hint=f"add selinux-policy-{policy} to `packages`, or set SELINUX=permissive",
        )
    return found


def label(tree: Path, work: Workspace) -> None:
    """Label the whole tree, if it is to be enforcing. The last step before the disk is made.

    Raises B2ctError when the tree has no policy, CommandError when setfiles fails.
    """
    found = contexts(tree)
    if found is None:
        return
    if find_tool("setfiles") is None or not may_label(tree):
        (tree / RELABEL).touch(mode=0o644)
        work.note(
            "note: SELinux is enforcing in this image, and only root with setfiles "
            "(policycoreutils) can label it here: each VM labels its files at its first boot "
            "and boots once more"
        )
        return
    # Home folders have their rules in a file of their own, which setfiles adds by itself.
    run(["setfiles", "-F", "-q", "-r", tree, found, tree], env=work.environment)
    with suppress(FileNotFoundError):
        (tree / RELABEL).unlink()


def may_label(tree: Path) -> bool:
    """Whether this process may write labels on the tree's file system."""
    probe = tree / ".b2ct-label"
    try:
        probe.touch()
        os.setxattr(probe, _NAME, _PROBE)
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True
