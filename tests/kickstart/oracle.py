"""pykickstart's own parser, the oracle of every kickstart; the tests may import it."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import Any

from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

from b2ct.kickstart.lint import Script, scripts
from b2ct.site import catalogue

# SC1091: files of the machine; SC2034, SC2154: one script sets what another uses.
_SHELLCHECK = ["shellcheck", "-s", "bash", "-S", "style", "-e", "SC1091,SC2034,SC2154"]


def parse(text: str, release: str, includes: Path | None = None) -> Any:
    """Parse as the release does, warnings being errors; %include finds `includes` for /tmp/b2ct."""
    handler = makeVersion(catalogue.release(release).pykickstart)
    parser = KickstartParser(handler, missingIncludeIsFatal=includes is not None)
    if includes is not None:
        text = text.replace("%include /tmp/b2ct/", f"%include {includes}/")
        for file in includes.glob("*.ks"):
            inner = file.read_text()
            file.write_text(inner.replace("%include /tmp/b2ct/", f"%include {includes}/"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parser.readKickstartFromString(text)
    return handler


def bash_parses(text: str) -> None:
    """Every script section is bash."""
    for script in scripts(text):
        done = subprocess.run(
            ["bash", "-n"], input=script.text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script.header}: {done.stderr}"


def shellcheck(script: Script) -> str:
    """What shellcheck says of a script, empty if nothing."""
    done = subprocess.run(
        [*_SHELLCHECK, "-"], input=script.text, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
