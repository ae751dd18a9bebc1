"""What kind of file it is: the model that it becomes, and the words in which it is spoken of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from b2ct.document.finding import Finding
from b2ct.document.model import Model
from b2ct.document.redact import Path

M = TypeVar("M", bound=Model)


def _nothing(_document: Model) -> Iterable[Finding]:
    return ()


def _never(_path: Path) -> bool:
    return False


@dataclass(frozen=True)
class Kind(Generic[M]):
    """A kind of file, and how it is read."""

    model: type[M]
    noun: str
    """What it describes, with its article: `a site`."""
    usual_name: str
    """The usual name of such a file: `site.yaml`."""
    if_missing: str = ""
    """The hint for those who name a file that does not exist."""
    crosscheck: Callable[[M], Iterable[Finding]] = _nothing
    """What single values cannot tell."""
    bears_without: Callable[[Path], bool] = _never
    """Whether leaving the value at a path out can only take findings of `crosscheck` away.

    What has wrong values is cross-checked only if all of them are of this kind, so that one
    mistake is not reported as two.
    """
