"""The front-end's first boot, with a real MariaDB where there is one."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, site, user
from tests.kickstart.concerns.network import stop

ONED = """\
LOG = [ SYSTEM = "file", DEBUG_LEVEL = 3 ]
# DB = [ BACKEND = "mysql" ]
DB = [ BACKEND = "sqlite",
       TIMEOUT = 2500 ]
VNC_PORTS = [ START = 5900 ]
#ONEGATE_ENDPOINT = "http://frontend:5030"
ONEGATE_ENDPOINT = "http://old:5030"
"""


def frontend(root: Path, version: str = "6.10", secrets: dict[str, str] | None = None) -> Machine:
    """A control node whose packages are installed, as far as the step sees."""
    release = next(r for r in catalogue.RELEASES.values() if version in r.opennebula)
    made = machine(
        root,
        site(release={"version": release.key}, opennebula={"version": version}),
        Role.CONTROL,
        secrets=secrets,
    )
    made.environment["B2CT_ONE_USER"] = user()
    for folder in ("etc/one", "var/lib/one", "root"):
        made.path(folder).mkdir(parents=True, exist_ok=True)
    made.path("/etc/one/oned.conf").write_text(ONED)
    made.path("/etc/one/onegate-server.conf").write_text(
        ":server:\n  :bind: 127.0.0.1\n  :port: 5030\n"
        if catalogue.opennebula(version).onegate_host_key == "bind"
        else ":one_xmlrpc: http://localhost:2633/RPC2\n:host: 127.0.0.1\n:port: 5030\n"
    )
    for name in ("systemctl", "chkconfig", "service"):
        made.double(name)
    return made


def with_recording(made: Machine) -> Machine:
    """A mysql that keeps what it is told, and lets root in only."""
    made.double("mysql", 'cat >> "$B2CT_ROOT/mysql.stdin"')
    made.double("runuser", "exit 1")
    return made


def password_of(oned: str) -> str:
    (found,) = re.findall(r'PASSWD = "([^"]+)"', oned)
    return str(found)


@pytest.mark.parametrize("version", catalogue.OPENNEBULA)
def test_everything_is_configured_before_a_service_starts(version: str, tmp_path: Path) -> None:
    made = with_recording(frontend(tmp_path, version))
    made.run(made.step("opennebula-frontend"))

    oned = made.path("/etc/one/oned.conf").read_text()
    assert oned.count("\nDB = [ BACKEND") == 1
    assert "sqlite" not in oned
    assert '# DB = [ BACKEND = "mysql" ]\n' in oned
    assert "VNC_PORTS = [ START = 5900 ]\n" in oned
    assert re.findall(r"^ONEGATE_ENDPOINT = .*$", oned, re.MULTILINE) == [
        'ONEGATE_ENDPOINT = "http://10.0.0.2:5030"'
    ]
    assert made.path("/etc/one/oned.conf").stat().st_mode & 0o777 == 0o640
    gate = made.path("/etc/one/onegate-server.conf").read_text()
    assert "0.0.0.0" in gate
    assert "127.0.0.1" not in gate
    assert "http://localhost:2633/RPC2" in gate or ":server:\n" in gate

    auth = made.path("/var/lib/one/.one/one_auth")
    assert re.fullmatch(r"oneadmin:[A-Za-z0-9xy]{32}\n", auth.read_text())
    assert auth.stat().st_mode & 0o777 == 0o600

    verbs = made.calls("systemctl") + made.calls("chkconfig") + made.calls("service")
    for service in catalogue.opennebula(version).services:
        assert any(service in call.split() for call in verbs)


def test_no_secret_is_ever_an_argument_or_printed(tmp_path: Path) -> None:
    made = with_recording(frontend(tmp_path))
    done = made.run(made.step("opennebula-frontend"))
    oned = made.path("/etc/one/oned.conf").read_text()
    secrets = [password_of(oned), made.path("/var/lib/one/.one/one_auth").read_text().split(":")[1]]
    told = "".join(file.read_text() for file in tmp_path.glob("*.calls"))
    for secret in map(str.strip, secrets):
        assert secret not in done.stdout + done.stderr + told
    assert f"IDENTIFIED BY '{secrets[0]}'" in (tmp_path / "mysql.stdin").read_text()
    assert secrets[0] != secrets[1].strip()


def test_it_may_run_again_after_half_of_it(tmp_path: Path) -> None:
    made = with_recording(frontend(tmp_path))
    made.double("systemctl", 'case $* in enable*) [ -e "$B2CT_ROOT/second" ] ;; esac')
    assert made.run(made.step("opennebula-frontend"), check=False).returncode != 0
    (tmp_path / "second").touch()
    made.run(made.step("opennebula-frontend"))
    assert made.path("/etc/one/oned.conf").read_text().count("\nDB = [") == 1


def test_a_carried_password_is_used_once_and_deleted(tmp_path: Path) -> None:
    secret = "it's \\n $(id) %s"
    made = with_recording(frontend(tmp_path, secrets={"oneadmin_password": secret}))
    given = made.path("/etc/b2ct/oneadmin_password")
    given.write_text(f"{secret}\n")  # test_security runs the %post that writes it
    made.run(made.step("opennebula-frontend"))
    auth = made.path("/var/lib/one/.one/one_auth").read_text()
    assert auth == f"oneadmin:{secret}\n"
    assert not given.exists()


@contextmanager
def mariadb() -> Iterator[Path]:
    """A MariaDB of its own in a temporary folder, asked by its socket only; yields that."""
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/libexec:/usr/bin")
    assert server
    with tempfile.TemporaryDirectory(prefix="b2ct-db-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        as_user = pwd.getpwuid(os.geteuid()).pw_name
        common = ["--no-defaults", f"--datadir={folder}/data", f"--user={as_user}"]
        subprocess.run(
            ["mariadb-install-db", *common, "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip
        socket = folder / "socket"
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [server, *common, f"--socket={socket}", "--skip-networking",
                 f"--pid-file={folder}/pid", "--transaction-isolation=READ-COMMITTED"],
                stdout=out, stderr=out,
            )  # fmt: skip
        try:
            for _ in range(300):
                assert process.poll() is None, log.read_text()
                if (
                    subprocess.run(
                        ["mysql", "--no-defaults", f"--socket={socket}", "-uroot", "-e", ";"],
                        capture_output=True,
                        check=False,
                    ).returncode
                    == 0
                ):
                    break
                time.sleep(0.1)
            yield socket
        finally:
            stop(process)


@pytest.mark.skipif(
    not shutil.which("mariadbd", path="/usr/sbin:/usr/libexec:/usr/bin")
    or not shutil.which("mysql")
    or os.geteuid() != 0,
    reason="needs mariadb-server-core, mariadb-client-core and root",
)
def test_a_real_mariadb_lets_oneadmin_in_and_nobody_else(tmp_path: Path) -> None:
    made = frontend(tmp_path)
    with mariadb() as socket:
        made.environment |= {"MYSQL_SOCKET": str(socket)}
        for _ in range(2):  # the second time it changes the password, and nothing else
            made.run(made.step("opennebula-frontend"))
            password = password_of(made.path("/etc/one/oned.conf").read_text())

            def ask(account: str, secret: str, query: str) -> subprocess.CompletedProcess[str]:
                return subprocess.run(
                    ["mysql", "--no-defaults", f"--socket={socket}", f"--user={account}"],
                    input=query, capture_output=True, text=True, check=False,
                    env={**os.environ, "MYSQL_PWD": secret},
                )  # fmt: skip

            assert (
                ask("oneadmin", password, "CREATE TABLE IF NOT EXISTS opennebula.t (a INT);").stderr
                == ""
            )
            assert ask("oneadmin", "wrong", "SELECT 1;").returncode != 0
            assert ask("oneadmin", password, "SELECT * FROM mysql.user;").returncode != 0
            # This root had no password: now it has one, in root's own file.
            assert ask("root", "", "SELECT 1;").returncode != 0
            own = made.path("/root/.my.cnf")
            assert own.stat().st_mode & 0o777 == 0o600
            root = own.read_text().split("password=")[1].strip()
            assert "oneadmin" in ask("root", root, "SELECT user FROM mysql.user;").stdout
