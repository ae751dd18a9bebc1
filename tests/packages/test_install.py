"""The packages, installed, used and removed on a Debian 12.

The .rpm is installed there as well: its files and scripts are run for the reason for which they
would run on EL9, whose Python 3.11 has the same name. What dnf would say to its dependencies, no
Debian tells: they are compared in test_rpm.py.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct import __version__
from b2ct.core import commit
from b2ct.supply import wheel
from tests.packages.conftest import Machine

ROOT = Path(__file__).resolve().parents[2]
# A practice node's root leaves out manuals; here they are what is looked at.
DPKG = ("dpkg", "--path-include=/usr/share/*")
_BOOKS = (
    "var/lib/dpkg/",
    "var/lib/rpm/",
    "var/log/",
    "var/cache/",
    "etc/",
    "run/",
    "tmp/",
    "root/",
)
"""Where a package manager, and the user that it made, leave their own traces."""


@dataclass(frozen=True)
class Kind:
    """How a package manager is called, on a root."""

    name: str
    zsh: str
    inside: bool
    """Its words are for a program of the machine; else for this host's, with --root."""
    install: tuple[str, ...]
    verify: tuple[str, ...]
    remove: tuple[str, ...]
    left: frozenset[str] = frozenset()
    """Empty folders that belong to the distribution where the package is at home."""


KINDS = [
    Kind("deb", "usr/share/zsh/vendor-completions/_b2ct", True, (*DPKG, "--install"),
         ("dpkg", "--verify", "b2ct"), ("dpkg", "--purge", "b2ct")),
    Kind("rpm", "usr/share/zsh/site-functions/_b2ct", False, ("rpm", "--nodeps", "--install"),
         ("rpm", "--nodeps", "--verify", "b2ct"), ("rpm", "--erase", "b2ct"),
         frozenset({"usr/share/licenses", "usr/share/man/man1", "usr/share/doc"})),
]  # fmt: skip


def there(machine: Machine, *words: str | Path) -> str:
    """What a command of the machine prints."""
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["chroot", machine.root, *words], capture_output=True, text=True, env=clean, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def managed(machine: Machine, kind: Kind, words: tuple[str, ...], *more: str) -> str:
    """What the package manager prints."""
    if kind.inside:
        return there(machine, *words, *more)
    argv = [
        words[0],
        "--root",
        str(machine.root),
        *words[1:],
        *(f"{machine.root}{one}" for one in more),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{argv}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def traces(machine: Machine) -> set[str]:
    """What was changed on the machine, apart from the books of its package manager."""
    return {path for path in machine.changes() if not path.startswith(_BOOKS)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_installed_works_and_goes_without_a_trace(
    kind: Kind, built: dict[str, Path], machine: Machine, tmp_path: Path
) -> None:
    if not shutil.which(kind.install[0]):
        pytest.skip(f"{kind.install[0]} is not installed")
    shutil.copy(built[kind.name], machine.root / "tmp" / built[kind.name].name)
    managed(machine, kind, kind.install, f"/tmp/{built[kind.name].name}")
    assert managed(machine, kind, kind.verify).strip() == ""

    said = there(machine, "b2ct", "--version")
    assert said == f"b2ct, version {__version__} ({commit.told()})\n"
    shutil.copy(ROOT / "docs" / "examples" / "site.yaml", machine.root / "tmp" / "site.yaml")
    assert "/tmp/site.yaml is valid." in there(machine, "b2ct", "check", "/tmp/site.yaml")
    assert "%packages" in there(machine, "b2ct", "kickstart", "--role", "hypervisor")
    # A control node of such a machine's media is not told from one of a checkout's.
    python = "/usr/lib/b2ct/bin/python3"
    code = "from b2ct.supply import wheel; print(wheel.identity())"
    assert there(machine, python, "-c", code).strip() == wheel.identity()

    offered = there(
        machine, "bash", "-c",
        ". /usr/share/bash-completion/completions/b2ct; COMP_WORDS=(b2ct vali); COMP_CWORD=1; "
        "compopt() { :; }; _b2ct_completion b2ct; echo ${COMPREPLY[*]}",
    )  # fmt: skip
    assert offered == "validate\n"
    assert (machine.root / kind.zsh).read_text().startswith("#compdef b2ct\n")
    assert (machine.root / "usr/share/fish/vendor_completions.d/b2ct.fish").is_file()
    if shutil.which("man"):
        page = machine.root / "usr/share/man/man1/b2ct-validate.1.gz"
        shown = subprocess.run(
            ["man", "--local-file", page], capture_output=True, text=True, check=True, timeout=60
        )
        assert "Prove that the site works" in shown.stdout

    units = sorted((machine.root / "usr/lib/systemd/system").glob("b2ct-*"))
    assert len(units) == 5
    names = [f"/{unit.relative_to(machine.root)}" for unit in units]
    there(machine, "systemd-analyze", "verify", "--man=no", *names)
    assert there(machine, "id", "-nu", "b2ct-gateway") == "b2ct-gateway\n"
    # Whoever runs it leaves nothing behind: its byte code is there already.
    made = {path for path in traces(machine) if path.startswith("usr/lib/b2ct/")}
    there(machine, "b2ct", "schema")
    assert {path for path in traces(machine) if path.startswith("usr/lib/b2ct/")} == made

    managed(machine, kind, kind.remove)
    left = traces(machine)
    assert left <= kind.left
    assert not any((machine.root / path).is_file() for path in left)
