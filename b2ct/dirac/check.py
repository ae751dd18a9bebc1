"""What of this cloud can be tested from the DIRAC server, as DIRAC's user, with a remedy for each.

Nothing is changed: no VM is started. The right to start one is tested by asking for a VM with a
disk that cannot exist: the server looks at rights and quotas before it looks for the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.core.findings import Finding, Verdict
from b2ct.dirac import instance
from b2ct.one import text
from b2ct.one.faults import (
    AuthenticationError,
    AuthorizationError,
    OneError,
    QuotaError,
    RefusedError,
    image_remedy,
    reason,
    vm_remedy,
)
from b2ct.one.kind import ALL, MINE
from b2ct.one.objects.account import User
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Template
from b2ct.one.ownership import Owners
from b2ct.one.quotas import Limit
from b2ct.one.states import ImageState
from b2ct.one.text import Attributes

if TYPE_CHECKING:
    from b2ct.one.client import Client

OK, WARNING, FAILED, SKIPPED = Verdict.OK, Verdict.WARNING, Verdict.FAILED, Verdict.SKIPPED
WIDE = 12
"""Characters of the longest subject: they are shown while the next one is looked at."""
PREFIX = "VMDIRAC3_"
"""Names of VMs that DIRAC's CloudComputingElement makes."""
NO_IMAGE = {"IMAGE_ID": str(2**31 - 2)}
"""Of a disk that no server has."""
PILOT = "#!/bin/bash\n" + "# a pilot's script has some tens of kilobytes\n" * 400


def run(one: Client, templates: Sequence[str]) -> Iterator[Finding]:
    """Every check, in order; those after a connection that fails are skipped."""
    rest = ("credentials", "template", "image", "network", "context", "rights", "quota", "VMs")
    reached = _reach(one)
    yield reached
    if reached.verdict == FAILED:
        yield from (Finding(name, SKIPPED, "not tried") for name in rest)
        return
    yield _privacy(one)
    try:
        me = one.me
    except OneError as err:
        yield Finding("credentials", FAILED, err.message, err.hint)
        yield from (Finding(name, SKIPPED, "not tried") for name in rest[1:])
        return
    yield _user(me)
    for name in templates:
        yield from _template(one, me, name)
    yield _guarded("quota", lambda: _quota(me))
    yield _guarded("VMs", lambda: _vms(one))


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except B2ctError as err:
        return Finding(name, FAILED, err.message, err.hint)


def _reach(one: Client) -> Finding:
    where = one.endpoint.url
    try:
        return Finding("reachability", OK, f"{where} answers: OpenNebula {one.version}")
    except AuthenticationError:
        return Finding("reachability", OK, f"{where} answers")
    except OneError as err:
        return Finding("reachability", FAILED, err.message, err.hint)


def _privacy(one: Client) -> Finding:
    if one.endpoint.in_clear:
        return Finding(
            "encryption", WARNING, "http: the password crosses the network in the clear",
            "put a TLS proxy before port 2633, and give DIRAC its address (Driver_secure = True)",
        )  # fmt: skip
    return Finding("encryption", OK, "TLS" if one.endpoint.url.startswith("https") else "local")


def _user(me: User) -> Finding:
    if me.gid == 0 or 0 in me.groups:
        return Finding(
            "credentials", WARNING, f"{me.name} is an administrator of the cloud",
            "give DIRAC a user of its own: `cloud: {dirac: {}}` in site.yaml, then `b2ct apply`",
        )  # fmt: skip
    return Finding("credentials", OK, f"user {me.name} of group {me.group}")


def _template(one: Client, me: User, name: str) -> Iterator[Finding]:
    try:
        there = one.templates.all(ALL)
        images, networks = one.images.all(ALL), one.networks.all(ALL)
    except OneError as err:
        yield Finding("template", FAILED, err.message, err.hint)
        return
    named = [t for t in there if t.name == name]
    same = Owners(me.id).held(named)
    if named and not same:
        which = ", ".join(f"{t.id} of {t.owner}" for t in named)
        yield Finding(
            "template", FAILED,
            f"{name} is neither {me.name}'s nor an administrator's, so DIRAC does not take it: "
            f"{which}",
            "`b2ct register-image` as an administrator makes one",
        )  # fmt: skip
        return
    if not same:
        known = ", ".join(sorted({t.name for t in there})[:8]) or "none"
        yield Finding(
            "template", FAILED, f"{me.name} sees no VM template {name} (it sees: {known})",
            "`b2ct register-image` makes it; `b2ct apply` gives DIRAC's user the right to use it",
        )  # fmt: skip
        return
    found = same[0]
    if len(named) > 1:
        others = ", ".join(f"{t.id} of {t.owner}" for t in named if t is not found)
        yield Finding(
            "template", WARNING, f"{name} is {found.id} of {found.owner}; also there: {others}",
            "delete or rename those that are not meant",
        )  # fmt: skip
    else:
        cpu = found.template.text("CPU") or "?"
        memory = found.template.text("MEMORY") or "?"
        yield Finding("template", OK, f"{name} is {found.id}: {cpu} CPU, {memory} MB")
    yield _image(found, images, me.name)
    yield from _networks(found, networks, me.name)
    yield _guarded("context", lambda: _context(found))
    yield _guarded("rights", lambda: _rights(one, found))


