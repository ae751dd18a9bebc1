"""Takes an installer image from where it is published, and knows what vouches for it.

The chain: a fingerprint pinned in the catalogue (or by the site) -> the distribution's key, from
this host or from the distribution -> its signature on the checksum file -> the image's SHA-256.
What was verified is recorded beside the image in the cache, so that the next run, perhaps offline,
needs a look at its size and time only. Whoever can write to the cache is trusted, as the user is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256 as sha256_of
from pathlib import Path
from urllib.parse import unquote, urlsplit

from b2ct.core import data, fetch, files, gpg
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError
from b2ct.site import catalogue
from b2ct.site.catalogue import Media
from b2ct.site.model import Site
from b2ct.supply import checksums

HOST_KEYS = (
    Path("/etc/pki/rpm-gpg"),
    Path("/usr/share/distribution-gpg-keys"),
    Path("/usr/share/keyrings"),
    Path("/etc/apt/keyrings"),
)
"""Folders in which hosts keep keys of distributions."""


@dataclass(frozen=True)
class Wishes:
    """How an image is to be obtained."""

    offline: bool = False
    """Never use the network."""
    unverified: bool = False
    """Take the image even if nothing vouches for it (a false signature is still refused)."""
    recheck: bool = False
    """Read a cached image in full again instead of trusting the record of its verification."""
    signing_key: str | None = None
    """Fingerprint pinned by the site; it replaces the catalogue's."""
    patience: fetch.Patience = fetch.PATIENCE


@dataclass(frozen=True)
class Evidence:
    """What the SHA-256 of an image must be, and who says so."""

    sha256: str
    proof: str
    """In words, for the person who relies on it."""
    fingerprint: str = ""
    """Of the pinned key that signed; empty: nothing is pinned, or nothing is signed."""


@dataclass(frozen=True)
class _Record:
    """An image in the cache that was verified; valid while its size and time stay the same."""

    sha256: str
    size: int
    mtime_ns: int
    proof: str
    fingerprint: str
    when: str


class UnverifiableError(B2ctError):
    """Nothing vouches for the image."""


def find(source: str | None, site: Site, wishes: Wishes) -> Path:
    """The installer image: `source` (a path or URL), else the site's, else the catalogue's.

    Raises B2ctError with the remedy when it cannot be had or is not what it should be.
    """
    chosen = site.release
    wanted = source or chosen.iso
    if wanted is None:
        pinned = Wishes(**{**vars(wishes), "signing_key": chosen.signing_key})
        return obtain(catalogue.media(site.distribution, chosen.version), pinned)
    parts = urlsplit(wanted) if "://" in wanted else None
    if parts is None or parts.scheme == "file":
        path = Path(wanted if parts is None else unquote(parts.path)).expanduser()
        if not path.exists():
            raise B2ctError(f"{path} does not exist", hint="check the path of the installer image")
        return path
    return obtain_url(wanted, chosen.iso_sha256 if wanted == chosen.iso else None, wishes)


def obtain(media: Media, wishes: Wishes) -> Path:
    """The netinstall image of a catalogue row, verified, in the cache.

    An image that somebody put into the cache folder by hand is verified like a fetched one; its
    checksum file may lie beside it. Raises B2ctError, which offline names the files to fetch and
    the folder for them.
    """
    if not media.iso:
        raise B2ctError(
            f"{media.title} has no public netinstall image",
            hint="download its boot ISO with your subscription and name it with --source",
        )
    shelf = Shelf(media, wishes)
    if not shelf.iso.is_file():
        return shelf.fetch()
    if not wishes.recheck and (record := shelf.recorded()):
        note(f"{shelf.iso}: {record.proof} (checked {record.when})")
        return shelf.iso
    return shelf.verify()


def obtain_url(url: str, sha256: str | None, wishes: Wishes) -> Path:
    """The image at a URL that the user names, in the cache; verified where `sha256` is known.

    Raises B2ctError when it cannot be fetched or differs from `sha256`.
    """
    sha256 = sha256.lower() if sha256 else None
    parts = urlsplit(url)
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", unquote(parts.path).rpartition("/")[2]).lstrip(".")
    folder = data.cache_folder() / "iso" / f"url-{sha256_of(url.encode()).hexdigest()[:16]}"
    iso = folder / (name or "image.iso")
    record = _read_record(iso)
    if record and not wishes.recheck and sha256 in (None, record.sha256):
        note(f"{iso}: {record.proof} (checked {record.when})")
        return iso
    if iso.is_file():
        digest = _digest(iso)
        if (sha256 or record is None) and sha256 in (None, digest):
            return _keep(iso, _user_evidence(digest, sha256))
        note(f"{iso} is not what it should be (SHA-256 {digest}): fetching it anew")
    if wishes.offline:
        raise B2ctError(
            f"{fetch.shown(url)} is not in the cache, and --offline forbids to fetch it",
            hint=f"fetch it on another machine and put it at {iso}",
        )
    fetch.download(url, iso, sha256=sha256, patience=wishes.patience)
    return _keep(iso, _user_evidence(sha256 or _digest(iso), sha256))


