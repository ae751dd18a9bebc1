"""Who may log in; and that no value of a site breaks out of the place where it stands."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import rendered, site, split_post
from tests.kickstart.concerns.network import make_host_key, make_privilege_separation_folder

HASH = "$6$rounds=5000$salt$aAbBcC./"


def commands(release: str, **parts: object) -> KickstartParser:
    """The concern's commands, read by the release's own parser."""
    row = catalogue.release(release)
    secrets = parts.pop("secrets", None)
    assert secrets is None or isinstance(secrets, dict)
    described = site(**{"release": {"version": release}, **parts})
    text = rendered(described, Role.CONTROL, secrets=secrets)["security"].commands
    parser = KickstartParser(makeVersion(row.pykickstart))
    parser.readKickstartFromString(text)
    return parser


def public(folder: Path, comment: str = "me") -> str:
    return f"{make_host_key(folder / 'key', 'ed25519')} {comment}"


@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_root_is_locked_unless_a_hash_is_carried(release: str, tmp_path: Path) -> None:
    admins = [{"name": "me", "ssh_keys": [public(tmp_path)]}]
    handler = commands(release, admins=admins).handler
    assert handler.rootpw.lock
    assert handler.selinux.selinux == 1
    handler = commands(release, secrets={"root_password_hash": HASH}).handler
    assert not handler.rootpw.lock
    assert (handler.rootpw.isCrypted, handler.rootpw.password) == (True, HASH)
    # Nobody could log in: the installer itself is left to ask.
    assert not commands(release).handler.rootpw.seen


def run_post(root: Path, **parts: object) -> Path:
    """Run the %post section of the concern on a folder; returns the sshd_config."""
    _, script = split_post(rendered(site(**parts), Role.CONTROL)["security"].post)
    for folder in ("etc/ssh", "root"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    config = root / "etc/ssh/sshd_config"
    config.write_text("Include /nowhere/*.conf\nPasswordAuthentication yes\nPermitRootLogin yes\n")
    script = (
        script.replace("/etc/ssh", f"{root}/etc/ssh")
        .replace("/root/.ssh", f"{root}/root/.ssh")
        .replace(". /usr/libexec/b2ct/lib.sh", "enable() { :; }")
    )
    prelude = "restorecon() { :; }\n"
    subprocess.run(["bash", "-euo", "pipefail", "-c", prelude + script], check=True)
    return config


@pytest.mark.skipif(
    not shutil.which("sshd", path="/usr/sbin:/usr/bin"), reason="sshd is not installed"
)
def test_sshd_takes_keys_only_whatever_stood_there(tmp_path: Path) -> None:
    config = run_post(tmp_path)
    make_privilege_separation_folder()
    make_host_key(tmp_path, "ed25519")
    key = tmp_path / "etc/ssh/ssh_host_ed25519_key"
    said = subprocess.run(
        ["/usr/sbin/sshd", "-T", "-f", config, "-h", key],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert "passwordauthentication no" in said
    assert "kbdinteractiveauthentication no" in said
    assert "permitrootlogin without-password" in said
    assert config.stat().st_mode & 0o777 == 0o600


def test_administrators_keys_are_root_s_and_closed(tmp_path: Path) -> None:
    one = public(tmp_path, 'it\'s $(touch pwned) "me" `x` \\')
    admins = [{"name": "%end $(id) 'x", "ssh_keys": [one]}]
    run_post(tmp_path, admins=admins)
    keys = tmp_path / "root/.ssh/authorized_keys"
    assert keys.read_text() == f"# %end $(id) 'x\n{one}\n"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.parent.stat().st_mode) == 0o700


nasty = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60
) | st.sampled_from(["%end", "$(id)", "`id`", "'", '"', "\\", "{{ 7*7 }}", "B2CT_EOF", "|B2CT_EOF"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=nasty, password=nasty, export=nasty, hash_=nasty.map(lambda text: f"${text}")
)  # as every crypt hash begins
def test_no_value_breaks_out(name: str, password: str, export: str, hash_: str) -> None:
    """Each value comes out of the shell, and of the kickstart's parser, as it went in."""
    described = site(
        admins=[{"name": name, "ssh_keys": [PUBLIC]}],
        storage={"type": "nfs", "server": "nfs.example.org", "export": f"/{export}"},
    )
    parts = rendered(
        described,
        Role.CONTROL,
        secrets={"oneadmin_password": password, "root_password_hash": hash_},
    )
    for part in parts.values():
        for script in (part.post, part.nochroot):
            # A line that begins so would end the section; _script() of compose refuses it.
            assert not any(line.startswith("%") for line in script.splitlines())
            done = subprocess.run(["bash", "-n"], input=script.encode(), check=False)
            assert done.returncode == 0
    _, post = split_post(parts["opennebula-frontend"].post)
    line = next(x for x in post.splitlines() if "oneadmin_password" in x)
    said = subprocess.run(
        ["bash", "-c", line.replace(" > /etc/b2ct/oneadmin_password", "")],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert said == f"{password}\n".encode()
    parser = KickstartParser(makeVersion("RHEL9"))
    parser.readKickstartFromString(parts["security"].commands)
    assert parser.handler.rootpw.password == hash_


PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3vYyN8YkVqLrJ5pX8sVwqzqQ0bqkZ1xXo5v0o3cW9d me"


def test_a_carried_password_is_closed_on_the_machine(tmp_path: Path) -> None:
    _, post = split_post(
        rendered(site(), Role.CONTROL, secrets={"oneadmin_password": "x y"})[
            "opennebula-frontend"
        ].post
    )
    line = next(x for x in post.splitlines() if "oneadmin_password" in x)
    target = tmp_path / "given"
    subprocess.run(
        ["bash", "-c", line.replace("/etc/b2ct/oneadmin_password", str(target))], check=True
    )
    assert target.read_text() == "x y\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
