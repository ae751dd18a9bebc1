"""How the documentation site is made from docs/; script/docs runs it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[2]

project = "B2CT"
version = release = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
copyright = "the authors of B2CT, Apache-2.0"  # noqa: A001 - Sphinx' word

extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["site", "examples"]
# Links to headings are those that a forge makes of them.
myst_heading_anchors = 4

# What is written is what stands there: no -- becomes a dash.
smartquotes = False

html_theme = "furo"
html_title = f"{project} {release}"
html_favicon = "favicon.svg"
html_static_path = ["site.css", "site.js"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_use_index = False
html_theme_options = {"top_of_page_buttons": []}

_SECTION = re.compile(r"^## (.+)\n((?:.*\n)*?)(?=^## |\Z)", re.MULTILINE)
_OUTSIDE = re.compile(r"\[([^\]]+)\]\((\.\./[^)]+)\)")
_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([\w-]+)\.md\)", re.MULTILINE)


def _prepare(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Pages are written for a forge, which shows them as they are: here they become the site's.
    The navigation is made of what index.md lists, so that it is written once."""
    # A file outside docs/ is no page of the site: a copy of it goes along.
    source[0] = _OUTSIDE.sub(r"{download}`\1 <\2>`", source[0])
    if docname != root_doc:
        return
    for title, body in _SECTION.findall(source[0]):
        pages = [f"{name} <{page}>" for name, page in _ENTRY.findall(body)]
        source[0] += "\n".join(
            ["", "```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""]
        )


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _prepare)
