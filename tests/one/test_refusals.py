"""The server's refusals: each case of real servers, as a typed error with a remedy."""

from __future__ import annotations

import re

import pytest

from b2ct.core.errors import B2ctError
from b2ct.one import refusals
from b2ct.one.faults import (
    AuthenticationError,
    AuthorizationError,
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
)
from b2ct.one.refusals import fault

ALLOCATE = "Error allocating a new image. "
INSTANTIATE = "Error allocating a new virtual machine template. "
ECHO = (
    "Error allocating a new virtual machine template. Error parsing: "
    "DISK_ID=1@^_^@PASSWORD=hunter2@^_^@START_SCRIPT=#!/bin/sh\n# secret line\nset -eu\n@^_^@"
    "TARGET=hda. syntax error, unexpected EOA, expecting $end or VARIABLE"
)

CASES: list[tuple[int, str, type[OneError], str]] = [
    (0x100, "User couldn't be authenticated, aborting call.", AuthenticationError,
     "does not accept the user or password"),
    (0x200, "User [2] : Not authorized to perform MANAGE IMAGE [1].", AuthorizationError,
     r"may not MANAGE this IMAGE \(1\)"),
    (0x200, "User [2] : Not authorized to perform CREATE IMAGE.", AuthorizationError,
     r"may not CREATE this IMAGE$"),
    (0x200, "User [2] : user [2] limit of 1 reached for IMAGES quota in DATASTORE with ID: 1.",
     QuotaError, "used up: 1 of IMAGES"),
    (0x200, "User [2] : Template includes a restricted attribute SOURCE.", AuthorizationError,
     "only an administrator may set SOURCE"),
    (0x200, "User [0] : IMAGE is locked. [4].", LockedError, "locked this IMAGE"),
    (0x400, "Error getting image [999999].", MissingError, "no image with ID 999999"),
    (0x400, "Error getting virtual machine template [3].", MissingError,
     "no virtual machine template with ID 3"),
    (0x400, "Error getting user Pool.", MissingError, "no such object"),
    (0x4000, ALLOCATE + "NAME is already taken by IMAGE 1.", DuplicateError, "by IMAGE 1"),
    (0x2000, "NAME is already taken by TEMPLATE 0.", DuplicateError, "by TEMPLATE 0"),
    (0x2000, "NAME is already taken by NET 0.", DuplicateError, "by NET 0"),
    (0x800, "image cannot be renamed to u3 because it collides with image 4", DuplicateError,
     "object 4"),
    (0x2000, "Rule #5 IMAGE/* USE * already exists", DuplicateError, "ACL rule exists already"),
    (0x800, "User is already in this group", DuplicateError, "in this group already"),
    (0x800, "Cannot delete image. There are 1 VMs using it.", InUseError, r"1 VM\(s\)"),
    (0x800, "Cannot delete virtual network. Can not remove a virtual network with leases in use",
     InUseError, "leases in use"),
    (0x800, "Cannot delete host. Can not remove a host with running VMs", InUseError, "VMs run"),
    (0x800, "Cannot delete cluster. Cluster 100 is not empty, it contains 1 hosts.", InUseError,
     "in use"),
    (0x800, "Cannot delete security group. The security group has VMs using it", InUseError, ""),
    (0x2000, "Image locked, use --force flag to remove the image. Force delete may leave some "
     "files on Datastore", LockedError, "still being copied"),
    (0x2000, "Could not disable image: Image cannot be in state USED.", WrongStateError, "USED"),
    (0x800, 'Error performing action "resume": This action is not available for state RUNNING',
     WrongStateError, "state RUNNING"),
    (0x800, 'Error performing action "terminate": Could not terminate VM 1, wrong state SHUTDOWN.',
     WrongStateError, "state SHUTDOWN"),
    (0x800, "Could not execute one.vn.add_arVirtual Network is in wrong state: LOCK_CREATE",
     WrongStateError, "state LOCK_CREATE"),
    (0x800, 'Action "explode" is not supported', InvalidError, "'explode'"),
    (0x800, "Not enough space in datastore", NoSpaceError, "virtual size"),
    (0x4000, INSTANTIATE + "Cannot get IP/MAC lease from virtual network 0.", NoSpaceError,
     "network 0 has no free"),
    (0x2000, "Cannot parse image SIZE: cannot access '/srv/none.qcow2' (No such file or "
     "directory)", SourceError, "no file /srv/none.qcow2"),
    (0x2000, "Cannot parse image SIZE: cannot access 'http://127.0.0.1:1/x' (Permission denied)",
     SourceError, "cannot read http://127.0.0.1:1/x"),
    (0x2000, "Cannot parse image SIZE: Wrong number or missing SIZE attribute.", InvalidError,
     "neither PATH nor SIZE"),
    (0x4000, INSTANTIATE + "DISK 0: User 0 does not own an image with name: nope . Set IMAGE_UNAME "
     "or IMAGE_UID of owner in DISK.", UnknownNameError, "no image named 'nope'"),
    (0x4000, INSTANTIATE + "User 0 does not own a network with name: nope . Set NETWORK_UNAME",
     UnknownNameError, "no network named 'nope'"),
    (0x4000, INSTANTIATE + "DISK 0: Cannot acquire image 6, it is in state: ERROR",
     WrongStateError, "image 6 cannot be used: it is in state ERROR"),
    (0x4000, INSTANTIATE + "TOKEN set, but onegate endpoint was not defined in oned.conf.",
     InvalidError, "ONEGATE_ENDPOINT"),
    (0x4000, ECHO, InvalidError, "not shown"),
    (0x2000, "Parse error: syntax error, unexpected VARIABLE at line 1684370545", InvalidError,
     "cannot read the template"),
    (0x4000, ALLOCATE + "Invalid NAME, char '&' is not allowed", InvalidError, "char '&'"),
    (0x4000, ALLOCATE + "New images can only be allocated in a files or image datastore.",
     InvalidError, "does not take such an image"),
    (0x4000, ALLOCATE + "Only IMAGES of type KERNEL, RAMDISK and CONTEXT can be registered in a "
     "FILE_DS datastore", InvalidError, "does not take such an image"),
    (0x4000, ALLOCATE + "Unknown type ", InvalidError, "template: Unknown type$"),
    (0x4000, ALLOCATE + "PATH and SOURCE cannot be both set.", InvalidError, ": PATH and SOURCE"),
    (0x2000, "IM_MAD_NAME cannot be empty.", InvalidError, "IM_MAD_NAME cannot be empty"),
    (0x2000, "MEMORY attribute must be a positive integer value.", InvalidError, "MEMORY"),
    (0x2000, "No VN_MAD in template for Virtual Network.", InvalidError, "No VN_MAD"),
    (-503, "Call XML not a proper XML-RPC call. 121-byte supposed UTF-8 string is not valid UTF-8.",
     InvalidError, "cannot read the request"),
    (-501, "Not enough parameters", VersionError, "other arguments"),
    (-506, "Method 'one.image.nosuch' not defined", VersionError, "does not know this method"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "error", "match"), CASES)
