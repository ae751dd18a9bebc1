"""What somebody wants to have registered."""

from __future__ import annotations

from dataclasses import dataclass, field

from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import Source
from b2ct.cloud.register.images import Choice
from b2ct.cloud.vmtemplates import WorkerAbout
from b2ct.site.model import Site

DEADLINE = 1800.0
"""Seconds that the server may copy an image."""


@dataclass(frozen=True)
class Request:
    """What somebody wants to have registered."""

    content: Content
    name: str
    """Without a version."""
    datastore: str | None = None
    """Name or ID; None: the only one there is."""
    choice: Choice = Choice.REFUSE
    source: Source = field(default_factory=Source)
    site: Site | None = None
    worker: WorkerAbout | None = None
    """Its VM template is wanted too; `image`, `owner` and `network_owners` are filled in here."""
    wait: bool = True
    deadline: float = DEADLINE
    keep_upload: bool = False
    thin: bool = False
    """The file must fit, the whole disk need not: for administrators."""
