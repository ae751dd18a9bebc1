"""For hatchling, which builds wheel and sdist: writes the commit into what it packs."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):
    """Puts a `commit.txt` that holds the commit in place of the checkout's own, which does not."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the packing. An editable installation goes on to ask git."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from b2ct.core import commit

        known = commit.commit(Path(self.root, "b2ct"))
        if known:
            self.folder = TemporaryDirectory(prefix="b2ct-")
            path = Path(self.folder.name, commit.NAME)
            path.write_text(f"{known}\n")
            build_data["force_include"][str(path)] = f"b2ct/{commit.NAME}"
