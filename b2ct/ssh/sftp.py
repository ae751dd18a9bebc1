"""Copies a file to a front-end over SFTP: resumed where it was cut, checked by its checksum.

The remote file is `PATH.part` while it grows, and is renamed when it is whole. A part that is
there already is only continued if the sum of its bytes is that of ours; it must be an ordinary
file of the same user, for /var/tmp belongs to everybody.
"""

from __future__ import annotations

import hashlib
import posixpath
import secrets
import shlex
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from b2ct.core.errors import B2ctError
from b2ct.core.files import explain
from b2ct.ssh.answer import NoLineError
from b2ct.ssh.door import Door
from b2ct.ssh.target import Target

if TYPE_CHECKING:
    import paramiko

BLOCK = 1 << 18
SHORT, SILENCE, SUM = 20.0, 60.0, 900.0
"""Seconds: for a small command; without a sign of life; for a checksum over there."""
PATIENCE = 5
"""Lost connections without a byte of progress."""


@dataclass(frozen=True)
class Sent:
    """An upload that has ended well."""

    path: str
    size: int
    sent: int
    """Bytes that went over the line this time."""
    resumed: int
    """Bytes that were there already."""


@dataclass(frozen=True)
class Listener:
    """Who is told how it goes."""

    advance: Callable[[int], object] = lambda _count: None
    note: Callable[[str], object] = lambda _text: None
    pause: float = 2.0
    """Seconds before a lost connection is made again."""


@dataclass(frozen=True)
class Line:
    """Where to, and the door that leads there. A door that tries again suits a bad line."""

    door: Door
    target: Target


class _LostError(Exception):
    """The connection broke."""

    hint = ""


def upload(
    line: Line, local: Path, sha256: str, path: str, listener: Listener | None = None
) -> Sent:
    """Bring a local file to `path` on the server; `sha256` is the sum that it must have there.

    A lost connection is made again, and goes on where it was cut. Raises B2ctError with the
    remedy; what has arrived stays there for the next attempt.
    """
    listener = listener or Listener()
    sender = _Sender(line, local, sha256, path, listener)
    failures = 0
    while True:
        before = sender.sent
        try:
            with _session(line) as session:
                return sender.run(session)
        except _LostError as err:
            failures = 1 if sender.sent > before else failures + 1
            if not sender.connected:
                what = err.hint.rstrip("?") or f"does `ssh {line.target}` work"
                raise B2ctError(
                    f"cannot reach {line.target.account} by SSH: {err}",
                    hint=f"{what}? --ssh names another address; --url or --path need no SSH",
                ) from err
            if failures >= PATIENCE:
                raise B2ctError(
                    f"the connection to {line.target.host} is lost again and again: {err}",
                    hint="run the same command when the line is better: it goes on where it was "
                    "cut",
                ) from err
            listener.note(f"note: the connection to {line.target.host} was lost ({err}): again")
            time.sleep(listener.pause)


def remove(line: Line, path: str) -> bool:
    """Remove an uploaded file; whether it was there. Raises B2ctError."""
    try:
        with _session(line) as session, _telling(line.target, f"remove {path}"):
            try:
                session.sftp.remove(path)
            except FileNotFoundError:
                return False
            return True
    except _LostError as err:
        raise B2ctError(
            f"cannot remove {path} on {line.target.host}: {err}",
            hint=f"ssh {line.target} rm {path}",
        ) from err


@dataclass(frozen=True)
class _Session:
    ssh: paramiko.SSHClient
    sftp: paramiko.SFTPClient


