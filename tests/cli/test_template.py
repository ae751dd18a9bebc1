"""`b2ct template render`: files for oneimage and onetemplate."""

from __future__ import annotations

from pathlib import Path

from b2ct.one import text
from tests.cli.cloud import SITE
from tests.cli.program import assert_refused, b2ct, left_over
from tests.cloud.shop import a_qcow2


def a_site(folder: Path, more: str = "") -> Path:
    (folder / "site.yaml").write_text(SITE + more)
    return folder / "site.yaml"


def test_printed(tmp_path: Path) -> None:
    a_site(tmp_path)
    done = b2ct("template", "render", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'PATH = "/var/tmp/worker.qcow2"' in done.stdout
    assert 'IMAGE = "worker"' in done.stdout
    assert "has no checksum" in done.stderr


def test_written(tmp_path: Path) -> None:
    a_site(tmp_path)
    image = a_qcow2(tmp_path / "worker.qcow2")
    words: list[str | Path] = ["template", "render", "b2ct-worker", "-o", ".", "--owner", "ada"]
    words += ["--image", image]
    done = b2ct(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = text.parse((tmp_path / "worker.one").read_text())
    assert len(said.text("B2CT_SHA256")) == 64
    assert len(said.text("SHA1")) == 40
    vm = text.parse((tmp_path / "b2ct-worker.txt").read_text())
    assert vm.vector("DISK")["IMAGE_UNAME"] == "ada"
    assert vm.vector("NIC")["NETWORK"] == "vms"
    assert vm.text("MEMORY") == "1024"
    assert_refused(b2ct(*words, cwd=tmp_path), "exists already", "--force")
    assert b2ct(*words, "--force", cwd=tmp_path).returncode == 0


def test_refusals(tmp_path: Path) -> None:
    assert_refused(b2ct("template", "render", cwd=tmp_path), "no site.yaml here", "--site")
    site = a_site(tmp_path, "  big: {image: el9-worker}\n")

    def refused(*words: str, expected: str) -> None:
        assert_refused(b2ct("template", "render", *words, cwd=tmp_path), expected)

    refused(expected="choose one of: b2ct-worker, big")
    refused("none", expected="no worker 'none'")
    refused("big", "-o", "nowhere", expected="no folder nowhere")
    refused("big", "--image-name", "a.v2", expected="ends like that of a version")
    refused("big", "--owner", "a b", expected="does not allow")
    refused("big", "--path", "]]>", expected="]]>")
    assert left_over(tmp_path, site) == []
