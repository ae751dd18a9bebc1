"""A VM's context as cloud-init user data: cloud-config, or MIME parts where there is more.

Nothing here is pasted into YAML or MIME by hand: both are written by their libraries.
"""

from __future__ import annotations

from email.message import Message
from email.mime.nonmultipart import MIMENonMultipart
from typing import TYPE_CHECKING, Any

import yaml

from b2ct.core.mime import multipart
from b2ct.site import ownfiles

if TYPE_CHECKING:
    from b2ct.context.model import ContextFile, VmContext

MERGE = "list(append)+dict(no_replace,recurse_list)+str()"
"""How cloud-init adds the site's own cloud-config: lists grow, and what B2CT says stays."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, which people can read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def user_data(context: VmContext) -> str:
    """The user data, the same for the same context.

    One cloud-config that passes `cloud-init schema`; with user scripts or user data of the site's
    own a multipart MIME message of which it is the first part.
    """
    own = context.own
    main = cloud_config(context)
    if not own.scripts and own.user_data is None:
        return main
    parts = [_part("text/cloud-config", "b2ct.yaml", main)]
    if own.user_data is not None:
        kind = ownfiles.user_data_type(own.user_data.text)
        parts.append(_part(kind, f"site-{_name(own.user_data.name)}", own.user_data.text))
        if kind == "text/cloud-config":
            parts[-1]["X-Merge-Type"] = MERGE
    for i, script in enumerate(own.scripts, start=1):
        # cloud-init runs scripts by the order of their names; runcmd's is called `runcmd`.
        name = f"user-{i:02}-{_name(script.name)}"
        parts.append(_part("text/x-shellscript", name, script.text))
    return multipart(parts)


def cloud_config(context: VmContext) -> str:
    """What B2CT itself says, as #cloud-config."""
    text: str = yaml.dump(
        _data(context), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return f"#cloud-config\n# {context.name}, made by B2CT from site.yaml\n{text}"


def _data(context: VmContext) -> dict[str, Any]:
    keys = {"ssh_authorized_keys": list(context.ssh_keys)} if context.ssh_keys else {}
    packages = {"package_update": True, "packages": list(context.packages)}
    return {
        # Administrators log in as root, by key only.
        "disable_root": False,
        "ssh_pwauth": False,
        **keys,
        "timezone": context.timezone,
        **({"ntp": {"enabled": True, "servers": list(context.ntp)}} if context.ntp else {}),
        **(packages if context.packages else {}),
        "write_files": [_file(file) for file in context.files],
        "runcmd": [list(command) for command in context.commands],
    }


def _file(file: ContextFile) -> dict[str, str]:
    return {
        "path": file.path,
        "owner": "root:root",
        "permissions": f"{file.mode:04o}",
        "content": file.text,
    }


def _name(name: str) -> str:
    """A file name that is one on every system and in every header."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)


def _part(kind: str, name: str, text: str) -> Message:
    """A part; plain if it is short ASCII lines, else in base64."""
    part = MIMENonMultipart(*kind.split("/"), charset="utf-8")
    plain = text.isascii() and all(len(line) < 900 for line in text.split("\n"))
    if plain:
        part["Content-Transfer-Encoding"] = "7bit"
        part.set_payload(text)
    else:
        part.set_payload(text, "utf-8")
        # set_payload with a charset has added headers of its own.
    part["Content-Disposition"] = f'attachment; filename="{name}"'
    return part
