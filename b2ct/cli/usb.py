"""`b2ct usb`: the group of verbs about sticks."""

from __future__ import annotations

import click

from b2ct.cli.lazy import LazyGroup, Verbs

VERBS: Verbs = {
    "image": ("usb_image", "image", "Make the image of a USB key that boots everywhere."),
    "list": ("usb_stick", "list_sticks", "Show the sticks, and why a disk is not offered."),
    "write": ("usb_stick", "write", "Write an image to a stick, and prove it."),
    "verify": ("usb_stick", "verify", "Compare what is on a stick with an image."),
    "restore": ("usb_stick", "restore", "Make an ordinary stick of it again."),
}
STAGES = {"image": "Make a key", "list": "Write it, and prove it", "restore": "Afterwards"}


@click.group(cls=LazyGroup, verbs=VERBS, stages=STAGES)
def usb() -> None:
    """Make, write, prove and restore USB sticks.

    \b
    Examples:
      b2ct usb image --role hypervisor -o key.img a key that boots everywhere
      b2ct usb list                               the sticks, and why a disk is not offered
      sudo $(which b2ct) usb write site.iso /dev/sdb       write, read back, compare
      sudo $(which b2ct) usb verify site.iso /dev/sdb      compare again, later
      sudo $(which b2ct) usb restore /dev/sdb              make an ordinary stick of it again
    """
