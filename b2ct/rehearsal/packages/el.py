"""A base system with the names of EL's packages, made of this host's shell and small programs.

It goes as far as provisioning scripts need: a shell, the small programs, users, systemd units
that can be enabled, a kernel package whose scriptlets call kernel-install and dracut as EL's do.
It cannot boot: there is no kernel in it, no systemd and no cloud-init.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from . import host
from .package import (
    SUFFIX,
    Item,
    PracticePackage,
    config,
    folder,
    known,
    link,
    placeholder,
    stub,
    text,
    unit,
)

KERNEL_VERSION = "5.14.0-practice.el9.x86_64"
# Package -> units that come with it.
_UNITS = {
    "openssh-server": ("sshd.service",),
    "autofs": ("autofs.service",),
    "chrony": ("chronyd.service",),
    "cloud-init": (
        *("cloud-init-local.service", "cloud-init.service", "cloud-config.service"),
        "cloud-final.service",
    ),
    "qemu-guest-agent": ("qemu-guest-agent.service",),
    "NetworkManager": ("NetworkManager.service", "NetworkManager-wait-online.service"),
    "firewalld": ("firewalld.service",),
    "rsyslog": ("rsyslog.service",),
    "systemd": (
        *("getty@.service", "serial-getty@.service", "systemd-timesyncd.service"),
        *("fstrim.timer", "systemd-remount-fs.service", "tmp.mount"),
    ),
    "dnf": ("dnf-makecache.service", "dnf-makecache.timer"),
    "crontabs": (),
    "cronie": ("crond.service",),
    "tuned": ("tuned.service",),
    "auditd": ("auditd.service",),
}
# Package -> programs that only say what they are and succeed.
_PROGRAMS = {
    "cloud-init": ("/usr/bin/cloud-init",),
    "sudo": ("/usr/bin/sudo", "/usr/sbin/visudo"),
    "openssh-server": ("/usr/sbin/sshd",),
    "openssh": ("/usr/bin/ssh-keygen",),
    "autofs": ("/usr/sbin/automount",),
    "qemu-guest-agent": ("/usr/bin/qemu-ga",),
    "dnf": ("/usr/bin/dnf", "/usr/bin/yum"),
    "rpm": ("/usr/bin/rpm",),
    "kmod": ("/usr/sbin/depmod", "/usr/sbin/modprobe"),
    "curl": ("/usr/bin/curl",),
    "attr": ("/usr/bin/getfattr", "/usr/bin/setfattr"),
    "chrony": ("/usr/sbin/chronyd",),
    "cloud-utils-growpart": ("/usr/bin/growpart",),
    "grub2-tools": ("/usr/sbin/grub2-mkconfig", "/usr/sbin/grub2-install"),
}
_FOLDERS = (
    *("/boot", "/etc", "/home", "/media", "/mnt", "/opt", "/srv", "/usr/bin", "/usr/lib"),
    *("/usr/lib64", "/usr/libexec", "/usr/sbin", "/usr/share", "/usr/local/bin", "/usr/src"),
    *("/var/cache", "/var/lib", "/var/log", "/var/spool", "/etc/skel", "/etc/profile.d"),
    *("/etc/pki/rpm-gpg", "/etc/yum.repos.d", "/etc/ssh", "/etc/sudoers.d", "/etc/default"),
    *("/etc/systemd/system", "/usr/lib/systemd/system", "/usr/lib/modules", "/etc/dracut.conf.d"),
    *("/etc/cloud/cloud.cfg.d", "/etc/auto.master.d", "/etc/sysconfig", "/etc/modprobe.d"),
    *("/usr/local/sbin", "/usr/local/lib", "/var/lib/cloud", "/etc/modules-load.d", "/var/empty"),
    *("/etc/sysctl.d", "/etc/tmpfiles.d", "/etc/systemd/journald.conf.d", "/etc/ssh/sshd_config.d"),
)
_USERS = """\
root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
nobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin
sshd:x:74:74:Privilege-separated SSH:/usr/share/empty.sshd:/sbin/nologin
"""
_GROUPS = (
    "root:x:0:\nbin:x:1:\ndaemon:x:2:\nwheel:x:10:\nfuse:x:990:\nsshd:x:74:\nnobody:x:65534:\n"
)


def packages(names: Iterable[str] = (), distribution: str = "almalinux", release: str = "9"
             ) -> tuple[PracticePackage, ...]:  # fmt: skip
    """The base system, with a placeholder for each of `names` that is not in it.

    Raises B2ctError when this host lacks a program to make it of.
    """
    own = host.programs()
    made = [
        _filesystem(),
        _setup(),
        _release(distribution, release),
        PracticePackage("basesystem", "Stands for basesystem", requires=("setup", "filesystem")),
        PracticePackage(
            "glibc",
            "The libraries of this host that its small programs need",
            items=own.libraries,
            requires=("filesystem",),
        ),
        *(_programs(name, items) for name, items in own.packages.items()),
        _systemd(),
        PracticePackage("systemd-udev", "Stands for systemd-udev", requires=("systemd",)),
        PracticePackage(
            "dracut",
            "Writes a file where an initramfs would be",
            items=(_tool("/usr/bin/dracut"), text("/etc/dracut.conf", "# practice\n")),
            requires=(
                *("bash", "coreutils", "findutils", "gawk", "grep", "gzip", "kmod", "sed", "tar"),
                *("procps-ng", "util-linux"),
            ),
        ),
        PracticePackage(
            "dracut-config-generic",
            "Stands for dracut-config-generic",
            items=(text("/usr/lib/dracut/dracut.conf.d/02-generic-image.conf", 'hostonly="no"\n'),),
            requires=("dracut",),
        ),
        *_kernel(),
    ]
    there = known(made)
    made += [_ordinary(name) for name in sorted({*_UNITS, *_PROGRAMS}) if name not in there]
    there = known(made)
    wanted = {n for n in (*names, *_EMPTY) if not n.startswith(("@", "-")) and "*" not in n}
    return (*made, *(placeholder(name) for name in sorted(wanted - there)))


_LOGIN_DEFS = """\
UID_MIN 1000
UID_MAX 60000
SYS_UID_MIN 201
SYS_UID_MAX 999
GID_MIN 1000
GID_MAX 60000
SYS_GID_MIN 201
SYS_GID_MAX 999
CREATE_HOME yes
USERGROUPS_ENAB yes
HOME_MODE 0700
UMASK 022
ENCRYPT_METHOD SHA512
"""
_EMPTY = ("glibc-minimal-langpack", "passwd", "yum")
"""What the base layer asks for besides; see rootfs/rpmrows.py."""


def _programs(name: str, items: tuple[Item, ...]) -> PracticePackage:
    shell = name == "bash"
    return PracticePackage(
        name,
        f"This host's own: {name}",
        items=(*items, link("/usr/bin/sh", "bash")) if shell else items,
        requires=("glibc",) if shell else ("bash", "setup"),
        provides=("/bin/sh", "/bin/bash") if shell else (),
    )


def _filesystem() -> PracticePackage:
    links = [link(f"/{name}", f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")]
    return PracticePackage(
        "filesystem",
        "Folders",
        items=(
            *map(folder, _FOLDERS),
            *links,
            *(folder(path, 0o555) for path in ("/proc", "/sys")),
            *(folder(path) for path in ("/dev", "/run", "/var", "/usr")),
            folder("/root", 0o550),
            folder("/tmp", 0o1777),  # noqa: S108 - in the package
            folder("/var/tmp", 0o1777),  # noqa: S108 - of the package
            link("/var/run", "../run"),
            link("/var/lock", "../run/lock"),
        ),
        requires=("setup",),
    )


def _setup() -> PracticePackage:
    shadow = "".join(f"{row.split(':')[0]}:!*:19000::::::\n" for row in _USERS.splitlines())
    return PracticePackage(
        "setup",
        "Users, groups, profile",
        items=(
            config("/etc/passwd", _USERS),
            config("/etc/group", _GROUPS),
            Item("/etc/shadow", data=shadow.encode(), mode=0o000, config=True),
            Item("/etc/gshadow", data=b"", mode=0o000, config=True),
            config("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
            config("/etc/profile", "for i in /etc/profile.d/*.sh; do . $i; done\n"),
            config("/etc/bashrc", "# practice\n"),
            config("/etc/shells", "/bin/sh\n/bin/bash\n"),
            config("/etc/login.defs", _LOGIN_DEFS),
            config("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n"),
        ),
    )


def _release(distribution: str, release: str) -> PracticePackage:
    major = release.partition(".")[0]
    os_release = (
        f'NAME="Practice {distribution}"\nID="{distribution}"\nID_LIKE="rhel centos fedora"\n'
        f'VERSION_ID="{release}"\nPLATFORM_ID="platform:el{major}"\n'
        f'PRETTY_NAME="Practice {distribution} {release} (b2ct, not the real one)"\n'
    )
    names = [f"{distribution}-release", "centos-stream-release", "rocky-release", "centos-release"]
    name, *others = dict.fromkeys(names)
    return PracticePackage(
        name,
        f"Practice {distribution} {release}",
        version=f"{major}{SUFFIX}",
        items=(
            text("/usr/lib/os-release", os_release),
            link("/etc/os-release", "../usr/lib/os-release"),
            text("/etc/redhat-release", f"Practice {distribution} release {release}\n"),
        ),
        provides=("system-release", *others),
    )


def _systemd() -> PracticePackage:
    return PracticePackage(
        "systemd",
        "Unit files, and a systemctl in shell that enables them",
        items=(
            _tool("/usr/bin/systemctl"),
            _tool("/usr/bin/kernel-install"),
            stub("/usr/lib/systemd/systemd"),
            link("/usr/sbin/init", "../lib/systemd/systemd"),
            *(stub(f"/usr/bin/{name}", code=0) for name in ("systemd-tmpfiles", "journalctl")),
            *map(unit, _UNITS["systemd"]),
            *(
                text(f"/usr/lib/systemd/system/{name}.target", f"[Unit]\nDescription={name}\n")
                for name in ("multi-user", "graphical", "sysinit", "network-online", "timers")
            ),
        ),
        requires=("coreutils", "bash"),
    )


def _kernel() -> tuple[PracticePackage, ...]:
    """EL's own shape: the file is in the package; kernel-install puts it into /boot."""
    version = KERNEL_VERSION.removesuffix(".x86_64").replace("-", "_") + SUFFIX
    folder_ = f"/usr/lib/modules/{KERNEL_VERSION}"
    run_it = (
        f"kernel-install add {KERNEL_VERSION} /lib/modules/{KERNEL_VERSION}/vmlinuz || exit $?\n"
    )
    core = PracticePackage(
        "kernel-core",
        "A file with the header of a kernel, which is none",
        version=version,
        items=(
            Item(f"{folder_}/vmlinuz", data=fake_kernel(), mode=0o755),
            text(f"{folder_}/config", "CONFIG_X86_64=y\n"),
            text(f"{folder_}/modules.builtin", ""),
        ),
        requires=("dracut", "systemd-udev"),
        scripts={"posttrans": run_it},
    )
    kernel = PracticePackage(
        "kernel",
        "Stands for kernel",
        version=version,
        requires=("kernel-core", "kernel-modules"),
    )
    modules = PracticePackage(
        "kernel-modules",
        "Stands for kernel-modules",
        version=version,
        requires=("kernel-core",),
        provides=("kernel-modules-core",),
    )
    return core, kernel, modules


def fake_kernel() -> bytes:
    """The magic numbers of Documentation/arch/x86/boot.rst, so that it is taken for a kernel."""
    image = bytearray(32 * 1024)
    image[0x1F1] = 4  # setup_sects
    image[0x1FE:0x200] = b"\x55\xaa"
    image[0x200:0x206] = b"\xeb\x66HdrS"
    image[0x206:0x208] = (0x020F).to_bytes(2, "little")  # boot protocol 2.15
    image[0x1000:0x1040] = b"This is a practice file of b2ct and no Linux kernel.".ljust(
        0x40, b"\0"
    )
    return bytes(image)


def _ordinary(name: str) -> PracticePackage:
    note = placeholder(name)
    programs = (stub(path, code=0) for path in _PROGRAMS.get(name, ()))
    return PracticePackage(
        name, note.summary, items=(*note.items, *programs, *map(unit, _UNITS.get(name, ())))
    )


def _tool(path: str) -> Item:
    """One of the small programs that are kept beside this file."""
    body = (files(__package__) / "tools" / path.rpartition("/")[2]).read_text()
    return text(path, body, 0o755)