def _image(template: Template, images: Sequence[Image], user: str) -> Finding:
    disks = template.template.vectors("DISK")
    if not disks:
        return Finding("image", FAILED, f"{template.name} has no disk", "register the worker again")
    for image in images:
        named = instance.names(disks[0], image, user)
        if named and image.state.usable:
            return Finding("image", OK, f"{image.id} ({image.name}), {image.size} MB")
        if named:
            return Finding(
                "image", FAILED, f"{image.id} ({image.name}) is {image.state.name}",
                image_remedy(image.error)
                if image.state is ImageState.ERROR
                else "wait until it is copied, `oneimage enable` it, or register it again",
            )  # fmt: skip
    wanted = disks[0].get("IMAGE") or disks[0].get("IMAGE_ID") or "?"
    return Finding(
        "image", FAILED, f"the image {wanted} of {template.name} is not visible",
        "is it there (`oneimage list`), and may DIRAC's group use it (`b2ct apply`)?",
    )  # fmt: skip


def _networks(
    template: Template, networks: Sequence[VirtualNetwork], user: str
) -> Iterator[Finding]:
    nics = template.template.vectors("NIC")
    if not nics:
        yield Finding(
            "network", WARNING, f"{template.name} has no network",
            "give a network of site.yaml a `vm_range` and register the worker again",
        )  # fmt: skip
    for nic in nics:
        wanted = nic.get("NETWORK") or nic.get("NETWORK_ID") or "?"
        same = [
            n for n in networks
            if instance.names(nic, n, user)
        ]  # fmt: skip
        if not same:
            yield Finding(
                "network", FAILED, f"the network {wanted} of {template.name} is not visible",
                "is it there (`onevnet list`), and may DIRAC's group use it (`b2ct apply`)?",
            )  # fmt: skip
            continue
        free = same[0].size - same[0].used_leases
        yield Finding(
            "network", OK if free > 0 else WARNING, f"{wanted}: {free} of {same[0].size} free",
            "" if free > 0 else "VMs wait until an address is free: enlarge its `vm_range`",
        )  # fmt: skip


def _context(template: Template) -> Finding:
    there = template.template.vector("CONTEXT")
    sent = instance.attributes(template, instance.Wish(user="", pilot=PILOT))
    text.check_context(sent)
    size = sum(len(k) + len(v.encode()) for k, v in sent.vector("CONTEXT").items())
    found = f"{len(there)} attributes of {template.name} and a pilot: {size} bytes"
    if not there.get("USERDATA") and not there.get("USER_DATA"):
        return Finding(
            "context", WARNING, f"{template.name} has no user data of the site's",
            "register the worker again: its VMs get neither the squid nor the idle rule",
        )  # fmt: skip
    return Finding("context", OK, found)


def _rights(one: Client, template: Template) -> Finding:
    """Whether this user may instantiate with attributes of its own, as the driver does."""
    impossible = Attributes.of({"DISK": NO_IMAGE})
    try:
        made = one.templates.instantiate(
            template.id, name="b2ct-check", hold=True, extra=impossible
        )
    except QuotaError:
        pass  # told by itself; rights were looked at before
    except AuthorizationError as err:
        if instance.GATEWAY in err.server:
            return Finding("rights", SKIPPED, "the gateway lets no such trial through")
        return Finding(
            "rights", FAILED, err.message,
            "`b2ct apply` gives DIRAC's user the rights to use the network with its security group "
            "and to start VMs with a context of their own (CREATE TEMPLATE)",
        )  # fmt: skip
    except RefusedError:
        pass  # it looked for the disk
    else:
        one.vms.terminate(made, hard=True)
    return Finding("rights", OK, f"VMs can be started from {template.name}")


def _quota(me: User) -> Finding:
    full, said = [], []
    for name in ("VMS", "CPU", "MEMORY"):
        limit = me.quotas.vm.get(name, Limit(-1, 0))
        if limit.limit >= 0:
            said.append(f"{name} {limit.used:g} of {limit.limit:g}")
            full += [name] if limit.used >= limit.limit else []
    if full:
        return Finding(
            "quota", WARNING, "; ".join(said),
            f"no VM more until some end, or raise `cloud.dirac.quota` ({', '.join(full)})",
        )  # fmt: skip
    return Finding("quota", OK, "; ".join(said) or "no limit")


def _vms(one: Client) -> Finding:
    mine = [vm for vm in one.vms.all(MINE) if vm.name.startswith(PREFIX)]
    failed = [vm for vm in mine if vm.failed]
    found = f"{len(mine)} of DIRAC's, {len(failed)} failed"
    if failed:
        vm = failed[0]
        why = f": {reason(vm.error, vm.template.secrets())}" if vm.error else ""
        return Finding(
            "VMs", WARNING, f"{found}: VM {vm.id} is {vm.status}{why}", vm_remedy(vm.id, vm.error)
        )
    return Finding("VMs", OK, found)
