"""The site's proxy in kickstarts: each release's own parser reads it, and nothing inside has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.kickstart.lint import scripts
from b2ct.kickstart.render import InstallSource, render
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from tests.kickstart import oracle, sites
from tests.kickstart.machine import Machine, pre_of
from tests.kickstart.test_dialogue import CONFIRM, on_terminal

URL = "http://proxy.example.org:3128"
GOLDEN = Path(__file__).parent / "golden"
EPEL = "https://mirror.example.com/epel/"
WORD = "correct horse+battery:%@/"


def site(version: str = "el9", user: str = "", **changes: Any) -> Site:
    secrets = {"proxy_password": {"file": "word", "on_medium": True}} if user else {}
    return sites.full(
        version,
        **{
            "proxy": {"url": URL, **({"user": user} if user else {})},
            "secrets": secrets,
            "release": {"version": version, "repositories": {"epel": EPEL}},
            **changes,
        },
    )


def installed(
    root: Path, described: Site, secrets: dict[str, str] | None = None, node: str = "one"
) -> tuple[str, Machine]:
    """The kickstart's text, and the machine after its %pre."""
    text = render(described, roles=[], node=node, secrets=secrets).text
    machine = Machine(root, pre_of(text))
    machine.card("eno1", sites.CONTROL_MAC)
    machine.disk("sda", 500, serial="DISK-0")
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    return text, machine


@pytest.mark.parametrize("release", sites.RELEASES)
def test_each_release_reads_it(release: str, tmp_path: Path) -> None:
    """B2CT_UPDATE_GOLDEN=1 writes anew what the installer reads."""
    text, machine = installed(tmp_path / "m", site(release))
    told = oracle.parse(text, release, machine.root / "tmp/b2ct")
    assert told.url.proxy == URL
    assert {row.name: row.proxy for row in told.repo.repoList} == {"epel": URL}
    static = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("url "))
    golden = GOLDEN / f"{release}-proxy.ks"
    if os.environ.get("B2CT_UPDATE_GOLDEN"):
        golden.write_text(static + machine.written("source.ks"))
    assert static + machine.written("source.ks") == golden.read_text()
    oracle.bash_parses(text)


@pytest.mark.parametrize("release", [r for r in sites.RELEASES if r != "el6"])
def test_a_carried_password_reaches_the_installer_whole(release: str, tmp_path: Path) -> None:
    text, machine = installed(
        tmp_path / "m", site(release, user="b2ct@x"), {"proxy_password": WORD}
    )
    told = oracle.parse(text, release, machine.root / "tmp/b2ct")
    for way in (told.url.proxy, told.repo.repoList[0].proxy):
        parts = urlsplit(way)
        assert (parts.hostname, parts.port) == ("proxy.example.org", 3128)
        assert (unquote(parts.username), unquote(parts.password)) == ("b2ct@x", WORD)
    written = machine.root / "tmp/b2ct/proxy_password"
    assert written.read_text() == f"{WORD}\n"
    for file in (written, machine.root / "tmp/b2ct/source.ks"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert WORD not in machine.written("pre.log")
    assert WORD not in machine.written("node.env")


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40))
def test_no_password_breaks_out(word: str) -> None:
    """The %pre that has it is one script, sound bash, and encodes it so that it comes back."""
    text = render(site(user="b2ct"), roles=[], node="one", secrets={"proxy_password": word}).text
    oracle.parse(text, "el9")
    pre = next(script for script in scripts(text) if "%pre" in script.header)
    values = pre.text[pre.text.index("PROXY_URL=") : pre.text.index("# write_proxy")]
    asked = f"LC_ALL=C\n{values}\nPROXY_PASSWORD=$PROXY_CARRIED\nthrough_proxy\n"
    from b2ct.core.run import run

    told = run(["bash", "-u"], stdin=asked.encode()).stdout
    assert unquote(urlsplit(told.removeprefix(" --proxy=")).password or "") == word


def test_what_is_inside_is_not_asked_through_it(tmp_path: Path) -> None:
    inside = {
        "version": "el9",
        "mirror": "http://mirror.b2ct.example.org/9/BaseOS/x86_64/os/",
        "repositories": {"epel": EPEL},
    }
    text, machine = installed(tmp_path / "m", site(release=inside))
    told = oracle.parse(text, "el9", machine.root / "tmp/b2ct")
    assert not told.url.proxy
    assert {row.name: row.proxy for row in told.repo.repoList} == {
        "AppStream": "", "epel": URL,
    }  # fmt: skip


def test_a_medium_has_no_need_of_it(tmp_path: Path) -> None:
    text = render(site(), roles=[], node="one", source=InstallSource("medium")).text
    assert "--proxy=%s" not in text
    assert "url --url=file:" in text


def test_el6_cannot_ask_and_says_so() -> None:
    with pytest.raises(B2ctError, match="before anybody can type it") as caught:
        render(site("el6", user="b2ct"), roles=[], node="one")
    assert "DVD" in caught.value.hint
    made = render(site("el6", user="b2ct"), roles=[], node="one", source=InstallSource("medium"))
    oracle.parse(made.text, "el6")


def test_without_a_proxy_nothing_speaks_of_one() -> None:
    text = render(sites.full(), roles=[Role.CONTROL, Role.HYPERVISOR]).text
    assert "b2ct-proxy" not in text
    assert "PROXY_URL=''" in text
    assert "one_market" not in text


def test_the_console_asks_for_the_password_and_does_not_show_it(tmp_path: Path) -> None:
    text = render(site(user="b2ct"), roles=[], node="one").text
    assert "PROXY_CARRIED=''" in text
    machine = Machine(tmp_path / "m", pre_of(text))
    machine.card("eno1", sites.CONTROL_MAC)
    machine.disk("sda", 500, serial="DISK-0")
    with on_terminal(machine) as terminal:
        terminal.answer(r"Password of b2ct at the proxy \S+ \(it is not shown\): ", "", "p\xe4ss")
        terminal.expect("beyond ASCII")
        terminal.answer(r"it is not shown\): ", WORD)
        shown = terminal.expect(CONFIRM)
        assert f"proxy       {URL} as b2ct" in shown
        assert "change: password at the proxy" in shown
        assert WORD not in shown
        terminal.screen.send("1\n")
        terminal.answer(r"it is not shown\): ", "another")
        terminal.expect(CONFIRM)
        terminal.screen.send("yes\n")
        terminal.finish()
    assert machine.written("proxy_password") == "another\n"
    assert "b2ct:another@proxy.example.org:3128" in machine.written("source.ks")
    for name in ("proxy_password", "answered", "source.ks"):
        assert (machine.root / "tmp/b2ct" / name).stat().st_mode & 0o077 == 0, name
