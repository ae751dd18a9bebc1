"""Finds the checks: those that ship here, and those in a folder of the site's own.

A module of checks is a file of pytest's form (`test_*.py` in a site's folder), whose functions
`test_...` are each marked by `@check` or `@site_check`. All that is wrong with them is told at
once, as FILE:LINE.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from b2ct.core.errors import B2ctError, InvalidFileError, Problem
from b2ct.validate import given, remedy, suites
from b2ct.validate.check import Check, Subject, of_function

OWN = "b2ct_checks_of_the_site"
"""Prefix of the names under which a site's own modules are loaded."""
ANSWERS = "answers-ssh"
"""The name of what the connection itself proves; see the runner."""
ON = frozenset({"", "squid"})
HOW = "see `b2ct validate --help`, or a module of b2ct/validate/suites for how it is done"


def collect(folders: Sequence[Path] = ()) -> tuple[Check, ...]:
    """Every check that ships with B2CT and every one in the folders: of nodes, then of the site.

    Raises B2ctError for a folder that is missing or empty, InvalidFileError with all that is wrong
    in the modules.
    """
    problems: list[Problem] = []
    checks = [check for module in _shipped() for check in _of_module(module, problems)]
    for folder in folders:
        for path in _files(folder):
            module = _loaded(path, problems)
            checks += _of_module(module, problems) if module else []
    problems += _doubles(checks)
    if problems:
        raise InvalidFileError(sorted(problems, key=lambda one: (str(one.file), one.line)))
    return tuple(sorted(checks, key=lambda check: check.subject is Subject.SITE))


def chosen(checks: Iterable[Check], patterns: Sequence[str]) -> tuple[Check, ...]:
    """The checks whose name, or group, one of the patterns of `--only` fits.

    A pattern without a wildcard may be a part of the name. Raises B2ctError for one that fits
    nothing.
    """
    checks = tuple(checks)
    for pattern in patterns:
        if not any(_fits(check, pattern) for check in checks):
            raise B2ctError(
                f"no check fits {pattern!r}", hint="`b2ct validate --list` shows their names"
            )
    if not patterns:
        return checks
    return tuple(one for one in checks if any(_fits(one, pattern) for pattern in patterns))


def _fits(check: Check, pattern: str) -> bool:
    pattern = pattern.lower().removeprefix("test_").replace("_", "-")
    name = check.name.lower()
    return (
        pattern in name
        or fnmatch.fnmatchcase(name, pattern)
        or check.group.lower().replace(" ", "-") == pattern.replace(" ", "-")
    )


def _shipped() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(suites.__path__):
        if not found.name.startswith("_"):
            yield importlib.import_module(f"{suites.__name__}.{found.name}")


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise B2ctError(f"there is no folder {folder}", hint="correct --checks")
    files = sorted(folder.glob("test_*.py"))
    if not files:
        raise B2ctError(
            f"{folder} holds no checks",
            hint="the checks of a site are in files named test_*.py, as those of pytest",
        )
    return files


def _loaded(path: Path, problems: list[Problem]) -> ModuleType | None:
    """A module of the site's own; what it does wrong when it is loaded becomes a problem."""
    name = f"{OWN}.{path.parent.name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        problems.append(Problem(path, 0, 0, "is no Python file"))
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a folder beside site.yaml is not ours to fill
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # whatever somebody's file raises
        del sys.modules[name]
        problems.append(_problem_of(err, path))
        return None
    finally:
        sys.dont_write_bytecode = before
    return module


def _problem_of(err: BaseException, path: Path) -> Problem:
    if isinstance(err, SyntaxError) and err.filename == str(path):
        return Problem(path, err.lineno or 0, err.offset or 0, f"syntax error: {err.msg}")
    here = [f for f in traceback.extract_tb(err.__traceback__) if f.filename == str(path)]
    line = here[-1].lineno or 0 if here else 0
    text = " ".join(str(err).split()) or "no reason given"
    hint = "install it beside b2ct" if isinstance(err, ImportError) else HOW
    return Problem(path, line, 1 if line else 0, f"{type(err).__name__}: {text}", hint)


def _of_module(module: ModuleType, problems: list[Problem]) -> list[Check]:
    group = module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", " ")
    checks = []
    for name, function in vars(module).items():
        is_test = name.startswith("test_") and inspect.isfunction(function)
        if not is_test or function.__module__ != module.__name__:
            continue  # a check of another module, imported
        check = of_function(function, group)
        if check is None:
            problems.append(
                _at(function, f"{name} is no check: @check or @site_check is missing", HOW)
            )
            continue
        problems += [_at(function, f"{name}: {text}") for text in _wrong(check)]
        checks.append(check)
    return checks


def _wrong(check: Check) -> Iterator[str]:
    """What is wrong with the metadata of a check."""
    for field in ("proves", "why", "remedy"):
        text = getattr(check, field)
        if not isinstance(text, str) or not text.strip():
            yield f"`{field}` is empty"
        elif field != "remedy" and (text != text.strip() or text.endswith(".")):
            yield f"`{field}` ends with a full stop or has blanks around it"
    if isinstance(check.remedy, str) and (braces := remedy.problem(check.remedy)):
        yield f"`remedy`: {braces}"
    if check.on not in ON:
        yield f"`on` is {check.on!r}: it is one of {sorted(ON - {''})}"
    if check.subject is Subject.NODE and not check.roles:
        yield "`roles` is empty: it would never run"
    known = given.TO_NODES if check.subject is Subject.NODE else given.TO_SITE
    for name in given.unknown(check):
        yield f"nothing is known to give for the parameter `{name}`; known: {sorted(known)}"


def _doubles(checks: Sequence[Check]) -> list[Problem]:
    seen: dict[str, Check] = {}
    problems = []
    for check in checks:
        if check.name == ANSWERS:
            problems.append(_at(check.function, f"the name `{ANSWERS}` is taken", "rename it"))
        first = seen.setdefault(check.name, check)
        if first is not check:
            text = f"the name `{check.name}` is taken by {first.source}"
            problems.append(_at(check.function, text, "rename the function"))
    return problems


def _at(function: object, text: str, hint: str = "") -> Problem:
    code = function.__code__  # type: ignore[attr-defined]
    return Problem(Path(code.co_filename), code.co_firstlineno, 1, text, hint)
