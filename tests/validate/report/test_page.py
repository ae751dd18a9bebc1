"""The page in a real browser: Chromium, headless, by its own driver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.color import Color

from b2ct.core.errors import B2ctError
from b2ct.validate.report.write import write
from b2ct.validate.results import Report
from tests import browser as chromium
from tests.browser import Browser, barriers, complaints, needs_browser, preferring, requests
from tests.validate.report.reports import HOSTILE, broken, healthy, hostile

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium.started(tmp_path_factory.mktemp("chromium")) as made:
        yield made


def show(
    browser: Browser, folder: Path, report: Report, width: int = 1280, height: int = 800
) -> None:
    chromium.show(browser, write(folder, report).as_uri(), width, height)


@pytest.mark.parametrize("report", [healthy(), broken(), broken(40), healthy(200)])
def test_no_complaint_and_no_network(browser: Browser, tmp_path: Path, report: Report) -> None:
    show(browser, tmp_path, report)
    assert complaints(browser) == []
    urls = requests(browser)
    assert urls
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}


def test_the_check_for_complaints_would_notice(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, healthy())
    browser.execute_script("console.error('here'); new Image().src = 'http://127.0.0.1:9/x.png'")
    assert complaints(browser)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_failures_are_seen_without_scrolling(
    browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    show(browser, tmp_path, broken(), width, height)
    assert "3 things are wrong" in browser.find_element(By.TAG_NAME, "h1").text
    first = browser.find_elements(By.CSS_SELECTOR, ".trouble")[:2]
    for trouble in first:
        assert trouble.rect["y"] + trouble.rect["height"] <= height, trouble.text
    shown = " ".join(trouble.text for trouble in first)
    assert "not reached" not in shown, "what is wrong on nodes that answer comes first"
    assert "One node was not reached" in browser.find_elements(By.CSS_SELECTOR, ".trouble")[-1].text
    assert "the service opennebula does not run" in shown
    assert "systemctl enable --now opennebula" in shown


@pytest.mark.parametrize("report", [broken(), broken(40)])
def test_a_phone_need_not_scroll_sideways(browser: Browser, tmp_path: Path, report: Report) -> None:
    show(browser, tmp_path, report, 360, 740)
    for details in browser.find_elements(By.TAG_NAME, "details"):
        browser.execute_script("arguments[0].open = true", details)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("report", [healthy(), broken(), broken(12)])
def test_axe_finds_no_barrier(
    browser: Browser, tmp_path: Path, report: Report, scheme: str
) -> None:
    with preferring(browser, scheme):
        show(browser, tmp_path, report)
        for details in browser.find_elements(By.TAG_NAME, "details"):
            browser.execute_script("arguments[0].open = true", details)
        ground = Color.from_string(
            browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        )
        assert (ground.rgb == "rgb(255, 255, 255)") == (scheme == "light")
        assert barriers(browser) == []


def test_colour_says_nothing_that_words_and_signs_do_not(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, broken())
    picture = {text.text for text in browser.find_elements(By.CSS_SELECTOR, "svg text.name")}
    assert picture == {"✗ one", "✗ hv01", "? hv02"}
    strokes = {
        (box.value_of_css_property("stroke-dasharray"), box.value_of_css_property("stroke-width"))
        for box in browser.find_elements(By.CSS_SELECTOR, "svg rect")
    }
    assert len(strokes) == 2
    assert all(
        len(trouble.find_element(By.CSS_SELECTOR, "h2 .sign").text) == 1
        for trouble in browser.find_elements(By.CSS_SELECTOR, ".trouble")
    )


MEASURE = """
const figure = document.getElementById("picture").getBoundingClientRect();
const walker = document.createTreeWalker(document.getElementById("picture"), NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  if (!text) continue;
  const range = document.createRange();
  range.selectNodeContents(walker.currentNode);
  const words = walker.currentNode.parentElement.closest("a, p, figcaption, text");
  const link = words.closest("a");
  const shape = link && (link.querySelector("rect") || link).getBoundingClientRect();
  const svg = words.closest("svg");
  const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
  for (const box of range.getClientRects()) found.push({
    text, size: scale * parseFloat(getComputedStyle(walker.currentNode.parentElement).fontSize),
    box: [box.left, box.top, box.right, box.bottom],
    inside: shape ? [shape.left, shape.top, shape.right, shape.bottom] : null,
  });
}
return found;
"""
"""Each line of text in the picture: its size on the screen, its place, and that of its node."""


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize(
    ("hypervisors", "name"),
    [
        *((0, "hv"), (2, "hypervisor-"), (3, "hv"), (7, "hypervisor-"), (12, "hv")),
        *((12, "node-rack12.physics.example-"), (39, "hv"), (60, "hv")),
    ],
)
def test_the_picture_can_be_read(
    browser: Browser, tmp_path: Path, hypervisors: int, name: str, width: int
) -> None:
    report = broken(hypervisors)
    nodes = (replace(node, name=node.name.replace("hv", name)) for node in report.nodes)
    show(browser, tmp_path, replace(report, nodes=tuple(nodes)), width)
    lines = browser.execute_script(MEASURE)
    assert len(lines) >= 2 * (hypervisors + 1)
    for line in lines:
        assert line["size"] >= 10.5, line
        left, top, right, bottom = line["box"]
        if line["inside"]:
            x, y, far_x, far_y = line["inside"]
            assert x <= left <= right <= far_x, line
            assert y <= top <= bottom <= far_y, line
    # Line boxes are higher than the letters: neighbours may touch by a few pixels.
    inner = [(one["box"], one["text"]) for one in lines]
    for at, (one, text) in enumerate(inner):
        for other, there in inner[:at]:
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 1 or down <= 4, (text, there)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_everything(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, broken())
    reached = []
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        now = browser.switch_to.active_element
        if now.tag_name == "body":
            break
        reached.append((now.tag_name, now.text or now.get_attribute("href") or ""))
        assert now.value_of_css_property("outline-style") != "none", reached[-1]
    tags = [tag for tag, _ in reached]
    assert reached[0] == ("a", "To what is wrong")
    assert tags.count("button") >= 4
    assert tags.count("summary") >= 5
    assert ("a", "hv01") in reached
    assert len([text for tag, text in reached if tag == "a" and "one" in text]) >= 2


def test_a_node_in_the_picture_opens_its_checks(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, broken())
    browser.find_element(By.CSS_SELECTOR, 'svg a[href="#node-hv01"]').send_keys(Keys.ENTER)
    opened = browser.find_element(By.ID, "node-hv01")
    assert opened.get_attribute("open") is not None
    assert "12 security updates wait" in opened.text


def test_a_remedy_is_copied(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, broken())
    for name in ("clipboard-read", "clipboard-write"):
        browser.set_permissions(name, "granted")
    button = browser.find_element(By.XPATH, "//div[contains(., '--now opennebula')]/button")
    button.click()
    copied = browser.execute_async_script(
        "const done = arguments[0]; setTimeout(() =>"
        " navigator.clipboard.readText().then(done, (err) => done(String(err))), 200)"
    )
    assert copied == "ssh root@10.10.0.10 systemctl enable --now opennebula"
    assert button.text == "Copied"


def test_print_shows_the_checks_of_broken_nodes(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, broken())
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    assert len(printed["data"]) > 10_000
    opened = (
        "dispatchEvent(new Event('beforeprint'));"
        "return [...document.querySelectorAll('details.node')].map((d) => d.open)"
    )
    assert browser.execute_script(opened).count(True) == 3


def test_no_text_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, hostile())
    assert complaints(browser) == []
    assert browser.title != "got you"
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 1
    assert HOSTILE in browser.find_element(By.CSS_SELECTOR, ".trouble h2").text
    assert "{{7*7}}" in browser.find_element(By.CSS_SELECTOR, ".remedy code").text


class Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if name := values.get("id"):
            self.ids.append(name)
        if (to := values.get("href")) and to.startswith("#"):
            self.links.append(to[1:])


@pytest.mark.parametrize("report", [healthy(), broken(), broken(40)])
def test_every_link_has_its_target_and_every_target_one_name(
    tmp_path: Path, report: Report
) -> None:
    parser = Ids()
    parser.feed(write(tmp_path, report).read_text())
    assert len(parser.ids) == len(set(parser.ids))
    assert set(parser.links) <= set(parser.ids)


def test_history_shows_in_the_next_report(browser: Browser, tmp_path: Path) -> None:
    write(tmp_path, broken(started="2026-11-19T08:00:00Z"))
    show(browser, tmp_path, healthy())
    assert "Mended since the run before" in browser.find_element(By.ID, "troubles").text
    rows = browser.find_elements(By.CSS_SELECTOR, "#history tbody tr")
    assert len(rows) == 2
    show(browser, tmp_path, broken())
    assert "new" in browser.find_element(By.CSS_SELECTOR, ".where").text


def test_the_files_are_its_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "new" / "folder", broken())
    files = [path for path in (tmp_path / "new" / "folder").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"index.html", "report.json", "junit.xml"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    again = Report.from_json(json.loads((tmp_path / "new/folder/report.json").read_text()))
    assert again == broken()


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(B2ctError, match="not a directory"):
        write(tmp_path / "file" / "report", broken())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
