"""Tab in the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from b2ct.cli.completion import SHELLS, VARIABLE, script
from tests.test_rooms import HEAVY

ROOT = Path(__file__).resolve().parents[2]
START = {
    "bash": ("bash", "--norc", "--noprofile"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "--private"),
}
SETUP = {
    "bash": 'eval "$(b2ct completion bash)"',
    "zsh": 'autoload -U compinit; compinit -D; eval "$(b2ct completion zsh)"',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the lines are written: a site, an image, and `b2ct` as a user has it."""
    folder = tmp_path_factory.mktemp("completion")
    shutil.copy(ROOT / "docs" / "examples" / "site.yaml", folder / "site.yaml")
    (folder / "key.img").touch()
    (folder / "bin").mkdir()
    program = folder / "bin" / "b2ct"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m b2ct "$@"\n')
    program.chmod(0o755)
    return folder


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


CASES = [
    ("b2ct vali", "b2ct validate"),
    ("b2ct usb wr", "b2ct usb write"),
    ("b2ct kickstart --role hyp", "b2ct kickstart --role hypervisor"),
    ("b2ct kickstart --node on", "b2ct kickstart --node one"),
    ("b2ct image build debian-12-w", "b2ct image build debian-12-worker"),
    ("b2ct check si", "b2ct check site.yaml"),
    ("b2ct usb verify ke", "b2ct usb verify key.img"),
]

Tab = Callable[[str], str]


@pytest.fixture(scope="module", params=["bash", "zsh"])
def tab(request: pytest.FixtureRequest, folder: Path) -> Iterator[Tab]:
    """A function that writes a line in such a shell, presses Tab, and gives what stands there."""
    program, *words = START[request.param]
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    shell = pexpect.spawn(
        program, words, cwd=str(folder), env=environment(folder), encoding="utf-8", timeout=30,
        dimensions=(50, 200),
    )  # fmt: skip
    # Quoted, so that the line as it is typed is not taken for what it prints.
    shell.sendline(SETUP[request.param] + "; echo REA''DY")
    shell.expect_exact("READY")

    def pressed(line: str) -> str:
        shell.send(f"{line}\t")
        shell.sendcontrol("a")
        shell.send("echo LI''NE: ")
        shell.sendcontrol("e")
        shell.sendline(":EN''D")
        shell.expect("LINE: (.*?):END")
        return str(shell.match[1]).rstrip()  # zsh takes its space back when the cursor moves

    yield pressed
    shell.close(force=True)


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_a_line_is_completed(tab: Tab, line: str, expected: str) -> None:
    assert tab(line) == expected


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_offers_the_word(folder: Path, line: str, expected: str) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    code = f"b2ct completion fish | source; complete --do-complete '{line}'"
    done = subprocess.run(
        [*START["fish"], "--command", code], cwd=folder, env=environment(folder),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (offered,) = done.stdout.splitlines()
    assert offered.split("\t")[0] == expected.rsplit(maxsplit=1)[-1]
    assert done.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_valid_and_names_the_program_without_its_path(
    shell: str, tmp_path: Path
) -> None:
    text = script(shell)
    path = tmp_path / "script"
    path.write_text(text)
    if shutil.which(shell):
        subprocess.run([shell, "-n", path], check=True, timeout=60)
    assert VARIABLE in text
    assert "/b2ct" not in text


def _asked(line: str, cwd: Path, *, report: str = "") -> subprocess.CompletedProcess[str]:
    code = "from b2ct.cli.main import main\ntry:\n main()\nexcept SystemExit:\n pass\n"
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    return subprocess.run(
        [sys.executable, "-c", code + report], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, **words, VARIABLE: "bash_complete"}, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["b2ct ", "b2ct v", "b2ct kickstart --node ", "b2ct image build ", "b2ct usb write k ",
     "b2ct register-image --worker "],
)  # fmt: skip
def test_it_imports_nothing_heavy(folder: Path, line: str) -> None:
    done = _asked(line, folder, report="import sys\nprint('\\n'.join(sys.modules))")
    assert "b2ct.cli.offer" in done.stdout or line.count(" ") == 1
    assert set(done.stdout.split()) & HEAVY == set()


def test_a_verb_is_offered_without_its_module(folder: Path) -> None:
    done = _asked("b2ct v", folder, report="import sys\nprint('\\n'.join(sys.modules))")
    assert "plain,validate" in done.stdout
    assert "b2ct.cli.validate" not in done.stdout


def test_a_defect_of_ours_stays_silent(folder: Path) -> None:
    broken = folder / "no-number"
    broken.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "b2ct"], cwd=broken, capture_output=True, text=True, timeout=60,
        env={**os.environ, "COMP_WORDS": "b2ct ", "COMP_CWORD": "x", VARIABLE: "bash_complete"},
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert (done.stdout, done.stderr) == ("", "")
