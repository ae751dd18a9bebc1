from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, DeadlineError, run, stream

PYTHON = sys.executable


def script(text: str) -> list[str]:
    return [PYTHON, "-u", "-c", text]


def gone(pid: int) -> bool:
    """Whether no process of that id runs any more, nor waits to be reaped."""
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False


def test_run_returns_both_outputs_and_the_code() -> None:
    done = run(script("import sys; print(1); print(2, file=sys.stderr); sys.exit(3)"), check=False)
    assert (done.stdout, done.stderr, done.code) == ("1\n", "2\n", 3)


def test_run_explains_a_failure_once() -> None:
    with pytest.raises(CommandError) as failed:
        run(script("import sys; sys.exit('no such thing')"))
    assert "exit code 1: no such thing" in failed.value.message


def test_run_names_a_missing_tool() -> None:
    with pytest.raises(B2ctError, match="'no-such-tool' is not installed") as failed:
        run(["no-such-tool"])
    assert "b2ct doctor" in failed.value.hint


def test_stream_yields_lines_of_both_outputs_as_they_come() -> None:
    text = "import sys; print('one'); print('two', file=sys.stderr); sys.stdout.write('three')"
    assert list(stream(script(text), timeout=30)) == ["one", "two", "three"]


def test_stream_drops_carriage_returns_and_survives_bytes_that_are_no_text() -> None:
    text = r"import sys; sys.stdout.buffer.write(b'a\r\n\xff\n\n')"
    assert list(stream(script(text), timeout=30)) == ["a", "�", ""]


def test_stream_does_not_wait_for_the_end() -> None:
    with closing(stream(script("import time; print('up'); time.sleep(600)"), timeout=60)) as lines:
        assert next(lines) == "up"


def test_stream_kills_the_process_and_its_children_when_left() -> None:
    text = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(os.getpid(), child.pid)\n"
        "time.sleep(600)"
    )
    with closing(stream(script(text), timeout=60)) as lines:
        leader, child = map(int, next(lines).split())
    assert not Path(f"/proc/{leader}").exists()
    assert gone(child) or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]


@pytest.mark.parametrize(
    "text", ["import time; print('up'); time.sleep(600)", "while True: print('up')"]
)
def test_stream_ends_at_the_deadline_even_when_the_process_never_falls_silent(text: str) -> None:
    seen: list[str] = []
    with pytest.raises(DeadlineError, match="did not end within 1 s"):
        seen.extend(stream(script(text), timeout=1))
    assert seen[0] == "up"


def test_stream_gives_the_unfinished_line_before_the_deadline_error() -> None:
    text = "import sys, time; sys.stdout.write('boot: '); sys.stdout.flush(); time.sleep(600)"
    seen: list[str] = []
    with pytest.raises(DeadlineError):
        seen.extend(stream(script(text), timeout=2))
    assert seen == ["boot: "]


def test_stream_explains_a_failure_with_what_was_printed() -> None:
    with pytest.raises(CommandError) as failed:
        list(stream(script("import sys; print('before'); sys.exit('broken')"), timeout=30))
    assert "exit code 1: broken" in failed.value.message
    assert any("before" in line for line in failed.value.lines())


def test_stream_names_a_missing_tool() -> None:
    with pytest.raises(B2ctError, match="'no-such-tool' is not installed"):
        list(stream(["no-such-tool"], timeout=1))


def test_what_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    with pytest.raises(B2ctError, match=f"cannot run {broken}: exec format error"):
        run([broken])
    with pytest.raises(B2ctError, match="no such file or directory"):
        run(script("pass"), cwd=tmp_path / "none")


def test_the_environment_is_added_to_and_the_locale_is_fixed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("KEPT", "kept")
    text = "import os; print(os.environ['LC_ALL'], os.environ['KEPT'], os.environ['ADDED'])"
    assert run(script(text), env={"ADDED": "added"}).stdout == "C.UTF-8 kept added\n"


def test_standard_input_is_closed_or_what_is_given() -> None:
    text = "import sys; print(repr(sys.stdin.read()))"
    assert run(script(text)).stdout == "''\n"
    assert run(script(text), stdin=b"secret").stdout == "'secret'\n"


def test_run_ends_what_takes_too_long() -> None:
    with pytest.raises(B2ctError, match="did not end within"):
        run(script("import time; time.sleep(600)"), timeout=0.3)
