"""The arrows between the rooms point one way, and a fast verb does not pay for a slow one."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import b2ct
from b2ct.cli.main import VERBS
from tests import rooms
from tests.rooms import ROOMS

PACKAGE = Path(b2ct.__file__).parent

MAY_USE = {room.name: room.uses for room in ROOMS}

# Libraries that cost more than some milliseconds to import, or that only one room is to know.
HEAVY = {
    *("requests", "rich", "paramiko", "pycdlib", "pyone", "jinja2", "pydantic", "passlib"),
    *("pykickstart", "pytest", "testinfra", "libcloud", "xml.dom", "asyncio"),
}


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        if len(parts) > 1 and parts[0] != "_data":
            yield parts[0], path


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module with its line, wherever in the file the import stands."""
    here = ["b2ct", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module, node.lineno
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def test_the_table_has_every_room() -> None:
    rooms = {room for room, _ in _modules()}
    assert rooms <= set(MAY_USE)
    assert {"core", "document", "site", "kickstart", "media", "cli"} <= rooms


def test_arrows_point_up_the_table() -> None:
    names = [room.name for room in ROOMS]
    assert all(room.uses <= set(names[:at]) for at, room in enumerate(ROOMS))


def test_the_table_in_architecture_md_is_this_one() -> None:
    assert rooms.PAGE.read_text() == rooms.page()


def test_a_room_imports_only_what_its_row_allows() -> None:
    wrong = []
    for room, path in _modules():
        allowed = MAY_USE[room] | {room} | ({"core"} if room != "core" else set())
        for module, line in _imports(path):
            top, _, rest = module.partition(".")
            other = rest.partition(".")[0]
            is_room = top == "b2ct" and other and (PACKAGE / other).is_dir()
            if is_room and other not in allowed:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {module}")
    assert wrong == []


def test_the_check_would_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    for room in ("core", "site", "cli"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "x.py").write_text("")
    offender = tmp_path / "site" / "x.py"
    for text in ("import b2ct.cli.x", "from b2ct import cli", "from ..cli import x"):
        offender.write_text(f"def f():\n    {text}\n")
        with pytest.raises(AssertionError, match=r"x\.py:2 imports b2ct\.cli"):
            test_a_room_imports_only_what_its_row_allows()


def test_only_the_doors_open_processes_and_connections() -> None:
    """core.run starts processes, core.fetch speaks HTTP; who needs more says so here."""
    doors = {
        "subprocess": {"core/run.py"},
        "requests": {"core/fetch.py", "one/wire.py"},
        "pyone": set(),  # the oracle of the tests
        "urllib.request": set(),
        "http.client": {"squid/ask.py"},
    }
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {module}"
        for _, path in _modules()
        for module, line in _imports(path)
        if module in doors
        and str(path.relative_to(PACKAGE)) not in doors[module]
        # The double runs on a node where nothing else of B2CT is.
        and path.parent != PACKAGE / "rehearsal" / "oned"
    ]
    assert wrong == []


def _loaded(code: str) -> set[str]:
    report = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["main", *sorted({m for m, _, _ in VERBS.values()})])
def test_a_verb_module_loads_nothing_heavy(module: str) -> None:
    """`--help` of every verb, and the checks of its arguments, come before the heavy libraries."""
    assert _loaded(f"import b2ct.cli.{module}") & HEAVY == set()


def test_the_list_of_checks_loads_no_model_and_no_client() -> None:
    loaded = _loaded("from b2ct.validate.collect import collect\nassert len(collect(())) > 100")
    assert loaded & (HEAVY | {"http.client", "ssl", "yaml"}) == set()
