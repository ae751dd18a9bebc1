"""Marks are attributes that every user may write: what a user made decides nothing, ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from b2ct.cloud.care import instantiate
from b2ct.cloud.reaper.reap import find_scope
from b2ct.cloud.register import rollback
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.survey import survey
from b2ct.cloud.steps import Action
from b2ct.cloud.view import Options
from b2ct.core.errors import B2ctError
from b2ct.one import ownership
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import AuthorizationError
from b2ct.one.kind import ALL, Kind
from b2ct.one.objects.base import Named
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image, wait_network

from .clouds import ADOPT, PRUNE, Cloud, step
from .conftest import QUICK, Ground
from .register.look import the_template
from .shop import a_content, a_shop

EVERYTHING = Options(prune=True, adopt=True)


@dataclass
class Stranger:
    """A user of the cloud, who writes B2CT's marks wherever that is possible."""

    ground: Ground
    cloud: Cloud
    one: Client
    uid: int

    @property
    def marks(self) -> Attributes:
        return Attributes.of({**ownership.marks(self.cloud.name("site"))})

    def given(self, kind: str, oid: int, **more: str) -> Named:
        """An object that belongs to this user and has the marks; as it is then."""
        theirs: Kind[Any] = getattr(self.one, kind)
        getattr(self.ground.one, kind).chown(oid, self.uid, 1)
        theirs.update(oid, self.marks.merged(Attributes.of(more)))
        return self.seen(kind, oid)

    def seen(self, kind: str, oid: int) -> Named:
        """As an administrator sees it."""
        found: Named = getattr(self.ground.one, kind).get(oid)
        return found


@pytest.fixture
def eve(ground: Ground) -> Stranger:
    one, cloud = ground.one, Cloud(ground.prefix)
    uid = one.users.allocate(ground.name("eve"), "pw-pw-pw", groups=[1])
    where = Endpoint(ground.where.url, f"{ground.name('eve')}:pw-pw-pw", proxy="")
    return Stranger(ground, cloud, Client(where, pauses=QUICK, notice=lambda _text: None), uid)


def test_her_security_group_guards_nothing(ground: Ground, eve: Stranger) -> None:
    one, cloud, name = ground.one, eve.cloud, eve.cloud.name
    everything = {"PROTOCOL": "ALL", "RULE_TYPE": "inbound"}
    hers = one.security_groups.allocate(Attributes.of({"NAME": name("guard"), "RULE": everything}))
    before = eve.given("security_groups", hers)
    assert step(cloud.plan(one), "security group", name("guard")).action is Action.CREATE
    for options in (Options(), EVERYTHING):
        cloud.apply(one, options)
        assert eve.seen("security_groups", hers) == before
    assert cloud.plan(one).by_hand["security group"] == (name("guard"),)
    (ours,) = [g for g in one.security_groups.named(name("guard"), ALL) if g.id != hers]
    (network,) = one.networks.named(name("vms"), ALL)
    assert network.template.text("SECURITY_GROUPS") == str(ours.id)
    cloud.empty().apply(one, PRUNE)
    assert eve.seen("security_groups", hers) == before


def test_her_network_is_not_the_workers(ground: Ground, eve: Stranger) -> None:
    one, cloud, name = ground.one, eve.cloud, eve.cloud.name
    wait_image(one, ground.image(), deadline=30)
    wanted = {"NAME": name("vms"), "VN_MAD": "dummy", "BRIDGE": "br1"}
    hers = one.networks.allocate(Attributes.of(wanted))
    wait_network(one, hers, deadline=30)
    before = eve.given("networks", hers)
    cloud.apply(one, EVERYTHING)
    assert eve.seen("networks", hers) == before
    (made,) = one.templates.named(name("w"))
    assert made.template.vector("NIC")["NETWORK_UNAME"] == one.me.name
    cloud.empty().apply(one, EVERYTHING)
    assert eve.seen("networks", hers) == before


def test_her_template_is_not_the_workers(ground: Ground, eve: Stranger) -> None:
    one, cloud, name = ground.one, eve.cloud, eve.cloud.name
    wait_image(one, ground.image(), deadline=30)
    disk = {"IMAGE": name("image"), "IMAGE_UNAME": one.me.name}
    hers = one.templates.allocate(
        Attributes.of({"NAME": name("w"), "CPU": 1, "MEMORY": 64, "DISK": disk})
    )
    before = eve.given("templates", hers, B2CT_WORKER=name("w"), B2CT_IMAGE="elsewhere")
    cloud.apply(one, EVERYTHING)
    assert eve.seen("templates", hers) == before
    (ours,) = [t for t in one.templates.named(name("w"), ALL) if t.id != hers]
    assert ours.owner == one.me.name
    cloud.empty().apply(one, EVERYTHING)
    assert eve.seen("templates", hers) == before


def test_a_datastore_that_was_given_to_her(ground: Ground, eve: Stranger) -> None:
    one, cloud, name = ground.one, eve.cloud, eve.cloud.name
    drivers = {"NAME": name("more"), "DS_MAD": "fs", "TM_MAD": "shared", "TYPE": "IMAGE_DS"}
    hers = one.datastores.allocate(Attributes.of(drivers))
    before = eve.given("datastores", hers)
    found = step(cloud.plan(one, ADOPT), "datastore", name("more"))
    assert (found.action, found.oid) == (Action.LEAVE, hers)
    assert found.why == f"made by hand, and it is {ground.name('eve')}'s: left alone"
    assert "chown" in found.hint
    cloud.apply(one, EVERYTHING)
    cloud.empty().apply(one, EVERYTHING)
    assert eve.seen("datastores", hers).template == before.template


