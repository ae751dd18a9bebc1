"""Concerns into a kickstart: each is a folder under `kickstart/` that holds any of these parts.

==================  ============================================================================
static.ks.j2        kickstart commands that stand in the file itself, whatever %pre chooses
commands.ks.j2      kickstart commands
packages.j2         lines of %packages
pre.sh.j2           a piece of the one %pre script, in the order of the concerns
nochroot.sh.j2      a %post --nochroot section
post.sh.j2          a %post section; it finds what %pre learned in /etc/b2ct/node.env
firstboot.sh.j2     a step of the first boot, installed as /usr/libexec/b2ct/firstboot.d/NN-name
files/PATH.j2       a file, installed as /PATH before the concern's post.sh runs
==================  ============================================================================

A file or step that starts with `#!` is made executable. `kickstart/roles.yaml` lists the concerns
of each role. A part that renders to nothing but white space is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from b2ct.core import quoting, templates
from b2ct.core.data import data_folder
from b2ct.site.catalogue import Role

_POST = "set -eu\nset -o pipefail\n. /etc/b2ct/node.env\n"


@dataclass(frozen=True)
class Parts:
    """What one concern contributes, rendered; empty where it has no such part."""

    name: str
    static: str
    commands: str
    packages: str
    pre: str
    nochroot: str
    post: str


def concerns(role: Role) -> tuple[str, ...]:
    """The concerns of a role, in order."""
    return _roles()[role.value]


@cache
def _roles() -> Mapping[str, tuple[str, ...]]:
    text = (data_folder("kickstart") / "roles.yaml").read_text(encoding="utf-8")
    return {role: tuple(names) for role, names in yaml.safe_load(text).items()}


@cache
def _environment() -> jinja2.Environment:
    """Templates of `kickstart/`, which may include those that VMs share with machines."""
    return templates.environment(data_folder("kickstart"), data_folder("templates"))


def render_part(template: str, values: Mapping[str, Any]) -> str:
    """Render one template of `kickstart/`, or an empty text where there is none of that name."""
    try:
        text = _environment().get_template(template).render(values)
    except jinja2.TemplateNotFound as err:
        if err.name != template:
            raise
        return ""
    return text if text.strip() else ""


def parts(name: str, index: int, values: Mapping[str, Any]) -> Parts:
    """Render all parts of the concern `name`, which is the `index`-th of its role."""
    post = "".join(_installed(name, index, values)) + _script(f"{name}/post.sh.j2", values)
    return Parts(
        name,
        render_part(f"{name}/static.ks.j2", values),
        render_part(f"{name}/commands.ks.j2", values),
        render_part(f"{name}/packages.j2", values),
        _script(f"{name}/pre.sh.j2", values),
        _script(f"{name}/nochroot.sh.j2", values),
        post,
    )


def _script(template: str, values: Mapping[str, Any]) -> str:
    """Render a script and make sure that no line of it can be taken for a kickstart section."""
    text = render_part(template, values)
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("%"):
            raise ValueError(f"{template}: line {number} of the script begins with '%': {line!r}")
    return text


def _installed(name: str, index: int, values: Mapping[str, Any]) -> Iterator[str]:
    """Shell lines that install the files and the first-boot step of a concern."""
    step = render_part(f"{name}/firstboot.sh.j2", values)
    if step:
        yield install(f"/usr/libexec/b2ct/firstboot.d/{index:02}-{name}", step)
    for target, text in files(name, values):
        yield install(target, text)


def files(name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files of a concern, rendered: where each belongs, and its text."""
    folder = data_folder("kickstart") / name / "files"
    for source in sorted(folder.rglob("*.j2")) if folder.is_dir() else ():
        target = source.relative_to(folder).with_suffix("")
        text = render_part(str(source.relative_to(data_folder("kickstart"))), values)
        if text:
            yield f"/{target}", text


def install(target: str, text: str) -> str:
    """Shell lines that write a file with its folder; executable if it starts with `#!`."""
    mode = "0755" if text.startswith("#!") else "0644"
    path = quoting.sh(target)
    folder = quoting.sh(str(Path(target).parent))
    return f"mkdir -p {folder}\n{quoting.here_document(text, path)}chmod {mode} {path}\n"


def pre_section(pieces: list[str]) -> str:
    """The one %pre section. Its log is kept; a failure of it must never go on to the disks."""
    return (
        "%pre --interpreter=/bin/bash --log=/tmp/b2ct/output.log --erroronfail\n"
        + "\n".join(pieces)
        + "%end\n"
    )


def body(rendered: list[Parts]) -> str:
    """Everything but %pre: commands, packages, and the scripts that run after the packages."""
    lines = [p.commands for p in rendered if p.commands]
    packages = "".join(p.packages for p in rendered)
    lines.append(f"%packages\n{_once(packages)}%end\n")
    for p in rendered:
        if p.nochroot:
            lines.append(
                f"%post --nochroot --interpreter=/bin/bash --erroronfail\n{p.nochroot}%end\n"
            )
    for p in rendered:
        if p.post:
            log = f"--log=/var/log/b2ct-post-{p.name}.log"
            lines.append(
                f"%post --interpreter=/bin/bash --erroronfail {log}\n"
                f"# {p.name}\n{_POST}{p.post}%end\n"
            )
    return "\n".join(lines)


def _once(lines: str) -> str:
    """Package lines without blanks and repetitions, in their order."""
    return "".join(
        f"{line}\n" for line in dict.fromkeys(s.strip() for s in lines.splitlines()) if line
    )
