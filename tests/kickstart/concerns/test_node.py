"""A hypervisor's own steps: libvirt, datastores, packages, time and logs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, rendered, site, split_post, user

UNITS = [
    f"{unit}{kind}"
    for unit in ("virtqemud", "virtnetworkd", "virtstoraged", "virtnodedevd", "virtsecretd")
    for kind in (".service", ".socket", "-ro.socket")
] + ["libvirtd.service", "libvirtd.socket", "libvirtd-ro.socket"]


def node(root: Path, release: str, version: str, **parts: object) -> Machine:
    """A hypervisor with libvirt's files, as the packages lay them."""
    described = site(release={"version": release}, opennebula={"version": version}, **parts)
    made = machine(root, described, Role.HYPERVISOR)
    made.environment["B2CT_ONE_USER"] = user()
    for folder in ("etc/libvirt", "usr/lib/systemd/system", "var/lib/one", "etc/lvm"):
        made.path(folder).mkdir(parents=True)
    made.path("/etc/libvirt/qemu.conf").write_text('#user = "root"\nuser = "qemu"\n')
    made.path("/etc/libvirt/libvirtd.conf").write_text('#auth_unix_rw = "polkit"\n')
    if catalogue.release(release).major >= 9:
        for unit in UNITS:
            made.path(f"/usr/lib/systemd/system/{unit}").touch()
    for name in ("systemctl", "chkconfig", "service", "usermod"):
        made.double(name)
    made.double("getent", "exit 0")
    return made


@pytest.mark.parametrize(("version", "kind"), [("6.10", "monolithic"), ("7.4", "modular")])
def test_el9_runs_the_libvirt_that_the_version_wants(
    version: str, kind: str, tmp_path: Path
) -> None:
    made = node(tmp_path, "el9", version)
    for _ in range(2):
        made.run(made.step("opennebula-node"))
    calls = made.calls("systemctl")
    if kind == "monolithic":
        assert "mask virtqemud.socket" in calls
        assert "mask libvirtd.socket" in calls
        assert "enable libvirtd" in calls
        assert not any(c.startswith("enable virtqemud") for c in calls)
        conf = made.path("/etc/libvirt/libvirtd.conf").read_text()
    else:
        assert "enable virtqemud.socket" in calls
        assert (
            "disable libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
            in calls
        )
        assert not any("mask" in c for c in calls)
        conf = made.path("/etc/libvirt/virtqemud.conf").read_text()
        dropin = made.path("/etc/systemd/system/virtqemud.socket.d/b2ct.conf").read_text()
        # No question is asked at the socket, so the socket itself is closed to others.
        assert f"SocketGroup={user()}\nSocketMode=0660\n" in dropin
    assert conf.count('\nauth_unix_rw = "none"\n') + conf.startswith("auth_unix_rw") == 1
    qemu = made.path("/etc/libvirt/qemu.conf").read_text()
    assert re.findall(r"^user = .*$", qemu, re.MULTILINE) == [f'user = "{user()}"']
    assert '#user = "root"' in qemu
    assert f"-a -G kvm {user()}" in made.calls("usermod")


def test_el6_has_a_service_and_no_units(tmp_path: Path) -> None:
    made = node(tmp_path, "el6", "4.14")
    made.run(made.step("opennebula-node"))
    assert made.calls("systemctl") == []
    assert made.calls("chkconfig") == ["libvirtd on"]
    assert made.calls("service") == ["libvirtd restart"]


NFS = {"type": "nfs", "server": "nfs.example.org", "export": "/srv/my #1 \\one", "mode": "qcow2"}


@pytest.mark.parametrize("release", ["el6", "el9"])
def test_nfs_is_in_fstab_and_mounted_before_anything_is_written(
    release: str, tmp_path: Path
) -> None:
    described = site(release={"version": release}, storage=NFS)
    _, script = split_post(rendered(described, Role.HYPERVISOR)["datastores"].post)
    script = script.replace("/etc/fstab", f"{tmp_path}/fstab").replace(
        "mkdir -p /var/lib/one/datastores", ":"
    )
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True)
    words = (tmp_path / "fstab").read_text().split()
    assert words[0] == r"nfs.example.org:/srv/my\040\0431\040\134one"
    assert words[1:3] == ["/var/lib/one/datastores", "nfs"]
    assert "_netdev" in words[3]
    assert ("x-systemd.automount" in words[3]) == (release != "el6")

    made = node(tmp_path / "m", release, {"el6": "4.14"}.get(release, "6.10"), storage=NFS)
    made.double("mountpoint", "exit 1")
    made.double("mount", '[ -e "$B2CT_ROOT/up" ]')
    waits = made.run(made.step("datastores"), check=False)
    assert (waits.returncode, "nfs.example.org to be mounted" in waits.stdout) == (75, True)
    (tmp_path / "m/up").touch()
    made.run(made.step("datastores"))
    assert made.calls("setsebool") == ["-P virt_use_nfs on"]
    assert made.calls("semanage") == []


