"""What the person at this computer has said yes to: asked once, remembered by its hash.

As direnv does it (`direnv allow`): a yes is a small file whose name is the SHA-256 of everything
that was asked about. When a byte of that changes, it is another question.

The folder is `$XDG_STATE_HOME/b2ct/consent`, else `~/.local/state/b2ct/consent`. Under sudo the
home is often still that of the user. What others can write must not decide what root does, and
root must leave no files there: a folder of another user is neither read nor written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import console, files
from b2ct.core.errors import B2ctError

UNSAFE = 0o022
"""Group and others may write: then others could say yes."""


@dataclass(frozen=True)
class Question:
    """What is asked, and how it is refused where nobody can answer."""

    kind: str
    """What sort of question, for the record: `site`, say."""
    about: tuple[str, ...]
    """All that the answer depends on."""
    told: tuple[str, ...]
    """Lines that are shown before the question."""
    ask: str
    refusal: str
    option: str
    """The option that answers beforehand, such as `--trust-site`."""

    @property
    def digest(self) -> str:
        """The hash that a yes is remembered by. JSON keeps the parts of `about` apart."""
        return hashlib.sha256(json.dumps([self.kind, *self.about]).encode()).hexdigest()


Asker = Callable[[Question], bool | None]
"""Puts a question to a person; None where there is nobody to ask."""


def _nobody(_question: Question) -> None:
    return None


@dataclass(frozen=True)
class Consent:
    """Who is asked, what was said beforehand, and where answers are kept."""

    ask: Asker = _nobody
    said: frozenset[str] = frozenset()
    """Options that were given, such as `--trust-site`: they answer for this run only."""
    folder: Path | None = None
    """Where answers are remembered; None: nowhere."""

    def need(self, question: Question) -> None:
        """Return where the answer is yes. Raises B2ctError where it is not."""
        if question.option in self.said or self._remembered(question):
            return
        answer = self.ask(question)
        if answer is None:
            raise B2ctError(
                question.refusal,
                hint=f"at a terminal this is asked once; elsewhere {question.option} says yes",
            )
        if not answer:
            raise B2ctError(question.refusal, hint="nothing was done")
        self._remember(question)

    def _remembered(self, question: Question) -> bool:
        path = self._file(question)
        try:
            return path is not None and path.is_file() and _only_ours(path)
        except OSError:
            return False

    def _remember(self, question: Question) -> None:
        path = self._file(question)
        if path is None:
            console.note("note: this answer is not remembered: the home folder is another user's")
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write(path, "\n".join((question.kind, *question.told, "")), mode=0o600)
        except (OSError, B2ctError) as err:
            console.note(f"note: this answer is not remembered: {err}")

    def _file(self, question: Question) -> Path | None:
        if self.folder is None or not _ours(self.folder):
            return None
        return self.folder / question.digest


NOBODY = Consent()
"""Nobody is asked, and nothing was said: whatever needs a yes is refused."""


def folder_of(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where answers are kept; None without a home."""
    env = os.environ if environ is None else environ
    state = Path(env.get("XDG_STATE_HOME") or "")
    if not state.is_absolute():
        home = Path(env.get("HOME") or "")
        if not home.is_absolute():
            return None
        state = home / ".local/state"
    return state / "b2ct/consent"


def _ours(folder: Path) -> bool:
    """The folder, or the nearest above it that is there, belongs to who runs this."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return _only_ours(there)


def _only_ours(path: Path) -> bool:
    """Of this user, and nobody else may write to it. No link is followed."""
    found = path.lstat()
    return found.st_uid == os.geteuid() and not found.st_mode & UNSAFE
