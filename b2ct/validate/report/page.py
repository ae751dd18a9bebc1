"""The view as one HTML page that needs no network: style, script and picture are in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.core.data import data_folder
from b2ct.validate.report.view import slug

if TYPE_CHECKING:
    from b2ct.validate.report.view import View

SIGNS = {"good": "✓", "warning": "!", "bad": "✗", "lost": "?"}
OUTCOMES = {
    "passed": ("✓", "passed"),
    "failed": ("✗", "failed"),
    "not-run": ("?", "could not run"),
    "skipped": ("-", "does not apply"),
}


def render(view: View) -> str:
    """The page. Every value is escaped for HTML where it stands."""
    import jinja2

    folder = data_folder("templates") / "report"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2").render(
        view=view,
        report=view.report,
        signs=SIGNS,
        outcomes=OUTCOMES,
        slug=slug,
        style=(folder / "page.css").read_text(),
        script=(folder / "page.js").read_text(),
    )
