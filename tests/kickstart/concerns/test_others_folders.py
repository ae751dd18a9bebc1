"""Root's scripts and folders of other users: oneadmin must not become root by a link planted there.

Three proofs: each script is read; each runs as a root that cannot enter oneadmin's home, so that
only what is done as oneadmin works; and each runs while links lead from there to root's files.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.site.catalogue import Role
from tests.kickstart.concerns import shell
from tests.kickstart.concerns.machine import Machine, machine, site

OTHERS = ("$ONE_HOME", "/var/lib/one", "/var/spool/squid", "/var/log/b2ct-")
"""Where users other than root write. (Folders of B2CT's own logs end in the name of a service.)"""
DOORS = {
    "as_oneadmin", "one_file", "put_one", "put_one_tagged", "one_folder", "own_folder", "log_in",
    "ask_one",
}  # fmt: skip
HARMLESS = {"df", "stat", "readlink", "mountpoint", "semanage", "echo", "later", "[", "while"}
"""They neither write nor tell what a file holds; `while` counts to a folder's parents."""
EXCUSED = (
    "mkdir -p /var/lib/one/datastores",  # while installing: there is no oneadmin yet
    'printf \'%s:%s /var/lib/one/datastores nfs vers=%s,%s 0 0\\n\'',  # a line for fstab
    'within 120 mount "$place"',  # after readlink has said that it is no link
    'find "$ROOT/var/log" -maxdepth 1 -name \'b2ct-post-*.log\'',  # root's own folder
    'exec "$program" reap ',  # its unit runs it as oneadmin
)  # fmt: skip


def trespasses(script: str) -> list[str]:
    """The commands of a script that touch a place of another user, by no door."""
    names = list(OTHERS)
    found = []
    for line in shell.lines(script):
        for name, value in shell.ASSIGNED.findall(line):
            if any(place in value for place in names):
                names += [f"${name}", f"${{{name}}}"]
        for words in shell.commands(line):
            command = " ".join(words)
            if words[0] == "local" or not _names(command, names):
                continue
            if command.startswith(EXCUSED):
                continue
            into = re.search(r"[<>]\s*(\S+)", command)
            if (into and _names(into[1], names)) or words[0] not in DOORS | HARMLESS:
                found.append(command)
    return found


def _names(text: str, places: list[str]) -> bool:
    return any(
        re.search(re.escape(place) + r"(?!\w)|" + re.escape(place) + "$", text)
        or (not place.startswith("$") and place in text)
        for place in places
    )


def test_no_script_reaches_into_a_folder_of_another_user() -> None:
    found = {name: trespasses(text) for name, text in shell.scripts()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        'cat x > "$ONE_HOME/.ssh/config"',
        'known=$ONE_HOME/.ssh/known_hosts\nsort x > "$known"',
        'if [ -e x ]; then sed -i s/a/b/ "$ONE_HOME/x"; fi',
        'one_file x | tee "$ONE_HOME/x"',
        'grep -q b2ct < "$ONE_HOME/.ssh/known_hosts"',
        'as_oneadmin true && chown root "$ROOT/var/lib/one/datastores"',
        'place=$ROOT/var/lib/one/datastores\nmkdir -p "$place/0"',
        'restorecon -R "$ROOT/var/log/b2ct-reaper"',
        'x=$(cat "$ONE_HOME/.one/one_auth")',
        'put 600 root:root \\\n  "$ONE_HOME/.ssh/config" < x',
        'as_oneadmin cat x > "$ONE_HOME/y"',
    ],
)
def test_the_reader_would_notice(line: str) -> None:
    assert len(trespasses(line)) == 1


def test_the_reader_knows_the_doors() -> None:
    assert trespasses('as_oneadmin touch "$ONE_HOME/x"\nput_one 600 "$ONE_HOME/y" < z') == []


ALIEN = "daemon"
"""The account that plays oneadmin where the tests are root."""
SSH = """
# A machine that takes what it is given, and says nothing.
case "$*" in *" true") ;; *) cat > /dev/null ;; esac
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who has another user to fear")


@pytest.fixture
def pair() -> Iterator[dict[str, Machine]]:
    """A control node and a hypervisor, whose oneadmin is another user than root.

    Not below pytest's folder, which nobody but its owner may enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="b2ct-others-"))
    folder.chmod(0o755)
    described = site(
        cloud={"dirac": {}},
        secrets={"dirac_password": {"file": "dirac.txt"}},
        gateway={"clients": ["192.0.2.0/24"]},
    )
    made = {}
    for role in (Role.CONTROL, Role.HYPERVISOR):
        one = made[role.value] = machine(
            folder / role.value, described, role, {"B2CT_CONTROL_ADDRESS": "127.0.0.2"}
        )
        _prepare(one)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
         made["control"].path("/etc/ssh/ssh_host_ed25519_key")], check=True,
    )  # fmt: skip
    try:
        yield made
    finally:
        shutil.rmtree(folder)


