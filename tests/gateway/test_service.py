"""The service itself: what it does before the first call."""

from __future__ import annotations

import subprocess
import sys

SETTLED = """
import gc, sys
from b2ct.gateway import service
service._settle()
print(gc.get_freeze_count(), {"yaml", "b2ct.dirac.instance"} <= set(sys.modules))
"""


def test_calls_load_nothing_and_the_search_for_cycles_leaves_out_what_is_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True
    )
    frozen, loaded = done.stdout.split()
    assert int(frozen) > 10_000
    assert loaded == "True"