@pytest.mark.parametrize(
    ("release", "version"), [("el6", "4.14"), ("el9", "6.10"), ("el10", "7.4")]
)
def test_libvirt_s_own_network_is_removed(release: str, version: str, tmp_path: Path) -> None:
    made = node(tmp_path, release, version)
    made.double("virsh", "exit 1")  # it has none any more
    own = made.path("/etc/libvirt/qemu/networks")
    (own / "autostart").mkdir(parents=True)
    (own / "default.xml").touch()
    (own / "mine.xml").touch()
    (own / "autostart/default.xml").symlink_to("../default.xml")
    made.run(made.step("opennebula-node"))
    assert [call.split()[2:] for call in made.calls("virsh")] == [
        ["net-destroy", "default"], ["net-undefine", "default"],
    ]  # fmt: skip
    assert [file.name for file in own.rglob("*.xml")] == ["mine.xml"]


def test_local_datastores_are_labelled(tmp_path: Path) -> None:
    made = node(tmp_path, "el9", "6.10")
    made.run(made.step("datastores"))
    assert made.calls("semanage") == ["fcontext -a -t virt_image_t /var/lib/one/datastores(/.*)?"]
    assert made.calls("restorecon") == ["."]


def test_lvm_reads_metadata_anew(tmp_path: Path) -> None:
    made = node(tmp_path, "el7", "5.12", storage={"type": "lvm"})
    made.path("/etc/lvm/lvm.conf").write_text("global {\n\tuse_lvmetad = 1\n}\n")
    made.run(made.step("datastores"))
    assert "use_lvmetad = 0" in made.path("/etc/lvm/lvm.conf").read_text()
    assert made.calls("usermod") == [f"-a -G disk {user()}"]


@pytest.mark.parametrize(
    ("storage", "version", "expected"),
    [
        ({"type": "ssh"}, "6.10", ['0 TM_MAD="ssh"', '1 TM_MAD="ssh"', '1 DS_MAD="fs"']),
        ({"type": "ssh"}, "7.0", ['0 TM_MAD="local"', '1 TM_MAD="local"']),
        ({"type": "local"}, "7.4", ['0 TM_MAD="local"']),
        (NFS, "6.10", ['0 TM_MAD="qcow2"', '1 TM_MAD="qcow2"', '1 DS_MAD="fs"']),
        (
            {"type": "lvm"},
            "6.10",
            ['0 TM_MAD="fs_lvm_ssh"', '0 DISK_TYPE="BLOCK"', '0 BRIDGE_LIST="hv01"'],
        ),
        ({"type": "lvm"}, "5.8", ['0 TM_MAD="fs_lvm"']),
        (
            {
                "type": "ceph",
                "monitors": ["m1.example.org", "m2.example.org"],
                "secret_uuid": "b7b2a1f0-1111-2222-3333-444455556666",
            },
            "6.10",
            [
                '0 TM_MAD="ceph"',
                '1 DS_MAD="ceph"',
                '1 DISK_TYPE="RBD"',
                '1 POOL_NAME="one"',
                '1 CEPH_HOST="m1.example.org m2.example.org"',
                '1 CEPH_USER="libvirt"',
                '1 CEPH_SECRET="b7b2a1f0-1111-2222-3333-444455556666"',
                '1 BRIDGE_LIST="hv01"',
            ],
        ),
    ],
)
def test_datastores_get_the_drivers_of_storage_and_version(
    storage: dict[str, object], version: str, expected: list[str], tmp_path: Path
) -> None:
    release = next(r.key for r in catalogue.RELEASES.values() if version in r.opennebula)
    described = site(release={"version": release}, opennebula={"version": version}, storage=storage)
    made = machine(tmp_path, described, Role.CONTROL)
    lines = made.path("/usr/share/b2ct/datastores").read_text().splitlines()
    assert set(expected) <= set(lines)
    assert all(re.fullmatch(r'\d+ [A-Z_]+="[^"]*"', line) for line in lines)


def test_packages_are_those_of_role_and_version(tmp_path: Path) -> None:
    made = machine(tmp_path, site(), Role.SINGLE)
    made.double("dnf")
    made.double("rpm")
    made.run(made.step("packages"))
    one = catalogue.opennebula("6.10")
    (call,) = made.calls("dnf")
    assert call.split(" install ")[1].split() == [*one.frontend, *one.node]
    # yum is content when it finds some of the packages: rpm is asked for all.
    made.double("rpm", "exit 1")
    assert made.run(made.step("packages"), check=False).returncode == 75


