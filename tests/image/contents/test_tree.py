"""The contents in a real Debian worker: the tools of that system judge them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.image.contents.worker import SYSTEMD

pytestmark = pytest.mark.boot
UNITS = sorted(path.name for path in (SYSTEMD / "usr/lib/systemd/system").iterdir())
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
# Changes go to a tmpfs over the tree and vanish with the process.
INSIDE = """set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/tree
mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/tree
mount -t proc proc /mnt/tree/proc
mount --bind /dev /mnt/tree/dev
exec chroot /mnt/tree /bin/sh -euc "$2"
"""


def inside(tree: Path, command: str) -> subprocess.CompletedProcess[str]:
    """What a command prints inside the tree, as root."""
    return subprocess.run(
        [*UNSHARE, "sh", "-c", INSIDE, "sh", str(tree), command],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def good(tree: Path, command: str) -> str:
    done = inside(tree, command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_units_verify_and_are_enabled(worker_tree: Path) -> None:
    good(worker_tree, f"systemctl --root=/ is-enabled {' '.join(UNITS)}")
    services = "autofs.service cloud-final.service systemd-networkd-wait-online.service"
    said = good(
        worker_tree,
        f"systemd-analyze verify --man=no {' '.join(UNITS)} {services} "
        "multi-user.target cloud-init.target",
    )
    assert "b2ct" not in said
    assert "cycle" not in said


def test_no_timer_works_behind_the_jobs_back(worker_tree: Path) -> None:
    said = good(worker_tree, "systemctl --root=/ list-unit-files --type=timer --state=enabled")
    timers = {line.split()[0] for line in said.splitlines() if ".timer" in line}
    assert timers <= {"fstrim.timer"}


def test_no_account_has_a_password(worker_tree: Path) -> None:
    for line in (worker_tree / "etc/shadow").read_text().splitlines():
        name, password, changed = line.split(":")[:3]
        assert password[0] in "!*", name
        assert changed == "", name
    for line in (worker_tree / "etc/passwd").read_text().splitlines():
        assert line.split(":")[1] == "x"


def test_sshd_takes_keys_only(worker_tree: Path) -> None:
    said = good(worker_tree, "mkdir -p /run/sshd; ssh-keygen -qA; sshd -t; sshd -T")
    for line in (
        "permitrootlogin without-password",
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitemptypasswords no",
    ):
        assert line in said.splitlines()


def test_there_are_no_host_keys_and_no_identity(worker_tree: Path) -> None:
    assert list((worker_tree / "etc/ssh").glob("ssh_host_*")) == []
    assert (worker_tree / "etc/machine-id").read_bytes() == b""
    assert (worker_tree / "etc/hostname").read_text() == "localhost\n"


def test_sudo_reads_its_files(worker_tree: Path) -> None:
    assert "parsed OK" in good(worker_tree, "visudo -c")


def test_cloud_init_reads_its_files(worker_tree: Path) -> None:
    code = (
        "from cloudinit.stages import Init; i = Init(); i.read_cfg(); c = i.cfg;"
        "print(c['datasource_list'], c['disable_root'], c['ssh_pwauth'], c['users']);"
        "print(c['system_info']['network'] if 'system_info' in c else i._cfg)"
    )
    said = good(worker_tree, f'python3 -c "{code}"')
    assert "['OpenNebula', 'NoCloud', 'None'] False False" in said
    checked = "/tmp/c.cfg"
    for name in ("90-b2ct.cfg", "91-b2ct-apt.cfg"):
        good(
            worker_tree,
            f"(echo '#cloud-config'; grep -v -A1 '^system_info' /etc/cloud/cloud.cfg.d/{name} "
            f"| grep -v renderers) >{checked}; cloud-init schema -c {checked}",
        )


def test_every_module_named_is_one_of_cloud_inits(worker_tree: Path) -> None:
    code = (
        "from cloudinit.stages import Init; from cloudinit.config.modules import Modules;"
        "i = Init(); i.read_cfg();"
        "[print(m[0]) for s in ('init', 'config', 'final') "
        "for m in Modules(i)._fixup_modules(Modules(i)._read_modules(f'cloud_{s}_modules'))]"
    )
    said = good(worker_tree, f'python3 -c "{code}"')
    assert "Could not find" not in said


NETWORK = """network:
  version: 2
  ethernets:
    ens3:
      match: {macaddress: '02:00:0a:00:00:0b'}
      addresses: [10.0.0.11/24]
      gateway4: 10.0.0.1
      mtu: '1450'
      nameservers: {addresses: [10.0.0.1], search: [b2ct.example.org]}
"""


def test_networkd_gets_what_opennebula_says_of_the_network(worker_tree: Path) -> None:
    said = good(
        worker_tree,
        f'printf %s "{NETWORK}" >/tmp/n.yaml; cloud-init devel net-convert -p /tmp/n.yaml -k yaml '
        "-d /tmp/out -D debian -O networkd -m ens3,02:00:0a:00:00:0b >/dev/null; "
        "cat /tmp/out/etc/systemd/network/*; systemctl --root=/ is-enabled systemd-networkd",
    )
    for line in ("Address=10.0.0.11/24", "Gateway=10.0.0.1", "DNS=10.0.0.1", "MTUBytes=1450"):
        assert line in said.splitlines()


def test_the_datasource_list_is_one_that_ds_identify_reads(worker_tree: Path) -> None:
    said = good(
        worker_tree,
        "mkdir -p /run/cloud-init; DEBUG_LEVEL=2 DI_LOG=stderr /usr/lib/cloud-init/ds-identify "
        "--force; cat /run/cloud-init/cloud.cfg",
    )
    assert "datasource_list: [ OpenNebula, NoCloud, None ]" in said or "policy" in said
    assert "notfound=enabled" in said.replace("'", "")


@pytest.mark.parametrize("client", [True, False])
def test_cvmfs_is_in_autofs_where_the_client_is(worker_tree: Path, client: bool) -> None:
    prepare = "printf '#!/bin/sh\\n' >/etc/auto.cvmfs; chmod +x /etc/auto.cvmfs"
    said = good(
        worker_tree,
        f"{prepare if client else 'rm -f /etc/auto.cvmfs'}; "
        "/usr/libexec/b2ct/cvmfs-map; automount -m",
    )
    assert ("Mount point: /cvmfs" in said) is client


def test_what_the_image_knows_of_cvmfs_without_a_context_is_valid(worker_tree: Path) -> None:
    command = (
        "printf '#!/bin/sh\\n' >/etc/auto.cvmfs; chmod +x /etc/auto.cvmfs; "
        "B2CT_SYSTEMCTL=true /usr/libexec/b2ct/contextualised"
    )
    assert "contextualised: good" in good(worker_tree, command)


def test_idle_and_features_run_with_what_the_image_has(worker_tree: Path) -> None:
    command = (
        "/usr/libexec/b2ct/features; cat /etc/machinefeatures/total_cpu; "
        "B2CT_POWEROFF=true B2CT_CONSOLE=/dev/null /usr/libexec/b2ct/idle look"
    )
    said = good(worker_tree, command)
    assert "CPUs" in said
    assert "\nidle: " in said
    assert "is not valid" not in said


def test_a_login_shell_has_the_environment(worker_tree: Path) -> None:
    said = good(worker_tree, "sh -lc 'echo $MACHINEFEATURES; type b2setup'")
    assert said.startswith("/etc/machinefeatures\nb2setup is a")
