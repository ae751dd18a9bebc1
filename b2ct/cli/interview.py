"""The questions of `b2ct init`: each answer is checked at once, by the file's own checks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from b2ct.core.errors import B2ctError, InvalidFileError
from b2ct.site import catalogue, starter
from b2ct.site.load import load_text
from b2ct.site.starter import Answers

T = TypeVar("T")


def guard(outputs: Sequence[Path], *, force: bool) -> None:
    """Refuse to overwrite what exists. Raises B2ctError."""
    for path in outputs:
        if path.is_dir():
            raise B2ctError(f"{path} is a folder", hint=f"name a file: -o {path / 'site.yaml'}")
        if path.exists() and not force:
            raise B2ctError(
                f"{path} exists", hint="edit it, write elsewhere with -o, or overwrite with --force"
            )


def defaults(release: str | None) -> Answers:
    """The answers of somebody who asks nothing: defaults, and the first SSH key that would work."""
    answers = replace(Answers(), release=_release(release))
    for name, key in public_keys():
        chosen = replace(answers, admin=name, ssh_key=key)
        if not complaint(chosen):
            click.echo(f"admin's SSH key: {shorten(key)}", err=True)
            return chosen
    return answers


def ask(release: str | None) -> Answers:
    """Ask on the terminal. Raises B2ctError where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise B2ctError(
            "there is no terminal to ask questions on", hint="take the defaults with --yes"
        )
    answers = replace(Answers(), release=_release(release))
    click.echo("An empty answer takes the [default], or leaves it to be asked later.\n", err=True)
    answers = _ask(answers, "name", "Name of the site")
    answers = _ask(answers, "domain", "DNS domain of the machines")
    if release is None:
        answers = _ask(answers, "release", f"Release ({', '.join(catalogue.RELEASES)})")
    answers = _ask(answers, "cidr", "Service network, as in 10.0.0.0/24")
    answers = _ask(answers, "control", "Host name of the control node")
    answers = _ask(answers, "mac", "Its MAC address")
    answers = _ask(answers, "address", "Its address on the service network, or dhcp")
    answers = replace(answers, hypervisors=_ask_count())
    return _ask_key(answers)


def complaint(answers: Answers) -> str:
    """What the file's own checks say about a site of these answers; empty: nothing."""
    try:
        load_text(starter.render(answers))
    except InvalidFileError as err:
        first = err.problems[0]
        return first.message + (f" ({first.hint})" if first.hint else "")
    except B2ctError as err:
        return f"{err.message} ({err.hint})"
    return ""


def public_keys(folder: Path | None = None) -> Iterator[tuple[str, str]]:
    """(whose, key) of each one-line public key in ~/.ssh, the modern types first."""
    found = []
    try:
        paths = sorted((folder or Path.home() / ".ssh").glob("*.pub"))
    except (OSError, RuntimeError):
        return
    for path in paths:
        try:
            text = path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue
        words = text.split(None, 2)
        if len(words) >= 2 and "\n" not in text:
            whose = words[2].split("@")[0] if len(words) > 2 else "admin"
            found.append((not words[0].startswith("ssh-ed25519"), whose or "admin", text))
    yield from ((whose, key) for _, whose, key in sorted(found))


def shorten(key: str) -> str:
    """A public key as a person recognises it: type, end of the key, comment."""
    kind, body, *comment = key.split(None, 2)
    return " ".join([kind, f"...{body[-12:]}", *comment])


def _release(key: str | None) -> str:
    return catalogue.release(key or catalogue.DEFAULT_RELEASE).key


def _ask(answers: Answers, name: str, question: str) -> Answers:
    """Ask for one answer until the file's own checks accept it."""

    def check(text: str) -> Answers:
        change: dict[str, Any] = {name: text.strip()}
        changed = replace(answers, **change)
        if why := complaint(changed):
            raise click.UsageError(why)
        return changed

    return _prompt(question, check, default=getattr(answers, name))


def _ask_count() -> int:
    def check(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) > starter.MOST_HYPERVISORS:
            raise click.UsageError(f"a number from 0 to {starter.MOST_HYPERVISORS}")
        return int(text)

    return _prompt("Number of hypervisors (0: all on one machine)", check, default="1")


def _ask_key(answers: Answers) -> Answers:
    """Offer the keys that this person has; else take one that is pasted."""
    for name, key in public_keys():
        changed = replace(answers, admin=name, ssh_key=key)
        if not complaint(changed) and click.confirm(
            f"Let {shorten(key)} log in as root?", default=True, err=True
        ):
            return changed
    return _ask(answers, "ssh_key", "Administrator's SSH public key, the line of a .pub file")


def _prompt(question: str, check: Callable[[str], T], *, default: str) -> T:
    answer: T = click.prompt(
        question, default=default, show_default=bool(default), value_proc=check, err=True
    )
    return answer
