"""The documentation site that script/docs makes, in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.color import Color
from selenium.webdriver.support.wait import WebDriverWait

from tests import browser as chromium
from tests.browser import (
    Browser,
    barriers,
    complaints,
    needs_browser,
    preferring,
    requests,
    show,
)
from tests.sharing import once

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PHONE = (360, 740)


def script(*words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": path or os.environ["PATH"]}
    argv = ["bash", str(ROOT / "script" / "docs"), *words]
    return subprocess.run(argv, capture_output=True, text=True, env=env, timeout=300, check=False)


def build(folder: Path) -> None:
    done = script(str(folder))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "docs-site", build)[0]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium.started(tmp_path_factory.mktemp("chromium")) as made:
        yield made


def listed() -> Counter[str]:
    """How often the navigation, which index.md is, has each page."""
    return Counter(
        re.findall(r"^- \[[^\]]+\]\(([\w-]+\.md)\): .", (DOCS / "index.md").read_text(), re.M)
    )


def test_every_page_is_in_the_navigation_once() -> None:
    pages = {path.name for path in DOCS.glob("*.md")} - {"index.md"}
    assert listed() == Counter(pages), "docs/index.md lists the pages"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_links_of_the_plain_pages_lead_to_files(page: Path) -> None:
    """A forge shows the pages as they are."""
    for link in re.findall(r"\]\((?!https?://)([^)#\s]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_the_script_says_how_it_is_used() -> None:
    assert "script/docs [FOLDER]" in script("--help").stdout
    wrong = script("--faster")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 2)
    assert "unknown word '--faster'" in wrong.stderr


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def test_every_link_and_anchor_answers(site: Path) -> None:
    pages = {path: Page(path.read_text()) for path in site.glob("*.html")}
    assert len(pages) >= len(listed()) + 2  # the front page and the search
    anchors = 0
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme:
                assert link.startswith(("https://", "http://", "data:")), (path.name, link)
                continue
            there, anchor = urldefrag(urljoin(path.as_uri(), link))
            target = Path(unquote(urlsplit(there).path))
            assert target.is_file(), (path.name, link)
            if anchor and target in pages:
                anchors += target != path
                assert unquote(anchor) in pages[target].ids | {"", "top"}, (path.name, link)
    assert anchors


@needs_browser
def test_no_page_complains_calls_home_or_scrolls_sideways(
    browser: Browser, site: Path, url: str
) -> None:
    found = []
    for path in sorted(site.glob("*.html")):
        show(browser, url + path.name, *PHONE)
        foreign = {asked for asked in requests(browser) if not asked.startswith((url, "data:"))}
        width = browser.execute_script("return document.documentElement.scrollWidth")
        found += [(path.name, what) for what in (complaints(browser), foreign) if what]
        found += [(path.name, width)] * (width > PHONE[0])
    assert found == []


@needs_browser
def test_search_finds_a_word_and_leads_there(browser: Browser, url: str) -> None:
    show(browser, url + "index.html")
    browser.find_element(By.CSS_SELECTOR, "input.sidebar-search").send_keys("quota", Keys.ENTER)
    results = "#search-results li a"
    WebDriverWait(browser, 20).until(lambda now: now.find_elements(By.CSS_SELECTOR, results))
    browser.find_element(By.CSS_SELECTOR, results).click()
    assert "quota" in browser.find_element(By.TAG_NAME, "article").text
    assert complaints(browser) == []


def ground(browser: Browser) -> int:
    """How bright the page's ground is."""
    body = browser.find_element(By.TAG_NAME, "body")
    hexadecimal = Color.from_string(body.value_of_css_property("background-color")).hex
    return int(hexadecimal[1:3], 16)


@needs_browser
def test_dark_mode_follows_the_system_and_the_button(browser: Browser, url: str) -> None:
    with preferring(browser, "dark"):
        show(browser, url + "index.html")
        assert ground(browser) < 64
    with preferring(browser, "light"):
        show(browser, url + "index.html")
        assert ground(browser) > 192
        button = next(
            one
            for one in browser.find_elements(By.CSS_SELECTOR, "button.theme-toggle")
            if one.is_displayed()
        )
        button.click()
        assert ground(browser) < 64
        browser.get(url + "quickstart.html")
        assert ground(browser) < 64, "the choice holds on the next page"
        browser.execute_script("localStorage.clear()")


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["index", "quickstart"])
def test_axe_finds_no_barrier(browser: Browser, url: str, page: str, scheme: str) -> None:
    with preferring(browser, scheme):
        show(browser, f"{url}{page}.html")
        assert barriers(browser) == []


@needs_browser
def test_a_phone_has_the_navigation_behind_a_button(browser: Browser, url: str) -> None:
    show(browser, url + "index.html", *PHONE)
    link = browser.find_element(By.CSS_SELECTOR, ".sidebar-tree a[href='quickstart.html']")

    def seen(_: object) -> bool:
        return bool(0 <= link.rect["x"] < PHONE[0])

    assert not seen(None)
    browser.find_element(By.CSS_SELECTOR, ".mobile-header .nav-overlay-icon").click()
    WebDriverWait(browser, 10).until(seen)
