"""B2CT for the control node: fetched by pip from the real index, locked by hash, offline after."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from b2ct.core import proxy
from b2ct.core.errors import B2ctError
from b2ct.supply import program, wheel
from tests import proxies
from tests.proxies import OUTSIDE, PASSWORD, needs_proxy, no_environment
from tests.supply.small import SMALL, lock

__all__ = ["no_environment"]  # a fixture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return lock(tmp_path, monkeypatch)


def contents(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def cached(folder: Path) -> Path:
    (found,) = (folder / "cache").rglob("*.whl")
    return found


def test_it_holds_wheels_and_the_hashes_that_pip_compares(small: Path) -> None:
    made = program.obtain("3.11")
    held = contents(made.tar)
    wheels = {name for name in held if name.endswith(".whl")}
    assert wheels == {f"b2ct/wheels/{wheel.name()}", f"b2ct/wheels/{cached(small).name}"}
    assert held["b2ct/requirements.txt"].decode().count("--hash=sha256:") >= 2
    assert f"identity={wheel.identity()}\npython=3.11\n" in held["b2ct/about"].decode()
    assert made.path == "/b2ct/b2ct-py3.11.tar"


def test_once_fetched_it_needs_no_network_and_is_the_same(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = program.obtain("3.11")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    assert program.obtain("3.11", offline=True).tar == first.tar
    assert program.obtain("3.11").tar == first.tar


def test_what_was_damaged_in_the_cache_is_not_taken(small: Path) -> None:
    first = program.obtain("3.11")
    cached(small).write_bytes(b"PK something else")
    with pytest.raises(B2ctError, match="has not been fetched yet") as refused:
        program.obtain("3.11", offline=True)
    assert "--without-b2ct" in refused.value.hint
    cached(small).unlink()
    assert program.obtain("3.11").tar == first.tar


def test_another_hash_than_the_locks_is_refused(small: Path) -> None:
    path = program.LOCK
    path.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", path.read_text()))
    with pytest.raises(B2ctError, match="could not be fetched") as refused:
        program.obtain("3.11")
    assert "--without-b2ct" in refused.value.hint


def test_an_index_that_does_not_answer_is_one_line_with_the_remedy(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(B2ctError) as refused:
        program.obtain("3.11")
    assert "\n" not in refused.value.message
    assert "PIP_INDEX_URL" in refused.value.hint


def test_without_a_pip_of_its_own_it_takes_the_hosts(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a package of the distribution installed it, without a pip in its folder."""
    host = small / "bin"
    host.mkdir()
    (host / "pip3").write_text(f'#!/bin/sh\nexec {sys.executable} -m pip "$@"\n')
    (host / "pip3").chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(host))
    assert program.obtain("3.11").tar


def test_no_pip_at_all_is_one_line_with_the_remedy(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(program, "find_tool", lambda _name: None)
    with pytest.raises(B2ctError, match="is not installed") as refused:
        program.obtain("3.11")
    assert "python3-pip" in refused.value.hint


def test_the_lock_names_all_that_b2ct_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=\[;]", line)[0].lower() for line in project["dependencies"]}
    assert wanted <= set(dict(program._requirements()))


def test_the_lock_has_the_versions_of_the_projects_own() -> None:
    pinned = re.compile(r"^([a-z0-9._-]+==\S+)", re.MULTILINE)
    ours = set(pinned.findall((ROOT / "script/requirements.lock").read_text()))
    assert set(pinned.findall(program.LOCK.read_text())) <= ours


@needs_proxy
@pytest.mark.usefixtures("no_environment")
def test_pip_goes_through_the_proxy_of_the_site(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.obtain("3.11")  # from the real index: the very file that the lock names
    page = tmp_path / "index" / SMALL
    page.mkdir(parents=True)
    cached(small).rename(page / (name := cached(small).name))
    (page / "index.html").write_text(f'<a href="{name}">{name}</a>')
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_TRUSTED_HOST", OUTSIDE)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with proxies.institute() as squid, proxies.serving(tmp_path / "index") as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.outside)
        with pytest.raises(B2ctError) as refused, proxy.through(squid.chosen("wrongword")):
            program.obtain("3.11")
        with proxy.through(squid.chosen()):
            made = program.obtain("3.11")
    assert f"b2ct/wheels/{name}" in contents(made.tar)
    assert (f"/{SMALL}/{name}", True) in index.asked
    told = " ".join(refused.value.lines())
    assert "wrongword" not in told
    assert PASSWORD not in told
