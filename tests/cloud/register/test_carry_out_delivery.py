"""How the file comes to the front-end."""

from __future__ import annotations

from pathlib import Path

from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import Source
from b2ct.cloud.register.progress import Listener
from b2ct.one.states import ImageState
from b2ct.rehearsal.oned import OnedDouble
from tests import web
from tests.cloud.register.look import there
from tests.cloud.shop import Shop
from tests.ssh.sshd import breaking_line, front_end, needs_sshd


@needs_sshd
def test_a_copy_that_is_cut(store: Shop, first: Content, tmp_path: Path) -> None:
    notes: list[str] = []
    root = tmp_path / "sshd"
    root.mkdir()
    with front_end(root) as host, breaking_line(host.port, [200_000]) as line:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{line.port} {host.host_key}\n")
        source = Source(
            ssh=f"{host.user}@127.0.0.1:{line.port}", folder=str(store.folder),
            known_hosts=known, identity=host.key,
        )  # fmt: skip
        done = store.put(store.request(first, source=source), Listener(notes.append, pause=0))
    assert done.made
    assert any("was lost" in note for note in notes)
    assert any("checksum compared" in note for note in notes)
    assert list(store.folder.iterdir()) == [], "the copy on the front-end is removed"
    assert there(store)[store.base].state is ImageState.READY


@needs_sshd
def test_a_copy_that_stays(store: Shop, first: Content, tmp_path: Path) -> None:
    root = tmp_path / "sshd"
    root.mkdir()
    with front_end(root) as host:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{host.port} {host.host_key}\n")
        source = Source(
            ssh=f"{host.user}@127.0.0.1:{host.port}", folder=str(store.folder),
            known_hosts=known, identity=host.key,
        )  # fmt: skip
        done = store.put(store.request(first, source=source, keep_upload=True))
    (left,) = store.folder.iterdir()
    assert str(left) == done.uploaded
    assert left.read_bytes() == first.path.read_bytes()


def test_a_url_that_the_front_end_fetches(double: OnedDouble, store: Shop, first: Content) -> None:
    with web.serve() as site:
        site.pages["/w.qcow2"] = web.Page(first.path.read_bytes())
        done = store.put(store.request(first, source=Source(url=f"{site.base}/w.qcow2")))
    assert done.made
    assert done.image.size == 8