def test_each_case(code: int, text: str, error: type[OneError], match: str) -> None:
    found = fault("one.x.y", code, f"[one.x.y] {text}", what="thing 7")
    assert type(found) is error
    assert re.search(match, found.message)
    assert found.message.startswith("thing 7: ")
    assert found.hint
    assert (found.code, found.method) == (code, "one.x.y")
    assert isinstance(found, B2ctError)
    assert found.exit_code == 2


def test_every_rule_has_a_case() -> None:
    """Each row of the table is the one that explains some real text."""
    used = set()
    for code, text, _, _ in CASES:
        for number, rule in enumerate(refusals.RULES):
            if rule.code in (0, code) and re.search(rule.text, text):
                used.add(number)
                break
    unused = [r.sentence for n, r in enumerate(refusals.RULES) if n not in used]
    assert set(unused) <= {
        "the user may not do this", "this one is OpenNebula's own and stays",
        "the user is not in this group",
        "the front-end could not replicate the change to its peers",
    }  # fmt: skip


def test_ids_are_kept() -> None:
    taken = fault("one.x", 0x4000, "NAME is already taken by IMAGE 12.")
    missing = fault("one.x", 0x400, "Error getting image [3].")
    assert isinstance(taken, DuplicateError)
    assert taken.id == 12
    assert isinstance(missing, MissingError)
    assert missing.id == 3


def test_an_unknown_refusal_is_shown_as_it_is() -> None:
    found = fault("one.image.clone", 0x800, "[one.image.clone] Something new.")
    assert type(found) is RefusedError
    assert found.message == "image.clone: Something new."
    assert "its own" in found.hint or "own text" in found.hint
