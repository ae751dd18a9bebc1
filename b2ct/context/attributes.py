"""A VM's context as the CONTEXT of an OpenNebula VM template.

oned expands every `$` of a CONTEXT value when it starts a VM (src/parsers/vm_var_parser.l): user
data goes in base64, whose alphabet has none, and what is meant to be expanded is an `Expanded`.
CONTEXT is replaced as a whole by whoever sets one, never merged: these attributes are all of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from b2ct.context import limits
from b2ct.context.model import Expanded, VmContext
from b2ct.context.userdata import user_data
from b2ct.core.errors import B2ctError

Value = str | Expanded
_COMMENT = re.compile(r"[A-Za-z0-9@._+ -]*")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_REFUSED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\\]|]]>")


def attributes(context: VmContext) -> dict[str, Value]:
    """CONTEXT attributes by name.

    Raises B2ctError where they are larger than OpenNebula takes.
    """
    data = user_data(context)
    made: dict[str, Value] = {
        # oned adds ETH0_IP and so on for every network card.
        "NETWORK": "YES",
        "SET_HOSTNAME": context.hostname,
        "SSH_PUBLIC_KEY": Expanded("\n".join([*map(_key, context.ssh_keys), _OWNER])),
        "USERDATA": base64.b64encode(data.encode()).decode(),
        "USERDATA_ENCODING": "base64",
        "B2CT_SITE": context.site,
        "B2CT_WORKER": context.name,
        "B2CT_VMID": Expanded("$VMID"),
    }
    for name, value in made.items():
        _checked(name, value)
    size = sum(len(name) + len(_source(value).encode()) for name, value in made.items())
    limits.check(size, f"the user data alone has {len(data.encode())} bytes before base64")
    return made


def opennebula(context: VmContext) -> dict[str, str]:
    """The same as texts, as they are sent to oned: variables that are meant stand as `$NAME`."""
    return {name: _source(value) for name, value in attributes(context).items()}


def expanded(context: VmContext, variables: Mapping[str, str]) -> dict[str, str]:
    """The same as a VM finds it: `variables` maps NAME, VMID, UNAME, ... to their values."""
    return {
        name: value.value(variables) if isinstance(value, Expanded) else value
        for name, value in attributes(context).items()
    }


def template_text(context: VmContext) -> str:
    """The CONTEXT section of a VM template, in OpenNebula's own syntax."""
    made = opennebula(context)
    lines = [
        f'  {name} = "{value.replace(chr(34), chr(92) + chr(34))}"' for name, value in made.items()
    ]
    return "CONTEXT = [\n" + ",\n".join(lines) + " ]\n"


_OWNER = "$USER[SSH_PUBLIC_KEY]"
"""The key of the OpenNebula user who starts the VM, if it has one."""


def _key(key: str) -> str:
    """A public key without a comment that could be taken for something else."""
    kind, blob, *comment = key.split(None, 2)
    return " ".join([kind, blob, *(text for text in comment if _COMMENT.fullmatch(text))])


def _source(value: Value) -> str:
    return value.text if isinstance(value, Expanded) else value


def _checked(name: str, value: Value) -> None:
    """What oned cannot carry is refused here, where it still has a name."""
    text = _source(value)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a CONTEXT attribute")
    if isinstance(value, str) and "$" in value:
        raise B2ctError(f"{name} holds a '$', which OpenNebula would expand: {value!r}")
    if found := _REFUSED.search(text):
        raise B2ctError(f"{name} holds {found[0]!r}, which OpenNebula cannot carry")
