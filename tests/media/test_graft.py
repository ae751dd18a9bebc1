"""Names and paths for new files; what they do to an image is in test_remaster."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.media.graft import _short_name, check_path

_NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,102}", fullmatch=True)


@given(st.sets(_NAMES, max_size=60), st.booleans())
@settings(max_examples=60)
def test_short_names_are_valid_and_unique(names: set[str], folder: bool) -> None:
    taken: set[bytes] = set()
    for name in sorted(names):
        short = _short_name(name, taken, folder=folder)
        assert short not in taken
        pattern = rb"[A-Z0-9_]{1,8}" if folder else rb"[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3};1"
        assert re.fullmatch(pattern, short)
        taken.add(short)


def test_short_names() -> None:
    taken = {b"HYPERVIS.KS;1"}
    assert _short_name("hv.ks", taken, folder=False) == b"HV.KS;1"
    assert _short_name("hypervisor.ks", taken, folder=False) == b"HYPERVI1.KS;1"
    assert _short_name("readme", set(), folder=False) == b"README.;1"
    assert _short_name("hv01.example.org.ks", set(), folder=False) == b"HV01_EXA.KS;1"
    assert _short_name("ks.d", set(), folder=True) == b"KS_D"


@pytest.mark.parametrize("path", ["/ks/x.ks", "ks/x.ks", "a/b/c/d/e/f/g", "EFI/BOOT/x+y_z-1.cfg"])
def test_paths(path: str) -> None:
    assert check_path(path) == path.lstrip("/")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//x",
        "a//b",
        "../x",
        "a/..",
        ".hidden",
        "a b",
        "é",
        "a\nb",
        "-x",
        "a/",
        "a;1",
        "x" * 104,
    ],
)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(B2ctError, match="is not a path for the medium"):
        check_path(path)
