"""A report on disk: index.html, report.json, junit.xml, and history/ for the next run."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.validate import junit
from b2ct.validate.report import history, page
from b2ct.validate.report.view import view
from b2ct.validate.results import Report


def write(folder: Path, report: Report) -> Path:
    """Write all of it into `folder`, each file whole or not at all; the path of the page.

    Only its owner may read it: it says what is wrong with a site. Raises B2ctError where the
    folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise files.explain(err, f"write {folder}") from err
    past = history.load(folder / history.FOLDER, report.started)
    text = page.render(view(report, past, history.condense(report)))
    files.write(folder / "report.json", json.dumps(report.as_json(), indent=1) + "\n", mode=0o600)
    files.write(folder / "junit.xml", junit.text(report), mode=0o600)
    files.write(folder / "index.html", text, mode=0o600)
    history.store(folder / history.FOLDER, report)
    return folder / "index.html"


def need_writable(folder: Path) -> None:
    """Raise B2ctError for a folder that would take no report after all the work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as err:
        reason = files.explain(err, f"write the report to {folder}").message
        raise B2ctError(
            reason, hint="name another folder with --report, or none: --no-report"
        ) from err
