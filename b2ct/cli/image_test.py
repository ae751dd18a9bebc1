"""`b2ct image test`: try a worker image in QEMU before OpenNebula does."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core import findings
from b2ct.core.console import note
from b2ct.core.errors import VerdictError

if TYPE_CHECKING:
    from b2ct.context.model import VmContext
    from b2ct.image.trial.trial import Tried


@click.command("test")
@click.argument("image", type=options.FILE)
@options.site
@click.option(
    "--worker",
    metavar="NAME",
    help="The worker of site.yaml whose context it gets.",
    shell_complete=offer.workers,
)
@click.option(
    "--firmware",
    "firmware",
    multiple=True,
    type=click.Choice(["bios", "uefi"]),
    help="Only under this firmware; repeatable.",
)
@click.option(
    "--context",
    "sources",
    multiple=True,
    type=click.Choice(["opennebula", "nocloud"]),
    help="Only with a context from this source; repeatable.",
)
@click.option("--quick", is_flag=True, help="Each firmware and each source once: two boots.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How long it may take until somebody can log in.",
)
@click.option(
    "--memory",
    type=click.IntRange(256),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="Memory of the VM.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 16),
    metavar="N",
    help="Boots at a time. Left out: one for two processors.",
)
@click.option(
    "--consoles",
    type=options.FILE,
    metavar="DIR",
    help="Keep the serial consoles in this folder.",
)
@options.as_json
def try_image(  # noqa: PLR0917 - click passes them by name
    image: Path,
    site_file: Path | None,
    worker: str | None,
    firmware: tuple[str, ...],
    sources: tuple[str, ...],
    quick: bool,
    timeout: float,
    memory: int,
    jobs: int | None,
    consoles: Path | None,
    as_json: bool,
) -> None:
    """Boot an image with a context as OpenNebula writes it, log in, and look.

    Each boot has its own overlay, so the image is only read. The VM gets the context of a worker of
    site.yaml (or of a practice site), a key and a script made for this test. What is looked at:
    the login by key and by nothing else, host name, user script, growth of the root file system,
    every file of the context, CVMFS's proxy, services, host keys, passwords, the guest agent, and
    that the power button switches it off.

    \b
    Examples:
      b2ct image test el9-worker.qcow2            BIOS and UEFI, CONTEXT CD and NoCloud seed
      b2ct image test el9-worker.qcow2 --quick    two boots instead of four
      b2ct image test el9-worker.qcow2 --site site.yaml --worker grid --firmware bios

    Exit codes: 0 all is well; 1 something is not; 2 nothing could be booted.
    """
    from b2ct.image.trial import trial
    from b2ct.image.trial.scenario import choose

    request = trial.Request(
        image=image,
        context=_context(site_file, worker),
        scenarios=choose(firmware, sources, quick=quick),
        timeout=timeout,
        memory=memory,
        jobs=jobs or max(1, (os.cpu_count() or 1) // 2),
        consoles=consoles,
    )
    results = trial.run(request, note)
    if as_json:
        show_json(as_data(results))
    else:
        click.echo(table(results))
    failed = [row for row in results if not row.passed]
    if failed:
        raise VerdictError(
            f"{len(failed)} of {len(results)} boots found something wrong",
            hint="" if consoles else "`--consoles DIR` keeps what their consoles said",
        )


def _context(site_file: Path | None, worker: str | None) -> VmContext:
    from b2ct.context import own
    from b2ct.context.worker import choose, for_worker
    from b2ct.image.trial.told import practice_site

    chosen = options.site_if_any(site_file)
    if chosen is None and worker is None:
        note("note: no site.yaml here: the VM is told of a practice site")
        return for_worker(practice_site())
    chosen = chosen or options.load_site(site_file)
    name, described = choose(chosen.site, worker)
    return for_worker(chosen.site, name, own=own.read(chosen.site, described, chosen.folder))


def as_data(results: tuple[Tried, ...]) -> list[dict[str, Any]]:
    """The results for programs."""
    return [{**asdict(row), "passed": row.passed} for row in results]


def table(results: tuple[Tried, ...]) -> str:
    """A line a finding, the boots one after the other."""
    lines: list[str] = []
    for row in results:
        where = f"{row.scenario.machine}, disk on {row.scenario.controller}"
        lines.append(f"{row.scenario.name} ({where}): {'pass' if row.passed else 'FAIL'}")
        lines += [f"  {line}" for line in findings.table(row.findings).splitlines()]
    return "\n".join(lines)
