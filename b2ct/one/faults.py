"""What can go wrong with OpenNebula: the types of errors, and texts of the server without secrets.

`refusals` says which answer of the server is which error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from b2ct.core.errors import EXIT_VERDICT, B2ctError
from b2ct.one.text import SECRET

LONGEST = 300
"""Characters of a server's text that are shown."""
_HIDDEN = "(not shown)"


class OneError(B2ctError):
    """Something about OpenNebula failed.

    `method` is the XML-RPC method (`one.image.allocate`), `code` the server's number (0: none),
    `server` its text without secrets. `repeated`: an earlier attempt may have been carried out.
    """

    def __init__(
        self, message: str, *, hint: str = "", method: str = "", code: int = 0, server: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.method = method
        self.code = code
        self.server = server
        self.repeated = False


class RefusedError(OneError):
    """The server understood and said no."""


class AuthenticationError(RefusedError):
    """User or password is wrong."""


class AuthorizationError(RefusedError):
    """The user may not do this."""


class QuotaError(AuthorizationError):
    """A quota is used up."""


class MissingError(RefusedError):
    """There is no such object. `id` is -1 where the server names none."""

    id = -1


class DuplicateError(RefusedError):
    """The name is taken; `id` is the object that has it (-1: unknown)."""

    id = -1


class InUseError(RefusedError):
    """The object is in use: it cannot be deleted or changed now."""


class WrongStateError(RefusedError):
    """The object is in a state that does not allow this now."""


class LockedError(WrongStateError):
    """An image that is being copied, or an object that somebody locked."""


class NoSpaceError(RefusedError):
    """The datastore, network or host has no room."""


class SourceError(RefusedError):
    """The server cannot read the image's source."""


class InvalidError(RefusedError):
    """The server cannot make sense of a template or an argument."""


class UnknownNameError(InvalidError):
    """A template names an image or a network that the user does not have."""


class VersionError(OneError):
    """The server speaks another API than expected."""


class UnreachableError(OneError):
    """There was no connection, and nothing was sent."""


class DeadlineError(OneError):
    """The deadline passed while the server was thinking."""


class BrokenError(OneError):
    """The connection broke, or what came was no answer."""


class UncertainError(BrokenError):
    """A request was sent that must not be repeated, and its answer was lost.

    Whoever catches it looks on the server what has become of the request.
    """

    exit_code = EXIT_VERDICT


class ImageFailedError(OneError):
    """An image is in state ERROR."""

    exit_code = EXIT_VERDICT


class VmFailedError(OneError):
    """A VM did not start."""

    exit_code = EXIT_VERDICT


class StuckError(OneError):
    """An object did not reach the wanted state in time."""

    exit_code = EXIT_VERDICT


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """A text of the server on one line, short, without CONTEXT, passwords and tokens."""
    # A `$` that cannot be expanded makes the server repeat the whole CONTEXT.
    text = re.sub(r"(Error parsing: ).*", rf"\1{_HIDDEN}", text, flags=re.S)
    text = re.sub(r"(?s)CONTEXT\s*=\s*\[.*", f"CONTEXT {_HIDDEN}", text)
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= 3:
            text = text.replace(secret, _HIDDEN)
    text = re.sub(
        rf"(?i)((?:{SECRET.pattern})\w{{0,128}}\s*[=:>]\s*)(?!{re.escape(_HIDDEN)})\S+",
        rf"\1{_HIDDEN}", text,
    )  # fmt: skip
    text = re.sub(r"://[^/\s@]*@", "://", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


IMAGE_ERRORS: tuple[tuple[str, str], ...] = (
    (
        r"RESTRICTED_DIRS|SAFE_DIRS|Not allowed to copy",
        "the file lies where the datastore may not read: add its folder to SAFE_DIRS of the "
        "datastore (`onedatastore update`), or put the file into a folder that is there",
    ),
    (
        r"Hash does not match",
        "the file that the front-end fetched is not the one announced: fetch it again, and compare "
        "its checksum",
    ),
    (
        r"No space left|not enough space",
        "the front-end's disk is full: free space below /var/lib/one/datastores",
    ),
    (
        r"Permission denied",
        "oneadmin may not read the file: chown it to oneadmin, or chmod it",
    ),
    (
        r"Could not resolve|Connection refused|timed out|404|403",
        "the front-end cannot fetch the URL: try it there with curl",
    ),
    (
        r"Error copying (?:/|http)",
        "OpenNebula 7 keeps only the last line of what its driver said. The cause stands on the "
        "front-end in /var/log/one/oned.log, in the lines with [ImM] before this one: `grep -F "
        "'[ImM]' /var/log/one/oned.log | tail`. `Hash does not match`: the file is not the one "
        "announced, compare its checksum. Mend the cause first",
    ),
)
"""What an image's ERROR says, and what helps."""


AGAIN = "; then delete the image and register it again (enabling it gives an empty disk)"
"""How every remedy for an image in ERROR ends."""


def image_remedy(reason: str) -> str:
    """What helps against the reason for which an image is in ERROR."""
    for pattern, remedy in IMAGE_ERRORS:
        if re.search(pattern, reason, re.I):
            return remedy + AGAIN
    return "see /var/log/one/oned.log on the front-end" + AGAIN


VM_ERRORS: tuple[tuple[str, str], ...] = (
    (
        r"kvm.{0,200}not (available|supported)|invalid.{0,200}domain.{0,200}type"
        r"|does not support virt type 'kvm'|/dev/kvm",
        "the hypervisor has no KVM: enable virtualisation (VT-x, AMD-V) in its firmware, and look "
        "for /dev/kvm",
    ),
    (
        r"Cannot get interface MTU|bridge.{0,200}(not|No such)|No such device"
        r"|Network is unreachable",
        "the hypervisor lacks the network's bridge: compare `ip link` there with `onevnet show`",
    ),
    (
        r"Host key verification failed|Permission denied \(publickey",
        "oneadmin cannot log in to the hypervisor from the front-end: `sudo -u oneadmin ssh HOST`",
    ),
    (
        r"Could not open.{0,200}Permission denied|cannot access storage file|Permission denied",
        "the hypervisor may not read the disk: it must belong to oneadmin (9869), and SELinux "
        "must know the folder (`restorecon -R /var/lib/one/datastores`)",
    ),
    (r"No space left", "the hypervisor's disk is full: `df -h /var/lib/one/datastores` there"),
    (
        r"[Cc]annot (set up guest memory|allocate memory)",
        "the hypervisor has no memory left: fewer VMs, or RESERVED_MEM for the host",
    ),
    (r"unsupported machine type|unsupported.{0,200}CPU|CPU.{0,200}incompatible",
     "the hypervisor's QEMU does not know what the template asks for: compare its version"),
)  # fmt: skip
"""What a failed VM's ERROR says, and what helps."""


def vm_remedy(vm_id: int, error: str) -> str:
    """What helps a VM that failed with that ERROR, and where to read more.

    oned keeps the first 100 characters of what drivers said, and before the cause comes what they
    were told to do: most ERRORs end before it. The VM's own log has all of it.
    """
    log = f"/var/log/one/{vm_id}.log"
    known = [remedy for pattern, remedy in VM_ERRORS if re.search(pattern, error, re.I)]
    read = (
        f"the cause stands in {log} on the front-end, in the lines before `ExitCode` or `Error "
        f"executing`: `grep -B4 -E 'ExitCode: [1-9]|Error executing' {log} | cut -c1-300`"
    )
    return (
        f"{(known or [read])[0]}; then `onevm recover {vm_id} --retry`, or `onevm terminate --hard "
        f"{vm_id}`"
    )


def reason(text: str, secrets: Iterable[str] = ()) -> str:
    """The heart of an ERROR attribute of an image or VM: no time, no command line, no secrets."""
    text = re.sub(r"^\w{3} \w{3} +\d+ [\d:]+ \d{4} ?: ", "", text.strip())
    text = re.split(r"\bERROR: (?:\w+: )?", text)[-1]
    return scrub(_without_commands(text), secrets)


def _without_commands(text: str) -> str:
    """`Command "..." failed:` without the command line, which may be long and hold secrets."""
    begin, end = 'Command "', '" failed:'
    pieces, at = [], 0
    while (start := text.find(begin, at)) >= 0:
        if (stop := text.find(end, start + len(begin))) < 0:
            break
        pieces += [text[at:start], "the command failed:"]
        at = stop + len(end)
    return "".join([*pieces, text[at:]])