class Shelf:
    """The place in the cache for one catalogue row: image, checksum file, signature, key."""

    def __init__(self, media: Media, wishes: Wishes) -> None:
        self.media = media
        self.wishes = wishes
        self.pin = wishes.signing_key or media.fingerprint
        self.folder = data.cache_folder() / "iso" / f"{media.distribution.value}-{media.release}"
        self.iso = self.folder / _basename(media.iso)

    def recorded(self) -> _Record | None:
        """The record of an earlier verification, if the image and the pinned key are the same."""
        record = _read_record(self.iso)
        signed = bool(self.media.checksum_signature)
        if record and signed and self.pin and record.fingerprint != self.pin:
            return None
        return record

    def fetch(self) -> Path:
        """Fetch the image; first what vouches for it, so that a bad key costs no gigabyte."""
        if self.wishes.offline:
            raise self._away(f"{self.iso.name} is not in the cache, and --offline is set")
        try:
            evidence = self._from_network()
        except fetch.UnreachableError as err:
            raise self._away(err.message) from err
        except UnverifiableError as err:
            if not self.wishes.unverified:
                raise
            note(f"UNVERIFIED: {err.message}")
            evidence = None
        try:
            fetch.download(
                self.media.iso,
                self.iso,
                sha256=evidence.sha256 if evidence else None,
                patience=self.wishes.patience,
            )
        except fetch.UnreachableError as err:
            raise self._away(err.message) from err
        return _keep(self.iso, evidence) if evidence else self.iso

    def verify(self) -> Path:
        """Verify an image that is in the cache already: put there by hand, or to be rechecked."""
        try:
            digest = _digest(self.iso)
            evidence = self._for_cached(digest)
        except UnverifiableError as err:
            if not self.wishes.unverified:
                raise
            note(f"UNVERIFIED: {self.iso}: {err.message}")
            return self.iso
        if evidence.sha256 != digest:
            raise B2ctError(
                f"{self.iso} has SHA-256 {digest}, but {evidence.sha256} was expected "
                f"({evidence.proof}): it is damaged, cut short ({self.iso.stat().st_size} bytes), "
                "or another version",
                hint="remove it and run again, or put the right file there",
            )
        return _keep(self.iso, evidence)

    def _for_cached(self, digest: str) -> Evidence:
        """What vouches for the image: the files beside it, else those on the server."""
        sources: list[Callable[[], Evidence]] = []
        if self.media.checksum and (self.folder / _basename(self.media.checksum)).is_file():
            sources.append(partial(self._evidence, self._read_beside))
        if not self.wishes.offline:
            sources.append(self._from_network)
        other: Evidence | None = None
        why = B2ctError("its checksum file is not there")
        for source in sources:
            try:
                found = source()
            except (fetch.UnreachableError, UnverifiableError) as err:
                why = err
                continue
            if found.sha256 == digest:
                return found
            other = found
        if other:
            return other
        raise UnverifiableError(
            f"nothing vouches for {self.iso.name}: {why.message}",
            hint=f"fetch {' and '.join(self._vouchers())} and put what is missing into "
            f"{self.folder}/; or accept the image as it is with --unverified",
        )

    def _from_network(self) -> Evidence:
        """Evidence from the server; what was fetched for it is kept for the next offline run."""
        fetched: dict[str, bytes] = {}

        def read(url: str) -> bytes:
            return fetched.setdefault(url, fetch.get_bytes(url, patience=self.wishes.patience))

        evidence = self._evidence(read)
        self._make_folder()
        for url, content in fetched.items():
            files.write(self.folder / _basename(url), content)
        return evidence

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise files.explain(err, f"make the folder {self.folder}") from err

    def _read_beside(self, url: str) -> bytes:
        path = self.folder / _basename(url)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise UnverifiableError(
                f"{path.name} is missing beside {self.iso.name}",
                hint=f"fetch {url} and put it at {path}",
            ) from None
        except OSError as err:
            raise files.explain(err, f"read {path}") from err

    def _evidence(self, read: Callable[[str], bytes]) -> Evidence:
        media = self.media
        if not media.checksum:
            raise UnverifiableError(
                f"{media.title} publishes no checksum file", hint="accept it with --unverified"
            )
        document = read(media.checksum)
        if not media.checksum_signature:
            digest = self._digest_in(document.decode(errors="replace"))
            proof = f"fits the checksum file of {urlsplit(media.checksum).hostname}"
            return Evidence(digest, f"{proof}, which is UNSIGNED: it is as good as that server")
        if media.checksum_signature == "clear":
            check = partial(gpg.verify_clear, document)
        else:
            check = partial(gpg.verify_detached, document, read(media.checksum_signature))
        signed = self._signed(check)
        proof = f"its checksum is signed by {media.title}'s key {gpg.grouped(signed.fingerprint)}"
        if not self.pin:
            proof += ", which is UNPINNED: compare it with the distribution's web site, and pin it "
            proof += "as release.signing_key in site.yaml"
        return Evidence(self._digest_in(signed.text), proof, self.pin)

    def _digest_in(self, text: str) -> str:
        return checksums.expected(checksums.parse(text), self.iso.name)

    def _signed(self, check: Callable[[gpg.KeyFile, str], gpg.Signed]) -> gpg.Signed:
        """Try the copies of the key in turn: an old copy may lack what a newer one has."""
        failures: list[gpg.SignatureError] = []
        away: fetch.UnreachableError | None = None
        for take in self._keys():
            try:
                key = take()
                signed = check(key, self.pin)
            except gpg.SignatureError as err:
                if not err.renewable:
                    raise
                failures.append(err)
            except fetch.UnreachableError as err:
                away = err
            else:
                self._keep_key(key)
                return signed
        if failures:
            told = "; ".join(dict.fromkeys(err.message for err in failures))
            raise gpg.SignatureError(
                f"nothing vouches for {self.iso.name}: {told}", hint=failures[-1].hint
            )
        if away:
            raise away
        raise UnverifiableError(
            f"this machine has no copy of the signing key of {self.media.title}",
            hint=f"fetch {self.media.key_url} and put it into {self.folder}/, or install the "
            "package distribution-gpg-keys",
        )

    def _keep_key(self, key: gpg.KeyFile) -> None:
        """Put a key that was fetched, and is the pinned one, beside the image for offline runs."""
        if self.pin and key.origin == fetch.shown(self.media.key_url):
            self._make_folder()
            files.write(self.folder / _basename(self.media.key_url), key.data)

    def _keys(self) -> Iterator[Callable[[], gpg.KeyFile]]:
        """Copies of the signing key: beside the image, on this host, at the distribution's."""
        for path in self._key_paths():
            yield partial(_read_key, path)
        url = self.media.key_url
        if url and not self.wishes.offline:
            yield lambda: gpg.KeyFile(
                fetch.shown(url), fetch.get_bytes(url, patience=self.wishes.patience)
            )

    def _key_paths(self) -> Iterator[Path]:
        for name in self.media.key_files:
            for folder in (self.folder, *HOST_KEYS):
                # The package distribution-gpg-keys has a folder for each distribution.
                yield from sorted({*folder.glob(name), *folder.glob(f"*/{name}")})

    def _vouchers(self) -> list[str]:
        """URLs of the files that vouch for the image, the key only where this host has none."""
        signature = self.media.checksum_signature
        found = [self.media.checksum, signature if "://" in signature else ""]
        if signature and not any(self._key_paths()):
            found.append(self.media.key_url)
        return [url for url in found if url]

    def _away(self, what: str) -> B2ctError:
        """The error of who is offline: which files to fetch, and where to put them."""
        urls = [self.media.iso, *self._vouchers()]
        return B2ctError(
            what,
            hint=f"on a machine that is online fetch {' and '.join(urls)}, and put "
            f"{'them' if len(urls) > 1 else 'it'} into {self.folder}/ under the same names; or "
            "name an image with --source",
        )


