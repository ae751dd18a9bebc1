"""Volumes on a whole server: made once, told when they cannot change, never deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from b2ct.cloud.steps import Action
from b2ct.one.client import Client
from b2ct.one.objects.storage import Image
from b2ct.one.states import ImageState
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image
from b2ct.rehearsal.oned import OnedDouble

from ..clouds import ADOPT, PRUNE, Cloud, keys, step
from ..conftest import Ground, on


@dataclass
class World:
    """A server, and a site with one volume."""

    ground: Ground
    cloud: Cloud

    @property
    def one(self) -> Client:
        return self.ground.one

    @property
    def volume(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloud.cloud["volumes"][self.cloud.name("home")]
        return found

    def image(self) -> Image:
        (found,) = self.one.images.named(self.cloud.name("home"))
        return found


@pytest.fixture
def world(ground: Ground) -> World:
    cloud = Cloud(ground.prefix)
    described = {"size": "3 MiB", "datastore": cloud.name("more"), "description": "homes"}
    cloud.cloud["volumes"] = {cloud.name("home"): described}
    return World(ground, cloud)


def test_it_is_made_once_empty_and_persistent(world: World) -> None:
    one, cloud, name = world.one, world.cloud, world.cloud.name("home")
    made = step(cloud.plan(one), "volume", name)
    assert made.action is Action.CREATE
    assert [str(change) for change in made.changes] == [
        "DESCRIPTION: (none) -> homes", "size: (none) -> 3 MB",
        f"datastore: (none) -> {cloud.name('more')}", "volume: (none) -> yes",
    ]  # fmt: skip
    cloud.apply(one)
    image = wait_image(one, world.image().id, deadline=30)
    assert (image.persistent, image.size, image.state) == (True, 3, ImageState.READY)
    assert image.datastore == cloud.name("more")
    assert cloud.plan(one).pending == ()
    assert cloud.apply(one).steps == ()


def test_its_description_changes_and_the_rest_is_told(world: World) -> None:
    one, cloud, name = world.one, world.cloud, world.cloud.name("home")
    cloud.apply(one)
    world.volume.update(size="1 GiB", description="other homes", datastore="default")
    steps = [one for one in cloud.plan(one).steps if one.key == ("volume", name)]
    assert [s.action for s in steps] == [Action.LEAVE, Action.LEAVE, Action.UPDATE]
    assert [s.why for s in steps[:2]] == [
        "OpenNebula cannot change the size of a volume",
        "OpenNebula cannot change the datastore of a volume",
    ]
    cloud.apply(one)
    assert world.image().template.text("DESCRIPTION") == "other homes"
    assert world.image().size == 3


def test_its_data_outlive_site_yaml(world: World) -> None:
    one, cloud = world.one, world.cloud
    cloud.apply(one)
    image = world.image().id
    found = step(cloud.empty().plan(one, PRUNE), "volume", cloud.name("home"))
    assert (found.action, found.oid) == (Action.LEAVE, image)
    assert "never deleted" in found.why
    assert f"oneimage delete {image}" in found.hint
    cloud.empty().apply(one, PRUNE)
    assert world.image().id == image
    # And so does the datastore that it is in.
    assert cloud.name("more") in [store.name for store in one.datastores.all()]


def test_another_image_of_the_name_is_left_alone(world: World) -> None:
    """Not made persistent, not taken for a volume, whoever is told to take over what."""
    one, cloud, name = world.one, world.cloud, world.cloud.name("home")
    number = one.images.allocate(Attributes.of({"NAME": name, "TYPE": "DATABLOCK", "SIZE": "1"}), 1)
    wait_image(one, number, deadline=30)
    assert step(cloud.plan(one), "volume", name).why == "made by hand: left alone"
    before = one.images.get(number)
    why = step(cloud.plan(one, ADOPT), "volume", name).why
    assert why == f"image {number} has this name, and is no volume"
    cloud.apply(one, ADOPT)
    assert one.images.get(number) == before


def test_one_made_by_hand_is_told(world: World) -> None:
    one, cloud = world.one, world.cloud
    other = cloud.name("other")
    disk = {"NAME": other, "TYPE": "DATABLOCK", "SIZE": "1", "PERSISTENT": "YES"}
    number = one.images.allocate(Attributes.of(disk), 1)
    wait_image(one, number, deadline=30)
    assert other in cloud.plan(one).by_hand["volume"]
    assert f"volume {other}" not in keys(cloud.plan(one, PRUNE).steps, Action.DELETE)


def test_one_that_the_server_could_not_make() -> None:
    with OnedDouble() as double:
        one, cloud = on(double).one, Cloud()
        cloud.cloud["volumes"] = {"t-home": {"size": "1 MiB"}}
        double.faults.fail_image("t-home", "No space left on device")
        cloud.apply(one)
        (image,) = one.images.named("t-home")
        double.until(lambda: double.cloud.images[image.id].state.name == "ERROR")
        found = step(cloud.plan(one), "volume", "t-home")
        assert (found.action, found.why) == (Action.LEAVE, "the volume is in state ERROR")
