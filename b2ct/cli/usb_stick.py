"""`b2ct usb list | write | verify | restore`: thin; the work is in b2ct/stick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from b2ct.cli import offer, options
from b2ct.cli.show import show_json
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError
from b2ct.stick import survey, trouble, writer
from b2ct.stick import verify as proof
from b2ct.stick.blockio import DeviceError
from b2ct.stick.confirm import Consent, opened, picture, readable
from b2ct.stick.devices import Machine
from b2ct.stick.guard import Wish
from b2ct.stick.image import Image, ImageError, boots_from_stick, open_image
from b2ct.stick.layout import Step, layout
from b2ct.stick.restore import Format, shape, template
from b2ct.stick.target import Target, examine

_Function = TypeVar("_Function", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--yes", is_flag=True, help="Do not ask; needs --serial."),
    click.option("--serial", metavar="S", help="The serial of the device that is meant."),
    click.option(
        "--force-fixed",
        metavar="SERIAL",
        help="Allow a device that is not removable; SERIAL must be its own.",
    ),
    click.option(
        "--practice-file", is_flag=True, help="DEVICE is a file that stands in for a stick."
    ),
    click.option("--dry-run", is_flag=True, help="Check and say what would be done; do nothing."),
    options.as_json,
)


def _overwriting(function: _Function) -> _Function:
    """The options of the verbs that overwrite a stick."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Also loop devices, LVM, RAID, CD drives.")
@options.as_json
def list_sticks(everything: bool, as_json: bool) -> None:
    """Show the sticks, and why a disk is not offered.

    \b
    Examples:
      b2ct usb list
      b2ct usb list --all --json
    """
    entries = survey.survey(survey.look(), everything=everything)
    if as_json:
        show_json([one.as_json() for one in entries])
        return
    for one in entries:
        click.echo("\n".join(one.lines()))
    if not any(not one.reasons for one in entries):
        note("no stick is plugged in that may be written")


@click.command()
@click.argument("image", type=options.FILE)
@click.argument("device", shell_complete=offer.devices)
@_overwriting
def write(
    image: Path,
    device: str,
    *,
    yes: bool,
    serial: str | None,
    force_fixed: str | None,
    practice_file: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write IMAGE (raw, or a hybrid ISO) to the stick DEVICE, and prove it.

    Everything on the stick is lost. All of it is read back and compared; only then is it called
    done. An interrupted stick boots nothing.

    \b
    Examples:
      sudo $(which b2ct) usb write site.iso /dev/sdb
      sudo $(which b2ct) usb write key.img /dev/disk/by-id/usb-Example_4C53-0:0 --yes --serial 4C53
      b2ct usb write key.img stick.img --practice-file
    """
    with open_image(image) as source:
        target, machine = examine(device, Wish(force_fixed, practice_file, source.identity))
        title = f"{image} ({trouble.mib(source.size)})"
        if not boots_from_stick(source):
            note(f"note: {image} has no boot sector: no BIOS boots it from a stick")
        plan = _plan(source, target)
        if dry_run:
            _show_plan(plan, target, machine, title, as_json)
            return
        with opened(target, machine, Consent(yes, serial, _ask), title) as door:
            done = writer.burn(door, source, byte_progress, again=image.absolute())
    _show_done(
        target,
        {"image": str(image), **done.as_json()},
        f"{title} is on {target.path}, read back and compared: SHA-256 {done.sha256}",
        as_json,
    )


@click.command()
@click.argument("image", type=options.FILE)
@click.argument("device", shell_complete=offer.devices)
@options.as_json
def verify(image: Path, device: str, as_json: bool) -> None:
    """Compare what is on DEVICE with IMAGE, byte by byte. Reads only.

    Exit code 0: the same; 1: they differ. A key whose kickstarts were edited differs, and so does
    one that was mounted: it is said whether the differences are only where FAT keeps files.

    \b
    Examples:
      sudo $(which b2ct) usb verify site.iso /dev/sdb
      sudo $(which b2ct) usb verify key.img /dev/sdb --json
    """
    with open_image(image) as source, readable(device) as door:
        if door.file() == source.identity:
            raise B2ctError(
                f"{device} is the image itself: there is nothing to compare",
                hint="name the stick; `b2ct usb list` shows it",
            )
        if door.size < source.size:
            raise B2ctError(
                f"{device} has {door.size} bytes, the image {source.size}",
                hint="this is not the stick that the image was written to",
            )
        try:
            found = proof.compare(door, source, byte_progress)
        except DeviceError as err:
            raise trouble.failed_reading(err, door) from err
        except ImageError as err:
            raise B2ctError(str(err)) from err
    if as_json:
        show_json({"image": str(image), "device": device, **found.as_json()})
    elif found.first is None:
        click.echo(f"{device} has {image} byte for byte: SHA-256 {found.device_sha256}")
    trouble.enforce(found, image, device)


@click.command()
@click.argument("device", shell_complete=offer.devices)
@click.option(
    "--format",
    "wanted",
    type=click.Choice([one.value for one in Format]),
    help="Left out: FAT32 up to 32 GiB, exFAT above.",
)
@click.option("--label", default="STICK", show_default=True, help="The stick's name.")
@_overwriting
def restore(
    device: str,
    *,
    wanted: str | None,
    label: str,
    yes: bool,
    serial: str | None,
    force_fixed: str | None,
    practice_file: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make an ordinary FAT32 or exFAT stick of DEVICE again.

    Everything on the stick is lost, though free space keeps its old bytes, as after any quick
    format.

    \b
    Examples:
      sudo $(which b2ct) usb restore /dev/sdb
      sudo $(which b2ct) usb restore /dev/sdb --format exfat --label BACKUP
    """
    target, machine = examine(device, Wish(force_fixed, practice_file))
    plan = shape(target.size, target.sector, Format(wanted) if wanted else None, label)
    title = f'an empty {plan.format.value} file system "{label}"'
    with template(plan) as (file, _), open_image(file) as source:
        if dry_run:
            _show_plan(_plan(source, target), target, machine, title, as_json)
            return
        with opened(target, machine, Consent(yes, serial, _ask), title) as door:
            done = writer.burn(door, source, byte_progress)
    _show_done(
        target,
        {"format": plan.format.value, "label": label, **done.as_json()},
        f"{target.path} has {title}",
        as_json,
    )


def _ask(question: str) -> str:
    return str(click.prompt(question, default="", show_default=False, err=True))


def _plan(source: Image, target: Target) -> tuple[Step, ...]:
    return layout(source.size, target.size, target.align).steps(source.data)


def _show_plan(
    plan: tuple[Step, ...], target: Target, machine: Machine, title: str, as_json: bool
) -> None:
    """What --dry-run prints."""
    if as_json:
        steps = [{"action": s.action, "start": s.start, "end": s.end, "text": s.text} for s in plan]
        show_json({"device": str(target.path), "steps": steps})
        return
    for line in picture(target, machine, title):
        click.echo(line)
    for step in plan:
        click.echo(f"  {step.action:7}{step.start:>14} {step.end:>14}  {step.text}")
    click.echo("nothing was written (--dry-run)")


def _show_done(target: Target, result: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        show_json({"device": str(target.path), "serial": target.serial, **result})
    else:
        click.echo(text)
