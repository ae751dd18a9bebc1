"""What there is after a registration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from b2ct.cloud.register import images
from b2ct.one.objects.storage import Image


@dataclass
class Outcome:
    """What there is now."""

    image: Image
    made: bool = False
    current: bool = True
    template: str = ""
    template_id: int = -1
    template_action: str = "none"
    """`created`, `updated`, `nothing` or `none` (there is no template)."""
    moved: list[str] = field(default_factory=list)
    """Other VM templates that start from it now."""
    uploaded: str = ""
    """A file that stays on the front-end."""
    notes: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Something is not as it was before."""
        return self.made or bool(self.moved) or self.template_action in ("created", "updated")

    def as_text(self) -> str:
        """For people."""
        image = f"image {self.image.id} ({self.image.name})"
        if self.made:
            lines = [f"{image} is registered"]
        else:
            more = "" if self.changed else ": nothing to do"
            lines = [f"{image} has this content already{more}"]
        if self.template:
            action = self.template_action
            what = "is as it should be" if action == "nothing" else action
            lines.append(f"VM template {self.template_id} ({self.template}): {what}")
        lines += [f"VM template {name}: starts from {self.image.name} now" for name in self.moved]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        number = images.split(self.image.name)[1]
        return {
            "image": {
                "id": self.image.id, "name": self.image.name, "version": number,
                "state": self.image.state.name, "datastore": self.image.datastore,
                "sha256": self.image.template.text(images.SHA256), "made": self.made,
            },
            "template": {
                "id": self.template_id, "name": self.template, "action": self.template_action,
            } if self.template else None,
            "moved_templates": self.moved,
            "changed": self.changed,
            "left_on_front_end": self.uploaded or None,
            "notes": self.notes,
        }  # fmt: skip
