"""What the tests of registering need: images with papers, a site, a front-end's folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from b2ct.cloud.register import content
from b2ct.cloud.register.carry_out import run
from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import Source
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.outcome import Outcome
from b2ct.cloud.register.progress import Listener
from b2ct.cloud.register.request import Request
from b2ct.cloud.vmtemplates import WorkerAbout
from b2ct.context import own
from b2ct.context.worker import choose, for_worker
from b2ct.one.text import Attributes
from b2ct.papers.verify import NOBODY
from b2ct.papers.write import write
from b2ct.site.model import Site
from tests.cloud.conftest import Ground
from tests.image.images import about

MIB = 2**20


def a_qcow2(
    path: Path, *, size: int = 8 * MIB, mark: bytes = b"first", papers: bool = True
) -> Path:
    """A real QCOW2 image with something written in it, and the files beside it."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(mark.ljust(65536, b"."))
    with raw.open("r+b") as file:
        file.truncate(size)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path], check=True)
    raw.unlink()
    if papers:
        write(path, about(path, name=path.stem, virtual_size=size))
    return path


def a_content(path: Path, **more: Any) -> Content:
    return content.read(a_qcow2(path, **more), NOBODY)


@dataclass(frozen=True)
class Shop:
    """Where images are registered: a server, and a folder that it may read."""

    ground: Ground
    folder: Path
    site: Site

    @property
    def base(self) -> str:
        return self.ground.name("worker")

    def source(self, path: Path) -> Source:
        """The file as the front-end has it."""
        target = self.folder / path.name
        target.write_bytes(path.read_bytes())
        return Source(path=str(target))

    def worker(self, name: str | None = None) -> WorkerAbout:
        key, found = choose(self.site, name)
        context = for_worker(self.site, key, own=own.read(self.site, found, self.folder))
        return WorkerAbout(
            self.site, key, context, image="", family=self.base, owner="",
            name=self.ground.name("template"),
        )  # fmt: skip

    def request(self, made: Content, choice: Choice = Choice.REFUSE, **more: Any) -> Request:
        values: dict[str, Any] = {
            "content": made, "name": self.base, "datastore": str(self.ground.datastore),
            "choice": choice, "site": self.site, "worker": self.worker(), "deadline": 30,
            **more,
        }  # fmt: skip
        if "source" not in values:
            values["source"] = self.source(made.path)
        return Request(**values)

    def put(self, request: Request, listener: Listener | None = None) -> Outcome:
        return run(self.ground.client(), request, listener)

    def with_worker(self, **changes: Any) -> Shop:
        """The same with a worker that somebody has changed in site.yaml."""
        key, found = choose(self.site, None)
        site = self.site.model_copy(update={"workers": {key: found.model_copy(update=changes)}})
        return replace(self, site=site)

    def network(self, name: str = "vms") -> int:
        attributes = Attributes.of(
            {
                "NAME": name, "VN_MAD": "dummy", "BRIDGE": "br20",
                "AR": {"TYPE": "IP4", "IP": "10.1.0.100", "SIZE": 20},
            }
        )  # fmt: skip
        return self.ground.one.networks.allocate(attributes)


@contextmanager
def a_shop(ground: Ground, folder: Path) -> Iterator[Shop]:
    """A shop on a server, whose datastore may read `folder` for so long."""
    folder.mkdir(exist_ok=True)
    stores = ground.one.datastores
    before = stores.get(ground.datastore).template.text("SAFE_DIRS")
    safe = f"{before or '/var/tmp'} {folder}"
    stores.update(ground.datastore, Attributes.of({"SAFE_DIRS": safe}))
    try:
        yield Shop(ground, folder, a_site(ground.prefix))
    finally:
        stores.update(ground.datastore, Attributes.of({"SAFE_DIRS": before}))


def a_site(prefix: str) -> Site:
    """A site whose networks have names that no other test uses."""
    return Site.model_validate(
        {
            "site": {"name": "desy"},
            "networks": {
                f"{prefix}vms": {
                    "cidr": "10.1.0.0/16", "bridge": "br20",
                    "vm_range": {"first": "10.1.0.100", "last": "10.1.9.200"},
                }
            },
            "squid": {"external": ["http://squid.example.org:3128"]},
            "workers": {"b2ct-worker": {"image": "worker", "memory": "1GiB", "vcpu": 2}},
        }
    )  # fmt: skip
