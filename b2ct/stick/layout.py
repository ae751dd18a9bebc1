"""The plan of writing an image to a device: what goes where, in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.core.errors import B2ctError
from b2ct.stick.trouble import mib

HEAD = 1 << 20
"""Bytes at the start that are written last: MBR, GPT, ISO 9660 and FAT all announce there."""
TAIL = 1 << 20
"""Bytes at the end of the device that are blanked: a backup GPT, RAID and ZFS labels are there."""
MARK = 4096
"""Bytes of a mark that a device which lies about its size loses."""


@dataclass(frozen=True)
class Step:
    """One effect on the device; bytes `start` to `end`."""

    action: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Layout:
    """Where on the device what goes. All in bytes."""

    image: int
    """Size of the image."""
    end: int
    """The image's end, rounded up to the device's unit."""
    head: int
    """What is written last."""
    blank: int
    """What is blanked at the start, before anything else."""
    tail: int
    """From here to the end of the device old signatures are blanked."""
    device: int
    marks: tuple[int, ...]
    """Where marks are put that must be there still at the end: a device that lies about its size
    loses them, or finds the image in their place."""

    def steps(self, data: tuple[tuple[int, int], ...]) -> tuple[Step, ...]:
        """What will be done, in order; `data` are the image's ranges that are not holes."""
        holes = self.image - sum(end - start for start, end in data)
        marks = f"{len(self.marks)} mark{'s' if len(self.marks) > 1 else ''}"
        todo = [
            Step("blank", 0, self.blank, "blank the start, so that it boots nothing meanwhile"),
            Step(
                "mark",
                self.tail,
                self.device,
                f"put {marks}, which a stick that lies about its size loses",
            ),
            Step(
                "write",
                self.head,
                self.end,
                f"write {mib(self.image)} (of them {mib(holes)} holes, as zeros)",
            ),
            Step("write", 0, self.head, "write the start last"),
            Step("verify", 0, self.end, "read all of it back and compare the SHA-256"),
            Step("blank", self.tail, self.device, "blank the end, where old signatures may be"),
        ]
        return tuple(step for step in todo if step.start < step.end)


def padded(size: int, align: int) -> int:
    """A size rounded up to the device's unit."""
    return -(-size // align) * align


def layout(image: int, device: int, align: int, unit: int = MARK) -> Layout:
    """Plan for an image and a device of these sizes; `align` is the device's unit.

    Marks are at the last block and at each power of two from 256 MiB on between the image and the
    end: fake sticks wrap around at such a size. Raises B2ctError if the image does not fit.
    """
    end = padded(image, align)
    if end > device:
        raise B2ctError(
            f"the image has {image} bytes ({mib(image)}), the device only {device} ({mib(device)})",
            hint="take a larger stick",
        )
    tail = max(end, (device - TAIL) // align * align, 0)
    powers = (1 << power for power in range(28, 63))
    marks = [at for at in powers if end <= at and at + unit <= tail]
    if device - unit >= end and align <= unit:
        marks.append((device - unit) // align * align)
    return Layout(
        image=image,
        end=end,
        head=min(HEAD, end),
        blank=min(HEAD, device),
        tail=tail,
        device=device,
        marks=tuple(marks),
    )