def _basename(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _read_key(path: Path) -> gpg.KeyFile:
    try:
        return gpg.KeyFile(str(path), path.read_bytes())
    except OSError as err:
        raise gpg.SignatureError(
            files.explain(err, f"read the key {path}").message, renewable=True
        ) from err


def _digest(iso: Path) -> str:
    with byte_progress(f"checking {iso.name}", iso.stat().st_size) as advance:
        return files.sha256(iso, advance)


def _user_evidence(digest: str, sha256: str | None) -> Evidence:
    if sha256:
        return Evidence(digest, "has the SHA-256 that site.yaml gives")
    return Evidence(
        digest,
        f"UNVERIFIED: its SHA-256 is {digest}; compare it with the publisher's and give it as "
        "release.iso_sha256 in site.yaml",
    )


def _record_path(iso: Path) -> Path:
    return iso.with_name(f"{iso.name}.verified.json")


def _keep(iso: Path, evidence: Evidence) -> Path:
    """Record what was verified, and say it."""
    found = iso.stat()
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    record = _Record(
        evidence.sha256,
        found.st_size,
        found.st_mtime_ns,
        evidence.proof,
        evidence.fingerprint,
        when,
    )
    files.write(_record_path(iso), json.dumps(asdict(record), indent=1) + "\n")
    note(f"{iso}: {evidence.proof}")
    return iso


def _read_record(iso: Path) -> _Record | None:
    """The record of an image that has not changed since; None otherwise."""
    try:
        record = _Record(**json.loads(_record_path(iso).read_text()))
        found = iso.stat()
    except (OSError, ValueError, TypeError):
        return None
    return record if (record.size, record.mtime_ns) == (found.st_size, found.st_mtime_ns) else None
