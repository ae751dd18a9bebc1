"""Manual pages, made from the commands themselves: `python -m b2ct.cli.manual FOLDER`.

A page for `b2ct` and one for each of its verbs, which has the verbs below it as sections. The
markup is man(7). SOURCE_DATE_EPOCH says their date, where it is set.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from b2ct import __version__
from b2ct.cli.lazy import LazyGroup
from b2ct.cli.main import b2ct
from b2ct.core import files

_ESCAPES = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
_HEADED = {"Example": "EXAMPLES", "Examples": "EXAMPLES", "Exit codes": "EXIT STATUS"}
"""How a paragraph of a help text begins that has a section of its own in a page."""


def pages() -> Mapping[str, str]:
    """File name -> page, for `b2ct` and all its verbs."""
    top = click.Context(b2ct, info_name="b2ct", **b2ct.context_settings)
    made = {"b2ct.1": "\n".join([*_page(top), *_see_also(top)]) + "\n"}
    for ctx in _below(top):
        made[f"{_name(ctx)}.1"] = "\n".join([*_page(ctx), *_sections(ctx)]) + "\n"
    return made


def write(folder: Path) -> list[Path]:
    """Write the pages into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        files.write(folder / name, text)
    return sorted(folder / name for name in pages())


def _name(ctx: click.Context) -> str:
    return ctx.command_path.replace(" ", "-")


def _below(ctx: click.Context) -> Iterator[click.Context]:
    """The verbs of a group, in its order."""
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield click.Context(command, info_name=name, parent=ctx)


def _page(ctx: click.Context) -> Iterator[str]:
    """The page up to the verbs below."""
    when = datetime.fromtimestamp(_epoch(), UTC).date().isoformat()
    yield f'.TH "{_text(_name(ctx).upper())}" 1 {when} "b2ct {__version__}" "B2CT"'
    yield from (".SH NAME", f"{_text(_name(ctx))} \\- {_text(_brief(ctx))}")
    yield from (".SH SYNOPSIS", _usage(ctx), ".SH DESCRIPTION")
    yield from _described(ctx, ".SH {}")
    if isinstance(ctx.command, LazyGroup):
        told = ((name, text) for name, (_, _, text) in ctx.command.verbs.items())
        yield from _list(".SH COMMANDS", told)
    yield from _list(".SH OPTIONS", _options(ctx))


def _sections(ctx: click.Context) -> Iterator[str]:
    """A section for each verb below, with its options."""
    for one in _below(ctx):
        yield f'.SH "{_text(one.command_path.upper())}"'
        yield _usage(one)
        yield ".PP"
        yield from _described(one, ".SS {}")
        yield from _list(".SS OPTIONS", _options(one))
    yield from (".SH SEE ALSO", r"\fBb2ct\fR(1)")


def _see_also(ctx: click.Context) -> Iterator[str]:
    yield ".SH SEE ALSO"
    names = [_text(_name(one)) for one in _below(ctx)]
    yield ",\n".join(f"\\fB{name}\\fR(1)" for name in names)


def _usage(ctx: click.Context) -> str:
    pieces = " ".join(ctx.command.collect_usage_pieces(ctx))
    return f"\\fB{_text(ctx.command_path)}\\fR {_text(pieces)}"


def _brief(ctx: click.Context) -> str:
    """What it does: the first sentence of its help."""
    first = _paragraphs(ctx)[0]
    return " ".join(first.split()).partition(". ")[0].rstrip(".")


def _paragraphs(ctx: click.Context) -> list[str]:
    return inspect.cleandoc(ctx.command.help or "").split("\n\n")


def _described(ctx: click.Context, heading: str) -> Iterator[str]:
    """The help text; examples and exit codes under headings of their own, which come last."""
    headed = []
    for number, paragraph in enumerate(_paragraphs(ctx)):
        literal = paragraph.startswith("\b")
        lines = paragraph.removeprefix("\b\n").splitlines()
        head, colon, rest = lines[0].partition(":")
        if colon and head in _HEADED:
            headed.append(heading.format(f'"{_HEADED[head]}"'))
            lines = [line for line in (rest.strip(), *lines[1:]) if line]
            headed += _block(lines, literal=literal)
        else:
            yield from [".PP"] * (number > 0)
            yield from _block(lines, literal=literal)
    yield from headed


def _block(lines: list[str], *, literal: bool) -> Iterator[str]:
    """A paragraph; a literal one keeps its lines."""
    if literal:
        yield from (".nf", *map(_line, lines), ".fi")
    else:
        yield _line(" ".join(line.strip() for line in lines))


def _list(heading: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield heading
    for term, text in rows:
        yield from (".TP", f"\\fB{_text(term)}\\fR", _line(" ".join(text.split())))


def _options(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for one in ctx.command.get_params(ctx):
        record = one.get_help_record(ctx)
        if record is not None and record[1]:  # an argument has no text of its own
            yield record


def _text(text: str) -> str:
    """The text, of which roff reads nothing as its own."""
    return text.translate(_ESCAPES)


def _line(text: str) -> str:
    """A line of text: one that begins with a dot is no request."""
    return "\\&" * text.startswith(".") + _text(text)


def _epoch() -> float:
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return float(given) if given.isdecimal() else datetime.now(UTC).timestamp()


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path)
