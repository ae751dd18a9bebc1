"""`b2ct dirac` from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from b2ct.rehearsal.oned import OnedDouble
from tests.cli.program import assert_refused, b2ct, left_over
from tests.dirac import ground, read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ground.site(tmp_path)
    return tmp_path


@pytest.fixture
def double(folder: Path) -> Iterator[OnedDouble]:
    with OnedDouble(clock=ground.past(100)) as one:
        ground.furnish(one, ground.site(folder))
        (folder / "one_auth").write_text(one.auth + "\n")
        (folder / "one_auth").chmod(0o600)
        yield one


def ce_of(text: str, name: str = "one.b2ct.example.it") -> dict[str, Any]:
    site = read.site(text)
    assert site["CE"] == name
    found: dict[str, Any] = site["CEs"][name]
    return found


def test_the_section_is_printed_without_the_password(folder: Path) -> None:
    done = b2ct("dirac", "config", "--offline", cwd=folder)
    assert done.returncode == 0, done.stderr
    ce = ce_of(done.stdout)
    assert ce["CloudType"] == "b2ct.dirac.driver.OpenNebulaNodeDriver"
    assert ce["Driver_host"] == "10.0.0.10"
    assert ce["OS"] == "EL9"
    assert "Context_Template" not in ce, "it would name a file that nobody has"
    queue = ce["Queues"]["b2ct-worker"]
    assert (queue["MaxTotalJobs"], queue["MaxRAM"]) == ("30", "2048")
    assert ground.PASSWORD not in done.stdout + done.stderr
    assert "at most 30 VMs, by the quota of cloud.dirac (site.yaml)" in done.stderr
    assert "is not encrypted" in done.stderr
    assert "is a private address" in done.stderr
    assert "7. Watch" in done.stderr


def test_the_password_is_printed_when_asked(folder: Path) -> None:
    done = b2ct("dirac", "config", "--offline", "--show-password", cwd=folder)
    shown = ground.PASSWORD.replace("%", "%%")
    assert f"[one.b2ct.example.it]\nkey = dirac\nsecret = {shown}\n" in done.stdout


def test_everything_is_written_into_a_folder(folder: Path) -> None:
    words = ("dirac", "config", "--offline", "--endpoint", "https://one.example.org:2634", "-o")
    done = b2ct(*words, "out", cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder / "out").iterdir()}
    assert modes == {
        "resources.cfg": 0o644, "cloud.auth": 0o600, "b2ct-cloudinit.template": 0o644,
        "STEPS.txt": 0o644,
    }  # fmt: skip
    ce = ce_of((folder / "out/resources.cfg").read_text(), "one.example.org")
    assert (ce["Driver_port"], ce["Driver_secure"]) == ("2634", "True")
    assert ce["Context_Template"] == "/opt/dirac/etc/b2ct-cloudinit.template"
    assert ground.PASSWORD not in done.stderr
    assert "is not encrypted" not in done.stderr
    assert_refused_again = b2ct(*words, "out", cwd=folder)
    assert assert_refused_again.returncode == 2
    assert "exists already" in assert_refused_again.stderr
    assert b2ct(*words, "out", "--force", cwd=folder).returncode == 0


def test_an_authority_goes_along(folder: Path) -> None:
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    words = ("--offline", "--ca-file", "ca.pem", "--endpoint", "https://one.example.org:2634")
    done = b2ct("dirac", "config", *words, "-o", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "out/b2ct-ca.pem").read_text() == "-----BEGIN CERTIFICATE-----\n"
    ce = ce_of((folder / "out/resources.cfg").read_text(), "one.example.org")
    assert ce["Driver_ca_file"] == "/opt/dirac/etc/b2ct-ca.pem"


def test_the_cloud_is_asked_for_its_room(folder: Path, double: OnedDouble) -> None:
    for name in ("hv1", "hv2"):
        host = double.cloud.hosts.named(name)
        assert host is not None
        host.cpu = 300
    words = ("--endpoint", double.url, "--auth", "one_auth", "--ce", "ce.example.org")
    done = b2ct("dirac", "config", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    queue = ce_of(done.stdout, "ce.example.org")["Queues"]["b2ct-worker"]
    assert queue["MaxTotalJobs"] == "12", "2 hypervisors of 3 processors, 0.5 for each VM"
    assert "by the 2 hypervisor(s) that are ready" in done.stderr


def with_gateway(folder: Path) -> None:
    text = ground.SITE.replace("secrets:", "gateway: {clients: [192.0.2.0/24]}\nsecrets:")
    (folder / "site.yaml").write_text(text)


def test_through_the_gateway_where_the_site_has_one(folder: Path) -> None:
    with_gateway(folder)
    done = b2ct("dirac", "config", "--offline", "-o", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    ce = ce_of((folder / "out/resources.cfg").read_text())
    assert ce["Driver_host"] == "one.b2ct.example.it"
    assert (ce["Driver_port"], ce["Driver_secure"], ce["Driver_gateway"]) == (
        "2635",
        "True",
        "True",
    )
    assert ce["Instance_Image"] == "template"
    assert "through the gateway of the site" in done.stderr
    other = (folder / "site.yaml").read_text().replace("gateway: {", "gateway: {user: other, ")
    (folder / "other.yaml").write_text(other)
    words = ("dirac", "config", "--offline", "--site", "other.yaml")
    assert_refused(b2ct(*words, cwd=folder), "lets other in, and not dirac", "gateway.user")
    direct = b2ct("dirac", "config", "--offline", "--no-gateway", cwd=folder)
    assert "Driver_gateway" not in ce_of(direct.stdout)
    assert ce_of(direct.stdout)["Driver_port"] == "2633"


def test_for_diracs_own_driver(folder: Path, double: OnedDouble) -> None:
    with_gateway(folder)
    words = ("dirac", "config", "--stock", "-o", "out")
    done = b2ct(*words, "--offline", cwd=folder)
    assert done.returncode == 0, done.stderr
    ce = ce_of((folder / "out/resources.cfg").read_text())
    assert ce["CloudType"].startswith("DIRAC.Resources.Computing.CloudProviders.OpenNebula.")
    assert not {name for name in ce if name in ("Instance_Image", "Driver_gateway")}
    assert ce["Queues"]["b2ct-worker"]["Instance_Image"] == "name:el9-worker"
    assert "does not end VMs that are too old" in done.stderr
    assert "pip install" not in (folder / "out/STEPS.txt").read_text()


def test_for_programs(folder: Path) -> None:
    done = b2ct("dirac", "config", "--offline", "--json", "--max-vms", "3", cwd=folder)
    made = json.loads(done.stdout)
    assert list(made["files"]) == ["resources.cfg"]
    queue = ce_of(made["files"]["resources.cfg"])["Queues"]["b2ct-worker"]
    assert queue["MaxTotalJobs"] == "3"
    assert made["written"] == []
    assert len(made["steps"]) == 7
    assert ground.PASSWORD not in done.stdout


def test_the_form_of_vmdirac(folder: Path, double: OnedDouble) -> None:
    words = ("dirac", "config", "--legacy", "--endpoint", double.url, "--auth", "one_auth")
    shown = b2ct(*words, cwd=folder)
    assert ground.PASSWORD not in shown.stdout + shown.stderr
    done = b2ct(*words, "-o", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    path = folder / "out/resources.cfg"
    assert path.stat().st_mode & 0o777 == 0o600
    cloud = read.site(path.read_text())["Cloud"]["127.0.0.1"]
    assert cloud["Password"] == ground.PASSWORD
    assert cloud["VMTypes"]["b2ct-worker"]["TemplateID"] == "0"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--name", "Torino"), ("three words", "--name")),
        (("--legacy",), ("wants the ID of the template", "--auth")),
        (("--endpoint", "ftp://x"), ("no http or https URL",)),
        (("--ca-file", "none.pem"), ("none.pem cannot be read",)),
        (("--stock",), ("site.yaml has no gateway", "docs/gateway.md")),
        (("--gateway",), ("site.yaml has no gateway", "--endpoint")),
        (("--stock", "--legacy"), ("cannot see or end VMs without the gateway",)),
        (("--site", "none.yaml"), ("there is no such file",)),
        (("-o", "none/out"), ("cannot make the folder none/out",)),
    ],
)
def test_refusals(words: tuple[str, ...], expected: tuple[str, ...], folder: Path) -> None:
    before = set(folder.iterdir())
    assert_refused(b2ct("dirac", "config", "--offline", *words, cwd=folder), *expected)
    assert left_over(folder, *before) == []


def test_a_site_without_a_user_for_dirac(folder: Path) -> None:
    text = ground.SITE
    begin, end = text.index("cloud:"), text.index("workers:")
    (folder / "site.yaml").write_text(text[:begin] + text[end:])
    assert_refused(b2ct("dirac", "config", cwd=folder), "no user for DIRAC", "dirac_password")


def test_check_with_the_site_and_without(folder: Path, double: OnedDouble) -> None:
    done = b2ct("dirac", "check", "--endpoint", double.url, cwd=folder)
    assert done.returncode == 0, done.stdout
    assert "ok       credentials   user dirac of group dirac" in done.stdout
    config = ("dirac", "config", "--offline", "--endpoint", double.url, "-o", "out")
    assert b2ct(*config, cwd=folder).returncode == 0
    words = ("--endpoint", double.url, "--cloud-auth", "out/cloud.auth")
    (folder / "site.yaml").unlink()
    again = b2ct("dirac", "check", *words, "--template", "b2ct-worker", "--json", cwd=folder)
    rows = {row["subject"]: row["verdict"] for row in json.loads(again.stdout)}
    assert set(rows.values()) == {"ok"}
    assert_refused(b2ct("dirac", "check", *words, cwd=folder), "nothing says what", "--template")


@pytest.mark.parametrize("user", ["", ", user: somebody"])
def test_check_tells_of_the_gateway_and_asks_the_cloud(folder: Path, user: str) -> None:
    """Also of one that lets another user in: that is for `dirac config` to refuse."""
    clients = f"gateway: {{clients: [192.0.2.0/24]{user}}}\n"
    with (folder / "site.yaml").open("a") as site:
        site.write(clients)
    done = b2ct("dirac", "check", cwd=folder)
    assert ":2635/RPC2 asks that" in done.stderr
    assert "reachability" in done.stdout


def test_check_says_no(folder: Path, double: OnedDouble) -> None:
    words = ("dirac", "check", "--endpoint", double.url, "--template", "big")
    done = b2ct(*words, cwd=folder)
    assert done.returncode == 1
    assert "FAILED   template      dirac sees no VM template big" in done.stdout
    assert "-> `b2ct register-image` makes it" in done.stdout


def test_check_heeds_the_environment(
    folder: Path, double: OnedDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONE_XMLRPC and ONE_AUTH, as every verb does."""
    auth = folder / "dirac_auth"
    auth.write_text(f"dirac:{ground.PASSWORD}\n")
    auth.chmod(0o600)
    monkeypatch.setenv("ONE_XMLRPC", double.url)
    monkeypatch.setenv("ONE_AUTH", str(auth))
    done = b2ct("dirac", "check", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"{double.url} answers" in done.stdout
    (folder / "site.yaml").unlink()
    words = ("dirac", "check", "--template", "b2ct-worker")
    assert b2ct(*words, cwd=folder).returncode == 0
    monkeypatch.delenv("ONE_XMLRPC")
    monkeypatch.delenv("ONE_AUTH")
    named = (*words, "--endpoint", double.url, "--auth", "dirac_auth")
    assert b2ct(*named, cwd=folder).returncode == 0
    monkeypatch.setenv("ONE_XMLRPC", "http://127.0.0.1:9/RPC2")
    told = b2ct(*words, "--auth", "dirac_auth", cwd=folder)
    assert told.returncode == 1
    assert "--endpoint" not in told.stdout
    assert "ONE_XMLRPC" in told.stdout
