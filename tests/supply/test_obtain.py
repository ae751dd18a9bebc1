"""The chain of trust of an installer image, against a real server, a real gpg and attackers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from b2ct.core import fetch, gpg
from b2ct.core.errors import B2ctError
from b2ct.site import catalogue
from b2ct.site.catalogue import Distribution, Media
from b2ct.site.model import Site
from b2ct.supply import obtain
from b2ct.supply.obtain import Wishes
from tests import web
from tests.signers import LONG_AGO, Signer, signer

ISO = b"an installer image" * 4000
SHA = hashlib.sha256(ISO).hexdigest()
NAME = "Test-9-latest-x86_64-boot.iso"
KEY = "RPM-GPG-KEY-Test-9"
SUMS = f"# {NAME}: {len(ISO)} bytes\nSHA256 ({NAME}) = {SHA}\n"
QUICK = fetch.Patience(connect=5, read=5, attempts=2, pause=0.01)
ONLINE = Wishes(patience=QUICK)
OFFLINE = Wishes(offline=True, patience=QUICK)


@pytest.fixture(name="good", scope="module")
def _good() -> Iterator[Signer]:
    with signer("test") as made:
        yield made


@pytest.fixture(name="evil", scope="module")
def _evil() -> Iterator[Signer]:
    with signer("test") as made:
        yield made


@dataclass
class Mirror:
    """A distribution: its server, its row in the catalogue, and this host's key folder."""

    server: web.Web
    media: Media
    keys: Path
    folder: Path

    def publish(self, **files: bytes | str) -> None:
        names = {"iso": NAME, "sums": "CHECKSUM", "signature": "CHECKSUM.asc", "key": KEY}
        for kind, data in files.items():
            self.server.put(f"/{names[kind]}", data)

    def asked(self) -> list[str]:
        return [asked.path for asked in self.server.asked]


