"""The practice site's Vagrantfile, as Vagrant itself reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.run import Completed, find_tool, run
from b2ct.site.load import load_text

ROOT = Path(__file__).resolve().parent.parent
needs_vagrant = pytest.mark.skipif(find_tool("vagrant") is None, reason="no vagrant here")


def _validate(folder: Path, home: Path) -> Completed:
    env = {"VAGRANT_HOME": str(home), "VAGRANT_DEFAULT_PROVIDER": "libvirt", "HOME": str(home)}
    env |= {"VAGRANT_DOTFILE_PATH": str(home / "dot"), "VAGRANT_CHECKPOINT_DISABLE": "1"}
    return run(["vagrant", "validate"], cwd=folder, env=env, check=False, timeout=300)


@needs_vagrant
def test_vagrant_accepts_it(tmp_path: Path) -> None:
    done = _validate(ROOT, tmp_path)
    assert done.code == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout


@needs_vagrant
def test_vagrant_sees_a_setting_that_is_none(tmp_path: Path) -> None:
    """The check above can fail."""
    text = (ROOT / "Vagrantfile").read_text()
    assert "libvirt.nested = true" in text
    (tmp_path / "Vagrantfile").write_text(
        text.replace("libvirt.nested = true", "libvirt.nestling = true")
    )
    done = _validate(tmp_path, tmp_path / "home")
    assert done.code != 0
    assert "nestling" in done.stdout + done.stderr


def test_the_site_of_its_header_is_one() -> None:
    """What the header tells people to write passes `b2ct check`, with the cards of the file."""
    lines = (ROOT / "Vagrantfile").read_text().splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("#   networks:"))
    block = [line[4:] for line in lines[first:] if line.startswith("#   ")]
    site = load_text("\n".join(block) + "\n")
    text = "\n".join(lines[first:])
    for node in site.nodes:
        assert text.count(node.macs[0]) == 2
        assert text.count(f"'{node.address}'") == 1
