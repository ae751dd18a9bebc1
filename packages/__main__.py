"""`script/package`: packages of this checkout, in dist/."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

import click

from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from packages import about, deb, rpm, tree

KINDS = {"deb": deb.build, "rpm": rpm.build}


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(list(KINDS)), metavar="[deb|rpm]...")
@click.option(
    "--python",
    default="3.11",
    show_default=True,
    metavar="3.N",
    help="The Python that they are for: 3.11 on Debian 12 and EL9, 3.12 on EL10 and Ubuntu 24.04.",
)
@click.option(
    "-o", "--output", default="dist", type=click.Path(path_type=Path), help="The folder (dist)."
)
def package(kinds: tuple[str, ...], python: str, output: Path) -> None:
    """Build B2CT's .deb and .rpm from this checkout; without a word both.

    The same commit makes the same bytes. docs/packages.md says what they hold.

    \b
    Examples:
      script/package
      script/package deb
      script/package rpm --python 3.12
    """
    try:
        for path in build(kinds or tuple(KINDS), python, output):
            click.echo(path)
    except B2ctError as err:
        for line in err.lines():
            click.echo(f"script/package: {line}", err=True)
        sys.exit(err.exit_code)


def build(kinds: tuple[str, ...], python: str, output: Path) -> list[Path]:
    """The packages. Raises B2ctError."""
    if not python.startswith("3.") or not python[2:].isdecimal():
        raise B2ctError(f"'{python}' is no version of Python", hint="such as 3.11")
    made = about.of(python)
    if made.commit.endswith("+"):
        note("note: files here differ from the commit; the packages say so")
    output.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix="b2ct-package-"))
    try:
        tree.make(work / "tree", made)
        return [KINDS[kind](work / "tree", made, work, output.absolute()) for kind in kinds]
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    package()