class _Sender:
    """One upload over as many connections as it takes."""

    def __init__(self, line: Line, local: Path, sha256: str, path: str, listener: Listener) -> None:
        self.target = line.target
        self.local = local
        self.sha256 = sha256
        self.path = path
        self.part = f"{path}.part"
        self.listener = listener
        self.size = local.stat().st_size
        self.sent = 0
        self.resumed = 0
        self.connected = False
        self._shown = 0

    def run(self, session: _Session) -> Sent:
        self.connected = True
        with _telling(self.target, f"write {self.part}"):
            uid = _own_uid(session.sftp, posixpath.dirname(self.path))
            if self._whole(session, uid):
                self._show(self.size)
                self.resumed = self.size
                return self._result()
            start = self._continued(session, uid)
            self.resumed = self.resumed or start
            self._show(start)
            _need_room(session, posixpath.dirname(self.path), self.size - start)
            self._send(session, start)
            self._check(session)
            _rename(session.sftp, self.part, self.path)
        return self._result()

    def _result(self) -> Sent:
        return Sent(self.path, self.size, self.sent, self.resumed)

    def _whole(self, session: _Session, uid: int) -> bool:
        """An earlier run has brought it, and it is still what it was."""
        found = _ordinary(session.sftp, self.path, uid)
        if found is None:
            return False
        if found == self.size and _sum(session, self.path, found) == self.sha256:
            return True
        session.sftp.remove(self.path)
        return False

    def _continued(self, session: _Session, uid: int) -> int:
        """How many bytes of the part over there are ours; others are thrown away."""
        found = _ordinary(session.sftp, self.part, uid)
        if found is None:
            return 0
        if 0 < found <= self.size and _sum(session, self.part, found) == _local(self.local, found):
            return found
        session.sftp.remove(self.part)
        return 0

    def _send(self, session: _Session, start: int) -> None:
        mode = "r+" if start else "wx"  # x: O_EXCL, so that no link of somebody else is followed
        with self.local.open("rb") as source, _writing(session, self.part, mode) as target:
            source.seek(start)
            target.seek(start)
            target.set_pipelined(True)
            while block := source.read(BLOCK):
                target.write(block)
                self.sent += len(block)
                start += len(block)
                self._show(start)
            target.chmod(0o644)  # oneadmin reads what root has written; also awaits all answers

    def _show(self, at: int) -> None:
        if at > self._shown:
            self.listener.advance(at - self._shown)
            self._shown = at

    def _check(self, session: _Session) -> None:
        if _sum(session, self.part, self.size) == self.sha256:
            return
        session.sftp.remove(self.part)
        raise B2ctError(
            f"what arrived on {self.target.host} is not what was sent",
            hint="did the file change meanwhile? Run the same command again; if it happens again, "
            "the memory or disk of one of the machines is damaged",
        )


@contextmanager
def _writing(session: _Session, path: str, mode: str) -> Iterator[paramiko.SFTPFile]:
    """A remote file; what ends the writing, such as Ctrl-C, ends the connection too.

    Closing the file would first wait for the answers to all that is under way, and the line may
    hang.
    """
    target = session.sftp.open(path, mode)
    try:
        yield target
        target.close()
    except BaseException:
        session.ssh.close()
        target.set_pipelined(False)
        raise


@contextmanager
def _session(line: Line) -> Iterator[_Session]:
    """A connection with SFTP on it. Raises B2ctError, _LostError for what may be tried again."""
    import paramiko

    try:
        ssh = line.door.connect(line.target)
    except NoLineError as err:
        lost = _LostError(err.message)
        lost.hint = err.hint
        raise lost from err
    try:
        try:
            transport = ssh.get_transport()
            if transport is not None:
                transport.set_keepalive(15)
            sftp = ssh.open_sftp()
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(SILENCE)
        except (OSError, paramiko.SSHException, EOFError) as err:
            if transport is not None and transport.is_active():
                raise B2ctError(
                    f"{line.target.host} lets us in, but offers no SFTP",
                    hint="its sshd_config needs `Subsystem sftp internal-sftp`",
                ) from err
            raise _LostError(_short(err)) from err
        yield _Session(ssh, sftp)
    finally:
        ssh.close()


