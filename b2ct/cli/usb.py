"""`b2ct usb`: the group of verbs about sticks."""

from __future__ import annotations

import importlib

import click

# verb -> (module, function, short help). Kept here so that one verb does not import the others.
VERBS: dict[str, tuple[str, str, str]] = {
    "image": ("usb_image", "image", "Make the image of a USB key that boots everywhere."),
    "list": ("usb_stick", "list_sticks", "Show the sticks, and why a disk is not offered."),
    "write": ("usb_stick", "write", "Write an image to a stick, and prove it."),
    "verify": ("usb_stick", "verify", "Compare what is on a stick with an image."),
    "restore": ("usb_stick", "restore", "Make an ordinary stick of it again."),
}


class Sticks(click.Group):
    """A group that imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of the verb and take its command."""
        if cmd_name not in VERBS:
            return None
        module, function, _ = VERBS[cmd_name]
        command = getattr(importlib.import_module(f"b2ct.cli.{module}"), function)
        assert isinstance(command, click.Command)  # noqa: S101 - a defect of ours, not input
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in VERBS.items()])


@click.group(cls=Sticks)
def usb() -> None:
    """Make, write, prove and restore USB sticks.

    \b
    Examples:
      b2ct usb image --role hypervisor -o key.img a key that boots everywhere
      b2ct usb list                               the sticks, and why a disk is not offered
      sudo b2ct usb write site.iso /dev/sdb       write, read back, compare
      sudo b2ct usb verify site.iso /dev/sdb      compare again, later
      sudo b2ct usb restore /dev/sdb              make an ordinary stick of it again
    """
