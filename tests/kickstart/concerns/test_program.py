"""B2CT itself on the control node: from the medium by the installer, then by the first boot."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from b2ct.kickstart import compose
from b2ct.kickstart.render import template_values
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import Machine, machine, site

INSTALL = "/usr/libexec/b2ct/install-program"
MAIN = 'import sys\n\n\ndef main() -> None:\n    print("b2ct, version {version}")\n'


def tiny(version: str) -> tuple[str, bytes]:
    """A wheel that is called b2ct, with a command of that name that tells its version."""
    info = f"b2ct-{version}.dist-info"
    files = {
        "b2ct/__init__.py": "",
        "b2ct/main.py": MAIN.format(version=version),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: b2ct\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nb2ct = b2ct.main:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"b2ct-{version}-py3-none-any.whl", out.getvalue()


def folder_of(version: str) -> str:
    """Where that version is installed, below /opt."""
    return f"b2ct-{hashlib.sha256(version.encode()).hexdigest()[:12]}"


def archive(path: Path, version: str, *, python: str = "3.11", locked: str = "") -> None:
    """A tar as a medium carries it."""
    name, wheel = tiny(version)
    digest = locked or hashlib.sha256(wheel).hexdigest()
    identity = hashlib.sha256(version.encode()).hexdigest()
    files = {
        "about": f"version={version}\nidentity={identity}\npython={python}\n".encode(),
        "requirements.txt": f"b2ct=={version} --hash=sha256:{digest}\n".encode(),
        f"wheels/{name}": wheel,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as out:
        for part, data in files.items():
            entry = tarfile.TarInfo(f"b2ct/{part}")
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))


def control(root: Path, release: str = "el9") -> Machine:
    made = machine(root, site(release={"version": release}), Role.CONTROL)
    made.double("systemctl")
    made.double("dnf", "exit 1")
    return made


def says(made: Machine) -> str:
    done = subprocess.run(
        [made.path("/opt/b2ct/bin/b2ct"), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def nochroot(release: str, role: Role = Role.CONTROL) -> str:
    values = template_values(site(release={"version": release}), roles=[role])
    return compose.parts("program", 1, {**values, "role": role}).nochroot


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A control node on whose disk the installer has copied what its medium carries."""
    folder = tmp_path_factory.mktemp("program")
    machine = control(folder / "root")
    archive(folder / "medium/b2ct/b2ct-py3.11.tar", "1.0")
    subprocess.run(
        ["bash", "-euc", nochroot("el9")],
        env={
            **os.environ, "B2CT_MEDIUM": f"{folder}/medium", "ANA_INSTALL_PATH": str(machine.root)
        },
        check=True, capture_output=True,
    )  # fmt: skip
    return machine


def test_the_first_boot_installs_it_over_what_is_there(made: Machine) -> None:
    half = made.path(f"/opt/{folder_of('1.0')}/bin/b2ct")
    by_hand = made.path("/opt/b2ct/bin/b2ct")
    for text, program in (("broke off", half), ("by hand", by_hand)):
        program.parent.mkdir(parents=True)
        program.write_text(text)
    assert "B2CT 1.0" in made.run(made.step("program")).stdout
    assert says(made) == "b2ct, version 1.0"
    assert made.path("/opt/b2ct-by-hand/bin/b2ct").read_text() == "by hand"
    assert list(made.path("/var/lib/b2ct/program").iterdir()) == []
    assert made.calls("dnf") == []
    # The step again, after a power cut between its end and its stamp.
    assert "the medium carried no B2CT" in made.run(made.step("program")).stdout
    assert says(made) == "b2ct, version 1.0"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"python": "3.12"}, "does not hold B2CT for python3.11"), ({"locked": "0" * 64}, "HASHES")],
)
def test_a_wrong_archive_changes_nothing(
    made: Machine, wrong: dict[str, str], reason: str, tmp_path: Path
) -> None:
    archive(tmp_path / "b.tar", "1.1", **wrong)
    done = made.run(INSTALL, str(tmp_path / "b.tar"), check=False)
    assert done.returncode != 0
    assert reason in done.stdout + done.stderr
    assert says(made) == "b2ct, version 1.0"
    assert not list(made.path("/opt").glob(".b2ct-*"))


def test_a_newer_one_takes_its_place_and_the_one_before_stays(
    made: Machine, tmp_path: Path
) -> None:
    older = made.path("/opt/b2ct-0123456789ab")
    older.mkdir()
    (older / "about").touch()
    archive(tmp_path / "a.tar", "1.1")
    made.run(INSTALL, str(tmp_path / "a.tar"))
    assert says(made) == "b2ct, version 1.1"
    there = {path.name for path in made.path("/opt").iterdir()}
    assert there == {"b2ct", "b2ct-by-hand", folder_of("1.0"), folder_of("1.1")}
    assert made.calls("systemctl") == ["try-restart b2ct-gateway.service"]


def test_a_medium_without_it_installs_all_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euc", nochroot("el9")],
        env={**os.environ, "B2CT_MEDIUM": f"{tmp_path}/no", "ANA_INSTALL_PATH": f"{tmp_path}/root"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "there is no b2ct/b2ct-py3.11.tar on the medium" in done.stderr


@pytest.mark.parametrize("release", ["el6", "el7"])
def test_a_release_without_a_python_for_it_has_no_such_step(release: str) -> None:
    assert nochroot(release) == ""


def test_a_hypervisor_is_not_given_it() -> None:
    assert nochroot("el9", Role.HYPERVISOR) == ""


def test_the_python_comes_from_the_distribution_or_the_step_waits(tmp_path: Path) -> None:
    made = machine(tmp_path / "root", site(release={"version": "el10"}), Role.CONTROL)
    made.double("dnf", "exit 1")
    script = made.path(INSTALL)
    script.write_text(script.read_text().replace("python=python3.12", "python=python3.99"))
    archive(tmp_path / "a.tar", "1.0", python="3.12")
    done = made.run(INSTALL, str(tmp_path / "a.tar"), check=False)
    assert done.returncode == 75
    (call,) = made.calls("dnf")
    assert call.endswith(" install python3")
