"""What a layer's key depends on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from b2ct.image.model import Definition
from b2ct.image.provision import Configuration, Script
from b2ct.image.repositories import RootFile
from b2ct.image.rootfs import layers
from b2ct.image.rootfs.apt import Apt
from b2ct.image.rootfs.bootstrap import State
from tests.image.rootfs import debian

STATE = State({"debian bookworm": "1" * 64, "more x": "2" * 64}, {"debian": "http://a/"}, 1000)
NOTHING = Configuration((), (), (), (), {})


def keys(
    state: State = STATE, configuration: Configuration = NOTHING, epoch: int = 1, **more: Any
) -> layers.Keys:
    wanted = debian.definition({"more": {"url": "http://b/", "keys": [{"file": "/k"}]}}, **more)
    definition = Definition.model_validate(wanted)
    return layers.keys_of(definition, configuration, Apt(), state, epoch)


def changed(other: layers.Keys) -> list[str]:
    return [kind for kind in layers.KINDS if other.of(kind) != keys().of(kind)]


def test_the_same_inputs_are_the_same_layers() -> None:
    assert changed(keys()) == []


@pytest.mark.parametrize(
    ("change", "layer"),
    [
        ({"epoch": 2}, "base"),
        ({"exclude": ["/usr/share/info/*"]}, "base"),
        ({"state": replace(STATE, identity={**STATE.identity, "debian bookworm": "3"})}, "base"),
        ({"state": replace(STATE, identity={**STATE.identity, "more x": "3"})}, "packages"),
        ({"packages": ["curl"]}, "packages"),
        ({"boot": {"kernel": "curl"}}, "packages"),
        ({"disk": {"size": "20 GiB"}}, "configuration"),  # fstab and GRUB's menu are in it
        ({"configuration": replace(NOTHING, files=(RootFile("/a", b"x"),))}, "configuration"),
        ({"configuration": replace(NOTHING, scripts=(Script("a", b"x"),))}, "configuration"),
    ],
)
def test_a_change_makes_that_layer_and_those_above(change: dict[str, Any], layer: str) -> None:
    at = layers.KINDS.index(layer)
    assert changed(keys(**change)) == list(layers.KINDS[at:])


@pytest.mark.parametrize(
    "change",
    [
        {"state": replace(STATE, urls={"debian": "http://mirror/"})},
        {"title": "another"},
        {"qcow2": {"compression": "zlib"}},
    ],
)
def test_what_does_not_decide_the_content_does_not_count(change: dict[str, Any]) -> None:
    assert changed(keys(**change)) == []


def test_the_order_of_packages_does_not_count() -> None:
    assert keys(packages=["a", "b"]) == keys(packages=["b", "a"])