def test_marks_of_users_and_groups_stand_where_they_cannot_write(
    ground: Ground, eve: Stranger
) -> None:
    one, cloud, name = ground.one, eve.cloud, eve.cloud.name
    before = {str(rule) for rule in one.acls.all()}
    theirs = ";".join(before)
    eve.one.users.update(eve.uid, eve.marks.merged(Attributes.of({"B2CT_RULES": theirs})))
    group = one.groups.allocate(ground.name("band"))
    one.groups.update(group, eve.marks)  # as an administrator of the group may
    cloud.cloud["dirac"]["user"] = ground.name("eve")
    found = step(cloud.plan(one), "user", ground.name("eve"))
    assert (found.action, found.why) == (Action.LEAVE, "made by hand: left alone")
    cloud.apply(one, PRUNE)
    cloud.empty().apply(one, PRUNE)
    assert one.users.get(eve.uid).group == "users"
    assert one.groups.get(group).name == ground.name("band")
    assert before <= {str(rule) for rule in one.acls.all()}
    with pytest.raises(AuthorizationError):
        eve.one.groups.update(0, eve.marks)
    assert name("site") not in str(eve.one.owners.accounts)


def test_hosts_and_clusters_are_administrators_alone(ground: Ground, eve: Stranger) -> None:
    """They have no owner: nobody else may make or change one."""
    one = ground.one
    host = one.hosts.allocate(ground.name("hv01"), im="dummy", vmm="dummy")
    cluster = one.clusters.allocate(ground.name("cluster"))
    kinds: tuple[tuple[Kind[Any], int], ...] = ((eve.one.hosts, host), (eve.one.clusters, cluster))
    for kind, number in kinds:
        with pytest.raises(AuthorizationError):
            kind.update(number, eve.marks)
    with pytest.raises(AuthorizationError):
        eve.one.hosts.allocate(ground.name("hv02"))
    with pytest.raises(AuthorizationError):
        eve.one.clusters.allocate(ground.name("other"))


def test_she_cannot_give_hers_to_oneadmins_group(ground: Ground, eve: Stranger) -> None:
    hers = eve.one.templates.allocate(
        Attributes.of({"NAME": ground.name("gift"), "CPU": 1, "MEMORY": 64})
    )
    with pytest.raises(AuthorizationError):
        eve.one.templates.chown(hers, gid=0)
    assert not ground.one.owners.hold(ground.one.templates.get(hers))


def test_registering_looks_at_none_of_hers(ground: Ground, eve: Stranger, tmp_path: Path) -> None:
    one = ground.one
    content = a_content(tmp_path / "worker.qcow2")
    with a_shop(ground, tmp_path / "front-end") as shop:
        # An image with the name and the content's sum, and nothing in it.
        hers = ground.image("worker")
        wait_image(one, hers, deadline=30)
        eve.given("images", hers, B2CT_SHA256=content.sha256)
        done = shop.put(shop.request(content))
        assert (done.made, done.image.id != hers) == (True, True)
        # A template of hers that starts from ours, with all marks of ours.
        other = the_template(shop).template.without("NAME")
        named = Attributes.of({"NAME": ground.name("hers")})
        number = one.templates.allocate(named.merged(other))
        before = eve.given("templates", number)
        second = a_content(tmp_path / "second.qcow2", mark=b"second")
        moved = shop.put(shop.request(second, Choice.NEW_VERSION))
        assert moved.moved == []
        family = survey(one).family(shop.base)
        assert [version.number for version in family.current] == [2]
        assert rollback.plan(family, None).left == ()
        rollback.apply(one, rollback.plan(family, None))
        assert eve.seen("templates", number) == before


def test_a_name_alone_starts_no_template_of_hers(ground: Ground, eve: Stranger) -> None:
    one = ground.one
    hers = one.templates.allocate(
        Attributes.of({"NAME": ground.name("worker"), "CPU": 0.1, "MEMORY": 64})
    )
    eve.given("templates", hers)
    one.templates.chmod(hers, "um----u--")
    with pytest.raises(B2ctError, match="neither yours nor an administrator's") as caught:
        instantiate.template_named(one, ground.name("worker"))
    assert f"{hers} of {ground.name('eve')}" in caught.value.hint
    assert instantiate.template_named(one, str(hers)).id == hers


def test_the_reaper_goes_by_owner_and_name_alone(ground: Ground, eve: Stranger) -> None:
    one = ground.one
    template = one.templates.allocate(
        Attributes.of({"NAME": ground.name("t"), "CPU": 0.1, "MEMORY": 64})
    )
    name = ground.name("VMDIRAC3_x")
    vm = one.templates.instantiate(template, name=name, hold=True, extra=eve.marks)
    one.vms.chown(vm, eve.uid, 1)
    one.users.allocate(ground.name("dirac"), "pw-pw-pw")
    scope = find_scope(one, ground.name("dirac"), (ground.prefix,))
    assert not scope.holds(one.vms.get(vm))
    assert find_scope(one, ground.name("eve"), (ground.prefix,)).holds(one.vms.get(vm))
