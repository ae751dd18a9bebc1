from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest

from b2ct.core.archives import unpack


def made(*members: tuple[str, bytes | str]) -> tarfile.TarFile:
    """A tar in memory; bytes are a file, a text is where a link leads."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            one = tarfile.TarInfo(name)
            if isinstance(content, str):
                one.type, one.linkname = tarfile.SYMTYPE, content
                archive.addfile(one)
            else:
                one.size = len(content)
                archive.addfile(one, io.BytesIO(content))
    out.seek(0)
    return tarfile.open(fileobj=out)


@pytest.fixture(params=["tarfile's filter", "Python 3.11.2"])
def _python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python 3.11.2":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    elif not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has no filters")


@pytest.mark.usefixtures("_python")
def test_files_in_folders(tmp_path: Path) -> None:
    with made(("a/b", b"here"), ("c", b"there")) as archive:
        unpack(archive, tmp_path)
    assert (tmp_path / "a/b").read_bytes() == b"here"
    assert (tmp_path / "c").read_bytes() == b"there"


@pytest.mark.usefixtures("_python")
@pytest.mark.parametrize(
    "members",
    [
        [("../out", b"x")],
        [("a/../../out", b"x")],
        [("link", ".."), ("link/out", b"x")],
        [("link", "/"), ("link/tmp/b2ct-out", b"x")],
    ],
)
def test_nothing_lands_outside(members: list[tuple[str, bytes | str]], tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with made(*members) as archive, contextlib.suppress(tarfile.TarError, OSError):
        unpack(archive, inside)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
    assert not Path("/tmp/b2ct-out").exists()
