"""Every command in the README and in docs/ is run, in the order of its page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from b2ct.cli.main import b2ct

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# Run as they are by continuous integration itself, by test_demo, which boots that very installer,
# by tests/packages and tests/docs/test_site.py, or by tests/image/test_worker.py, which builds and
# boots an image; one plays until it is ended; the last ones need a cloud, or a site that stands.
ELSEWHERE = re.compile(
    r"^(script/(bootstrap|demo|docs|lock|package|test)\b|\.venv/|~/b2ct/|python3 -m venv |\. \."
    r"|git clone|cd b2ct$|sha256sum b2ct_|sudo |SOURCE=|ONE_AUTH=|b2ct practice oned\b"
    r"|b2ct image (build|verify|test)\b"
    r"|b2ct boot hypervisor\.iso --all$"
    r"|b2ct (plan|apply|status|drain|register-image|instantiate|dirac|reap|squid)\b"
    r"|b2ct validate(?!.*--list))"
)
SUDO = 'sudo "$(command -v b2ct)"'
"""sudo has a PATH of its own, on which a virtual environment is not."""
PRACTICE = {
    "AlmaLinux-9-latest-x86_64-boot.iso": "el9",
    "CentOS-7-x86_64-NetInstall-2009.iso": "el7",
}


def commands(page: Path) -> list[str]:
    """The `$ ` lines of the page's console blocks, continuation lines joined."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        joined = block.replace("\\\n", " ")
        found += [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
    return found


def test_fenced_commands_are_in_console_blocks() -> None:
    """A command in a block of another kind would escape this test."""
    for page in PAGES:
        for kind in re.findall(r"^```(\w*)\n(?=\$ )", page.read_text(), re.MULTILINE):
            assert kind == "console", page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_that_are_named_exist(page: Path) -> None:
    """Of the commands that cannot be run here at least the words are right."""
    for command in commands(page):
        words = command.partition("#")[0].replace(SUDO, "b2ct").split()
        if words[:1] != ["b2ct"] or not ELSEWHERE.match(command):
            continue
        context = click.Context(b2ct, info_name="b2ct")
        verb: click.Command = b2ct
        for word in words[1:]:
            if not isinstance(verb, click.Group):
                break
            found = verb.get_command(context, word)
            assert found is not None, f"{page.name}: $ {command}: there is no {word}"
            verb = found
        known = {name for parameter in verb.params for name in parameter.opts}
        known |= {name for parameter in verb.params for name in parameter.secondary_opts}
        named = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z].*", word)}
        assert named <= known, f"{page.name}: $ {command}"


@pytest.mark.boot
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of(page: Path, tmp_path: Path, practice_iso: Callable[[str], Path]) -> None:
    for name, layout in PRACTICE.items():
        if name in page.read_text():
            shutil.copyfile(practice_iso(layout), tmp_path / name)
    home = tmp_path / "home"
    home.mkdir()
    # The practice installer's kernel is downloaded once for all.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in commands(page):
        if ELSEWHERE.match(command):
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "HOME": str(home), "XDG_CACHE_HOME": cache},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}: $ {command}\n{done.stdout}{done.stderr}"
