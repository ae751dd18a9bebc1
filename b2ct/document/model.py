"""The base of everything that is described in a file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """The base of every part: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    instead_of_text: ClassVar[str] = "put its keys on lines of their own, indented further"
    """The hint for those who wrote one value where this part is expected."""
