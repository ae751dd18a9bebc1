"""What a node says of itself at rest: release, installation, kernel, clock, name servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.validate.facts import sections

if TYPE_CHECKING:
    from testinfra.host import Host

_QUESTIONS = {
    "os": "cat /etc/os-release",
    "installation": "cat /etc/b2ct/installation",
    "firstboot": "test -e /var/lib/b2ct/firstboot.done && echo done || cat /run/b2ct/firstboot",
    "hostname": "uname -n",
    "fqdn": "hostname -f",
    "kernel": "uname -r",
    "kernels": "ls /boot | sed -n 's/^vmlinuz-//p' | grep -v rescue | sort -V",
    "selinux": "getenforce",
    "selinux-config": "sed -n 's/^SELINUX=//p' /etc/selinux/config",
    "timezone": "readlink -f /etc/localtime",
    "resolv": "cat /etc/resolv.conf",
    "raid": "cat /proc/mdstat",
    "mounts": "cat /proc/self/mounts",
    "fstab": "cat /etc/fstab",
    "failed": "systemctl list-units --failed --plain --no-legend",
    "packages": "stat -c %Y /var/lib/dnf/history.sqlite /var/lib/rpm/rpmdb.sqlite"
    " /var/lib/rpm/Packages /var/lib/yum/history /var/log/dpkg.log | sort -n | tail -n 1",
    "now": "date +%s",
    "journal": "ls -d /var/log/journal",
    "unsigned": "awk '/^\\[/ { flush(); name = $0; on = 1; check = 1 } /^enabled *= *0/ { on = 0 }"
    " /^gpgcheck *= *0/ { check = 0 } END { flush() }"
    ' function flush() { if (name && on && !check) print name; name = "" }\''
    " /etc/yum.repos.d/*.repo",
    "ntp": "sed -n 's/^ *\\(server\\|pool\\|peer\\) *//p' /etc/chrony.conf"
    " /etc/chrony/chrony.conf /etc/ntp.conf",
    "passwd": "getent passwd oneadmin",
    "groups": "id -Gn oneadmin",
    "kernel-errors": "dmesg --level=emerg,alert,crit,err,warn | grep -Ei"
    " 'I/O error|critical medium error|Medium Error|EXT4-fs error|XFS.*(corrupt|shutdown)"
    "|Remounting filesystem read-only' | grep -Ev '(dev|on) (loop|z?ram|fd|sr)[0-9]' | tail -n 2",
}


@dataclass(frozen=True)
class Mount:
    """A mounted file system."""

    source: str
    place: str
    kind: str
    options: frozenset[str]


@dataclass(frozen=True)
class About:
    """The answers."""

    said: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """The answer to one question; empty where there was none."""
        return self.said[name]

    def lines(self, name: str) -> list[str]:
        """Its lines that are not empty."""
        return [line for line in self.said[name].splitlines() if line.strip()]

    @property
    def os(self) -> dict[str, str]:
        """/etc/os-release."""
        return assignments(self.said["os"])

    @property
    def installation(self) -> dict[str, str]:
        """What the kickstart wrote; empty where it did not install this machine."""
        return assignments(self.said["installation"])

    @property
    def practice(self) -> bool:
        """It is a practice node, which no kickstart installed."""
        return bool(self.installation.get("practice"))

    @property
    def debian(self) -> bool:
        """It is of Debian's family."""
        return "debian" in (self.os.get("ID"), *self.os.get("ID_LIKE", "").split())

    @property
    def name_servers(self) -> tuple[str, ...]:
        """Of resolv.conf, in order."""
        rows = (line.split() for line in self.lines("resolv"))
        return tuple(row[1] for row in rows if len(row) > 1 and row[0] == "nameserver")

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Everything that is mounted; of two at one place, the upper is the last."""
        return mounts(self.said["mounts"])

    def mounted(self, place: str) -> Mount | None:
        """What is mounted there; of an automount what lies on it, if it is mounted by now."""
        found = [mount for mount in self.mounts if mount.place == place]
        real = [mount for mount in found if mount.kind != "autofs"] or found
        return real[-1] if real else None


def of(host: Host) -> About:
    """Ask the node."""
    return About(sections.ask(host, _QUESTIONS))


def assignments(text: str) -> dict[str, str]:
    """`NAME=value` lines, with or without quotes around the value."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().replace("_", "a").isalnum():
            found[name.strip()] = value.strip().strip("\"'")
    return found


def mounts(text: str) -> tuple[Mount, ...]:
    """Of /proc/mounts: blanks in names are written as octal numbers."""
    rows = (line.split() for line in text.splitlines())
    return tuple(
        Mount(_plain(row[0]), _plain(row[1]), row[2], frozenset(row[3].split(",")))
        for row in rows
        if len(row) >= 4
    )


def _plain(word: str) -> str:
    for code, sign in (("\\040", " "), ("\\043", "#"), ("\\011", "\t"), ("\\134", "\\")):
        word = word.replace(code, sign)
    return word
