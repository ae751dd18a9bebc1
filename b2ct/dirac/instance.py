"""What a VM for DIRAC is made of: a template's own attributes, with what DIRAC asks for. Pure.

oned replaces DISK, NIC and CONTEXT as a whole by what is sent (src/template/Template.cc), so all of
each is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from b2ct.core.errors import B2ctError
from b2ct.dirac import userdata
from b2ct.one import labels
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Template
from b2ct.one.text import Attributes, Item, Vector

MADE_FOR = "B2CT_DIRAC"
"""Attribute of a VM that the driver made: DIRAC's name for the CE."""
LABEL = "dirac"
GATEWAY = "This gateway allows"
"""In b2ct.gateway's refusals of what it does not carry (b2ct/gateway/policy.py)."""
VMID = "B2CT_VMID"
"""Attribute of CONTEXT that tells a VM its ID: cloud-init's instance-id is the same in all."""
_KEY = re.compile(r"(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+( [A-Za-z0-9@._+ -]*)?")


@dataclass(frozen=True)
class Wish:
    """What DIRAC asks for, besides a template."""

    user: str
    """The user who starts the VM: a DISK or NIC that names no owner means this user's."""
    pilot: str | None = field(default=None, repr=False)
    """User data."""
    ssh_key: str | None = None
    image: Image | None = None
    """None: that of the template."""
    networks: tuple[VirtualNetwork, ...] = ()
    """None: those of the template."""
    ce: str = ""
    """DIRAC's name for the CE, or the cloud's host name."""


def attributes(template: Template, wish: Wish) -> Attributes:
    """What to instantiate with. Raises B2ctError for what cannot be carried."""
    pairs: list[tuple[str, Item]] = [("CONTEXT", context(template, wish.pilot, wish.ssh_key))]
    if wish.image is not None:
        pairs += [("DISK", disk) for disk in _disks(template, wish.image, wish.user)]
    if wish.networks:
        pairs += [("NIC", nic) for nic in _nics(template, wish)]
    return Attributes([*pairs, *_marks(template, wish.ce)])


def pilot_only(wish: Wish) -> Attributes:
    """What the site's gateway takes: it merges the template's CONTEXT by itself (docs/gateway.md).

    Raises B2ctError for what only the driver without a gateway can do.
    """
    for asked, option in (
        (wish.image, "Instance_Image other than `template`"),
        (wish.networks, "Instance_Networks"), (wish.ssh_key, "Instance_SSHKey"),
    ):  # fmt: skip
        if asked:
            raise B2ctError(
                f"the site's gateway takes no {option}",
                hint="leave it out: image, networks and keys are those of the site's template",
            )
    made = {"NETWORK": "YES"}
    if wish.pilot is not None:
        coded = userdata.encode(wish.pilot, room=userdata.LARGEST)
        made |= {"USERDATA": coded, "USERDATA_ENCODING": "base64"}
    return Attributes([("CONTEXT", made)])


def context(template: Template, pilot: str | None, ssh_key: str | None) -> dict[str, str]:
    """The template's whole CONTEXT with DIRAC's user data.

    Raises B2ctError where the two together are larger than OpenNebula takes.
    """
    made = dict(template.template.vector("CONTEXT"))
    made.setdefault("NETWORK", "YES")
    made.setdefault(VMID, "$VMID")
    if ssh_key:
        made["SSH_PUBLIC_KEY"] = _keys(made.get("SSH_PUBLIC_KEY", ""), ssh_key)
    if pilot is None:
        return made
    whole = userdata.merged(userdata.decode(made), pilot)
    for name in ("USERDATA", "USER_DATA", "USERDATA_ENCODING"):
        made.pop(name, None)
    made["USERDATA_ENCODING"] = "base64"
    rest = sum(len(name) + len(value.encode()) for name, value in made.items()) + len("USERDATA")
    made["USERDATA"] = userdata.encode(whole, room=userdata.LARGEST - rest)
    if rest + len(made["USERDATA"]) > userdata.LARGEST:
        raise B2ctError(
            f"the VM's context has {rest + len(made['USERDATA'])} bytes, OpenNebula takes "
            f"{userdata.LARGEST}",
            hint="the pilot's script or the worker's user data is too large, even compressed",
        )
    return made


def _keys(there: str, key: str) -> str:
    key = key.strip()
    if not _KEY.fullmatch(key):
        raise B2ctError(
            "Instance_SSHKey is no public key",
            hint="OpenNebula has no list of keys: give the key itself, such as ssh-ed25519 AAAA...",
        )
    # Before what is there: after `$USER[SSH_PUBLIC_KEY]` oned takes no line end.
    return f"{key}\n{there}" if there else key


def names(vector: Vector, item: Image | VirtualNetwork, user: str) -> bool:
    """Whether a DISK names that image, or a NIC that network, when `user` instantiates it."""
    kind = "IMAGE" if isinstance(item, Image) else "NETWORK"
    if number := vector.get(f"{kind}_ID"):
        return number == str(item.id)
    return vector.get(kind) == item.name and vector.get(f"{kind}_UNAME", user) == item.owner


def _disks(template: Template, image: Image, user: str) -> list[dict[str, str]]:
    """The disks with the first from `image`; none where they are so already."""
    disks = [dict(disk) for disk in template.template.vectors("DISK")] or [{}]
    if names(disks[0], image, user):
        return []
    rest = {k: v for k, v in disks[0].items() if not k.startswith("IMAGE")}
    return [{"IMAGE_ID": str(image.id), **rest}, *disks[1:]]


def _nics(template: Template, wish: Wish) -> list[dict[str, str]]:
    """A NIC for each network, as the template has it where it does, else like its first one."""
    there = [dict(nic) for nic in template.template.vectors("NIC")]
    model = next((nic["MODEL"] for nic in there if nic.get("MODEL")), "")
    like = {"MODEL": model} if model else {}
    made = []
    for network in wish.networks:
        same = (nic for nic in there if names(nic, network, wish.user))
        made.append(next(same, {"NETWORK_ID": str(network.id), **like}))
    return made


def _marks(template: Template, ce: str) -> list[tuple[str, Item]]:
    """By which the site finds what DIRAC made."""
    there = template.template.text("LABELS").split(",")
    mine: Mapping[str, str] = {
        **labels.marks(),
        "LABELS": ",".join(dict.fromkeys([*filter(None, there), labels.LABEL, LABEL])),
        MADE_FOR: ce or "YES",
    }
    return list(mine.items())
