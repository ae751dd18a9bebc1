"""`b2ct boot`: try an image in QEMU before you drive to the machine room."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from b2ct.cli import options
from b2ct.cli.show import show_json
from b2ct.core.console import note
from b2ct.core.errors import VerdictError

if TYPE_CHECKING:
    from b2ct.media.boot import BootResult


def _digest(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
        raise click.BadParameter("a SHA-256 has 64 hexadecimal digits")
    return value


@click.command()
@click.argument("image", type=options.FILE)
@click.option("--firmware", type=click.Choice(["bios", "uefi"]), help="The machine's firmware.")
@click.option(
    "--as", "attach", type=click.Choice(["cd", "usb"]), help="Put the image in as this medium."
)
@click.option("--all", "every", is_flag=True, help="Every way that the image has boot records for.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one boot may take.",
)
@click.option(
    "--kickstart-sha256",
    callback=_digest,
    metavar="HEX",
    help="Fail unless the booted machine reads exactly this kickstart.",
)
@click.option(
    "--verbose/--quiet", default=None, help="Show the serial console (default: on a terminal)."
)
@options.as_json
def boot(  # noqa: PLR0917 - click passes them by name
    image: Path,
    firmware: str | None,
    attach: str | None,
    every: bool,
    timeout: float,
    kickstart_sha256: str | None,
    verbose: bool | None,
    as_json: bool,
) -> None:
    """Boot an image in QEMU and prove which kickstart it finds.

    The serial console is shown as it comes. The verdict tells whether a kernel came up, with which
    kickstart argument, and, with a practice installer, which kickstart it read and its SHA-256.
    The image is only read; nothing is installed, for the machine has no disk.
    Uses KVM where /dev/kvm may be used, else emulation, which is slower.

    \b
    Examples:
      b2ct boot hv.iso                            as CD under BIOS
      b2ct boot hv.iso --firmware uefi --as usb
      b2ct boot hv.iso --all --json

    Exit codes: 0 every boot passed; 1 one did not; 2 nothing could be booted.
    """
    from b2ct.firmware.accel import kvm_works
    from b2ct.firmware.qemu import find_qemu
    from b2ct.media.boot import boot as boot_once
    from b2ct.media.boot import choose_modes

    modes = choose_modes(image, firmware=firmware, attach=attach, every=every)
    live = sys.stderr.isatty() if verbose is None else verbose
    results: list[BootResult] = []
    speed = "KVM" if kvm_works(find_qemu()) else "emulation: KVM does not work here"
    for mode in modes:
        note(f"booting {image.name} as {mode.attach} under {mode.firmware} ({speed})")
        result = boot_once(
            image,
            firmware=mode.firmware,
            attach=mode.attach,
            timeout=timeout,
            on_line=_show() if live else None,
            kickstart_sha256=kickstart_sha256,
        )
        results.append(result)
        note(f"{'pass' if result.passed else 'FAIL'}: {result.reason}")
    if as_json:
        show_json([asdict(row) for row in results])
    else:
        click.echo(table(results))
    failed = [row for row in results if not row.passed]
    if failed:
        raise VerdictError(
            f"{len(failed)} of {len(results)} boots failed: "
            + "; ".join(f"{row.firmware} {row.attach}: {row.reason}" for row in failed),
            hint="`--verbose` shows the console" if not live else "",
        )


def _show() -> Callable[[str], None]:
    return lambda line: note(f"  | {line}")


def table(results: list[BootResult]) -> str:
    """The results as aligned columns, a line a boot."""
    head = ("firmware", "as", "kernel", "kickstart", "sha256", "seconds", "verdict")
    rows = [
        (
            row.firmware.value,
            row.attach.value,
            "up" if row.kernel else "no",
            row.kickstart_argument or "-",
            (row.kickstart_sha256 or "-")[:16],
            f"{row.seconds:.1f}",
            "pass" if row.passed else "FAIL",
        )
        for row in results
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )
