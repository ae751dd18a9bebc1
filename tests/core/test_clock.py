from __future__ import annotations

import time

import pytest

from b2ct.core import clock
from b2ct.core.errors import B2ctError


def test_the_time_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert clock.image_time() == 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "9999999999")
    assert clock.image_time() == clock.LATEST


def test_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    before = int(time.time())
    assert before <= clock.image_time() <= time.time()


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "12345678901"])
def test_no_time(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(B2ctError, match="SOURCE_DATE_EPOCH"):
        clock.image_time()
