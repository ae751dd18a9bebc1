"""Every role, release and site gives a kickstart that the release's own parser takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.kickstart.lint import scripts
from b2ct.kickstart.render import InstallSource, Kickstart, network_source, render
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.kickstart import oracle, sites
from tests.kickstart.machine import Machine, Part, pre_of

ROLES = tuple(Role)
MEDIUM = InstallSource("medium")
GOLDEN = Path(__file__).parent / "golden"


def _made_up(root: Path, text: str) -> Machine:
    machine = Machine(root, pre_of(text))
    machine.card("eno1", sites.HV_MAC)
    machine.card("eno2", sites.HV_MAC2)
    machine.disk("sda", 500, serial="DISK-1")
    return machine


@pytest.mark.parametrize("release", sites.RELEASES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", ["empty", "full", "medium"])
def test_the_release_parses_it(kind: str, role: Role, release: str) -> None:
    site = sites.empty(release) if kind == "empty" else sites.full(release)
    made = render(site, roles=[role], source=MEDIUM if kind == "medium" else None)
    handler = oracle.parse(made.text, release)
    assert handler.displaymode.displayMode is not None
    oracle.bash_parses(made.text)


@pytest.mark.parametrize("release", sites.RELEASES)
def test_what_pre_writes_is_parsed_too(tmp_path: Path, release: str) -> None:
    made = render(sites.full(release), roles=[], node="hv01")
    machine = _made_up(tmp_path / "m", made.text)
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    handler = oracle.parse(made.text, release, machine.root / "tmp/b2ct")
    assert handler.ignoredisk.onlyuse == ["sda"]
    assert handler.clearpart.drives == ["sda"]
    assert {v.mountpoint for v in handler.logvol.lvList} >= {"/", "swap"}
    assert handler.keyboard.keyboard == "de"
    assert handler.url.url or release == "el6"


@pytest.mark.parametrize("release", sites.RELEASES)
def test_several_roles_in_one_file(tmp_path: Path, release: str) -> None:
    made = render(sites.full(release), roles=[Role.CONTROL, Role.HYPERVISOR])
    assert made.name == "auto.ks"
    machine = _made_up(tmp_path / "m", made.text)
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "B2CT_ROLE=hypervisor" in machine.written("node.env")
    alone = render(sites.full(release), roles=[Role.HYPERVISOR])
    body = machine.written("body.ks")
    assert body.strip() in alone.text
    handler = oracle.parse(made.text, release, machine.root / "tmp/b2ct")
    assert handler.ignoredisk.onlyuse == ["sda"]


def _pre(release: str) -> str:
    text = pre_of(render(sites.full(release), roles=ROLES).text)
    return text[: text.index('if [ "$B2CT_ROLE" = control ]')]


def test_shellcheck_finds_nothing_in_pre() -> None:
    (pre,) = scripts(f"%pre\n{_pre('el9')}%end\n")
    assert oracle.shellcheck(pre) == ""


@pytest.mark.parametrize("release", sites.RELEASES)
def test_releases_differ_in_values_only(release: str) -> None:
    """So that what shellcheck and the dialogue's tests say of one holds for all."""
    ours, theirs = _pre(release), _pre("el9")
    differing = set(ours.splitlines()) ^ set(theirs.splitlines())
    values = {line for text in (ours, theirs) for line in _site_lines(text)}
    assert {f"{line}\n" for line in differing if not line.startswith("  printf ")} <= values
    (script,) = scripts("%pre\n" + "".join(_site_lines(ours)) + "%end\n")
    assert oracle.shellcheck(script) == ""


@pytest.mark.parametrize("role", ROLES)
def test_shellcheck_finds_nothing_in_what_runs_later(role: Role) -> None:
    text = render(sites.full(), roles=[role]).text
    mine = [x for x in scripts(text) if "nochroot" in x.header or x.text.startswith("# finish")]
    assert len(mine) >= 3
    for script in mine:
        assert oracle.shellcheck(script) == "", script.header


def test_dracut_sees_neither_network_nor_source() -> None:
    """A `network` or `url` line in the text would make the first stage wait for the network."""
    for release in ("el7", "el8", "el9", "el10"):
        text = render(sites.full(release), roles=[], node="hv01").text
        assert not [x for x in text.splitlines() if x.startswith(("network ", "url ", "repo "))]


def test_the_loader_of_el6_finds_what_it_would_ask_for() -> None:
    lines = render(sites.full("el6"), roles=[], node="one").text.splitlines()
    assert "keyboard de" in lines
    assert "lang en_US.UTF-8" in lines
    assert any(line.startswith("url --url=http://vault.centos.org/") for line in lines)
    assert (
        f"network --device={sites.CONTROL_MAC} --bootproto=static --ip=10.0.0.10 "
        "--netmask=255.255.255.0 --gateway=10.0.0.1 --nameserver=10.0.0.1" in lines
    )
    several = render(sites.full("el6"), roles=[Role.CONTROL, Role.HYPERVISOR]).text.splitlines()
    assert "network --bootproto=dhcp" in several[: several.index("%include /tmp/b2ct/body.ks")]
    assert "cdrom" in render(sites.empty("el6"), roles=[Role.SINGLE], source=MEDIUM).text


