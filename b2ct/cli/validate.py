"""`b2ct validate`: everything that was asked for, looked at on the nodes themselves."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_VERDICT, B2ctError
from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.model import Node, Site
    from b2ct.validate.access import Access
    from b2ct.validate.check import Check
    from b2ct.validate.results import Report
    from b2ct.validate.runner import Plan

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
    plan = _plan(options.needed_site(site_file, "what to look at"), checks, chosen)
    if not chosen["no_report"]:
        _writable(folder)
    report = _run(plan, _access(chosen), quiet=chosen["quiet"])
    written = None
    if not chosen["no_report"]:
        from b2ct.validate.report.write import write

        written = write(folder, report)
    _print(report, chosen, written)
    sys.exit(_code(report))


def _checks(chosen: dict[str, Any]) -> tuple[Check, ...]:
    from b2ct.validate.collect import chosen as narrowed
    from b2ct.validate.collect import collect

    return narrowed(collect(chosen["folders"]), chosen["patterns"])


def _plan(site: ChosenSite, checks: tuple[Check, ...], chosen: dict[str, Any]) -> Plan:
    from b2ct.validate.check import Subject
    from b2ct.validate.given import Options
    from b2ct.validate.runner import Plan

    nodes = _nodes(site.site, chosen)
    if chosen["dirac"] and not chosen["no_vms"]:
        site.allow("dirac_password", leaving=True)  # the live view leaves no room for a question
    if len(nodes) < len(site.site.nodes):
        checks = tuple(check for check in checks if check.subject is Subject.NODE)
    return Plan(
        site=site.site,
        nodes=nodes,
        checks=checks,
        options=Options(
            dirac=chosen["dirac"],
            test_vms=not chosen["no_vms"],
            folder=site.folder,
            identity=chosen["identity"],
            dirac_password=partial(site.needed_secret, "dirac_password", leaving=True),
        ),
        user=chosen["user"] or "root",
        jobs=chosen["jobs"],
    )


def _nodes(site: Site, chosen: dict[str, Any]) -> tuple[Node, ...]:
    """The nodes to look at. Raises B2ctError for names that are none, and for none at all."""
    if not site.nodes:
        raise B2ctError("site.yaml names no nodes", hint="describe them under `nodes:`")
    unknown = [name for name in chosen["nodes"] if site.node(name) is None]
    if unknown:
        known = ", ".join(node.name for node in site.nodes)
        raise B2ctError(f"site.yaml has no node {unknown[0]!r}", hint=f"it has: {known}")
    found = tuple(
        node
        for node in site.nodes
        if (not chosen["nodes"] or node.name in chosen["nodes"])
        and (not chosen["roles"] or node.role.value in chosen["roles"])
    )
    if not found:
        raise B2ctError("no node has that name and that role", hint="leave out --node or --role")
    return _this_one(site, found, chosen) if chosen["local"] else found


def _this_one(site: Site, found: tuple[Node, ...], chosen: dict[str, Any]) -> tuple[Node, ...]:
    from b2ct.validate.local import this_node

    if chosen["nodes"] and len(found) == 1:
        return found
    return (this_node(site.nodes),)


def _access(chosen: dict[str, Any]) -> Access:
    from b2ct.validate.access import Access

    names = Access.__dataclass_fields__
    return Access(**{name: value for name, value in chosen.items() if name in names})


def _run(plan: Plan, access: Access, *, quiet: bool) -> Report:
    from b2ct.validate import live, runner
    from b2ct.validate.access import opener

    with opener(plan.site, access) as opens, live.listener(quiet=quiet) as listener:
        return runner.run(plan, opens, listener=listener)


def _writable(folder: Path) -> None:
    """Raise B2ctError now for a folder that would take no report after all the work."""
    from b2ct.core import files

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as err:
        reason = files.explain(err, f"write the report to {folder}").message
        raise B2ctError(
            reason, hint="name another folder with --report, or none: --no-report"
        ) from err


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


def _code(report: Report) -> int:
    from b2ct.validate import summary

    if report.interrupted:
        return EXIT_INTERRUPTED
    if summary.nothing_ran(report):
        return EXIT_REFUSED
    return EXIT_VERDICT if summary.failed(report) else 0


def _list(checks: Sequence[Check], *, as_json: bool) -> None:
    rows = [_row(check) for check in checks]
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


def _row(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "group": check.group,
        "proves": check.proves,
        "why": check.why,
        "remedy": check.remedy,
        "severity": check.severity.value,
        "subject": check.subject.value,
        "roles": sorted(role.value for role in check.roles),
        "on": check.on,
        "source": check.source,
    }
