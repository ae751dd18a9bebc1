"""Files of an image that were made to be expensive: each costs no more than an honest one.

With a pattern or a loop that begins anew at every place each of these takes minutes, or hours.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from b2ct.core.errors import B2ctError
from b2ct.media import bootcfg, bootmenu, iso9660, labels
from b2ct.media.bootcfg import GRUB, ISOLINUX
from b2ct.media.bootmenu import Entry, Menu
from b2ct.media.installer import inspect
from tests.media import isos

PATIENCE = 20.0
MENU = Menu((Entry("Install", "/ks/x.ks"),), 0, 60, None, "inst.ks", "hd:LABEL=X")
WORDS = "Aa " * 100_000


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {PATIENCE:g} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def with_files(folder: Path, **extra: str) -> Path:
    names = {"discinfo": ".discinfo", "treeinfo": ".treeinfo", "menu": "isolinux/isolinux.cfg"}
    honest = isos.isolinux_menu(isos.SHAPES["el6"])
    texts = {names[key]: text.replace("MENU", honest) for key, text in extra.items()}
    return isos.build(
        "el6", folder, extra={path: text.encode() for path, text in texts.items()}, payload=1000
    )


def test_a_name_that_goes_on_and_on(tmp_path: Path) -> None:
    with pytest.raises(B2ctError, match=r"/\.discinfo has 24009 bytes, more than such a file"):
        inspect(with_files(tmp_path, discinfo=f"1431.5\n{WORDS[:24_000]}\n9"))


@pytest.mark.parametrize(
    "text",
    [
        f"[general]\nfamily = {WORDS[:200_000]}\n",
        f"[general]\na{' ' * 250_000}b\n",
        "[general]\n" + "a = b\n" * 40_000,
        "[general]\na = b\n" + "\n" * 250_000 + " c\n",
        "[stage2]\nmainimage = " + "images/" * 30_000,
        "".join(f"[variant-{n}]\nrepository = {'images/' * 100}\n" for n in range(300)),
    ],
)
def test_an_expensive_treeinfo(tmp_path: Path, text: str) -> None:
    found = inspect(with_files(tmp_path, treeinfo=text))
    assert (found.release, found.stage2) == ("el6", "images/install.img")


@pytest.mark.parametrize(
    "text",
    [
        f"MENU{chr(10) * 500_000}",
        f"MENU{' ' * 500_000}x",
        f"MENU\nmenu label {WORDS}\n",
        "MENU" + "menu label Aa Aa\n" * 50_000,
        "MENU" + ("menu label " + WORDS[:198] + "\n") * 4_000,
        "MENU\nappend " + "\"'" * 200_000,
        "MENU\nappend " + "\\" * 400_001,
    ],
)
def test_an_expensive_menu(tmp_path: Path, text: str) -> None:
    assert inspect(with_files(tmp_path, menu=text)).release == "el6"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ISOLINUX, bootmenu.BEGIN + "\n"),
        (ISOLINUX, "label x\nkernel y\n"),
        (ISOLINUX, "\n"),
        (GRUB, "menuentry 'a' {\n"),
        (GRUB, "menuentry 'a' {\nlinux x\n"),
        (GRUB, "set default="),
        (GRUB, "search " + " -l a" * 300 + "\n"),
        (GRUB, "menuentry 'a' { { {"),
        (GRUB, "menuentry 'a' --id=\" {\n"),
    ],
)
def test_editing_an_expensive_menu(kind: str, text: str) -> None:
    hostile = text * (200_000 // len(text))
    bootcfg.titles(kind, hostile)
    labels.mended(hostile, "X", "hd:LABEL=X")
    bootcfg.edit(kind, hostile, MENU)
    bootcfg.install_entry(kind, hostile)
    bootcfg.edit(kind, hostile + "}\n", MENU)


def test_directories_one_over_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read once, and all together have a limit."""
    iso = isos.sample("el9")
    inspect(iso)
    monkeypatch.setattr(iso9660, "LARGEST_TREES", 3 * 2048)
    with pytest.raises(B2ctError, match="its directories have more than"):
        inspect(iso)
