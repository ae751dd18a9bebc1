"""The table of host tools, os-release files of several hosts, and the line that installs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import b2ct
from b2ct.cli.main import VERBS
from b2ct.core import hosttools
from b2ct.core.hosttools import Host, Tool
from b2ct.firmware.qemu import OVMF

PACKAGE = Path(b2ct.__file__).parent
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
TOOLS = (
    Tool("a", ("a",), "iso", {"debian": "a-deb", "el9": "a-el", "el10": "-"}),
    Tool("b", ("b",), "boot", {"debian": "b-deb", "el9": "epel:b-el", "el10": "b-el"}),
    Tool("c", ("c",), "boot", {"debian": "a-deb", "el9": "a-el", "el10": "-"}),
)


@pytest.mark.parametrize(
    ("text", "family", "title"),
    [
        (DEBIAN, "debian", "Debian GNU/Linux 12 (bookworm)"),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID='24.04'\n", "debian", "ubuntu"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID=22\n", "debian", "linuxmint"),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n', "el9", "almalinux"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\n', "el10", "rocky"),
        ('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"\n', "el9", "centos"),
        ('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n', "el9", "rhel"),
        ('ID="almalinux"\nID_LIKE="rhel"\nVERSION_ID="8.9"\n', "", "almalinux"),
        ("ID=fedora\nVERSION_ID=40\n", "", "fedora"),
        ("# ID=debian\n\nnonsense\nPRETTY_NAME=\"it's\n", "", "it's"),
        ("", "", "an unknown distribution"),
    ],
)
def test_hosts(tmp_path: Path, text: str, family: str, title: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(text)
    host = hosttools.this_host(path)
    assert (host.family, host.title) == (family, title)
    assert host.subscribed == ('ID="rhel"' in text)


def test_a_host_without_os_release_is_unknown(tmp_path: Path) -> None:
    assert hosttools.this_host(tmp_path / "none").family == ""


@pytest.mark.parametrize(
    ("host", "as_root", "line"),
    [
        (
            Host("Debian", "debian"),
            True,
            "apt-get install -y --no-install-recommends a-deb b-deb",
        ),
        (
            Host("Alma", "el9"),
            False,
            "sudo dnf install -y epel-release && sudo crb enable && sudo dnf install -y a-el b-el",
        ),
        (Host("Alma", "el10"), False, "sudo dnf install -y b-el"),
        (
            Host("RHEL", "el9", subscribed=True),
            True,
            "subscription-manager repos --enable codeready-builder-for-rhel-9-x86_64-rpms && "
            "dnf install -y https://dl.fedoraproject.org/pub/epel/epel-release-latest-9.noarch.rpm"
            " && dnf install -y a-el b-el",
        ),
        (Host("Slackware", ""), True, ""),
    ],
)
def test_the_one_line(host: Host, as_root: bool, line: str) -> None:
    assert hosttools.install_line(host, TOOLS, as_root=as_root) == line
    assert hosttools.install_line(host, (), as_root=as_root) == ""


def test_commands_are_found_on_the_path_and_files_below_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tool = Tool("x", ("no-such-tool", "/share/x.bin", "/lib/x.bin"), "iso", {})
    assert tool.path(tmp_path) is None
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.bin").touch()
    assert tool.path(tmp_path) == "/lib/x.bin"
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "no-such-tool"
    command.touch()
    assert tool.path(tmp_path) == "/lib/x.bin"  # it is not executable
    command.chmod(0o755)
    assert tool.path(tmp_path) == str(command)


def test_every_row_is_whole() -> None:
    rows = hosttools.tools()
    assert len({row.name for row in rows}) == len(rows)
    # `image-rpm` is what `b2ct image` needs for rpm only.
    assert {row.use.partition("-")[0] for row in rows} - {"test"} <= set(VERBS)
    assert set(hosttools.ESSENTIAL) < set(hosttools.uses())
    assert all(row.packages["debian"] != "-" for row in rows)


# The shell, the distribution's own package tools, and what comes with the Python environment.
_ALWAYS_THERE = {
    "rm",
    *("sh", "bash", "ldd", "apt-get", "apt-cache", "dpkg-deb", "dnf", "rpm2cpio", "ksvalidator"),
}


def _called() -> set[str]:
    """Every host tool that the package names where it runs one or looks for one."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if _in_a_cell(getattr(node.func, "value", None)):
                continue  # a tool of the image that is being made
            first = node.args[0]
            if function in ("run", "stream") and isinstance(first, ast.List) and first.elts:
                first = first.elts[0]
            elif function not in ("need_tool", "find_tool"):
                continue
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names.add(first.value)
    return names


def _in_a_cell(place: ast.expr | None) -> bool:
    """`cell.run` and `Cell(...).run`: see b2ct.image.rootfs.cell."""
    made = place.func if isinstance(place, ast.Call) else place
    return getattr(made, "id", "") in ("cell", "Cell")


def test_every_tool_that_is_run_is_in_the_table() -> None:
    known = {name for tool in hosttools.tools() for name in tool.found}
    called = _called()
    assert "gpg" in called
    assert called - known - _ALWAYS_THERE == set()


def test_the_firmware_of_the_table_is_what_booting_looks_for() -> None:
    (row,) = (tool for tool in hosttools.tools() if tool.name == "ovmf")
    assert row.found == tuple(code for code, _ in OVMF)
