"""Who is no DIRAC server needs neither libcloud nor DIRAC."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """\
import importlib, pkgutil, sys
for name in ("libcloud", "DIRAC", "DIRACCommon", "diraccfg"):
    sys.modules[name] = None  # an import of it then fails
import b2ct
found = [module.name for module in pkgutil.walk_packages(b2ct.__path__, "b2ct.")]
for name in sorted(found):
    if name.endswith("__main__") or "._data" in name:
        continue
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as err:
        print(name, str(err.name).partition(".")[0])
"""


def test_only_the_driver_imports_libcloud() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["b2ct.dirac.driver libcloud", ""]
