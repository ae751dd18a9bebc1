"""What helps where the kernel gives even root no namespaces; see unshare(1), namespaces(7)."""

from __future__ import annotations


def remedy(said: str) -> str:
    """A hint from what unshare(1) has said to root."""
    if "propagation" in said:
        return (
            "this seems to be a chroot whose folder is no mount point: before chroot(8), "
            "`mount --bind FOLDER FOLDER`"
        )
    return (
        "in a container, start it with --privileged, or with --cap-add SYS_ADMIN "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )
