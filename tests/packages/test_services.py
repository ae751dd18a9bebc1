"""The units of the packages are those of the kickstarts, with the program in another place."""

from __future__ import annotations

from pathlib import Path

from b2ct.kickstart.render import PROGRAM, TOOLS
from b2ct.site.catalogue import Role
from packages import services
from tests.kickstart.concerns.machine import machine, site


def test_units_and_scripts_are_those_that_a_first_boot_installs(tmp_path: Path) -> None:
    described = site(
        cloud={"dirac": {}},
        secrets={"dirac_password": {"file": "dirac.txt"}},
        gateway={"clients": ["192.0.2.17/32"]},
    )
    made = machine(tmp_path, described, Role.CONTROL)
    packed = services.files()
    units = [path for path in packed if path.startswith("usr/lib/systemd/system/")]
    tools = [path for path in packed if path.startswith(f"{services.TOOLS[1:]}/")]
    assert (len(units), len(tools)) == (5, 2)
    for path in (*units, *tools):
        folder = "/etc/systemd/system" if path in units else TOOLS
        first_boot = made.path(f"{folder}/{Path(path).name}").read_text()
        moved = first_boot.replace(PROGRAM, services.PROGRAM).replace(TOOLS, services.TOOLS)
        assert packed[path] == moved


def test_nothing_of_a_package_points_to_where_a_first_boot_installs() -> None:
    for text in services.files().values():
        assert "/opt/b2ct" not in text
        assert TOOLS not in text


def test_settings_are_examples() -> None:
    examples = {Path(path).name for path in services.files() if "/examples/" in path}
    assert examples == {"gateway.yaml", "gateway.env", "reaper.yaml"}
