from __future__ import annotations

import pytest

from b2ct.validate.scrub import HIDDEN, Scrubber


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("root:$6$salt$abcDEF./:19000:0", f"root:{HIDDEN}:19000:0"),
        ("password=hunter22 next", f"password={HIDDEN} next"),
        ('"db_password": "a b c", x', f'"db_password": {HIDDEN}, x'),
        ("PASSWORD = 'x y'", f"PASSWORD = {HIDDEN}"),
        ("one_auth: oneadmin:0123456789abcdef", f"one_auth: oneadmin:{HIDDEN}"),
        ("http://me:pass@host/x", f"http://{HIDDEN}@host/x"),
        ("Authorization: Basic b25lYWRtaW4=", f"Authorization: {HIDDEN}"),
        ("ONEGATE_TOKEN=abcdef==", f"ONEGATE_TOKEN={HIDDEN}"),
        (
            "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\nb",
            f"a\n{HIDDEN}\nb",
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA", HIDDEN),
    ],
)
def test_what_looks_secret_is_hidden(text: str, shown: str) -> None:
    found = Scrubber().clean(text)
    assert found == shown or (HIDDEN in found and "0123456789abcdef" not in found)


@pytest.mark.parametrize(
    "text",
    [
        "sshd says `passwordauthentication yes`, it should say no",
        "root:x:0:0:root:/root:/bin/bash",
        "the password of nobody",
        "drwxr-xr-x root:root /etc",
        "http://squid.example.org:3128/ is away",
        "oneadmin:oneadmin /var/lib/one",
    ],
)
def test_ordinary_lines_stay(text: str) -> None:
    assert Scrubber().clean(text) == text


def test_what_is_learned_is_hidden_from_then_on() -> None:
    scrubber = Scrubber(["abc"])  # too short to be looked for in words
    assert scrubber.clean("abcdef") == "abcdef"
    scrubber.learn("geheim42")
    scrubber.learn("oneadmin:geheim42")
    assert scrubber.clean("x oneadmin:geheim42 geheim42") == f"x {HIDDEN} {HIDDEN}"
