"""The layers of an image, each on top of the one before: base, packages, configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    configured = _key("configuration", {"below": packages}, configure.inputs(configuration))
    return Keys(base, packages, configured)


def _key(kind: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    return key_of(kind, {"build": ours, "inputs": theirs})


@dataclass(frozen=True)
class Made:
    """The tree of an image, and the layers that it came from."""

    tree: Path
    layers: tuple[Layer, ...]
    cached: tuple[str, ...]
    """The kinds that were there already."""


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
    offline: bool = False
    made: set[str] = field(default_factory=set)
    """The kinds of layers that were not there."""

    def build(self) -> Made:
        """Unpack the highest layer that is there, and make what is missing.

        Raises B2ctError for what the definition, the mirrors or the disk do not allow.
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
            configured = self._configured(tree)
        found = (self.cache.find(self.keys.of(kind)) for kind in KINDS[:2])
        layers = (*(layer for layer in found if layer), configured)
        for layer in layers:
            self.cache.touch(layer.key)
        cached = tuple(layer.kind for layer in layers if layer.kind not in self.made)
        return Made(tree, layers, cached)

    def _unpacked(self, layer: Layer, tree: Path) -> bool:
        self.work.note(f"{layer.kind} layer: unpacking {layer.size >> 20} MiB")
        if self.cache.unpack(layer, tree):
            return True
        archive.remove(tree)
        return False

    def _configured(self, tree: Path) -> Layer:
        def make(out: Path) -> None:
            archive.pack(tree, out, self.work.epoch)

        self.work.note("configuration layer: files, scripts, users, services, clean-up")
        configure.apply(self.configuration, tree, self.work)
        return self._get("configuration", make)

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
            if self.offline and kind != "configuration":
                raise B2ctError(
                    f"offline: the {kind} layer of {self.name} is not in the cache",
                    hint="build once without --offline, or take back the change of packages",
                )
            self.work.note(f"{kind} layer: making it")
            self.made.add(kind)
            make(out)

        return self.cache.get(self.keys.of(kind), kind, self.name, noted)
