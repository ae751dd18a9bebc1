"""The default engine: a definition becomes a bootable QCOW2, without a VM, a loop device or root.

Everything that is made is made by one process inside namespaces (`b2ct.image.inside`); out here its
inputs are gathered, and its errors are told.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from b2ct.core import proxy
from b2ct.core.clock import image_time
from b2ct.core.data import cache_folder
from b2ct.core.errors import EXIT_REFUSED, B2ctError, VerdictError
from b2ct.core.run import CommandError, need_tool, stream
from b2ct.image import compare, scratch
from b2ct.image.definitions import Loaded
from b2ct.image.inside import Job, Outcome
from b2ct.image.repositories import addresses
from b2ct.image.rootfs import configure, keys, layers, userns
from b2ct.image.rootfs.bootstrap import State, bootstrap_of
from b2ct.image.rootfs.cache import LayerCache
from b2ct.image.rootfs.userns import Namespace

_TIMEOUT = 6 * 3600.0
_TOOLS = {
    "apt": ("mmdebstrap", "apt-get", "dpkg-query", "gpg"),
    "rpm": ("dnf", "rpm", "gpg"),
}
_ALWAYS = ("unshare", "setpriv", "mount", "tar", "mke2fs", "sfdisk", "qemu-img")


@dataclass(frozen=True)
class Request:
    """What the user asks for."""

    output: Path
    scratch: Path | None = None
    offline: bool = False
    verify_reproducible: bool = False


@dataclass(frozen=True)
class Prepared:
    """A build whose inputs are all known; nothing has been made yet."""

    loaded: Loaded
    request: Request
    namespace: Namespace
    place: scratch.Scratch
    epoch: int
    keys: layers.Keys
    state: State
    cache: Path

    @property
    def layer_cache(self) -> LayerCache:
        """Where finished layers are."""
        return LayerCache(self.cache / "layers")

    def cached(self) -> dict[str, bool]:
        """Kind of layer -> whether it is there."""
        cache = self.layer_cache
        return {kind: cache.find(self.keys.of(kind)) is not None for kind in layers.KINDS}

    def steps(self) -> list[str]:
        """What a build would do, in order."""
        there = self.cached()
        top = max((i for i, kind in enumerate(layers.KINDS) if there[kind]), default=-1)
        first = "root of this host" if self.namespace.as_root else "root of a user namespace"
        steps = [f"as {first}, {self.place.described()}", f"SOURCE_DATE_EPOCH {self.epoch}"]
        for number, kind in enumerate(layers.KINDS):
            key = self.keys.of(kind)[:12]
            if number > top:
                steps.append(f"make the {kind} layer {key}")
            else:
                use = "unpack" if number == top else "skip"
                steps.append(f"{use} the {kind} layer {key}, which is in the cache")
        layout = self.loaded.definition.disk
        steps.append(f"make a disk of {layout.size >> 20} MiB that boots under BIOS and UEFI")
        steps.append(f"write {self.request.output}")
        return steps

    def make(self, image: Path, say: Callable[[str], None]) -> Outcome:
        """Make the image at that path; see _make."""
        return _make(self, image, say)

    def as_json(self) -> dict[str, Any]:
        """For programs: what --dry-run says."""
        return {
            "name": self.loaded.name,
            "output": str(self.request.output),
            "epoch": self.epoch,
            "layers": {
                kind: {"key": self.keys.of(kind), "cached": there}
                for kind, there in self.cached().items()
            },
            "steps": self.steps(),
        }


class InsideError(B2ctError):
    """An error of the process inside, as it described it."""

    def __init__(self, lines: Sequence[str], code: int) -> None:
        super().__init__(lines[0])
        self._lines = list(lines)
        self.exit_code = code

    def lines(self) -> list[str]:
        """The lines of the original error."""
        return self._lines


def prepare(loaded: Loaded, request: Request) -> Prepared:
    """Find out all that decides the result: host, mirrors, keys, configuration, time.

    Raises B2ctError for what stands in the way; nothing is written but the cache of indices.
    """
    definition = loaded.definition
    request = replace(request, output=request.output.absolute())
    for tool in (*_ALWAYS, *_TOOLS[definition.system.packaging]):
        need_tool(tool)
    namespace = userns.find()
    if not request.offline:
        proxy.make_ready(addresses(definition))
    cache = cache_folder()
    place = scratch.choose(request.scratch, cache / "scratch")
    bootstrap = bootstrap_of(definition)
    state = bootstrap.state(definition, cache, offline=request.offline)
    epoch = image_time(state.date)
    known = keys.of(definition, cache, offline=request.offline)
    configuration = configure.wanted(definition, known, state.pins)
    found = layers.keys_of(definition, configuration, bootstrap, state, epoch)
    return Prepared(loaded, request, namespace, place, epoch, found, state, cache)


def _make(plan: Prepared, output: Path, say: Callable[[str], None]) -> Outcome:
    """Make the image alone, at `output`, from the layers of the cache where they are.

    With `verify_reproducible` it is made a second time without them, and compared: VerdictError
    says what differs. Raises B2ctError for whatever went wrong.
    """
    say(plan.place.described())
    plan.layer_cache.sweep()
    with _workplace(plan) as folder:
        outcome = _perform(plan, folder, output, plan.cache / "layers", say)
        if not plan.request.verify_reproducible:
            return outcome
    with _workplace(plan) as folder, _workplace(plan, disk=True) as spare:
        say("once more, from nothing")
        again = _perform(plan, folder, spare / "again.qcow2", spare / "layers", say)
        if again.sha256 != outcome.sha256:
            first = compare.Side(plan.cache / "layers", outcome.layers, output)
            second = compare.Side(spare / "layers", again.layers, spare / "again.qcow2")
            raise VerdictError(
                f"two builds of {plan.loaded.name} differ: {outcome.sha256} and {again.sha256}",
                hint="; ".join(compare.differences(first, second)),
            )
        say(f"twice the same: SHA-256 {outcome.sha256}")
    return outcome


@contextmanager
def _workplace(plan: Prepared, *, disk: bool = False) -> Iterator[Path]:
    parent = plan.cache / "scratch" if disk and plan.place.memory else plan.place.parent

    def remove(folder: Path) -> None:
        plan.namespace.remove(folder)

    with scratch.claimed(parent, remove) as folder:
        yield folder


def _perform(
    plan: Prepared, folder: Path, output: Path, cached: Path, say: Callable[[str], None]
) -> Outcome:
    """Start the process inside and pass on what it says."""
    work = folder / "work"
    work.mkdir(mode=0o700)
    # What is fetched may be used again; only layers are made anew for a comparison.
    job = Job(
        name=plan.loaded.name,
        definition=plan.loaded.definition.model_dump_json(),
        epoch=plan.epoch,
        keys=plan.keys,
        identity=dict(plan.state.identity),
        urls=dict(plan.state.urls),
        pins={name: list(pins) for name, pins in plan.state.pins.items()},
        cache=plan.cache,
        layers=cached,
        scratch=work,
        memory=plan.place.memory,
        output=output,
        offline=plan.request.offline,
    )
    job_file, answer_file = folder / "job.json", folder / "answer.json"
    job_file.write_text(job.as_json())
    argv = plan.namespace.command([sys.executable, "-m", "b2ct.image.inside", job_file])
    env = {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **proxy.environment(addresses(plan.loaded.definition)),
    }
    try:
        with closing(stream(argv, timeout=_TIMEOUT, env=env)) as lines:
            for line in lines:
                say(line)
    except CommandError as err:
        raise B2ctError(
            f"the build of {plan.loaded.name} ended unexpectedly, with exit code {err.done.code}",
            hint="the last lines above say why; with too little memory, name a folder on a disk "
            "with --scratch",
        ) from err
    answer = json.loads(answer_file.read_text())
    if "error" in answer:
        raise _located(answer["error"], plan.loaded)
    return Outcome.from_json(answer["outcome"])


def _located(error: dict[str, Any], loaded: Loaded) -> InsideError:
    """An unknown package is named with the place where the definition asks for it."""
    lines = list(error["lines"])
    if error["package"]:
        where = _mentions(error["package"], loaded.sources)
        lines[0] = f"{where}: {lines[0]}" if where else lines[0]
    return InsideError(lines, int(error["code"] or EXIT_REFUSED))


def _mentions(package: str, sources: Sequence[Path]) -> str:
    """`file:line` of the last place that names the package; empty where there is none."""
    word = re.compile(rf"(?<![\w.+-]){re.escape(package)}(?![\w.+-])")
    for source in reversed(sources):
        for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
            if word.search(line.partition("#")[0]):
                return f"{source}:{number}"
    return ""
