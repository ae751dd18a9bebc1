from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import sha512_crypt
from pydantic import SecretStr

from b2ct.core.errors import B2ctError
from b2ct.site.model import Secret
from b2ct.site.secrets import LONGEST, crypt_hash, resolve

NAME = "secrets.root_password"


def value(secret: Secret, folder: Path) -> str:
    found = resolve(secret, folder=folder, name=NAME)
    assert found is not None
    assert found.get_secret_value() not in f"{found} {found!r}"
    return found.get_secret_value()


def refusal(secret: Secret, folder: Path) -> str:
    with pytest.raises(B2ctError) as caught:
        resolve(secret, folder=folder, name=NAME)
    assert "hunter2" not in "\n".join(caught.value.lines())
    assert caught.value.__cause__ is None  # what a traceback would show besides
    return caught.value.message


def test_a_file_is_relative_to_the_site_and_counts_by_its_first_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "root password.txt"
    path.write_text("hunter2 é\r\nmore\n")
    path.chmod(0o600)
    assert value(Secret(file=Path(path.name)), tmp_path) == "hunter2 é"
    assert value(Secret(file=path), Path("/nowhere")) == "hunter2 é"
    assert not capsys.readouterr().err
    path.chmod(0o644)
    assert value(Secret(file=path), tmp_path) == "hunter2 é"
    assert f"warning: {path} can be read by every user" in capsys.readouterr().err


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B2CT_TEST_PW", "hunter2")
    assert value(Secret(env="B2CT_TEST_PW"), tmp_path) == "hunter2"
    monkeypatch.delenv("B2CT_TEST_PW")
    assert "B2CT_TEST_PW is not set" in refusal(Secret(env="B2CT_TEST_PW"), tmp_path)


def test_a_command_runs_without_a_shell_in_the_folder_of_the_site(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/sh\necho "$1"; pwd\n')
    tool.chmod(0o755)
    assert value(Secret(command=("./tool", "$HOME;`id`")), tmp_path) == "$HOME;`id`"
    assert value(Secret(command=("cat", "tool")), tmp_path) == "#!/bin/sh"


def test_generated_secrets_have_no_value_here(tmp_path: Path) -> None:
    assert resolve(Secret(generate=True), folder=tmp_path, name=NAME) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\nhunter2", "is empty"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2\x00", "cannot be typed at a console"),
        (b"hunter2\t", "cannot be typed at a console"),
        (b"hunter2" * 1000, f"is longer than {LONGEST} characters"),
        (b"-----BEGIN PRIVATE KEY----- hunter2", "is a private key, not a password"),
    ],
)
def test_what_is_no_password(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "pw"
    path.write_bytes(content)
    path.chmod(0o600)
    assert message in refusal(Secret(file=path), tmp_path)
    assert message in refusal(Secret(command=("cat", str(path))), tmp_path)


def test_references_to_nothing(tmp_path: Path) -> None:
    assert "cannot read" in refusal(Secret(file=Path("no")), tmp_path)
    assert "is a directory" in refusal(Secret(file=Path()), tmp_path)
    assert "'no-such-tool' is not installed" in refusal(Secret(command=("no-such-tool",)), tmp_path)


def test_a_command_that_fails_does_not_tell_what_it_printed(tmp_path: Path) -> None:
    words = ("sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3")
    assert refusal(Secret(command=words), tmp_path) == (
        "secrets.root_password: the command sh failed with exit code 3"
    )


@settings(max_examples=5)
@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=100))
def test_the_hash_is_of_the_password(password: str) -> None:
    hashed = crypt_hash(SecretStr(password))
    assert hashed.startswith("$6$rounds=")
    assert sha512_crypt.verify(password, hashed)
    assert not sha512_crypt.verify(password + "x", hashed)
    assert hashed != crypt_hash(SecretStr(password))


def test_the_same_salt_gives_the_same_bytes() -> None:
    one = crypt_hash(SecretStr("hunter2"), salt_of="b2ct root")
    assert one == crypt_hash(SecretStr("hunter2"), salt_of="b2ct root")
    assert sha512_crypt.verify("hunter2", one)
    # The salt tells nothing of the password: another one has the same.
    assert one.split("$")[3] == crypt_hash(SecretStr("x"), salt_of="b2ct root").split("$")[3]
    assert one.split("$")[3] != crypt_hash(SecretStr("x"), salt_of="other root").split("$")[3]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "pw"
    path.touch(mode=0)
    assert "permission denied" in refusal(Secret(file=path), tmp_path)
