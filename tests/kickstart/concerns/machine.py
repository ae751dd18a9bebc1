"""What a kickstart would put on a machine, unpacked into a folder and run there.

The scripts honour B2CT_ROOT, so the tests run the very files that a machine gets.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from b2ct.kickstart import compose
from b2ct.kickstart.render import template_values
from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from b2ct.site.model import Site

CONCERNS = (
    "library", "proxy", "repositories", "packages", "security", "firewall", "time", "logs", "squid",
    "wpad", "datastores", "opennebula-node", "trust", "opennebula-frontend", "registration",
    "program", "reaper", "gateway", "extras", "firstboot",
)  # fmt: skip
"""Those that work on the installed machine."""

_FILE = re.compile(
    r"^sed 's/\^\|//' > (?P<path>.+) <<'B2CT_EOF'\n(?P<body>(?:\|.*\n)*)B2CT_EOF\n"
    r"chmod (?P<mode>\d+) .+\n",
    re.MULTILINE,
)
NODE_ENV = {
    "B2CT_NODE": "one",
    "B2CT_DOMAIN": "b2ct.example.org",
    "B2CT_FQDN": "one.b2ct.example.org",
    "B2CT_ROLE": "control",
    "B2CT_ADDRESS": "10.0.0.2",
    "B2CT_CONTROL": "one",
    "B2CT_CONTROL_ADDRESS": "10.0.0.2",
    "B2CT_DISK": "/dev/sda",
    "B2CT_MANAGEMENT": "lo",
    "B2CT_SQUID": "0",
    "B2CT_RELEASE": "el9",
    "B2CT_INTERFACES": "",
}


def site(**parts: Any) -> Site:
    """A small whole site, with parts replaced."""
    return Site.model_validate(
        {
            "site": {"name": "b2ct", "domain": "b2ct.example.org"},
            "networks": {"service": {"cidr": "10.0.0.0/24"}, "private": {"cidr": "10.1.0.0/16"}},
            "nodes": [
                {
                    "name": "one",
                    "role": "control",
                    "interfaces": [{"network": "service", "address": "10.0.0.2"}],
                },
                {
                    "name": "hv01",
                    "role": "hypervisor",
                    "interfaces": [{"network": "service", "address": "10.0.0.11"}],
                },
            ],
            **parts,
        }
    )


def variants() -> list[tuple[str, str, Role]]:
    """Every release x OpenNebula version x role of the catalogue."""
    return [
        (release.key, version, role)
        for release in catalogue.RELEASES.values()
        for version in release.opennebula
        for role in Role
    ]


def rendered(
    described: Site, role: Role, *, secrets: Mapping[str, str] | None = None
) -> dict[str, compose.Parts]:
    """The target-side concerns of a role, rendered, by name."""
    values = {**template_values(described, roles=[role], secrets=secrets), "role": role}
    return {
        name: compose.parts(name, index, values)
        for index, name in enumerate(compose.concerns(role), start=1)
        if name in CONCERNS
    }


def split_post(post: str) -> tuple[dict[str, tuple[str, bool]], str]:
    """The files (text, executable) that a %post installs, and the rest of its script."""
    files = {
        shlex.split(found["path"])[0]: (
            re.sub(r"^\|", "", found["body"], flags=re.MULTILINE),
            found["mode"] == "0755",
        )
        for found in _FILE.finditer(post)
    }
    return files, _FILE.sub("", post)


@dataclass
class Machine:
    """A folder with the files of a role, in which its scripts run."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an installed script by its absolute path on the machine."""
        done = subprocess.run(
            [str(self.path(script)), *args],
            env={**os.environ, "B2CT_ROOT": str(self.root), **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def path(self, absolute: str) -> Path:
        """Where a file of the machine is here."""
        return self.root / absolute.lstrip("/")

    def step(self, name: str) -> str:
        """The path of the first-boot step of a concern."""
        (found,) = self.path("/usr/libexec/b2ct/firstboot.d").glob(f"[0-9][0-9]-{name}")
        return str(found.relative_to(self.root))

    def double(self, name: str, body: str = "exit 0") -> None:
        """A program on PATH that writes its arguments to NAME.calls and then does `body`."""
        folder = self.root / "doubles"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(
            "#!/bin/bash\n"
            f'printf "%s\\n" "$*" >> {shlex.quote(str(self.calls_file(name)))}\n{body}\n'
        )
        program.chmod(0o755)
        path = self.environment.get("PATH", os.environ["PATH"])
        if str(folder) not in path.split(":"):
            self.environment["PATH"] = f"{folder}:{path}"

    def calls_file(self, name: str) -> Path:
        """Where a double writes its arguments."""
        return self.root / f"{name}.calls"

    def calls(self, name: str) -> list[str]:
        """The arguments with which a double was called, a line each."""
        file = self.calls_file(name)
        return file.read_text().splitlines() if file.exists() else []


def machine(
    root: Path,
    described: Site,
    role: Role,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Machine:
    """Unpack what the role's kickstart installs into `root`."""
    for parts in rendered(described, role, secrets=secrets).values():
        for path, (text, executable) in split_post(parts.post)[0].items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            if executable:
                target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    for folder in ("dev", "etc/b2ct", "var/lib/b2ct", "run", "var/log"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    lines = {**NODE_ENV, "B2CT_ROLE": role.value, **(env or {})}
    (root / "etc/b2ct/node.env").write_text(
        "".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items())
    )
    made = Machine(root)
    # Labels of the host's own SELinux are none of the tests' business.
    for name in ("restorecon", "semanage", "setsebool", "logger"):
        made.double(name)
    return made


def user() -> str:
    """The account that plays oneadmin: whoever runs the tests."""
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
