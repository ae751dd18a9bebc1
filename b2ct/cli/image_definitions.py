"""`b2ct image list`, `show`, `check`, `schema`: which images there are, and what one comes to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core import files
from b2ct.core.errors import InvalidFileError

if TYPE_CHECKING:
    from datetime import date

    from b2ct.image.listing import Row


@click.command("list")
@options.as_json
def list_definitions(as_json: bool) -> None:
    """Print the definitions: those in ./images, and those that are shipped.

    One a line, with the day when its distribution's updates end and its virtual size. Below them:
    which are historical, and what this host lacks to build one. Nothing is written.

    \b
    Examples:
      b2ct image list
      b2ct image list --json
    """
    from datetime import UTC, datetime

    from b2ct.image import listing

    rows = listing.rows()
    today = datetime.now(UTC).date()
    if as_json:
        show_json([_row_as_json(row, today) for row in rows])
        return
    table = [("NAME", "DISTRIBUTION", "UPDATES UNTIL", "SIZE", "TITLE"), *map(_cells, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        click.echo("  ".join([*cells, line[-1]]).rstrip())
    for row in rows:
        for remark in _remarks(row, today):
            click.echo(f"{row.name}: {remark}")


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    from b2ct.document.finding import size

    if row.problem:
        return row.name, "", "", "", "(cannot be read, see below)"
    until = row.end_of_life.isoformat() if row.end_of_life else ""
    return row.name, row.distribution, until, size(row.size), row.title


def _remarks(row: Row, today: date) -> list[str]:
    remarks = [row.problem] if row.problem else []
    if row.historical(today):
        remarks.append("historical: it gets no updates any more")
    if row.lacks:
        remarks.append(f"cannot be built here: this host lacks {', '.join(row.lacks)}")
    return remarks


def _row_as_json(row: Row, today: date) -> dict[str, Any]:
    return {
        **asdict(row),
        "file": str(row.file),
        "end_of_life": row.end_of_life.isoformat() if row.end_of_life else None,
        "historical": row.historical(today),
        "buildable": not row.problem and not row.lacks,
    }


@click.command()
@click.argument("name", shell_complete=offer.images)
@click.option("--sources", is_flag=True, help="Say the file and line of each value beside it.")
@options.as_json
def show(name: str, sources: bool, as_json: bool) -> None:
    """Print the definition NAME with all that it extends, as YAML.

    NAME is a name of `b2ct image list`, or a file. What is printed is itself a definition that can
    be built. Nothing is written.

    \b
    Examples:
      b2ct image show el9-worker
      b2ct image show el9-worker --sources
      b2ct image show ./torino-worker.yaml --json
    """
    from b2ct.image import definitions
    from b2ct.image import show as showing

    loaded = definitions.load(name)
    if as_json:
        told = showing.as_json(loaded)
        told |= {"values": showing.origins(loaded)} if sources else {}
        show_json(told)
        return
    click.echo(showing.text(loaded, sources=sources), nl=False)


@click.command()
@click.argument("file", type=options.FILE)
@options.as_json
def check(file: Path, as_json: bool) -> None:
    """Say all that is wrong with FILE, a definition or a part of one.

    Every problem is one line: file:line:column, the value, what was expected, and a hint; the
    files that it extends are checked with it. Nothing is written.

    \b
    Examples:
      b2ct image check images/torino-worker.yaml
      b2ct image check --json images/parts/site.yaml

    Exit codes: 0 valid; 2 problems.
    """
    from b2ct.image import definitions, listing

    try:
        loaded = definitions.check(file)
    except InvalidFileError as err:
        if as_json:
            problems = [{**asdict(one), "file": str(one.file)} for one in err.problems]
            show_json({"file": str(file), "valid": False, "problems": problems})
        raise
    lacks = listing.lacks(loaded.definition) if loaded else ()
    if as_json:
        sources = [str(source) for source in loaded.sources] if loaded else []
        told = {"file": str(file), "valid": True, "problems": [], "part": loaded is None}
        show_json({**told, "sources": sources, "lacks": lacks})
        return
    click.echo(f"{file} is valid{'' if loaded else ', as a part of definitions'}.")
    if lacks:
        click.echo(f"note: it cannot be built here: this host lacks {', '.join(lacks)}")


@click.command()
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="Write here.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of definitions (draft 2020-12), with which editors check them.

    With `# yaml-language-server: $schema=./image.schema.json` as a file's first line, editors with
    a YAML language server complete its keys and mark mistakes.

    \b
    Example:
      b2ct image schema -o image.schema.json
    """
    from b2ct.image import schema as image_schema

    if output is None:
        click.echo(image_schema.text(), nl=False)
        return
    files.write(output, image_schema.text())
    click.echo(f"{output} written", err=True)
