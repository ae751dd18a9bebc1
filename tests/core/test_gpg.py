"""Signatures made by the real gpg, and the ways in which they can deceive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from b2ct.core import gpg
from b2ct.core.errors import B2ctError
from tests.signers import LONG_AGO, Signer, signer

TEXT = "SHA256 (a.iso) = " + "a" * 64 + "\n- a line that clearsigning escapes\n"


@pytest.fixture(name="good", scope="module")
def _good() -> Iterator[Signer]:
    with signer("good") as made:
        yield made


@pytest.fixture(name="evil", scope="module")
def _evil() -> Iterator[Signer]:
    with signer("good") as made:  # the same name, as an attacker would have it
        yield made


def _key(*signers: Signer) -> gpg.KeyFile:
    return gpg.KeyFile("the key file", b"".join(one.key() for one in signers))


def test_the_signed_text_and_its_signer_come_back(good: Signer) -> None:
    clear = gpg.verify_clear(good.clearsign(TEXT), _key(good), good.fingerprint)
    assert clear.text.splitlines() == TEXT.splitlines()
    assert clear.fingerprint == good.fingerprint
    detached = gpg.verify_detached(TEXT.encode(), good.detached(TEXT), _key(good), good.fingerprint)
    assert (detached.text, detached.fingerprint) == (TEXT, good.fingerprint)


def test_a_binary_key_file_and_one_of_several_keys_serve_too(good: Signer, evil: Signer) -> None:
    binary = gpg.KeyFile("binary", good.gpg("--export"))
    assert gpg.verify_clear(good.clearsign(TEXT), binary, good.fingerprint).text
    assert gpg.verify_clear(good.clearsign(TEXT), _key(evil, good), good.fingerprint).text


def test_an_unpinned_key_is_told_by_its_fingerprint(good: Signer) -> None:
    assert gpg.verify_clear(good.clearsign(TEXT), _key(good), "").fingerprint == good.fingerprint


def test_a_bound_subkey_counts_as_its_primary_key() -> None:
    with signer("subkeys") as made:
        made.add_signing_subkey()
        signed = made.clearsign(TEXT)  # gpg signs with the newest subkey
        assert gpg.verify_clear(signed, _key(made), made.fingerprint).fingerprint == (
            made.fingerprint
        )


def test_text_outside_of_the_signature_does_not_count(good: Signer) -> None:
    forged = b"SHA256 (evil.iso) = " + b"b" * 64 + b"\n"
    signed = forged + good.clearsign(TEXT) + forged
    text = gpg.verify_clear(signed, _key(good), good.fingerprint).text
    assert "evil" not in text
    assert "a.iso" in text


def test_two_signed_texts_in_one_file_are_refused(good: Signer) -> None:
    with pytest.raises(gpg.SignatureError, match="more than one"):
        gpg.verify_clear(good.clearsign(TEXT) * 2, _key(good), good.fingerprint)


def test_a_changed_text_is_refused(good: Signer) -> None:
    with pytest.raises(gpg.SignatureError, match="changed after it was signed"):
        gpg.verify_clear(
            good.clearsign(TEXT).replace(b"aaaa", b"bbbb"), _key(good), good.fingerprint
        )
    with pytest.raises(gpg.SignatureError, match="changed after it was signed"):
        gpg.verify_detached(b"x" + TEXT.encode(), good.detached(TEXT), _key(good), good.fingerprint)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(TEXT.encode(), id="plain text"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n", id="cut"),
        pytest.param(b"\x00\xff" * 300, id="random bytes"),
    ],
)
def test_what_is_not_signed_is_refused(good: Signer, document: bytes) -> None:
    with pytest.raises(gpg.SignatureError, match="no signature"):
        gpg.verify_clear(document, _key(good), good.fingerprint)
    with pytest.raises(gpg.SignatureError, match="no signature"):
        gpg.verify_detached(TEXT.encode(), document, _key(good), good.fingerprint)


def test_a_key_of_the_right_name_and_wrong_fingerprint_is_refused(
    good: Signer, evil: Signer
) -> None:
    with pytest.raises(gpg.SignatureError, match="not the pinned") as caught:
        gpg.verify_clear(evil.clearsign(TEXT), _key(evil), good.fingerprint)
    assert evil.fingerprint in caught.value.message
    assert caught.value.renewable


def test_a_second_key_in_the_key_file_may_not_sign(good: Signer, evil: Signer) -> None:
    with pytest.raises(gpg.SignatureError, match="not by"):
        gpg.verify_clear(evil.clearsign(TEXT), _key(good, evil), good.fingerprint)


def test_a_signature_by_an_unknown_key_is_refused(good: Signer, evil: Signer) -> None:
    with pytest.raises(gpg.SignatureError, match=f"signed by key {evil.fingerprint[-16:]}"):
        gpg.verify_clear(evil.clearsign(TEXT), _key(good), good.fingerprint)


def test_an_expired_key_is_refused_as_renewable() -> None:
    with signer("old", expires="1d", options=(LONG_AGO,)) as made:
        with pytest.raises(gpg.SignatureError, match="has expired") as caught:
            gpg.verify_clear(made.clearsign(TEXT), _key(made), made.fingerprint)
        assert caught.value.renewable


def test_an_expired_signature_is_refused() -> None:
    with (
        signer("brief", options=(LONG_AGO, "--default-sig-expire", "1d")) as made,
        pytest.raises(gpg.SignatureError, match="signature itself has expired"),
    ):
        gpg.verify_clear(made.clearsign(TEXT), _key(made), made.fingerprint)


def test_a_revoked_key_is_refused_for_good() -> None:
    with signer("gone") as made:
        signed = made.clearsign(TEXT)
        made.revoke()
        with pytest.raises(gpg.SignatureError, match="revoked") as caught:
            gpg.verify_clear(signed, _key(made), made.fingerprint)
        assert not caught.value.renewable


@pytest.mark.parametrize("data", [b"", b"<html>not here</html>", b"\x99\x01"])
def test_a_file_without_keys_is_refused(good: Signer, data: bytes) -> None:
    with pytest.raises(gpg.SignatureError, match="no usable OpenPGP key"):
        gpg.verify_clear(good.clearsign(TEXT), gpg.KeyFile("page", data), good.fingerprint)


def test_without_gpg_the_remedy_is_named(good: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed, key = good.clearsign(TEXT), _key(good)
    monkeypatch.setattr("b2ct.core.run.find_tool", lambda _name: None)
    with pytest.raises(B2ctError, match="'gpg' is not installed") as caught:
        gpg.verify_clear(signed, key, "")
    assert "b2ct doctor" in caught.value.hint


def test_fingerprints_are_shown_in_groups() -> None:
    assert gpg.grouped("0123456789AB") == "0123 4567 89AB"
