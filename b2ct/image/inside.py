"""The part of a build that runs as root in its namespaces: `python -m b2ct.image.inside JOB.json`.

Notes go to stderr as they come, the outcome or the error into a file.
"""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from b2ct.core import console, files
from b2ct.core.errors import B2ctError
from b2ct.core.run import run
from b2ct.image.disk.make import make, place
from b2ct.image.disk.partitions import plan
from b2ct.image.disk.qcow2 import to_qcow2
from b2ct.image.model import Definition
from b2ct.image.rootfs import configure, keys, selinux
from b2ct.image.rootfs.aptsaid import UnknownPackageError
from b2ct.image.rootfs.bootstrap import Bootstrap, bootstrap_of
from b2ct.image.rootfs.cache import Layer, LayerCache
from b2ct.image.rootfs.layers import Builder, Keys, Made
from b2ct.image.rootfs.userns import Namespace
from b2ct.image.rootfs.workspace import Workspace
from b2ct.papers.about import Package


@dataclass(frozen=True)
class Job:
    """What the process inside has to do. Paths are absolute."""

    name: str
    definition: str
    """As JSON of the model."""
    epoch: int
    keys: Keys
    identity: dict[str, str]
    urls: dict[str, str]
    pins: dict[str, list[str]]
    cache: Path
    layers: Path
    """The folder of the layer cache."""
    scratch: Path
    memory: int
    """Bytes of the tmpfs that is mounted on `scratch`; 0: none."""
    output: Path
    """The QCOW2 to write."""
    offline: bool = False

    def as_json(self) -> str:
        """For the file that the process reads."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The opposite of as_json."""
        values: dict[str, Any] = json.loads(text)
        paths = {name: Path(values[name]) for name in ("cache", "layers", "scratch", "output")}
        return cls(**{**values, **paths, "keys": Keys(**values["keys"])})


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    sha256: str
    size: int
    """Bytes of the QCOW2."""
    virtual_size: int
    kernel: str
    arguments: tuple[str, ...]
    packages: tuple[Package, ...]
    layers: tuple[Layer, ...]
    cached: tuple[str, ...]
    """The kinds of the layers that were in the cache."""

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Outcome:
        """From the file that the process wrote."""
        return cls(
            **{
                **values,
                "arguments": tuple(values["arguments"]),
                "cached": tuple(values["cached"]),
                "packages": tuple(Package(**one) for one in values["packages"]),
                "layers": tuple(Layer(**one) for one in values["layers"]),
            }
        )


def perform(job: Job) -> Outcome:
    """Make the QCOW2 of a job. Raises B2ctError for what does not work out."""
    definition = Definition.model_validate_json(job.definition)
    if job.memory:
        options = f"size={job.memory},mode=0700"
        run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", job.scratch])
    work = Workspace(
        folder=job.scratch,
        epoch=job.epoch,
        namespace=Namespace(as_root=True),
        cache=job.cache,
        urls=job.urls,
        identity=job.identity,
    )
    bootstrap = bootstrap_of(definition)

    def finish(tree: Path) -> None:
        place(tree, definition.boot, plan(definition.disk, job.keys.configuration))
        selinux.label(tree, work)

    known = keys.of(definition, job.cache, offline=job.offline)
    builder = Builder(
        name=job.name,
        definition=definition,
        configuration=configure.wanted(definition, known, job.pins),
        bootstrap=bootstrap,
        keys=job.keys,
        cache=LayerCache(job.layers, work.note),
        work=work,
        finish=finish,
        offline=job.offline,
    )
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            return _image(job, definition, builder.build(pool), bootstrap, work, pool=pool)
    except OSError as err:
        raise files.explain(err, f"write {err.filename or job.scratch}") from err
    finally:
        if not job.memory:
            shutil.rmtree(job.scratch / "root", ignore_errors=True)


def _image(
    job: Job,
    definition: Definition,
    made: Made,
    bootstrap: Bootstrap,
    work: Workspace,
    *,
    pool: ThreadPoolExecutor,
) -> Outcome:
    """The tree as a disk, and the disk as a QCOW2. `pool` has one thread, which stores the tree: in
    it, what is no longer needed is removed meanwhile.
    """
    work.note("disk: file system, partitions, boot loaders")
    raw = job.scratch / "disk.raw"
    disk = make(
        made.tree,
        raw,
        system=definition.system,
        layout=definition.disk,
        boot=definition.boot,
        epoch=job.epoch,
        seed=job.keys.configuration,
    )
    work.note(f"image: QCOW2, compression {definition.qcow2.compression}")
    packages = bootstrap.installed(made.tree)
    pool.submit(shutil.rmtree, made.tree, ignore_errors=True)
    to_qcow2(raw, job.output, definition.qcow2)
    pool.submit(raw.unlink)
    return Outcome(
        sha256=files.sha256(job.output),
        size=job.output.stat().st_size,
        virtual_size=disk.plan.size,
        kernel=disk.kernel.release,
        arguments=disk.arguments,
        packages=packages,
        layers=made.layers(),
        cached=made.cached(),
    )


def main(job_file: str) -> int:
    """Perform a job; the answer is written beside it, as `answer.json`."""
    job_path = Path(job_file)
    answer: dict[str, Any]
    try:
        answer = {"outcome": asdict(perform(Job.from_json(job_path.read_text())))}
        code = 0
    except B2ctError as err:
        package = err.package if isinstance(err, UnknownPackageError) else ""
        answer = {"error": {"lines": err.lines(), "code": err.exit_code, "package": package}}
        code = 0
    except KeyboardInterrupt:
        console.note("interrupted")
        return 130
    (job_path.parent / "answer.json").write_text(json.dumps(answer))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
