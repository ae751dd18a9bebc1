"""A machine to try an image in: its hardware, and what its console says."""

from .evidence import Evidence
from .machine import Attach, Machine
from .modes import Mode, supported

__all__ = ["Attach", "Evidence", "Machine", "Mode", "supported"]