def _prepare(made: Machine) -> None:
    """Packages are there, and programs that would reach outside are recording doubles."""
    for folder in ("etc/ssh", "etc/one", "var/lib/one", "root", "var/lib/b2ct"):
        made.path(folder).mkdir(parents=True, exist_ok=True)
    (made.root / "etc/one/oned.conf").write_text('DB = [ BACKEND = "sqlite" ]\n')
    public = next(iter(made.root.parent.glob("control/etc/ssh/*.pub")), None)
    offered = public.read_text() if public else KEY
    made.double("ssh", SSH)
    made.double("ssh-keyscan", f"echo '127.0.0.1 {' '.join(offered.split()[:2])}'")
    for name in ("mysql", "systemctl", "onehost", "onedatastore", "useradd"):
        made.double(name, "cat > /dev/null" if name == "mysql" else "exit 0")
    for file in made.root.glob("*.calls"):
        file.chmod(0o666)
    made.root.chmod(0o777)  # doubles write down who called them
    made.environment["B2CT_ONE_USER"] = ALIEN
    made.environment["B2CT_GATEWAY_USER"] = ALIEN
    home = made.path("/var/lib/one")
    home.mkdir(exist_ok=True)
    home.chmod(0o700)
    shutil.chown(home, ALIEN)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3vYyN8YkVqLrJ5pX8sVwqzqQ0bqkZ1xXo5v0o3cW9d"


def _scripts(made: Machine, role: str) -> list[tuple[str, ...]]:
    """Everything of ours that root runs and that has to do with other users."""
    if role == "hypervisor":
        return [(made.step("datastores"),), (made.step("trust"),)]
    return [
        (made.step("datastores"),),
        (made.step("trust"),),
        (made.step("opennebula-frontend"),),
        (made.step("reaper"),),
        (made.step("gateway"),),
        ("/usr/libexec/b2ct/register",),
        ("/usr/sbin/b2ct-register", "--forget", "hv01"),
    ]


def _run(made: Machine, script: tuple[str, ...], *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, str(made.path(script[0])), *script[1:]],
        env={**os.environ, "B2CT_ROOT": str(made.root), **made.environment},
        capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


WEAK = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""A root whom file modes stop: what it does in oneadmin's closed home, it does as oneadmin."""


@as_root
def test_what_is_oneadmin_s_is_done_by_oneadmin(pair: dict[str, Machine]) -> None:
    for role, made in pair.items():
        home = made.path("/var/lib/one")
        for script in _scripts(made, role):
            if "datastores" in script[0]:
                home.joinpath("datastores").mkdir()  # a volume, mounted by root
                home.chmod(0o711)
            done = _run(made, script, *WEAK)
            home.chmod(0o700)
            assert done.returncode == 0, (script, done.stdout, done.stderr)
        files = [path for path in home.rglob("*") if path.name != "datastores"]
        assert files
        assert {path.owner() for path in files} == {ALIEN}
        assert home.joinpath("datastores").owner() == ALIEN
    control, hypervisor = (made.path("/var/lib/one/.ssh") for made in pair.values())
    assert {"id_ed25519", "id_ed25519-cert.pub", "known_hosts"} <= {
        path.name for path in control.iterdir()
    }
    assert "cert-authority" in hypervisor.joinpath("authorized_keys").read_text()


SECRET = "a line of root's own b2ct:hv01 b2ct:control"


@as_root
def test_no_link_leads_root_to_another_file(pair: dict[str, Machine]) -> None:
    for role, made in pair.items():
        scripts = _scripts(made, role)
        places = ("/var/lib/one", "/var/log/b2ct-reaper", "/var/log/b2ct-gateway")
        for script in scripts:
            _run(made, script)
        known = [
            path
            for place in places
            for path in (made.path(place), *made.path(place).rglob("*"))
            if path.exists() and path != made.path("/var/lib/one")
        ]
        for path in known:
            _tempt(made, [path], scripts)
        _tempt(made, [_beside(path) for path in known if path.is_file()], scripts)


def _beside(path: Path) -> Path:
    """A name that can be guessed: the first versions wrote there, and then renamed it."""
    return path.with_name(f"{path.name}.b2ct-new")


def _tempt(made: Machine, names: list[Path], scripts: list[tuple[str, ...]]) -> None:
    """Put links to files of root's in these places, run all, and see whether the files stay."""
    prizes = made.root / "prizes"
    prizes.mkdir()
    aside = prizes / "aside"
    aside.mkdir()
    for number, name in enumerate(names):
        prize = prizes / str(number)
        file = prize / "known_hosts" if name.is_dir() else prize
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{SECRET}\n")
        file.chmod(0o600)
        if name.exists():
            name.rename(aside / str(number))
        name.symlink_to(prize)
        os.lchown(name, *_alien())
    before = _seen(prizes)
    for script in scripts:
        _run(made, script)
    assert _seen(prizes) == before, f"root was led astray by {names}"
    for path in made.path("/var/lib/one").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET not in path.read_text(), (
                f"root told oneadmin in {path} what is in {names}"
            )
    for number, name in enumerate(names):
        if name.is_dir() and not name.is_symlink():
            shutil.rmtree(name)
        else:
            name.unlink(missing_ok=True)
        if (aside / str(number)).exists():
            (aside / str(number)).rename(name)
    shutil.rmtree(prizes)


def _alien() -> tuple[int, int]:
    account = pwd.getpwnam(ALIEN)
    return account.pw_uid, account.pw_gid


def _seen(path: Path) -> list[tuple[str, int, int, bytes]]:
    return [
        (
            str(one),
            one.stat().st_mode,
            one.stat().st_uid,
            one.read_bytes() if one.is_file() else b"",
        )
        for one in (path, *sorted(path.rglob("*")))
    ]