def test_a_site_s_packages_come_last_and_a_missing_one_is_named(tmp_path: Path) -> None:
    packages = {"all": ["emacs-nox", "@development", "-nano"], "hypervisor": ["htopp"]}
    described = site(packages=packages)
    assert "-nano\n" in rendered(described, Role.HYPERVISOR)["packages"].packages
    made = machine(tmp_path, described, Role.HYPERVISOR)
    made.double("dnf")
    made.double("rpm", '[ "${!#}" != htopp ]')
    done = made.run(made.step("extras"), check=False)
    asked = [call.split(" install ")[1] for call in made.calls("dnf")]
    assert asked == ["emacs-nox", "@development", "htopp"]
    assert done.returncode == 75
    assert done.stdout.splitlines()[-1].endswith("no repository has: htopp")
    # A control node does not want it, and has nothing else of its own.
    assert "htopp" not in rendered(described, Role.CONTROL)["extras"].post
    assert rendered(site(), Role.CONTROL)["extras"].post == ""


def test_rocci_comes_from_the_site_s_repository(tmp_path: Path) -> None:
    described = site(
        release={"version": "el7"},
        opennebula={
            "version": "5.4", "cloud_api": "rocci", "rocci_repository": "https://repo.example.org/r/",
        },
    )  # fmt: skip
    parts = rendered(described, Role.CONTROL)
    assert "https://repo.example.org/r/" in parts["repositories"].post
    assert "occi-server" in parts["extras"].post
    assert rendered(described, Role.HYPERVISOR)["extras"].post == ""


@pytest.mark.parametrize(("release", "file"), [("el6", "ntp.conf"), ("el9", "chrony.conf")])
def test_time_comes_from_the_site_s_servers_alone(release: str, file: str, tmp_path: Path) -> None:
    info = {"name": "b2ct", "domain": "b2ct.example.org", "ntp": ["ntp1.example.org", "10.0.0.1"]}
    described = site(release={"version": release}, site=info)
    _, script = split_post(rendered(described, Role.CONTROL)["time"].post)
    config = tmp_path / file
    config.write_text("pool 2.pool.example.org iburst\nserver old.example.org\ndriftfile /x\n")
    script = script.replace(f"/etc/{file}", str(config)).replace(
        ". /usr/libexec/b2ct/lib.sh", 'enable() { echo enable "$1"; }'
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"enable {catalogue.release(release).time_service}\n"
    assert [x for x in config.read_text().splitlines() if not x.startswith("#")] == [
        "driftfile /x", "server ntp1.example.org iburst", "server 10.0.0.1 iburst",
    ]  # fmt: skip


def test_what_was_installed_is_written_down(tmp_path: Path) -> None:
    parts = rendered(site(), Role.CONTROL)["logs"]
    (tmp_path / "var/log/b2ct").mkdir(parents=True)
    (tmp_path / "run/install").mkdir(parents=True)
    (tmp_path / "etc/b2ct").mkdir(parents=True)
    (tmp_path / "run/install/ks.cfg").write_text("rootpw --iscrypted secret-hash\n")
    nochroot = parts.nochroot.replace("/run/install", f"{tmp_path}/run/install")
    subprocess.run(
        ["bash", "-c", nochroot],
        env={"ANA_INSTALL_PATH": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True,
    )  # fmt: skip
    kept = tmp_path / "var/log/b2ct/kickstart.cfg"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700

    _, script = split_post(parts.post)
    cmdline = tmp_path / "cmdline"
    cmdline.write_text("quiet inst.ks=hd:LABEL=B2CT:/ks/control.ks inst.stage2=hd:LABEL=B2CT\n")
    for there, here in (
        ("/proc/cmdline", cmdline),
        ("/var/log", tmp_path / "var/log"),
        ("/etc/", f"{tmp_path}/etc/"),
    ):
        script = script.replace(there, str(here))
    (tmp_path / "etc/logrotate.conf").write_text("weekly\nrotate 4\n")
    env = "B2CT_ROLE=control B2CT_NODE=one B2CT_RELEASE=el9\n"
    subprocess.run(["bash", "-euo", "pipefail", "-c", env + script], check=True)
    lines = (tmp_path / "etc/b2ct/installation").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines)
    assert told["kickstart"] == "hd:LABEL=B2CT:/ks/control.ks"
    assert re.fullmatch("[0-9a-f]{64}", told["kickstart_sha256"])
    assert (told["role"], told["node"], told["installed_by"]) == ("control", "one", "b2ct")
    assert (tmp_path / "etc/logrotate.conf").read_text() == "weekly\nrotate 26\n"
