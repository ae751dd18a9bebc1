"""The proxy file as a real httpd serves it, judged by the parser that CVMFS itself uses."""

from __future__ import annotations

import http.client
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, rendered, site
from tests.kickstart.concerns.network import free_port, stop, wait_for
from tests.pac import ask

HTTPD = shutil.which("apache2", path="/usr/sbin") or shutil.which("httpd", path="/usr/sbin")
MODULES = next(
    (f for f in map(Path, ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules")) if f.is_dir()),
    Path("/nowhere"),
)
needs_httpd = pytest.mark.skipif(not HTTPD, reason="httpd is not installed")


@contextmanager
def serving(made: Machine) -> Iterator[int]:
    """A real httpd with what the kickstart installs, and nothing of the host's; yields its port."""
    port, log = free_port("127.0.0.1"), made.path("/httpd.log")
    text = made.path("/etc/httpd/conf.d/b2ct-wpad.conf").read_text()
    text = text.replace("*:80", f"*:{port}").replace("/var/www", str(made.path("/var/www")))
    names = ("mpm_event", "authz_core", "mime", "filter", "include")
    loaded = [
        f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
        for name in names
        if (MODULES / f"mod_{name}.so").exists()
    ]
    config = made.path("/httpd.conf")
    config.write_text(
        f"ServerRoot {made.root}\nServerName localhost\nPidFile {made.root}/pid\n"
        f"Listen 0.0.0.0:{port}\nErrorLog {made.root}/error.log\nMutex pthread\n"
        f"{''.join(loaded)}TypesConfig /dev/null\n"
        "<Directory />\n  AllowOverride none\n  Require all denied\n</Directory>\n"
        f"<Directory {made.path('/var/www')}>\n  Require all granted\n</Directory>\n{text}"
    )
    made.root.chmod(0o755)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(HTTPD), "-f", str(config), "-DFOREGROUND"], stdout=out, stderr=out
        )
    try:
        wait_for("127.0.0.1", port, process, log)
        yield port
    finally:
        stop(process)


def get(port: int, path: str, address: str = "127.0.0.1") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": "grid-wpad"})
        answer = connection.getresponse()
        body = answer.read().decode()
        return answer.status, answer.headers.get("Content-Type", ""), body
    finally:
        connection.close()


@needs_httpd
def test_httpd_serves_it_with_the_address_it_was_asked_on(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    made = machine(tmp_path, site(squid={"backup": ["http://far.example.org:3128"]}), Role.CONTROL)
    with serving(made) as port:
        for address in ("127.0.0.1", "127.0.0.7"):
            status, kind, text = get(port, "/wpad.dat", address)
            assert (status, kind) == (200, "application/x-ns-proxy-autoconfig")
            assert ask(text, "http://cvmfs-stratum-one.cern.ch:8000/cvmfs/x") == (
                f"PROXY {address}:3128; PROXY far.example.org:3128"
            )
        assert get(port, "/")[0] in (403, 404)
        assert get(port, "/../../etc/b2ct/node.env")[0] in (400, 403, 404)


@pytest.mark.parametrize("release", catalogue.RELEASES)
@pytest.mark.parametrize("role", [Role.CONTROL, Role.SINGLE])
def test_every_release_installs_it(release: str, role: Role, tmp_path: Path) -> None:
    described = site(release={"version": release})
    assert "httpd" in rendered(described, role)["wpad"].packages.split()
    made = machine(tmp_path, described, role)
    for name in ("rpm", "httpd", "systemctl", "chkconfig", "service"):
        made.double(name)
    made.run(made.step("wpad"))
    assert made.calls("httpd") == ["-t"]
    if release == "el6":
        assert made.calls("service") == ["httpd restart"]
    else:
        assert made.calls("systemctl") == ["enable httpd", "restart httpd"]


def test_a_missing_package_is_said_and_tried_again(tmp_path: Path) -> None:
    made = machine(tmp_path, site(), Role.CONTROL)
    made.double("rpm", "exit 1")
    made.double("dnf", "exit 1")
    done = made.run(made.step("wpad"), check=False)
    assert (done.returncode, "the package httpd" in done.stdout) == (75, True)


def test_hypervisors_serve_none() -> None:
    assert "wpad" not in rendered(site(), Role.HYPERVISOR)


@pytest.mark.parametrize(
    "parts",
    [
        {"squid": {"wpad": False}},
        # Nobody can name this node: neither an address nor a domain.
        {
            "site": {"name": "b2ct"},
            "squid": {"node": "hv01"},
            "nodes": [{"name": "one", "role": "control"}, {"name": "hv01", "role": "hypervisor"}],
        },
    ],
)
def test_where_there_is_nothing_to_serve_nothing_is_installed(
    parts: dict[str, object], tmp_path: Path
) -> None:
    described = site(**parts)
    assert rendered(described, Role.CONTROL)["wpad"].packages == ""
    made = machine(tmp_path, described, Role.CONTROL)
    assert not made.path("/etc/httpd/conf.d/b2ct-wpad.conf").exists()
    assert not made.path("/var/www/b2ct-wpad/wpad.dat").exists()
    assert "80 tcp" not in made.path("/etc/b2ct/firewall").read_text()
