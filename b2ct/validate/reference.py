"""docs/validate-checks.md, made of the checks themselves.

python -m b2ct.validate.reference docs
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from b2ct.core import files
from b2ct.validate.check import EVERY, Check, Severity, Subject

HEAD = """# The checks of `b2ct validate`

{count} checks, {errors} of them errors when they fail, the others warnings. This page is made by
`python -m b2ct.validate.reference docs`; `b2ct validate --list` shows the same. What the words mean
is in [validate.md](validate.md).

In remedies stand `{{node}}`, `{{address}}`, `{{control}}`, `{{domain}}` and `{{user}}` for the
site's own values, which the report fills in. A remedy is a command to paste. One that begins with
`by hand:` says what somebody has to do; one that begins with `in the report:` stands for a command
that the check makes of what it has found.
"""


def page(checks: Iterable[Check]) -> str:
    """The whole page: a section a group, a table row a check."""
    checks = tuple(checks)
    errors = sum(check.severity is Severity.ERROR for check in checks)
    parts = [HEAD.format(count=len(checks), errors=errors)]
    for group in dict.fromkeys(check.group for check in checks):
        mine = [check for check in checks if check.group == group]
        parts.append(f"\n## {group[0].upper()}{group[1:]}\n\n{_where(mine)}\n\n")
        parts.append("| check | proves that | why it matters | remedy |\n|---|---|---|---|\n")
        parts += [_row(check) for check in mine]
    return "".join(parts)


def _where(checks: list[Check]) -> str:
    doc = sys.modules[checks[0].function.__module__].__doc__ or ""
    return doc.partition("\n")[0].strip()


def _row(check: Check) -> str:
    name = f"`{check.name}`" + (" (warning)" if check.severity is Severity.WARNING else "")
    if check.subject is Subject.NODE and check.on:
        name += f" on {check.on}"
    elif check.subject is Subject.NODE and check.roles != EVERY:
        roles = sorted(role.value for role in check.roles if role != "single")
        name += f" on {' and '.join(roles)}" if roles else ""
    cells = (name, check.proves, check.why)
    shown = [*map(_cell, cells), _remedy(check.remedy)]
    return "| " + " | ".join(shown) + " |\n"


def _cell(text: str) -> str:
    """A table's own sign must not end the cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _remedy(text: str) -> str:
    """A command is code: Markdown takes a backslash and a star out of everything else."""
    if text.startswith(("by hand:", "in the report:")):
        return _cell(text)
    fence = "``" if "`" in text else "`"
    return fence + text.replace("|", "\\|") + fence


def main(folder: Path) -> None:
    """Write the page into a folder."""
    from b2ct.validate.collect import collect

    files.write(folder / "validate-checks.md", page(collect()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
