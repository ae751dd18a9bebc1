"""The Debian root that all practice nodes share: made once, kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from b2ct.core import proxy
from b2ct.core.data import cache_folder, data_folder
from b2ct.core.run import run

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "libnss-myhostname", "tzdata"),
    *("openssh-server", "openssh-client", "sudo", "procps", "iproute2", "iputils-ping", "curl"),
    *("hostname", "kmod", "logrotate", "less", "gpg"),
    *("firewalld", "nftables", "chrony", "squid", "dnsmasq-base", "python3-venv"),
    *("mariadb-server", "libvirt-daemon-system", "libvirt-clients", "bind9-host"),
    *("qemu-system-x86", "qemu-utils", "apache2-bin"),
)
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_TIMEOUT = 900.0


def folder() -> Path:
    """Templates of practice nodes."""
    return data_folder("templates") / "practice-site"


def key() -> str:
    """What the root is made of, as a short hash: another one, another root."""
    text = "\n".join((SUITE, *PACKAGES, *_LEFT_OUT))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def used(note: Callable[[str], None]) -> Iterator[Path]:
    """The same as `get`; while the block lasts nobody takes the root for a former one."""
    place = get(note)
    with lock_of(place).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield get(note)


def lock_of(place: Path) -> Path:
    """Who uses a root holds a shared lock on this file; supervise.sh does while its site stands."""
    return place.with_name(f"{place.name}.lock")


def get(note: Callable[[str], None]) -> Path:
    """The folder of the root; it is made where the cache has none. Treat it as read-only.

    Raises B2ctError where mmdebstrap fails: no mirror, no room.
    """
    place = cache_folder() / "practice-site" / key()
    if not place.is_dir():
        note(f"making the nodes' Debian root with mmdebstrap, once (a minute or two): {place}")
        place.parent.mkdir(parents=True, exist_ok=True)
        with (place.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_dir():
                _forget_others(place)
                _make(place)
    return place


def _make(place: Path) -> None:
    """mmdebstrap takes mirrors and keys from this host's own sources, where it is a Debian."""
    temporary = place.with_name(f"{place.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        run(
            [
                *("mmdebstrap", "--variant=minbase", "--quiet", "--mode=root"),
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
                f"--include={','.join(PACKAGES)}",
                *(SUITE, temporary),
            ],
            timeout=_TIMEOUT,
            env=proxy.environment(),
            hint="the mirror is the one of this host's /etc/apt/sources.list",
        )
        temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _forget_others(place: Path) -> None:
    """Roots of former recipes, but those on which a site stands."""
    for other in place.parent.iterdir():
        if other.is_dir() and other != place:
            with lock_of(other).open("a") as lock, suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(other, ignore_errors=True)
                lock_of(other).unlink()
