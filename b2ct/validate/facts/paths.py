"""Owners and modes of all files that checks look at, in one command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

ONE = "/var/lib/one"
ONE_AUTH = f"{ONE}/.one/one_auth"
ONED_CONF = "/etc/one/oned.conf"
WATCHED = (
    ONE, f"{ONE}/.one", f"{ONE}/.one/*", f"{ONE}/.ssh", f"{ONE}/.ssh/*", ONED_CONF,
    "/var/log/b2ct", "/var/log/b2ct/kickstart.cfg", "/root/.ssh", "/root/.ssh/authorized_keys",
    "/root/.my.cnf", "/etc/ssh/ssh_host_*_key", "/dev/kvm", "/etc/squid/squid.conf",
    "/var/spool/squid", "/etc/b2ct/oneadmin_password", "/opt/b2ct/bin/b2ct",
    "/usr/libexec/qemu-kvm", "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-kvm",
    "/usr/bin/qemu-img", "/etc/sudoers.d/opennebula*",
)  # fmt: skip
"""Local files: a look at a network file system may hang."""


@dataclass(frozen=True)
class Entry:
    """A file or folder; links are followed."""

    path: str
    mode: int
    user: str
    group: str
    size: int

    @property
    def open(self) -> bool:
        """Others may read, change or enter it."""
        return bool(self.mode & 0o007)

    def __str__(self) -> str:
        """`oneadmin:oneadmin, mode 0600`."""
        return f"{self.user}:{self.group}, mode {self.mode:04o}"


def of(host: Host) -> dict[str, Entry]:
    """Those of WATCHED that are there, by path."""
    return parse(host.run(f"stat -L -c '%a|%U|%G|%s|%n' -- {' '.join(WATCHED)} 2>/dev/null").stdout)


def parse(text: str) -> dict[str, Entry]:
    """Lines of `mode|user|group|size|path`."""
    found = {}
    for line in text.splitlines():
        mode, user, group, size, path = (*line.split("|", 4), "", "", "", "")[:5]
        if path and size.isdigit():
            found[path] = Entry(path, int(mode, 8), user, group, int(size))
    return found
