"""Names looked up in repositories that createrepo_c wrote, over files and over HTTP."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import createrepo_c as cr
import pytest

from b2ct.core import files
from b2ct.site.catalogue import Role
from b2ct.site.model import Site
from b2ct.supply import packages

NAMES = ("emacs-nox", "htop", "mariadb-server", "python3-libs", "qemu-kvm-core")
COMPS = """<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group><id>core</id><name>Core</name></group>
  <group><id>development</id><name>Development Tools</name>
    <name xml:lang="it">Strumenti</name>
    <packagelist><packagereq>gcc</packagereq></packagelist></group>
  <environment><id>minimal-environment</id><name>Minimal Install</name></environment>
</comps>
"""


def repository(
    folder: Path, names: tuple[str, ...] = NAMES, compression: int = cr.GZ_COMPRESSION
) -> Path:
    """A package repository as createrepo_c writes it, of packages that exist by name only."""
    data = folder / "repodata"
    data.mkdir(parents=True)
    suffix = cr.compression_suffix(compression) or ""
    primary = data / f"primary.xml{suffix}"
    out = cr.PrimaryXmlFile(str(primary), compression)
    out.set_num_of_pkgs(len(names))
    for name in names:
        package = cr.Package()
        package.name, package.version, package.release = name, "1", "1.el9"
        package.epoch, package.arch, package.summary = "0", "x86_64", f"what {name} & others do"
        package.pkgId = "0" * 64
        package.checksum_type = "sha256"
        package.location_href = f"Packages/{name}.rpm"
        package.provides = [(f"{name}(x86-64)", "EQ", "0", "1", "1", False)]
        if name == "qemu-kvm-core":
            package.provides = [("qemu-kvm", "EQ", "0", "1", "1", False)]
        out.add_pkg(package)
    out.close()
    comps = data / "comps.xml"
    comps.write_text(COMPS)
    repomd = cr.Repomd()
    for kind, file in (("primary", primary), ("group", comps)):
        record = cr.RepomdRecord(kind, str(file))
        record.fill(cr.SHA256)
        repomd.set_record(record)
    (data / "repomd.xml").write_text(repomd.xml_dump())
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder over HTTP on a free port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


COMPRESSIONS = {
    "gz": cr.GZ_COMPRESSION,
    "xz": cr.XZ_COMPRESSION,
    "bz2": cr.BZ2_COMPRESSION,
    "zst": cr.ZSTD_COMPRESSION,
    "none": cr.NO_COMPRESSION,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_unknown_names_are_found_with_what_they_may_have_meant(
    compression: str, tmp_path: Path
) -> None:
    repository(tmp_path, compression=COMPRESSIONS[compression])
    asked = ["htop", "qemu-kvm", "emacs*", "@development", "@^minimal-environment", "-htop"]
    with served(tmp_path) as url:
        verdict = packages.check([*asked, "emacs-nx", "@developement", "-hotp", "zz*"], [url])
        assert verdict.read == (url,)
    assert not verdict.unread
    assert [str(unknown) for unknown in verdict.unknown] == [
        "no repository has 'emacs-nx'; did you mean emacs-nox?",
        "no repository has '@developement'; did you mean @development?",
        "no repository has '-hotp'; did you mean htop?",
        "no repository has 'zz*'",
    ]


def test_a_mounted_medium_is_read_as_well(tmp_path: Path) -> None:
    one = repository(tmp_path / "Base OS", ("bash",))
    two = repository(tmp_path / "AppStream", ("htop",))
    verdict = packages.check(["bash", "htop", "nope"], [str(one), two.as_uri()])
    assert [unknown.name for unknown in verdict.unknown] == ["nope"]


def test_a_repository_that_cannot_be_read_condemns_no_name(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    verdict = packages.check(["htop"], [gone])
    assert (verdict.unknown, verdict.read) == ((), ())
    assert verdict.unread[0][0] == gone
    assert "no such file" in verdict.unread[0][1]


def _damaged(folder: Path, primary: bytes) -> packages.Verdict:
    """The verdict on a repository whose primary file was replaced, digest and all."""
    repository(folder)
    file = folder / "repodata/primary.xml.gz"
    file.write_bytes(primary)
    repomd = cr.Repomd()
    record = cr.RepomdRecord("primary", str(file))
    record.checksum_type, record.checksum = "sha256", files.sha256(file)
    record.location_href = "repodata/primary.xml.gz"
    repomd.set_record(record)
    (folder / "repodata/repomd.xml").write_text(repomd.xml_dump())
    return packages.check(["htop"], [str(folder)])


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<metadata><package><name>&b;</name></package></metadata>"""
OUTSIDE = b"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<metadata><package><name>&a;</name></package></metadata>"""


