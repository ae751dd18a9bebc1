"""How large a context may be, and where that comes from.

Drivers of OpenNebula 5 are given the VM's description, XML in base64, as one argument of a
command, and the kernel takes no argument above 128 KiB (MAX_ARG_STRLEN, execve(2)): "Argument list
too long" then ends the deployment (OpenNebula issues 2851 and 3369). 128 KiB in base64 are 96 KiB
of XML, of which a VM with some disks and networks needs less than a third for the rest. oned's
own limits are far above: the XML is a MEDIUMTEXT (16 MiB), an XML-RPC message may have 1 GiB.
cloud-init and the ISO set none.
"""

from __future__ import annotations

from b2ct.core.errors import B2ctError

ARGUMENT = 128 * 1024
"""Bytes of one argument, with its final NUL."""
CONTEXT = 64 * 1024
"""Bytes of all names and values of a CONTEXT."""


def check(size: int, largest: str) -> None:
    """Raise B2ctError for a CONTEXT of `size` bytes that is too large; `largest` is what helps."""
    if size > CONTEXT:
        raise B2ctError(
            f"the context has {size} bytes, OpenNebula takes {CONTEXT}",
            hint=f"{largest}; let a short script fetch what is large from a server",
        )
