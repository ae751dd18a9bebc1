"""How a file comes to the front-end: decided before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from b2ct.cloud.register import delivery
from b2ct.cloud.register.delivery import Source, There, Upload
from b2ct.core.errors import B2ctError
from b2ct.one.endpoint import Endpoint
from b2ct.one.objects.storage import Datastore
from b2ct.one.states import DatastoreType
from b2ct.one.text import Attributes
from tests.context.sites import KEY, described, site

REMOTE = Endpoint("http://10.0.0.10:2633/RPC2", "oneadmin:x")
LOCAL = Endpoint("http://localhost:2633/RPC2", "oneadmin:x")


def store(**folders: str) -> Datastore:
    folders = folders or {"SAFE_DIRS": "/var/tmp", "RESTRICTED_DIRS": "/"}
    return Datastore(
        id=1, name="default", template=Attributes.of(folders), type=DatastoreType.IMAGE,
        ds_mad="fs", tm_mad="ssh", base_path="", enabled=True, clusters=(), total=9, free=9, used=0,
        images=(),
    )  # fmt: skip


def plan(source: Source, endpoint: Endpoint = REMOTE, **changes: Any) -> delivery.Delivery:
    values: dict[str, Any] = {
        "endpoint": endpoint, "site": None, "datastore": store(), "name": "w.v2",
        "sha256": "ab" * 32, **changes,
    }  # fmt: skip
    return delivery.plan(source, **values)


def pinned() -> Any:
    data = described()
    data["nodes"][0]["host_key"] = KEY
    return site(**data)


def test_the_usual_way() -> None:
    way = plan(Source(), site=pinned())
    assert isinstance(way, Upload)
    assert way.path == "/var/tmp/b2ct-w.v2-abababababababab.qcow2"
    assert way.target.account == "root@10.0.0.10"
    assert way.target.host_key == " ".join(KEY.split()[:2])


def test_another_host_is_not_the_pinned_one() -> None:
    way = plan(Source(ssh="admin@other.example.org:2222"), site=pinned())
    assert isinstance(way, Upload)
    assert (way.target.account, way.target.host_key) == ("admin@other.example.org:2222", "")
    assert way.known_hosts is None


@pytest.mark.parametrize("host", ["one", "one.b2ct.example.org", "10.0.0.10"])
def test_every_name_of_the_control_node_is_pinned(host: str) -> None:
    way = plan(Source(ssh=host), LOCAL, site=pinned())
    assert isinstance(way, Upload)
    assert way.target.host_key


@pytest.mark.parametrize(
    ("said", "server"),
    [
        ("h", ("root", "h", 22)),
        ("me@h", ("me", "h", 22)),
        ("[fe80::1]:2022", ("root", "fe80::1", 2022)),
        ("[::1]", ("root", "::1", 22)),
    ],
)
def test_addresses(said: str, server: tuple[str, str, int]) -> None:
    way = plan(Source(ssh=said))
    assert isinstance(way, Upload)
    assert (way.target.user, way.target.host, way.target.port) == server


@pytest.mark.parametrize("said", ["", "-oProxyCommand=x", "a b", "h:0", "h:99999", "me@", "h;id"])
def test_no_addresses(said: str) -> None:
    with pytest.raises(B2ctError, match="no address") as caught:
        plan(Source(ssh=said))
    assert "[USER@]HOST[:PORT]" in caught.value.hint


def test_a_local_endpoint_is_this_machine_or_a_tunnel() -> None:
    with pytest.raises(B2ctError, match="tunnel") as caught:
        plan(Source(), LOCAL)
    assert "--path" in caught.value.hint
    assert "--ssh" in caught.value.hint


def test_what_the_front_end_reads_itself() -> None:
    assert plan(Source(path="/var/tmp/w.qcow2"), LOCAL) == There("/var/tmp/w.qcow2")
    url = "https://images.example.org/w.qcow2?v=1"
    assert plan(Source(url=url), LOCAL) == There(url)


@pytest.mark.parametrize(
    ("path", "folders", "good"),
    [
        ("/var/tmp/w", {}, True),
        ("/var/tmpx/w", {}, False),
        ("/tmp/w", {}, False),
        ("/srv/w", {"SAFE_DIRS": "/srv /var/tmp", "RESTRICTED_DIRS": "/"}, True),
        ("/srv/w", {"RESTRICTED_DIRS": "/etc /root"}, True),
        ("/root/w", {"RESTRICTED_DIRS": "/etc /root"}, False),
        ("/var/lib/one/w", {"RESTRICTED_DIRS": "/root"}, False),
        ("/var/lib/one/w", {"SAFE_DIRS": "/var/lib/one"}, True),
    ],
)
def test_folders_of_the_datastore(path: str, folders: dict[str, str], good: bool) -> None:
    if good:
        assert delivery.checked_path(path, store(**folders)) == path
        return
    with pytest.raises(B2ctError, match="may not read") as caught:
        delivery.checked_path(path, store(**folders))
    assert "onedatastore update 1" in caught.value.hint


@pytest.mark.parametrize(
    "path", ["", "w", "/var/tmp/../etc/x", "/var/tmp/a b", "/var/tmp/$x", "/var/tmp/a'b", "/a\n"]
)
def test_no_paths(path: str) -> None:
    with pytest.raises(B2ctError) as caught:
        plan(Source(path=path))
    assert caught.value.hint


@pytest.mark.parametrize(
    "url", ["", "ftp://h/x", "file:///etc/passwd", "http:///x", "http://h/a b", "http://h/$(id)",
            "http://me:secret@h/x", "http://[::1"]
)  # fmt: skip
def test_no_urls(url: str) -> None:
    with pytest.raises(B2ctError) as caught:
        plan(Source(url=url))
    assert caught.value.hint
    assert "secret" not in " ".join(caught.value.lines())


@pytest.mark.parametrize(
    "source",
    [
        Source(path="/a", url="http://h/a"),
        Source(ssh="h", url="http://h/a"),
        Source(folder="/x", path="/a"),
        Source(identity=Path("/no/such/key")),
        Source(known_hosts=Path("/no/such/file")),
    ],
)
def test_contradictions(source: Source) -> None:
    with pytest.raises(B2ctError) as caught:
        plan(source)
    assert caught.value.hint


def test_the_names_of_images_make_harmless_file_names() -> None:
    way = plan(Source(), name="a b/../;x ü")
    assert isinstance(way, Upload)
    assert way.path == "/var/tmp/b2ct-a-b-..-x-abababababababab.qcow2"