@pytest.mark.parametrize(
    ("primary", "why"),
    [
        (gzip.compress(BOMB), "has a DOCTYPE"),
        (gzip.compress(OUTSIDE), "has a DOCTYPE"),
        (gzip.compress(b"<metadata><package>"), "is damaged"),
        (gzip.compress(b"<a>" * 1000), "nested too deeply"),
        (gzip.compress(b"<metadata/>" * 100)[:-20], "is damaged"),
        (b"not gzip at all", "is damaged"),
        (b"", "is damaged"),
    ],
    ids=["bomb", "outside", "cut-xml", "deep", "cut-gzip", "no-gzip", "empty"],
)
def test_hostile_and_damaged_metadata_gets_one_line(
    primary: bytes, why: str, tmp_path: Path
) -> None:
    verdict = _damaged(tmp_path, primary)
    assert why in verdict.unread[0][1]
    assert verdict.unknown == ()


@pytest.mark.parametrize("over", ["file", "http"])
def test_a_file_that_is_not_the_listed_one_is_refused(over: str, tmp_path: Path) -> None:
    repository(tmp_path)
    primary = tmp_path / "repodata/primary.xml.gz"
    primary.write_bytes(gzip.compress(b"<metadata/>"))
    if over == "file":
        verdict = packages.check(["htop"], [str(tmp_path)])
    else:
        with served(tmp_path) as url:
            verdict = packages.check(["htop"], [url])
    assert "SHA-256" in verdict.unread[0][1]


@pytest.mark.parametrize("href", ["../../etc/passwd", "/etc/passwd", "http://127.0.0.1:1/x"])
def test_a_repository_cannot_point_outside_of_itself(href: str, tmp_path: Path) -> None:
    repository(tmp_path / "r")
    repomd = tmp_path / "r/repodata/repomd.xml"
    repomd.write_text(repomd.read_text().replace("repodata/primary.xml.gz", href))
    verdict = packages.check(["htop"], [str(tmp_path / "r")])
    assert "outside of itself" in verdict.unread[0][1]


def test_a_large_repository_costs_no_more_than_its_names(tmp_path: Path) -> None:
    """60,000 packages: 36 MiB of XML. A tree of it would take ten times that."""
    entry = (
        b"<package><name>package-%d</name><summary>%s</summary><format><provides>"
        b'<entry name="lib-%d"/></provides></format></package>\n'
    )
    text = b"".join(entry % (i, b"x" * 500, i) for i in range(60_000))
    data = gzip.compress(b"<metadata>" + text + b"</metadata>", 1)
    assert len(text) > 35 << 20
    del text
    tracemalloc.start()
    verdict = _damaged(tmp_path, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [unknown.name for unknown in verdict.unknown] == ["htop"]
    assert peak < 24 << 20


def test_unpacking_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LIMIT", 1 << 20)
    verdict = _damaged(tmp_path, gzip.compress(b"<metadata>" + b" " * (4 << 20) + b"</metadata>"))
    assert "unpacks to more than" in verdict.unread[0][1]


def test_what_a_site_wants_and_where(tmp_path: Path) -> None:
    site = Site.model_validate(
        {
            "release": {"version": "el10"},
            "packages": {"all": ["htop"], "control": ["mutt"], "hypervisor": ["numactl"]},
        }
    )
    assert {"htop", "mutt", "opennebula", "mariadb-server"} <= set(
        packages.wanted(site, Role.CONTROL)
    )
    node = packages.wanted(site, Role.HYPERVISOR)
    assert {"htop", "numactl", "opennebula-node-kvm", "kernel-modules-extra"} <= set(node)
    assert "mutt" not in node
    urls = packages.repositories(site)
    assert any("/BaseOS/" in url for url in urls)
    assert any("/CRB/" in url for url in urls)
    assert any("epel/10/" in url for url in urls)
    assert any("downloads.opennebula.io/repo/" in url and "/AlmaLinux/10/" in url for url in urls)
    assert not any("$" in url or "{" in url for url in urls)
