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
import tempfile
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.core.run import find_tool, run
from b2ct.image.rootfs.workspace import Workspace
from b2ct.image.tree import Tree

RELABEL = ".autorelabel"
_CONFIG = "etc/selinux/config"
_TRIED = ".b2ct-label"
_NAME = "security.selinux"
_PROBE = b"system_u:object_r:default_t:s0\0"


def contexts(tree: Path) -> str | None:
    """The file contexts of the policy that the tree will enforce, as a name in the tree.

    None: it enforces none.

    Raises B2ctError when the tree is to be enforcing and has no policy.
    """
    door = Tree(tree)
    if not door.is_file(_CONFIG):
        return None
    text = door.read(_CONFIG).decode(errors="replace")
    values = dict(
        re.findall(r"^[ \t]*(SELINUX|SELINUXTYPE)[ \t]*=[ \t]*([A-Za-z0-9_-]+)", text, re.M)
    )
    if values.get("SELINUX", "").lower() != "enforcing":
        return None
    policy = values.get("SELINUXTYPE", "targeted")
    found = f"etc/selinux/{policy}/contexts/files/file_contexts"
    if not door.is_file(found):
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
    door = Tree(tree)
    if find_tool("setfiles") is None or not may_label(tree):
        door.write(RELABEL, "")
        work.note(
            "note: SELinux is enforcing in this image, and only root with setfiles "
            "(policycoreutils) can label it here: each VM labels its files at its first boot "
            "and boots once more"
        )
        return
    with tempfile.TemporaryDirectory(prefix="b2ct-labels-") as copy:
        # Home folders have their rules in a file of their own, which setfiles finds beside.
        for name in door.glob(f"{found}*"):
            Path(copy, Path(name).name).write_bytes(door.read(name))
        rules = Path(copy, "file_contexts")
        run(["setfiles", "-F", "-q", "-r", tree, rules, tree], env=work.environment)
    door.remove(RELABEL)


def may_label(tree: Path) -> bool:
    """Whether this process may write labels on the tree's file system."""
    door = Tree(tree)
    try:
        door.write(_TRIED, "")
        os.setxattr(tree / _TRIED, _NAME, _PROBE, follow_symlinks=False)
    except OSError:
        return False
    finally:
        door.remove(_TRIED)
    return True
