"""`b2ct validate`: everything that was asked for, looked at on the nodes themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.validate.access import Access
    from b2ct.validate.check import Check
    from b2ct.validate.results import Report
    from b2ct.validate.runner import Plan

T = TypeVar("T")
_WHAT = (
    click.option(
        "--node",
        "nodes",
        multiple=True,
        metavar="NAME",
        help="Only it; repeatable.",
        shell_complete=offer.nodes,
    ),
    click.option(
        "--role",
        "roles",
        multiple=True,
        type=click.Choice([role.value for role in Role]),
        help="Only nodes with this role; repeatable.",
    ),
    click.option(
        "--only",
        "patterns",
        multiple=True,
        metavar="PATTERN",
        help="Only checks with such names (squid*), or of such a group; repeatable.",
    ),
    click.option(
        "--checks",
        "folders",
        multiple=True,
        type=options.FILE,
        metavar="DIR",
        help="Also the checks in test_*.py there; repeatable.",
    ),
    click.option("--dirac", is_flag=True, help="Also ask DIRAC for a job, through the driver."),
    click.option("--no-vms", is_flag=True, help="Start no test VMs."),
    click.option("--list", "listing", is_flag=True, help="Show the checks, and ask no node."),
)
_HOW = (
    click.option("--local", is_flag=True, help="On the node itself, without ssh."),
    click.option(
        "--jobs", default=48, type=click.IntRange(1, 512), metavar="N", help="Nodes at once (48)."
    ),
)
_OUT = (
    click.option(
        "--report",
        "folder",
        type=options.FILE,
        default=Path("report"),
        metavar="DIR",
        help="Where the report goes (report).",
    ),
    click.option("--no-report", is_flag=True, help="Write no report."),
    options.as_json,
    click.option("--junit", "as_junit", is_flag=True, help="Print them as JUnit XML, for CI."),
    click.option("-q", "--quiet", is_flag=True, help="No live view."),
)


def _options(command: Any) -> Any:
    for option in reversed(_OUT):
        command = option(command)
    command = options.of_ssh(command)
    for option in reversed((*_WHAT, *_HOW)):
        command = option(command)
    return command


@click.command()
@options.site
@_options
def validate(*, site_file: Path | None, folder: Path, **chosen: Any) -> None:
    """Prove that the site works: look at every node over ssh, and at the cloud as a whole.

    What site.yaml asks for is what is looked at. Nothing is changed on the nodes, apart from one
    test VM of each worker, which is removed again. With --node or --role the checks of the site as
    a whole are left out. The host key of each node is that of site.yaml, or of known_hosts; an
    unknown one is refused.

    \b
    Examples:
      b2ct validate
      b2ct validate --role hypervisor --only 'libvirt*'
      b2ct validate --user admin --jump gate.example.org
      b2ct validate --list

    Exit codes: 0 all is well; 1 something is not; 2 it could not run; 130 interrupted: the report
    has what was found until then.
    """
    if chosen["as_json"] and chosen["as_junit"]:
        raise B2ctError("--json and --junit both want stdout", hint="DIR of --report has both")
    checks = _checks(chosen)
    if chosen["listing"]:
        from b2ct.validate.runner import ANSWERS

        _list((ANSWERS, *checks), as_json=chosen["as_json"])
        return
    from b2ct.validate import asked, summary
    from b2ct.validate.access import Access
    from b2ct.validate.report import write

    site = options.needed_site(site_file, "what to look at")
    plan = asked.plan(site, checks, _of(asked.Asked, chosen))
    if not chosen["no_report"]:
        write.need_writable(folder)
    report = _run(plan, _of(Access, chosen), quiet=chosen["quiet"])
    written = None if chosen["no_report"] else write.write(folder, report)
    _print(report, chosen, written)
    sys.exit(summary.exit_code(report))


def _checks(chosen: dict[str, Any]) -> tuple[Check, ...]:
    from b2ct.validate.collect import chosen as narrowed
    from b2ct.validate.collect import collect

    return narrowed(collect(chosen["folders"]), chosen["patterns"])


def _of(kind: Callable[..., T], chosen: dict[str, Any]) -> T:
    """The options that a dataclass has a field for."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in chosen.items() if name in names})


def _run(plan: Plan, access: Access, *, quiet: bool) -> Report:
    from b2ct.validate import live, runner
    from b2ct.validate.access import opener

    with opener(plan.site, access) as opens, live.listener(quiet=quiet) as listener:
        return runner.run(plan, opens, listener=listener)


def _print(report: Report, chosen: dict[str, Any], written: Path | None) -> None:
    from b2ct.validate import junit, summary

    if chosen["as_json"]:
        show_json(report.as_json())
    elif chosen["as_junit"]:
        click.echo(junit.text(report), nl=False)
    else:
        for line in summary.lines(report):
            click.echo(line)
    if written is not None:
        note(f"report: {written}")


def _list(checks: Sequence[Check], *, as_json: bool) -> None:
    rows = [check.as_json() for check in checks]
    if as_json:
        show_json(rows)
        return
    wide = max((len(row["name"]) for row in rows), default=0)
    group = ""
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            click.echo(f"{group}:")
        mark = "" if row["severity"] == "error" else " (warning)"
        click.echo(f"  {row['name']:{wide}}  {row['proves']}{mark}")
    note(f"{len(rows) - 1} checks, and whether each node answers")
