from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError
from b2ct.papers import manifest
from b2ct.papers.beside import Beside
from tests.image.images import PACKAGES, about, an_image


def test_the_names_beside_an_image() -> None:
    beside = Beside(Path("/x/worker.qcow2"))
    assert [path.name for path in (*beside.summed, beside.manifest, beside.signature)] == [
        "worker.qcow2.sha256",
        "worker.cdx.json",
        "worker.definition.yaml",
        "worker.manifest.json",
        "worker.manifest.json.sig",
    ]
    assert Beside(Path("worker.img")).manifest == Path("worker.img.manifest.json")


def test_what_the_manifest_says(tmp_path: Path) -> None:
    beside = an_image(tmp_path)
    content = json.loads(beside.manifest.read_text())
    told = about(beside.image)
    assert content["image"] == {
        "file": "worker.qcow2",
        "size": told.size,
        "virtual_size": 2**33,
        "sha256": told.sha256,
    }
    assert content["epoch"] == told.epoch
    assert content["layers"] == told.layers
    assert content["boot"]["kernel"] == "6.1.0-32-amd64"
    assert [package["name"] for package in content["packages"]] == ["bash", "g++", "tzdata"]
    assert set(content["files"]) == {path.name for path in beside.summed}
    # Other people's tools agree with the sums.
    subprocess.run(["sha256sum", "--strict", "-c", beside.sums.name], cwd=tmp_path, check=True)
    for name, values in content["files"].items():
        line = f"{values['sha256']}  {name}\n"
        subprocess.run(["sha256sum", "-c"], input=line, text=True, cwd=tmp_path, check=True)


def test_the_same_image_has_the_same_files(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        beside = an_image(
            tmp_path / name, packages=PACKAGES if name == "a" else tuple(reversed(PACKAGES))
        )
        found.append([path.read_bytes() for path in (*beside.summed, beside.manifest)])
    assert found[0] == found[1]


def test_a_new_image_has_no_signature_of_the_old_one(tmp_path: Path) -> None:
    beside = an_image(tmp_path)
    beside.signature.write_text("x")
    beside.pgp_signature.write_text("x")
    an_image(tmp_path)
    assert not beside.signature.exists()
    assert not beside.pgp_signature.exists()


GOOD = {
    "schema": 1,
    "name": "x",
    "image": {"file": "w.qcow2", "size": 1, "sha256": "A" * 64},
    "files": {},
}


def changed(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(GOOD))
    data, told = manifest.read(path)
    assert data == path.read_bytes()
    assert told.image == manifest.Sum("w.qcow2", 1, "a" * 64)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[]", "not an object"),
        ("{}", "it has no 'schema'"),
        ("[" * 100_000, ""),
        (changed(schema=2), "version 2, this b2ct knows version 1"),
        (changed(image=None), ""),
        (changed(image={"file": "w.qcow2"}), "it has no 'size'"),
        (changed(image={"file": "w", "size": "1", "sha256": ""}), "no size and sum"),
        (changed(files={"../etc/passwd": {"size": 1, "sha256": ""}}), "not the name of a file"),
        (changed(files={"/dev/zero": {"size": 1, "sha256": ""}}), "not the name of a file"),
        (changed(files={"..": {"size": 1, "sha256": ""}}), "not the name of a file"),
        (changed(files=[1]), ""),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(B2ctError, match=r"m\.json is no manifest of an image") as failed:
        manifest.read(path)
    assert why in failed.value.message


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=80)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, values)))
def test_no_manifest_is_a_traceback(changes: dict[str, Any]) -> None:
    try:
        manifest._parsed(json.loads(changed(**changes)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # what `read` explains
