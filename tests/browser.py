"""A real browser: Chromium, headless, by its own driver."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver

Browser = webdriver.Chrome

needs_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")), reason="needs Chromium"
)


@contextmanager
def started(profile: Path) -> Iterator[Browser]:
    """A browser that writes down what pages complain of and what they ask for."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
        *("--disable-dev-shm-usage", f"--user-data-dir={profile}"),
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    made = webdriver.Chrome(options=options, service=service)
    try:
        yield made
    finally:
        made.quit()


def log(browser: Browser, kind: str) -> list[Any]:
    """What came since the last time."""
    return list(browser.get_log(kind))  # type: ignore[no-untyped-call]


def show(browser: Browser, url: str, width: int = 1280, height: int = 800) -> None:
    """A page on a screen of that size; what was written down before is forgotten."""
    log(browser, "browser")
    log(browser, "performance")
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(url)


@contextmanager
def preferring(browser: Browser, scheme: str) -> Iterator[None]:
    """What the user's system says: `light` or `dark`."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def complaints(browser: Browser) -> list[Any]:
    """Errors and warnings on the console."""
    return [row for row in log(browser, "browser") if row["level"] in ("SEVERE", "WARNING")]


def requests(browser: Browser) -> set[str]:
    """Every URL that the page asked for."""
    messages = [json.loads(row["message"])["message"] for row in log(browser, "performance")]
    return {
        row["params"]["request"]["url"]
        for row in messages
        if row["method"] == "Network.requestWillBeSent"
        and not row["params"]["request"]["url"].startswith(
            ("chrome:", "chrome-untrusted:")
        )  # its own first tab
    }


def barriers(browser: Browser) -> list[tuple[str, list[str]]]:
    """What axe-core finds by its rules (WCAG 2.1), contrast of colours among them."""
    found = Axe().run(browser)
    assert len(found["passes"]) > 10
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