@pytest.mark.parametrize(
    ("release", "wanted"),
    [
        ("el6", ["timezone Europe/Berlin --utc"]),
        ("el7", ["timezone Europe/Berlin --utc --ntpservers=ntp1.example.org,10.0.0.1"]),
        (
            "el9",
            [
                "timezone Europe/Berlin --utc",
                "timesource --ntp-server=ntp1.example.org",
                "timesource --ntp-server=10.0.0.1",
            ],
        ),
    ],
)
def test_time_in_the_syntax_of_the_release(release: str, wanted: list[str]) -> None:
    lines = render(sites.full(release), roles=[Role.CONTROL]).text.splitlines()
    assert [line for line in lines if line.startswith("time")] == wanted


def test_another_release_takes_its_defaults_with_it() -> None:
    text = render(sites.empty("el9"), roles=[Role.CONTROL], release="el6").text
    assert "vault.centos.org/6.10" in text


@pytest.mark.parametrize(
    ("site", "arguments", "message"),
    [
        (sites.full(), {"roles": [], "node": "hv99"}, "the site has no node 'hv99'"),
        (sites.full(), {"roles": []}, "no role is given"),
        (sites.full(), {"roles": [Role.CONTROL], "release": "el5"}, "unknown release 'el5'"),
        (
            sites.full(opennebula={"version": "6.10"}),
            {"roles": [Role.CONTROL], "release": "el6"},
            "OpenNebula 6.10 does not install on el6",
        ),
        (
            sites.full(release={"version": "el9", "distribution": "rhel"}),
            {"roles": [Role.CONTROL]},
            "Red Hat Enterprise Linux 9 has no public install tree",
        ),
    ],
)
def test_refusals(site: Site, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(B2ctError) as caught:
        render(site, **arguments)  # type: ignore[arg-type]
    assert caught.value.message == message
    assert caught.value.hint


def test_a_mirror_replaces_the_tree_and_its_repositories() -> None:
    site = sites.full(release={"version": "el9", "mirror": "http://mirror.example.org/el9/"})
    assert network_source(site, "el9") == InstallSource("network", "http://mirror.example.org/el9/")


def test_the_disk_is_named_by_pre_only() -> None:
    for role in ROLES:
        text = render(sites.full(), roles=[role]).text
        outside = text.replace(pre_of(text), "")
        assert not [
            x for x in outside.splitlines() if x.startswith(("clearpart", "zerombr", "part"))
        ]


def _golden() -> dict[str, Kickstart]:
    return {
        "el6-control-node": render(sites.full("el6"), roles=[], node="one"),
        "el9-hypervisor-empty": render(sites.empty("el9"), roles=[Role.HYPERVISOR]),
        "el10-hypervisor-medium": render(
            sites.full("el10"), roles=[Role.HYPERVISOR], source=MEDIUM
        ),
    }


def _site_lines(code: str) -> list[str]:
    """The lines of %pre in which site.yaml speaks."""
    starts: tuple[str, ...] = (
        "SITE_",
        "RELEASE=",
        "  network ",
        "  node ",
        "  interface ",
        "  disk ",
        "  wipe",
        "LAYOUT_",
    )
    starts += (
        "STORAGE=",
        "BOOT_DRIVE=",
        "RAID_NAMES=",
        "MIRROR_ESP=",
        "REQPART=",
        "KS_",
        "NETWORK_FILES=",
        "SERIAL_",
    )
    return [f"{line}\n" for line in code.splitlines() if line.startswith(starts)]


@pytest.mark.parametrize(
    "name", ["el6-control-node", "el9-hypervisor-empty", "el10-hypervisor-medium"]
)
def test_golden(name: str) -> None:
    """The installer's half, line by line. B2CT_UPDATE_GOLDEN=1 writes the files anew."""
    made = _golden()[name]
    # The code of %pre is the same in all of them, and other tests run it.
    values, rest = made.text.split("\nR=${B2CT_ROOT:-}", 1)
    commands = rest.split("\n%end\n", 1)[1]
    last = "%include /tmp/b2ct/storage.ks\n"
    told = f"{values}\n[...]\n{commands[: commands.index(last)]}{last}"
    told += "".join(line for line in _site_lines(rest))
    file = GOLDEN / f"{name}.ks"
    if os.environ.get("B2CT_UPDATE_GOLDEN"):
        file.write_text(told)
    assert told == file.read_text()


def test_a_disk_that_holds_data_is_not_taken_silently(tmp_path: Path) -> None:
    made = render(sites.full(), roles=[], node="one")
    machine = Machine(tmp_path / "m", pre_of(made.text))
    machine.card("eno1", sites.CONTROL_MAC)
    machine.disk("sda", 500, Part(1, 100, "ext4", "home"), serial="DISK-0")
    assert machine.shell('derive || printf %s "$NEXT"') == "erase:sda"
