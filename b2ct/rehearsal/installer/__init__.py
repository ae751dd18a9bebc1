"""The practice installer: the ISO layouts of EL6 to EL10 from the host's own kernel and loaders."""

from .builder import build
from .layouts import LAYOUTS

__all__ = ["LAYOUTS", "build"]
