"""A report on disk: index.html, report.json, junit.xml, and history/ for the next run."""

from __future__ import annotations

import json
from pathlib import Path

from b2ct.core import files
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