@contextmanager
def _telling(target: Target, doing: str) -> Iterator[None]:
    """Errors of SFTP and of the line in words."""
    import paramiko

    try:
        yield
    except (paramiko.SSHException, EOFError, ConnectionError, TimeoutError) as err:
        raise _LostError(_short(err)) from err
    except OSError as err:
        # SFTP knows few reasons; what it calls "Failure" is nearly always a full disk.
        if "Socket is closed" in str(err):
            raise _LostError(_short(err)) from err
        if err.filename is not None:  # of a file here
            raise explain(err, f"read {err.filename}") from err
        why = "is the disk full?" if str(err) == "Failure" else (err.strerror or _short(err))
        raise B2ctError(
            f"cannot {doing} on {target.host}: {why}",
            hint="look there with `df -h` and `ls -ld`; --folder names another folder; what has "
            "arrived stays for the next attempt",
        ) from err


def _short(err: Exception) -> str:
    return " ".join(str(err).split())[:200] or type(err).__name__


def _own_uid(sftp: paramiko.SFTPClient, folder: str) -> int:
    """Who we are over there; also proves that the folder can be written."""
    probe = posixpath.join(folder, f".b2ct-{secrets.token_hex(8)}")
    with sftp.open(probe, "wx") as file:
        uid = file.stat().st_uid
    sftp.remove(probe)
    return -1 if uid is None else uid


def _ordinary(sftp: paramiko.SFTPClient, path: str, uid: int) -> int | None:
    """The size of a file of ours, None where there is none. Raises B2ctError for anything else."""
    try:
        found = sftp.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode or 0) or found.st_uid != uid:
        raise B2ctError(
            f"{path} on the front-end is not a file of this user",
            hint="somebody else put it there: look at it, remove it, or use another --folder",
        )
    return found.st_size or 0


def _sum(session: _Session, path: str, size: int) -> str:
    """SHA-256 of a remote file's first bytes; read back over the line where sha256sum is not."""
    command = f"LC_ALL=C head -c {size} {shlex.quote(path)} | sha256sum"
    with suppress(ValueError):
        return _said_sum(_command(session, command, SUM))
    digest = hashlib.sha256()
    with session.sftp.open(path, "rb") as file:
        file.prefetch(size)
        while size and (block := file.read(min(BLOCK, size))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _said_sum(output: str) -> str:
    word = (output.split() or [""])[0]
    if len(word) != 64:
        raise ValueError("no sum")
    int(word, 16)
    return word


def _command(session: _Session, command: str, seconds: float) -> str:
    """What a command prints; empty where the account has SFTP only."""
    import paramiko

    try:
        stdin, out, _err = session.ssh.exec_command(command, timeout=seconds)
        stdin.channel.shutdown_write()  # an account with SFTP only would wait for requests
        text = out.read(65536).decode(errors="replace")
        return text if out.channel.recv_exit_status() == 0 else ""
    except paramiko.ChannelException:
        return ""


def _need_room(session: _Session, folder: str, size: int) -> None:
    """Raise B2ctError when df(1) over there says that the rest does not fit."""
    lines = _command(session, f"LC_ALL=C df -Pk {shlex.quote(folder)}", SHORT).splitlines()
    words = lines[-1].split() if len(lines) > 1 else []
    if len(words) < 6 or not words[3].isdigit():
        return
    free = int(words[3]) * 1024
    if free < size:
        raise B2ctError(
            f"{folder} on the front-end has {free // 2**20} MiB free, {-(-size // 2**20)} MiB are "
            "to come",
            hint="free space there, or name another folder with --folder (it must be in SAFE_DIRS)",
        )


def _rename(sftp: paramiko.SFTPClient, old: str, new: str) -> None:
    try:
        sftp.posix_rename(old, new)
    except FileNotFoundError:
        # Another run of the same command was faster; what it left has been checked by it.
        sftp.stat(new)


def _local(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size and (block := file.read(min(1 << 20, size))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()
