"""The layers of an image, each on top of the one before: base, packages, configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from b2ct.core.errors import B2ctError
from b2ct.image.model import Definition
from b2ct.image.provision import Configuration
from b2ct.image.rootfs import archive, configure
from b2ct.image.rootfs.bootstrap import Bootstrap, State
from b2ct.image.rootfs.cache import Layer, LayerCache, key_of
from b2ct.image.rootfs.workspace import Workspace

KINDS = ("base", "packages", "configuration")


@dataclass(frozen=True)
class Keys:
    """The keys of the three layers."""

    base: str
    packages: str
    configuration: str

    def of(self, kind: str) -> str:
        """The key of a layer by its kind."""
        return str(getattr(self, kind))


def keys_of(
    definition: Definition,
    configuration: Configuration,
    bootstrap: Bootstrap,
    state: State,
    epoch: int,
) -> Keys:
    """What the layers are known by: all that goes into them, and the state of the mirrors."""
    own = {name for name, repository in definition.repositories.items() if repository.base}
    distribution = {k: v for k, v in state.identity.items() if k.split(" ")[0] in own}
    base_inputs = {"packaging": definition.system.packaging, "epoch": epoch}
    base = _key("base", {**base_inputs, "mirrors": distribution}, bootstrap.base_inputs(definition))
    packages = _key(
        "packages",
        {"below": base, "mirrors": dict(state.identity)},
        bootstrap.packages_inputs(definition),
    )
    start = {"disk": definition.disk.model_dump_json(), "boot": definition.boot.model_dump_json()}
    configured = _key(
        "configuration", {"below": packages, **start}, configure.inputs(configuration)
    )
    return Keys(base, packages, configured)


def _key(kind: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    return key_of(kind, {"build": ours, "inputs": theirs})


@dataclass(frozen=True)
class Made:
    """The finished tree of an image. Nobody changes it any more: it may still be being stored."""

    tree: Path
    below: tuple[Layer, ...]
    configuration: Future[Layer]
    made: frozenset[str]
    """The kinds of layers that were not there."""

    def layers(self) -> tuple[Layer, ...]:
        """All layers, when the last one is stored. Raises B2ctError when it could not be."""
        return (*self.below, self.configuration.result())

    def cached(self) -> tuple[str, ...]:
        """The kinds of layers that were there already."""
        return tuple(layer.kind for layer in self.layers() if layer.kind not in self.made)


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Makes the tree of a definition. Runs as root in a namespace."""

    name: str
    definition: Definition
    configuration: Configuration
    bootstrap: Bootstrap
    keys: Keys
    cache: LayerCache
    work: Workspace
    finish: Callable[[Path], None]
    """What is done to a tree after its configuration and belongs to that layer."""
    offline: bool = False
    made: set[str] = field(default_factory=set)

    def build(self, pool: Executor) -> Made:
        """Unpack the highest layer that is there, and make what is missing.

        The configuration layer is stored in `pool` while its tree is used: reading it twice at a
        time costs less than waiting. Raises B2ctError for what the definition, the mirrors or the
        disk do not allow.
        """
        tree = self.work.folder / "root"
        configured = self.cache.find(self.keys.configuration)
        if configured is None or not self._unpacked(configured, tree):
            packages = self._packages()
            if not self._unpacked(packages, tree):
                packages = self._packages()
                if not self._unpacked(packages, tree):
                    raise B2ctError(
                        f"the cache {self.cache.folder} does not keep what is written to it",
                        hint="is its disk broken? Set XDG_CACHE_HOME to a folder on another one",
                    )
            self._configure(tree)
        found = (self.cache.find(self.keys.of(kind)) for kind in KINDS[:2])
        below = tuple(layer for layer in found if layer)
        stored = pool.submit(self._stored, tree, below)
        return Made(tree, below, stored, frozenset(self.made))

    def _unpacked(self, layer: Layer, tree: Path) -> bool:
        self.work.note(f"{layer.kind} layer: unpacking {layer.size >> 20} MiB")
        if self.cache.unpack(layer, tree):
            return True
        archive.remove(tree)
        return False

    def _configure(self, tree: Path) -> None:
        self.work.note("configuration layer: files, scripts, users, services, clean-up")
        configure.apply(self.configuration, tree, self.work)
        self.finish(tree)
        self.made.add("configuration")

    def _stored(self, tree: Path, below: tuple[Layer, ...]) -> Layer:
        """The configuration layer, once it is in the cache."""
        layer = self.cache.get(
            self.keys.configuration,
            "configuration",
            self.name,
            lambda out: archive.pack(tree, out, self.work.epoch),
        )
        for used in (*below, layer):
            self.cache.touch(used.key)
        return layer

    def _packages(self) -> Layer:
        def make(out: Path) -> None:
            base = self._base()
            if not self.cache.sound(base):
                base = self._base()
            self.bootstrap.packages(self.definition, self.cache.path(base.key), out, self.work)

        return self._get("packages", make)

    def _base(self) -> Layer:
        def make(out: Path) -> None:
            self.bootstrap.base(self.definition, out, self.work)

        return self._get("base", make)

    def _get(self, kind: str, make: Callable[[Path], None]) -> Layer:
        def noted(out: Path) -> None:
            if self.offline:
                raise B2ctError(
                    f"offline: the {kind} layer of {self.name} is not in the cache",
                    hint="build once without --offline, or take back the change of packages",
                )
            self.work.note(f"{kind} layer: making it")
            self.made.add(kind)
            make(out)

        return self.cache.get(self.keys.of(kind), kind, self.name, noted)
