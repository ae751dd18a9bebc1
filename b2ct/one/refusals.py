"""What the server refuses, each as a typed error with a plain sentence and a remedy.

A row of `RULES` is a code, the server's text and what it means; the texts are those of real
servers (5.12 to 7.x). Secrets are removed before anything of the server's text is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from b2ct.one.faults import (
    AuthenticationError,
    AuthorizationError,
    BrokenError,
    DuplicateError,
    InUseError,
    InvalidError,
    LockedError,
    MissingError,
    NoSpaceError,
    OneError,
    QuotaError,
    RefusedError,
    SourceError,
    UnknownNameError,
    VersionError,
    WrongStateError,
    scrub,
)

AUTHENTICATION, AUTHORIZATION, NO_EXISTS, ACTION = 0x0100, 0x0200, 0x0400, 0x0800
XML_RPC_API, INTERNAL, ALLOCATE, LOCKED, REPLICATION = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000
FAULT_ARGUMENTS, FAULT_METHOD = -501, -506


@dataclass(frozen=True)
class Rule:
    """One case: the code (0: any), what the text holds, the error, the sentence, the remedy.

    Named groups of `text` fill `{...}` in sentence and hint; `what` is the object asked about.
    """

    code: int
    text: str
    error: type[OneError]
    sentence: str
    hint: str = ""


_INACCESSIBLE = r"Cannot parse image SIZE: cannot access '(?P<path>[^']*)'"
_TAKEN = r"NAME is already taken by (?P<kind>[A-Z]+) (?P<id>\d+)"

RULES: tuple[Rule, ...] = (
    Rule(
        AUTHENTICATION, "", AuthenticationError,
        "OpenNebula does not accept the user or password",
        "check the auth file (`user:password` on one line; --auth, ONE_AUTH, ~/.one/one_auth): it "
        "must hold what the server has, and a changed password needs a new file",
    ),
    Rule(
        AUTHORIZATION, r"limit of (?P<limit>\S+) reached for (?P<quota>\S+) quota", QuotaError,
        "the quota is used up: {limit} of {quota}",
        "delete what is no longer needed, or let an administrator raise the quota",
    ),
    Rule(
        AUTHORIZATION, r"restricted attribute (?P<attribute>\S+?)\.?$", AuthorizationError,
        "only an administrator may set {attribute}",
        "leave it out, or ask as a user of the group oneadmin",
    ),
    Rule(
        AUTHORIZATION, r"(?P<kind>[A-Z]+) is locked", LockedError,
        "somebody has locked this {kind}",
        "unlock it first (`oneimage unlock`, `onetemplate unlock`, `onevm unlock`)",
    ),
    Rule(
        AUTHORIZATION, r"Not authorized to perform (?P<right>[A-Z]+) (?P<kind>[A-Z]+)"
        r"(?: \[(?P<id>-?\d+)\])?", AuthorizationError,
        "the user may not {right} this {kind} ({id})",
        "an administrator may grant it by chmod or an ACL rule; or use another user",
    ),
    Rule(
        AUTHORIZATION, "", AuthorizationError,
        "the user may not do this",
        "an administrator may grant it by an ACL rule; or use another user",
    ),
    Rule(
        NO_EXISTS, r"Error getting (?P<kind>[a-zA-Z ]+?) \[(?P<id>-?\d+)\]", MissingError,
        "there is no {kind} with ID {id}",
        "it was deleted, or it is on another server: look what there is",
    ),
    Rule(NO_EXISTS, "", MissingError, "there is no such object", "look what there is"),
    Rule(
        0, _TAKEN, DuplicateError,
        "the name is already taken by {kind} {id}",
        "choose another name, or work with the one that is there",
    ),
    Rule(
        0, r"cannot be renamed to (?P<name>.+?) because it collides with \S+ (?P<id>\d+)",
        DuplicateError,
        "the name is already taken by object {id}",
        "choose another name",
    ),
    Rule(
        0, r"Rule (?P<rule>.+) already exists", DuplicateError,
        "this ACL rule exists already", "there is nothing to do",
    ),
    Rule(
        ACTION, r"There are (?P<count>\d+) VMs using it", InUseError,
        "the image is in use by {count} VM(s)",
        "terminate those VMs first (`onevm list`), or leave the image",
    ),
    Rule(
        ACTION, r"leases in use", InUseError,
        "the network has leases in use", "terminate the VMs that use it first",
    ),
    Rule(
        ACTION, r"host with running VMs", InUseError,
        "VMs run on this host", "drain it first, then delete it",
    ),
    Rule(
        0, r"already in this group", DuplicateError,
        "the user is in this group already", "there is nothing to do",
    ),
    Rule(
        0, r"not part of this group", MissingError,
        "the user is not in this group", "there is nothing to do",
    ),
    Rule(
        0, r"is not empty|VMs using it", InUseError,
        "it is in use", "remove what is in it or uses it first",
    ),
    Rule(
        0, r"cannot be deleted", AuthorizationError,
        "this one is OpenNebula's own and stays", "leave it",
    ),
    Rule(
        0, r"Not enough space in datastore", NoSpaceError,
        "the datastore has not enough free space for the image's virtual size",
        "delete images that are no longer needed, choose another datastore, or enlarge this one",
    ),
    Rule(
        0, r"Cannot get IP/MAC lease from virtual network (?P<id>\d+)", NoSpaceError,
        "the virtual network {id} has no free address",
        "terminate VMs that are no longer needed, or add an address range",
    ),
    Rule(
        0, r"Action \"(?P<action>[^\"]*)\" is not supported", InvalidError,
        "the server knows no VM action {action!r}", "this is a matter of its version",
    ),
    Rule(
        0, r"not available for state (?P<state>[A-Z_]+)|wrong state:? (?P<state2>[A-Z_]+)",
        WrongStateError,
        "this is not possible in state {state}{state2}",
        "wait until the state has changed, then try again",
    ),
    Rule(
        0, r"cannot be in state (?P<state>[A-Z_]+)", WrongStateError,
        "this is not possible while the image is in state {state}",
        "terminate the VMs that use it, then try again",
    ),
    Rule(
        0, r"Cannot acquire image (?P<id>\d+), it is in state: (?P<state>[A-Z_]+)",
        WrongStateError,
        "the image {id} cannot be used: it is in state {state}",
        "enable it if it is DISABLED (`oneimage enable`), wait if it is LOCKED, register it anew "
        "if it is in ERROR (enabling it would give an empty disk)",
    ),
    Rule(
        0, r"Image locked, use --force|The resource .+ is locked", LockedError,
        "the image is still being copied, or was left locked by a restart of the server",
        "wait; if it stays LOCKED for long, delete it with force and register it again",
    ),
    Rule(
        0, _INACCESSIBLE + r" \(No such file", SourceError,
        "the front-end has no file {path}",
        "the path is one on the front-end, not here: copy the file there first",
    ),
    Rule(
        0, _INACCESSIBLE, SourceError,
        "the front-end cannot read {path}",
        "for a URL: it is refused or not found (the server says `Permission denied` for both); for "
        "a path: oneadmin needs the right to read it",
    ),
    Rule(
        0, r"(?:Wrong number or missing|Cannot parse image) SIZE", InvalidError,
        "the image has neither PATH nor SIZE", "give a PATH, or a SIZE in MB for an empty disk",
    ),
    Rule(
        0, r"does not own an? (?P<kind>image|network) with name: (?P<name>.*?) ?\. Set",
        UnknownNameError,
        "the user has no {kind} named {name!r}",
        "name its owner too (IMAGE_UNAME, NETWORK_UNAME), or use its ID",
    ),
    Rule(
        0, r"onegate endpoint was not defined", InvalidError,
        "the template says TOKEN=YES, but the server has no ONEGATE_ENDPOINT",
        "set ONEGATE_ENDPOINT in /etc/one/oned.conf and restart opennebula, or leave out TOKEN",
    ),
    Rule(
        0, r"Error parsing: ", InvalidError,
        "a $ in CONTEXT could not be expanded (the server repeats all of CONTEXT: not shown)",
        "put scripts into START_SCRIPT_BASE64 and user data into USERDATA with "
        "USERDATA_ENCODING=base64",
    ),
    Rule(
        0, r"Parse error", InvalidError,
        "the server cannot read the template", "this is a defect of b2ct, or of a template "
        "that was written by hand: check quotes and brackets",
    ),
    Rule(
        0, r"Invalid NAME, (?P<why>.+)", InvalidError,
        "the server does not accept the name: {why}", "choose another name",
    ),
    Rule(
        0, r"(?P<why>.*(?:only be allocated|can(?:not)? be registered) in an? .*datastore.*)",
        InvalidError,
        "this datastore does not take such an image ({why})",
        "images of disks go into a datastore of type IMAGE_DS, kernels and context files into "
        "FILE_DS: choose another one",
    ),
    Rule(
        0, r"(?:Error allocating a new [a-z ]+\. )?(?P<why>.*(?:must be a positive|cannot be empty|"
        r"cannot be both set|Unknown type|^No VN_MAD).*)", InvalidError,
        "the server does not accept the template: {why}", "correct this attribute",
    ),
    Rule(
        0, r"not a proper XML-RPC call", InvalidError,
        "the server cannot read the request", "remove unusual characters from names and values",
    ),
    Rule(
        FAULT_METHOD, "", VersionError,
        "the server does not know this method",
        "its OpenNebula is older or newer than expected: see `onecluster --version` there",
    ),
    Rule(
        FAULT_ARGUMENTS, "", VersionError,
        "the server expects other arguments for this method",
        "its OpenNebula is older or newer than expected",
    ),
    Rule(
        REPLICATION, "", BrokenError,
        "the front-end could not replicate the change to its peers",
        "check the other front-ends (`onezone show 0`), then try again",
    ),
)  # fmt: skip


def fault(
    method: str, code: int, text: str, *, secrets: Iterable[str] = (), what: str = ""
) -> OneError:
    """The error for an answer of the server. `what` names the object for the reader."""
    clean = scrub(text.removeprefix(f"[{method}]").strip(), secrets)
    for rule in RULES:
        if rule.code in (0, code) and (found := re.search(rule.text, clean)):
            groups = {k: v or "" for k, v in found.groupdict().items()}
            error = rule.error(
                _about(what, method) + _filled(rule.sentence, groups),
                hint=rule.hint, method=method, code=code, server=clean,
            )  # fmt: skip
            if isinstance(error, MissingError | DuplicateError) and groups.get("id"):
                error.id = int(groups["id"])
            return error
    return RefusedError(
        f"{_about(what, method)}{clean or 'the server refused without a word'}",
        hint="this is the server's own text; its log (/var/log/one/oned.log) may say more",
        method=method, code=code, server=clean,
    )  # fmt: skip


def _about(what: str, method: str) -> str:
    return f"{what or method.removeprefix('one.')}: "


def _filled(sentence: str, groups: dict[str, str]) -> str:
    filled = sentence.format_map(_Blank(groups))
    return filled.replace(" ()", "")


class _Blank(dict[str, str]):
    """Names that a text does not have are empty."""

    def __missing__(self, key: str) -> str:
        return ""
