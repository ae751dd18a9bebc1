"""A machine to try an image in: its hardware, its firmware, and what its console says."""

from .evidence import Evidence
from .machine import Attach, Firmware, Machine
from .modes import Mode, supported

__all__ = ["Attach", "Evidence", "Firmware", "Machine", "Mode", "supported"]
