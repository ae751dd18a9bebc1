"""Uploads to a real sshd: whole, cut, resumed, damaged, refused."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.ssh import sftp
from b2ct.ssh.sftp import Listener

from .sshd import FrontEnd, breaking_line, front_end, needs_sshd

pytestmark = needs_sshd
SIZE = 3 * 2**20 + 12345


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("front-end")) as found:
        yield found


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "worker.qcow2"
    path.write_bytes(random.Random(7).randbytes(SIZE))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "var tmp"
    path.mkdir()
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_a_whole_upload(there: FrontEnd, local: Path, folder: Path) -> None:
    target = folder / "w.qcow2"
    seen: list[int] = []
    done = sftp.upload(there.line(), local, sha256(local), str(target), Listener(seen.append))
    assert (done.path, done.sent, done.resumed) == (str(target), SIZE, 0)
    assert only(folder).read_bytes() == local.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o644
    assert sum(seen) == SIZE
    again = sftp.upload(there.line(), local, sha256(local), str(target))
    assert (again.sent, again.resumed) == (0, SIZE)
    assert sftp.remove(there.line(), str(target))
    assert not sftp.remove(there.line(), str(target))


def test_a_line_that_breaks_twice(there: FrontEnd, local: Path, folder: Path) -> None:
    notes: list[str] = []
    with breaking_line(there.port, [1_500_000, 1_200_000]) as line:
        server = there.line(port=line.port)
        target = str(folder / "w.qcow2")
        done = sftp.upload(
            server, local, sha256(local), target, Listener(note=notes.append, pause=0)
        )
    assert line.connections == 3
    assert len(notes) == 2
    assert "was lost" in notes[0]
    assert 0 < done.resumed < SIZE
    assert only(folder).read_bytes() == local.read_bytes()


def test_a_line_that_only_breaks(there: FrontEnd, local: Path, folder: Path) -> None:
    with (
        breaking_line(there.port, [1_500_000, *[4000] * 20]) as line,
        pytest.raises(B2ctError, match="again and again") as caught,
    ):
        sftp.upload(
            there.line(port=line.port), local, sha256(local), str(folder / "w"), Listener(pause=0)
        )
    assert "goes on" in caught.value.hint
    left = only(folder)
    assert left.name == "w.part"
    assert left.read_bytes() == local.read_bytes()[: left.stat().st_size]
    done = sftp.upload(there.line(), local, sha256(local), str(folder / "w"))
    assert done.sent < SIZE
    assert only(folder).read_bytes() == local.read_bytes()


@pytest.mark.parametrize("held", [b"something else" * 1000, b"x" * (SIZE + 1), b""])
def test_a_part_of_something_else_is_not_continued(
    there: FrontEnd, local: Path, folder: Path, held: bytes
) -> None:
    (folder / "w.part").write_bytes(held)
    done = sftp.upload(there.line(), local, sha256(local), str(folder / "w"))
    assert (done.sent, done.resumed) == (SIZE, 0)
    assert only(folder).read_bytes() == local.read_bytes()


def test_a_damaged_file_of_an_earlier_run_is_sent_anew(
    there: FrontEnd, local: Path, folder: Path
) -> None:
    (folder / "w").write_bytes(bytes(SIZE))
    assert sftp.upload(there.line(), local, sha256(local), str(folder / "w")).sent == SIZE
    assert only(folder).read_bytes() == local.read_bytes()


def test_a_file_that_changes_meanwhile(there: FrontEnd, local: Path, folder: Path) -> None:
    announced = sha256(local)
    local.write_bytes(bytes(SIZE))
    with pytest.raises(B2ctError, match="is not what was sent"):
        sftp.upload(there.line(), local, announced, str(folder / "w"))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["w", "w.part"])
def test_a_link_that_somebody_put_there_is_not_followed(
    there: FrontEnd, local: Path, folder: Path, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / name).symlink_to(victim)
    with pytest.raises(B2ctError, match="not a file of this user"):
        sftp.upload(there.line(), local, sha256(local), str(folder / "w"))
    assert victim.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_part_of_somebody_else_is_not_continued(
    there: FrontEnd, local: Path, folder: Path
) -> None:
    (folder / "w.part").write_bytes(local.read_bytes()[:1000])
    os.chown(folder / "w.part", 4242, 4242)
    with pytest.raises(B2ctError, match="not a file of this user"):
        sftp.upload(there.line(), local, sha256(local), str(folder / "w"))


def test_an_account_with_nothing_but_sftp(tmp_path: Path, local: Path, folder: Path) -> None:
    with front_end(tmp_path, more="ForceCommand internal-sftp\n") as there:
        (folder / "w.part").write_bytes(local.read_bytes()[:1_000_000])
        done = sftp.upload(there.line(), local, sha256(local), str(folder / "w"))
    assert done.resumed == 1_000_000
    assert only(folder).read_bytes() == local.read_bytes()


def test_a_full_disk(there: FrontEnd, local: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=2m", "b2ct-test", str(small)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        with pytest.raises(B2ctError, match="2 MiB free, 4 MiB are to come") as caught:
            sftp.upload(there.line(), local, sha256(local), str(small / "w"))
        assert "--folder" in caught.value.hint
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_folder_that_is_not_there(there: FrontEnd, local: Path, folder: Path) -> None:
    with pytest.raises(B2ctError, match="No such file") as caught:
        sftp.upload(there.line(), local, sha256(local), str(folder / "no/w"))
    assert "--folder" in caught.value.hint


def test_a_server_without_sftp_is_no_lost_line(tmp_path: Path, local: Path) -> None:
    with front_end(tmp_path, sftp=False) as there:
        line = there.line()
        with pytest.raises(B2ctError, match="offers no SFTP") as caught:
            sftp.upload(line, local, sha256(local), "/nowhere/w", Listener(pause=0))
    assert "internal-sftp" in caught.value.hint


class TestWhoIsThere:
    def refused(self, server: object, local: Path) -> B2ctError:
        with pytest.raises(B2ctError) as caught:
            sftp.upload(server, local, "0" * 64, "/nowhere/w", Listener(pause=0))  # type: ignore[arg-type]
        assert caught.value.hint
        return caught.value

    def test_another_key_than_the_pinned_one(
        self, there: FrontEnd, local: Path, tmp_path: Path
    ) -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True
        )
        other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
        error = self.refused(there.line(host_key=other), local)
        assert "another SSH host key" in error.message
        assert "SHA256:" in error.message

    def test_a_key_that_nobody_knows(self, there: FrontEnd, local: Path, tmp_path: Path) -> None:
        known = tmp_path / "known_hosts"
        known.write_text("# nobody\n@cert-authority * nonsense\n")
        error = self.refused(there.line(host_key="", known_hosts=(known,)), local)
        assert "is not known" in error.message
        assert "ssh-keygen -lf" in error.hint

    def test_known_hosts(self, there: FrontEnd, local: Path, folder: Path, tmp_path: Path) -> None:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{there.port} {there.host_key}\n")
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
        server = there.line(host_key="", known_hosts=(tmp_path / "none", known))
        assert sftp.upload(server, local, sha256(local), str(folder / "w")).sent == SIZE

    def test_a_key_that_is_not_accepted(
        self, there: FrontEnd, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "mine"], check=True
        )
        error = self.refused(there.line(identity=tmp_path / "mine"), local)
        assert "accepts none of your SSH keys" in error.message
        error = self.refused(there.line(identity=None), local)
        assert "accepts none of your SSH keys" in error.message

    def test_a_key_with_a_passphrase(
        self, there: FrontEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "mine"],
            check=True,
        )
        with pytest.raises(B2ctError, match="has a passphrase") as caught:
            there.line(identity=tmp_path / "mine")
        assert "ssh-add" in caught.value.hint

    def test_nobody_listens(self, there: FrontEnd, local: Path) -> None:
        with breaking_line(there.port, [0] * 9) as line:
            pass
        error = self.refused(there.line(port=line.port), local)
        assert "cannot reach" in error.message
        assert "--url or --path" in error.hint
