from __future__ import annotations

from email import message_from_string
from email.mime.text import MIMEText

from b2ct.core.mime import multipart


def test_the_same_parts_give_the_same_bytes() -> None:
    first, second = (multipart([MIMEText("one"), MIMEText("two")]) for _ in range(2))
    assert first == second
    assert multipart([MIMEText("one")]) != first


def test_the_parts_are_found_again() -> None:
    whole = message_from_string(
        multipart([MIMEText("one"), MIMEText("zwei \u00fc", _charset="utf-8")])
    )
    assert whole.get_content_type() == "multipart/mixed"
    found = [part.get_payload(decode=True) for part in whole.walk() if not part.is_multipart()]
    assert found == [b"one", "zwei \u00fc".encode()]