@pytest.fixture(name="mirror")
def _mirror(tmp_path: Path, good: Signer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """AlmaLinux's way: CHECKSUM is clearsigned. The host has no key; the server has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    keys = tmp_path / "host-keys"
    keys.mkdir()
    monkeypatch.setattr(obtain, "HOST_KEYS", (keys,))
    with web.serve() as server:
        media = replace(
            catalogue.media(Distribution.ALMALINUX, "el9"),
            title="Test Linux 9",
            iso=f"{server.base}/{NAME}",
            checksum=f"{server.base}/CHECKSUM",
            key_url=f"{server.base}/{KEY}",
            key_files=(KEY,),
            fingerprint=good.fingerprint,
        )
        folder = tmp_path / "cache" / "b2ct" / "iso" / "almalinux-el9"
        mirror = Mirror(server, media, keys, folder)
        mirror.publish(iso=ISO, sums=good.clearsign(SUMS), key=good.key())
        yield mirror


def test_a_clearsigned_checksum_vouches_for_the_image(
    mirror: Mirror, good: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = obtain.obtain(mirror.media, ONLINE)
    assert path == mirror.folder / NAME
    assert path.read_bytes() == ISO
    assert gpg.grouped(good.fingerprint) in capsys.readouterr().err
    assert mirror.asked() == ["/CHECKSUM", f"/{KEY}", f"/{NAME}"]


def test_the_key_of_this_host_comes_first(mirror: Mirror, good: Signer) -> None:
    (mirror.keys / "almalinux").mkdir()
    (mirror.keys / "almalinux" / KEY).write_bytes(good.key())
    obtain.obtain(mirror.media, ONLINE)
    assert f"/{KEY}" not in mirror.asked()


def test_a_detached_signature_vouches_too(mirror: Mirror, good: Signer) -> None:
    signature = f"{mirror.server.base}/CHECKSUM.asc"
    media = replace(mirror.media, checksum_signature=signature)
    mirror.publish(sums=SUMS, signature=good.detached(SUMS))
    assert obtain.obtain(media, ONLINE).read_bytes() == ISO
    mirror.folder.joinpath(NAME).unlink()
    mirror.publish(sums=SUMS.replace(SHA, "0" * 64))
    with pytest.raises(gpg.SignatureError, match="changed after"):
        obtain.obtain(media, ONLINE)


def test_an_unsigned_checksum_is_said_to_be_unsigned(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    media = replace(mirror.media, checksum_signature="", fingerprint="")
    mirror.publish(sums=SUMS)
    obtain.obtain(media, ONLINE)
    assert "UNSIGNED" in capsys.readouterr().err
    obtain.obtain(media, OFFLINE)
    assert "UNSIGNED" in capsys.readouterr().err


def test_an_unpinned_key_is_said_to_be_unpinned(
    mirror: Mirror, good: Signer, evil: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    media = replace(mirror.media, fingerprint="")
    obtain.obtain(media, ONLINE)
    said = capsys.readouterr().err
    assert "UNPINNED" in said
    assert "release.signing_key" in said
    pinned = replace(ONLINE, signing_key=good.fingerprint)
    obtain.obtain(media, pinned)
    assert "UNPINNED" not in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(gpg.SignatureError, match="not the pinned"):
        obtain.obtain(media, replace(ONLINE, signing_key=evil.fingerprint))


# --- attacks: each leaves no image behind


@pytest.fixture(name="nothing_left")
def _nothing_left(mirror: Mirror) -> Iterator[None]:
    yield
    assert not (mirror.folder / NAME).exists()
    assert not (mirror.folder / f"{NAME}.part").exists()


@pytest.mark.usefixtures("nothing_left")
def test_a_false_key_of_the_right_name_is_refused(mirror: Mirror, evil: Signer) -> None:
    mirror.publish(sums=evil.clearsign(SUMS), key=evil.key())
    with pytest.raises(gpg.SignatureError, match="not the pinned") as caught:
        obtain.obtain(mirror.media, ONLINE)
    assert "release.signing_key" in caught.value.hint
    assert f"/{NAME}" not in mirror.asked()


@pytest.mark.usefixtures("nothing_left")
def test_a_checksum_signed_by_another_key_is_refused(mirror: Mirror, evil: Signer) -> None:
    mirror.publish(sums=evil.clearsign(SUMS))
    with pytest.raises(gpg.SignatureError, match="signed by key"):
        obtain.obtain(mirror.media, ONLINE)


@pytest.mark.usefixtures("nothing_left")
def test_a_false_key_on_the_host_does_not_hide_the_true_one(
    mirror: Mirror, good: Signer, evil: Signer
) -> None:
    (mirror.keys / KEY).write_bytes(evil.key())
    obtain.obtain(mirror.media, ONLINE).unlink()
    assert f"/{KEY}" in mirror.asked()


@pytest.mark.usefixtures("nothing_left")
def test_a_tampered_checksum_is_refused(mirror: Mirror, good: Signer) -> None:
    mirror.publish(sums=good.clearsign(SUMS).replace(SHA.encode(), b"0" * 64))
    with pytest.raises(gpg.SignatureError, match="changed after"):
        obtain.obtain(mirror.media, ONLINE)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("before", [True, False])
def test_lines_outside_of_the_signature_do_not_count(
    mirror: Mirror, good: Signer, before: bool
) -> None:
    other = good.clearsign(SUMS.replace(NAME, "other.iso"))
    forged = f"SHA256 ({NAME}) = {SHA}\n".encode()
    mirror.publish(sums=forged + other if before else other + forged)
    with pytest.raises(B2ctError, match=f"does not list {NAME}; it lists other.iso"):
        obtain.obtain(mirror.media, ONLINE)


@pytest.mark.usefixtures("nothing_left")
def test_an_unsigned_checksum_where_a_signed_one_belongs_is_refused(mirror: Mirror) -> None:
    mirror.publish(sums=SUMS)
    with pytest.raises(gpg.SignatureError, match="no signature"):
        obtain.obtain(mirror.media, replace(ONLINE, unverified=True))


@pytest.mark.usefixtures("nothing_left")
def test_another_image_than_the_signed_one_is_refused(mirror: Mirror) -> None:
    mirror.publish(iso=b"x" + ISO[1:])
    with pytest.raises(B2ctError, match=f"but {SHA} was expected"):
        obtain.obtain(mirror.media, ONLINE)


@pytest.mark.usefixtures("nothing_left")
def test_an_expired_key_is_explained(mirror: Mirror) -> None:
    with signer("old", expires="1d", options=(LONG_AGO,)) as old:
        mirror.publish(sums=old.clearsign(SUMS), key=old.key())
        with pytest.raises(gpg.SignatureError, match="has expired") as caught:
            obtain.obtain(replace(mirror.media, fingerprint=old.fingerprint), ONLINE)
    assert "renewed copy" in caught.value.hint


def test_a_renewed_copy_of_an_expired_key_serves(mirror: Mirror) -> None:
    with signer("old", expires="1d", options=(LONG_AGO,)) as old:
        (mirror.keys / KEY).write_bytes(old.key())
        mirror.publish(sums=old.clearsign(SUMS))
        replace(old, options=()).gpg("--quick-set-expire", old.fingerprint, "never")
        mirror.publish(key=old.key())
        media = replace(mirror.media, fingerprint=old.fingerprint)
        assert obtain.obtain(media, ONLINE).read_bytes() == ISO


# --- the cache


def test_a_second_run_uses_the_cache_and_no_network(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    obtain.obtain(mirror.media, ONLINE)
    mirror.server.asked.clear()
    assert obtain.obtain(mirror.media, ONLINE) == obtain.obtain(mirror.media, OFFLINE)
    assert mirror.asked() == []
    assert "checked 20" in capsys.readouterr().err


def test_a_cached_image_that_changed_is_noticed(mirror: Mirror) -> None:
    path = obtain.obtain(mirror.media, ONLINE)
    path.write_bytes(ISO[:-1])
    with pytest.raises(B2ctError, match="cut short") as caught:
        obtain.obtain(mirror.media, OFFLINE)
    assert "remove it" in caught.value.hint
    assert path.exists()  # it may be the user's own


def test_a_change_that_keeps_size_and_time_is_found_by_a_recheck(mirror: Mirror) -> None:
    path = obtain.obtain(mirror.media, ONLINE)
    before = path.stat()
    path.write_bytes(b"X" + ISO[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(B2ctError, match="was expected"):
        obtain.obtain(mirror.media, replace(OFFLINE, recheck=True))


def test_a_recheck_offline_verifies_the_whole_chain(mirror: Mirror) -> None:
    obtain.obtain(mirror.media, ONLINE)
    recheck = replace(OFFLINE, recheck=True)
    assert obtain.obtain(mirror.media, recheck).read_bytes() == ISO
    sums = mirror.folder / "CHECKSUM"
    sums.write_bytes(sums.read_bytes().replace(b"SHA256 (T", b"SHA256 (t"))
    with pytest.raises(gpg.SignatureError, match="changed after"):
        obtain.obtain(mirror.media, recheck)


@pytest.mark.parametrize("record", ["", "{}", "[1]", '{"sha256": 1}'])
def test_a_damaged_record_means_a_new_verification(mirror: Mirror, record: str) -> None:
    path = obtain.obtain(mirror.media, ONLINE)
    kept = path.with_name(f"{NAME}.verified.json")
    kept.write_text(record)
    assert obtain.obtain(mirror.media, ONLINE) == path
    assert SHA in kept.read_text()


def test_another_pin_means_a_new_verification(mirror: Mirror, evil: Signer) -> None:
    obtain.obtain(mirror.media, ONLINE)
    with pytest.raises(gpg.SignatureError, match="not the pinned"):
        obtain.obtain(mirror.media, replace(OFFLINE, signing_key=evil.fingerprint))


# --- offline


def test_offline_says_what_to_fetch_and_where_to_put_it(mirror: Mirror) -> None:
    with pytest.raises(B2ctError, match="--offline is set") as caught:
        obtain.obtain(mirror.media, OFFLINE)
    for part in (mirror.media.iso, mirror.media.checksum, mirror.media.key_url, mirror.folder):
        assert str(part) in caught.value.hint
    assert mirror.asked() == []


def test_a_dead_line_says_the_same(mirror: Mirror) -> None:
    dead = f"http://127.0.0.1:{web.closed_port()}"
    media = replace(mirror.media, iso=f"{dead}/{NAME}", checksum=f"{dead}/CHECKSUM")
    with pytest.raises(B2ctError, match="connection refused") as caught:
        obtain.obtain(media, ONLINE)
    assert media.iso in caught.value.hint
    assert str(mirror.folder) in caught.value.hint


def _by_hand(mirror: Mirror, **files: bytes) -> None:
    mirror.folder.mkdir(parents=True, exist_ok=True)
    names = {"iso": NAME, "sums": "CHECKSUM", "key": KEY}
    for kind, data in files.items():
        (mirror.folder / names[kind]).write_bytes(data)


def test_files_put_there_by_hand_are_verified(
    mirror: Mirror, good: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    _by_hand(mirror, iso=ISO, sums=good.clearsign(SUMS), key=good.key())
    assert obtain.obtain(mirror.media, OFFLINE) == mirror.folder / NAME
    assert "signed by Test Linux 9" in capsys.readouterr().err
    assert mirror.asked() == []


def test_online_only_what_is_missing_by_hand_is_fetched(mirror: Mirror) -> None:
    _by_hand(mirror, iso=ISO)
    obtain.obtain(mirror.media, ONLINE)
    assert mirror.asked() == ["/CHECKSUM", f"/{KEY}"]


@pytest.mark.parametrize("have", ["nothing", "checksum without key"])
def test_an_image_without_vouchers_is_refused_unless_told(
    mirror: Mirror, good: Signer, have: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _by_hand(mirror, iso=ISO)
    if have != "nothing":
        _by_hand(mirror, sums=good.clearsign(SUMS))
    with pytest.raises(obtain.UnverifiableError, match="nothing vouches") as caught:
        obtain.obtain(mirror.media, OFFLINE)
    for part in (mirror.media.key_url, str(mirror.folder), "--unverified"):
        assert part in caught.value.hint
    capsys.readouterr()
    assert obtain.obtain(mirror.media, replace(OFFLINE, unverified=True)).read_bytes() == ISO
    assert "UNVERIFIED" in capsys.readouterr().err
    with pytest.raises(obtain.UnverifiableError):  # it is not remembered as verified
        obtain.obtain(mirror.media, OFFLINE)


def test_unverified_never_accepts_what_is_proven_false(mirror: Mirror, good: Signer) -> None:
    _by_hand(mirror, iso=ISO[:-5], sums=good.clearsign(SUMS), key=good.key())
    with pytest.raises(B2ctError, match="was expected"):
        obtain.obtain(mirror.media, replace(OFFLINE, unverified=True))


def test_a_release_without_public_image_says_so() -> None:
    with pytest.raises(B2ctError, match="no public netinstall image") as caught:
        obtain.obtain(catalogue.media(Distribution.RHEL, "el9"), ONLINE)
    assert "--source" in caught.value.hint


# --- what the user names


def test_a_url_is_verified_by_the_sites_digest(mirror: Mirror) -> None:
    url = mirror.media.iso + "?token=1"
    path = obtain.obtain_url(url, SHA, ONLINE)
    assert (path.name, path.read_bytes()) == (NAME, ISO)
    mirror.server.asked.clear()
    assert obtain.obtain_url(url, SHA, OFFLINE) == path
    assert mirror.asked() == []
    with pytest.raises(B2ctError, match=r"but 0+ was expected"):
        obtain.obtain_url(url, "0" * 64, ONLINE)


def test_a_url_without_digest_is_said_to_be_unverified(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    path = obtain.obtain_url(mirror.media.iso, None, ONLINE)
    said = capsys.readouterr().err
    assert "UNVERIFIED" in said
    assert SHA in said
    obtain.obtain_url(mirror.media.iso, SHA, OFFLINE)
    path.write_bytes(b"changed")
    assert obtain.obtain_url(mirror.media.iso, SHA, ONLINE).read_bytes() == ISO


def test_a_url_offline_says_where_to_put_the_file(mirror: Mirror) -> None:
    with pytest.raises(B2ctError, match="--offline") as caught:
        obtain.obtain_url(mirror.media.iso, SHA, OFFLINE)
    path = Path(caught.value.hint.removeprefix("fetch it on another machine and put it at "))
    path.parent.mkdir(parents=True)
    path.write_bytes(ISO)
    assert obtain.obtain_url(mirror.media.iso, SHA, OFFLINE) == path


@pytest.mark.parametrize("tail", ["/", "/..", "/%2e%2e%2fx", "/.hidden", "/a%00b"])
def test_no_url_names_a_file_outside_of_the_cache(mirror: Mirror, tail: str) -> None:
    with pytest.raises(B2ctError) as caught:
        obtain.obtain_url(f"{mirror.server.base}{tail}", None, OFFLINE)
    path = Path(caught.value.hint.removeprefix("fetch it on another machine and put it at "))
    assert path.resolve().parent.parent == mirror.folder.parent
    assert not path.name.startswith(".")


def test_find_takes_the_source_then_the_site_then_the_catalogue(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "my own.iso"
    local.write_bytes(b"mine")
    site = Site.model_validate({"release": {"iso": mirror.media.iso, "iso_sha256": SHA.upper()}})
    assert obtain.find(str(local), site, OFFLINE) == local
    assert obtain.find(local.as_uri(), site, OFFLINE) == local
    assert obtain.find(None, site, ONLINE).read_bytes() == ISO
    table = {**catalogue.MEDIA, (Distribution.ALMALINUX, "el9"): mirror.media}
    monkeypatch.setattr(catalogue, "MEDIA", table)
    assert obtain.find(None, Site(), ONLINE) == mirror.folder / NAME
    with pytest.raises(B2ctError, match="does not exist"):
        obtain.find(str(tmp_path / "none.iso"), site, OFFLINE)


def test_find_gives_the_sites_pin(
    mirror: Mirror, evil: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {**catalogue.MEDIA, (Distribution.ALMALINUX, "el9"): mirror.media}
    monkeypatch.setattr(catalogue, "MEDIA", table)
    site = Site.model_validate({"release": {"signing_key": evil.fingerprint}})
    mirror.publish(sums=evil.clearsign(SUMS), key=evil.key())
    assert obtain.find(None, site, ONLINE).read_bytes() == ISO
