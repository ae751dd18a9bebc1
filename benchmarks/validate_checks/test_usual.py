"""Checks as testinfra's own documentation writes them: the suite of benchmarks/validate.py.

Nothing in them is made for speed, neither ours nor testinfra's; all hold on a bare Debian or EL.
"""
# ruff: noqa: D103

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.validate.check import check

if TYPE_CHECKING:
    from testinfra.host import Host

WHY = "the benchmark needs something to look at"
REMEDY = "ssh {user}@{address}"


@check(proves="the accounts are in a file of root", why=WHY, remedy=REMEDY)
def test_passwd(host: Host) -> None:
    file = host.file("/etc/passwd")
    assert file.exists, "/etc/passwd is missing"
    assert file.user == "root", "/etc/passwd is not root's"
    assert file.group == "root", "/etc/passwd is not root's group's"
    assert file.mode == 0o644, "/etc/passwd has another mode"


@check(proves="passwords are closed", why=WHY, remedy=REMEDY)
def test_shadow(host: Host) -> None:
    file = host.file("/etc/shadow")
    assert file.is_file, "/etc/shadow is no file"
    assert file.user == "root", "/etc/shadow is not root's"
    assert file.mode & 0o007 == 0, "/etc/shadow is open to others"


@check(proves="root is the user 0", why=WHY, remedy=REMEDY)
def test_root(host: Host) -> None:
    user = host.user("root")
    assert user.exists, "there is no root"
    assert user.uid == 0, "root is not 0"
    assert user.gid == 0, "root's group is not 0"
    assert user.home == "/root", "root lives elsewhere"


@check(proves="root has a group", why=WHY, remedy=REMEDY)
def test_group(host: Host) -> None:
    group = host.group("root")
    assert group.exists, "there is no group root"
    assert group.gid == 0, "its number is not 0"


@check(proves="the system is Linux", why=WHY, remedy=REMEDY)
def test_system(host: Host) -> None:
    assert host.system_info.type == "linux", "it is no Linux"
    assert host.system_info.distribution, "it has no name"
    assert host.system_info.release, "it has no release"
    assert host.system_info.arch, "it has no architecture"


@check(proves="a shell is installed", why=WHY, remedy=REMEDY)
def test_package(host: Host) -> None:
    package = host.package("bash")
    assert package.is_installed, "bash is not installed"
    assert package.version, "bash has no version"


@check(proves="other packages are installed", why=WHY, remedy=REMEDY)
def test_packages(host: Host) -> None:
    for name in ("coreutils", "grep", "sed"):
        assert host.package(name).is_installed, f"{name} is not installed"


@check(proves="what is not installed is found not to be", why=WHY, remedy=REMEDY)
def test_no_package(host: Host) -> None:
    assert not host.package("b2ct-no-such-package").is_installed, "it is installed"


@check(proves="sshd listens", why=WHY, remedy=REMEDY)
def test_socket(host: Host) -> None:
    port = host.check_output("echo $SSH_CONNECTION").split()[3]
    address = host.check_output("echo $SSH_CONNECTION").split()[2]
    assert host.socket(f"tcp://{address}:{port}").is_listening, "sshd does not listen"


@check(proves="nobody listens where nobody should", why=WHY, remedy=REMEDY)
def test_no_socket(host: Host) -> None:
    assert not host.socket("tcp://0.0.0.0:1").is_listening, "somebody listens"


@check(proves="sshd runs", why=WHY, remedy=REMEDY)
def test_process(host: Host) -> None:
    assert host.process.filter(comm="sshd"), "sshd does not run"


@check(proves="/ is mounted", why=WHY, remedy=REMEDY)
def test_mount(host: Host) -> None:
    mount = host.mount_point("/")
    assert mount.exists, "/ is no mount point"
    assert mount.filesystem, "/ has no file system"
    assert "rw" in mount.options, "/ is read-only"


@check(proves="the loopback device is there", why=WHY, remedy=REMEDY)
def test_interface(host: Host) -> None:
    device = host.interface("lo")
    assert device.exists, "lo is missing"
    assert "127.0.0.1" in device.addresses, "lo has no address"


@check(proves="localhost is known", why=WHY, remedy=REMEDY)
def test_name(host: Host) -> None:
    name = host.addr("localhost")
    assert name.is_resolvable, "localhost is not known"
    assert "127.0.0.1" in name.ipv4_addresses, "localhost is elsewhere"


@check(proves="forwarding is a number", why=WHY, remedy=REMEDY)
def test_sysctl(host: Host) -> None:
    assert host.sysctl("net.ipv4.ip_forward") in (0, 1), "it is neither 0 nor 1"
    assert host.sysctl("kernel.ostype") == "Linux", "it is no Linux"


@check(proves="sshd has host keys", why=WHY, remedy=REMEDY)
def test_folder(host: Host) -> None:
    folder = host.file("/etc/ssh")
    assert folder.is_directory, "/etc/ssh is no folder"
    assert folder.user == "root", "/etc/ssh is not root's"
    assert folder.listdir(), "/etc/ssh is empty"


@check(proves="hosts are named", why=WHY, remedy=REMEDY)
def test_hosts(host: Host) -> None:
    file = host.file("/etc/hosts")
    assert file.contains("localhost"), "localhost is missing"
    assert "127.0.0.1" in file.content_string, "127.0.0.1 is missing"


@check(proves="the root file system has room", why=WHY, remedy=REMEDY)
def test_room(host: Host) -> None:
    used = host.check_output("df -P / | awk 'NR == 2 { print $5 }'").rstrip("%")
    assert int(used) <= 100, "it is full"


@check(proves="the tools are there", why=WHY, remedy=REMEDY)
def test_tools(host: Host) -> None:
    for name in ("awk", "grep", "sed", "tar"):
        assert host.exists(name), f"{name} is missing"


@check(proves="a service that is not there does not run", why=WHY, remedy=REMEDY)
def test_service(host: Host) -> None:
    service = host.service("b2ct-no-such-service")
    assert not service.is_running, "it runs"
    assert not service.is_enabled, "it is enabled"
