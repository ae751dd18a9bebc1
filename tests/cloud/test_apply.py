"""Plan and apply against a whole server: the double of oned, or a live one (see conftest.py)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from b2ct.cloud import apply as carrying
from b2ct.cloud import journal
from b2ct.cloud.steps import Action
from b2ct.core.errors import B2ctError
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import DuplicateError, OneError, QuotaError
from b2ct.one.kind import ALL
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image, wait_network
from b2ct.rehearsal.oned import OnedDouble, bulk

from .clouds import ADOPT, PASSWORD, PLAIN, PRUNE, Cloud, keys, step
from .conftest import QUICK, Ground, on
from .large import large_cloud


@dataclass
class World:
    """A ground, and a site that is to be there."""

    ground: Ground
    cloud: Cloud

    @property
    def one(self) -> Client:
        return self.ground.one

    def network(self) -> VirtualNetwork:
        found = self.one.networks.find(self.cloud.name("vms"), ALL)
        assert found
        return found


@pytest.fixture
def world(ground: Ground) -> Iterator[World]:
    cloud = Cloud(ground.prefix)
    yield World(ground, cloud)
    one, noted = ground.one, journal.name(cloud.name("site"))
    left = one.users.me().template.without(noted)
    one.users.update(one.me.id, left, merge=False)
    # A cluster with members cannot be swept away.
    for cluster in ground.one.clusters.all():
        if cluster.name.startswith(ground.prefix):
            for datastore in cluster.datastores:
                with suppress(OneError):
                    ground.one.clusters.remove_datastore(cluster.id, datastore)


class TestEverywhere:
    def test_a_new_cloud_and_then_nothing_to_do(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        plan = cloud.plan(one)
        assert keys(plan.steps, Action.CREATE) == [
            f"group {name('people')}", f"group {name('dirac')}", f"datastore {name('more')}",
            f"host {name('hv01')}", f"host {name('hv02')}", f"security group {name('guard')}",
            f"network {name('vms')}", f"user {name('dirac')}",
            f"rule {name('dirac')}: CREATE VM+TEMPLATE",
            f"rule {name('dirac')}: USE IMAGE+TEMPLATE group the administrators' group",
            f"rule {name('dirac')}: USE SECGROUP security group {name('guard')}",
            f"rule {name('dirac')}: USE NET network {name('vms')}",
        ]  # fmt: skip
        done = cloud.apply(one)
        assert len(done.steps) == len(plan.pending)
        again = cloud.plan(one)
        assert again.pending == ()
        assert keys(again.steps, Action.REGISTER) == [f"image {name('image')}"]
        calls = one.calls
        assert cloud.apply(one).steps == ()
        assert one.calls == calls + 11  # it only looked

    def test_what_is_there_is_what_was_wanted(self, world: World) -> None:
        one, name = world.one, world.cloud.name
        world.cloud.apply(one)
        network = world.network()
        (guard,) = one.security_groups.named(name("guard"), ALL)
        assert network.template.text("SECURITY_GROUPS") == str(guard.id)
        assert (network.vn_mad, network.bridge) == ("fw", "br77")
        assert [(r.ip, r.size) for r in network.ranges] == [("10.77.1.1", 100)]
        (host,) = one.hosts.named(name("hv01"))
        assert (host.im_mad, host.vm_mad, host.cluster_id) == ("dummy", "dummy", 0)
        (user,) = one.users.named(name("dirac"))
        assert (user.group, user.quotas.vm["VMS"].limit) == (name("dirac"), 5)
        assert user.quotas.vm["MEMORY"].limit == 8192
        assert user.quotas.vm["CPU"].limit < 0

    def test_dirac_can_log_in_and_start_a_vm_and_no_more(self, world: World) -> None:
        one, name = world.one, world.cloud.name
        world.cloud.apply(one)
        where = Endpoint(world.ground.where.url, f"{name('dirac')}:{PASSWORD}", proxy="")
        dirac = Client(where, pauses=QUICK, notice=lambda _text: None)
        assert dirac.me.name == name("dirac")
        nic = {"NETWORK_ID": world.network().id}
        wanted = Attributes.of({"NAME": name("t"), "CPU": 0.1, "MEMORY": 64, "NIC": nic})
        number = one.templates.allocate(wanted)
        own = Attributes.of({"CONTEXT": {"NETWORK": "YES"}})
        vm = dirac.templates.instantiate(number, name=name("vm"), hold=True, extra=own)
        assert dirac.vms.get(vm).owner == name("dirac")
        disk = {"NAME": name("own"), "TYPE": "DATABLOCK", "SIZE": "1"}
        with pytest.raises(OneError):
            dirac.images.allocate(Attributes.of(disk), 1)
        with pytest.raises(OneError):
            dirac.hosts.allocate(name("hv99"))
        dirac.vms.terminate(vm)

    def test_a_rule_of_many_ports_is_several(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        ports = ",".join(map(str, range(1, 19)))
        rule = {"protocol": "tcp", "ports": ports, "network": "10.0.0.0/8"}
        cloud.cloud["security_groups"][name("guard")]["rules"] = [rule]
        cloud.apply(one)
        assert cloud.plan(one).pending == ()
        (guard,) = one.security_groups.named(name("guard"), ALL)
        spans = [rule["RANGE"].split(",") for rule in guard.rules]
        assert sorted(map(len, spans)) == [3, 15]
        assert {rule["IP"] for rule in guard.rules} == {"10.0.0.0"}

    def test_changes_are_told_with_old_and_new_and_made(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.apply(one)
        cloud.network["gateway"] = "10.77.0.254"
        cloud.network["dns"] = []
        cloud.network["vm_range"]["last"] = "10.77.1.200"
        cloud.cloud["security_groups"][name("guard")]["rules"] = [{"protocol": "udp"}]
        cloud.cloud["dirac"]["quota"] = {"cpu": 2.5}
        plan = cloud.plan(one)
        assert [str(c) for c in step(plan, "network", name("vms")).changes] == [
            "GATEWAY: 10.77.0.1 -> 10.77.0.254",
            "DNS: 10.77.0.2 -> (none)",
            "range: 10.77.1.1 to 10.77.1.100 -> 10.77.1.1 to 10.77.1.200",
        ]
        assert [str(c) for c in step(plan, "user", name("dirac")).changes] == [
            "VMS: 5 -> none", "CPU: none -> 2.5", "MEMORY: 8192 -> none",
        ]  # fmt: skip
        assert [str(c) for c in step(plan, "security group", name("guard")).changes] == [
            "rules: inbound tcp 22; outbound all -> inbound udp"
        ]
        cloud.apply(one)
        assert cloud.plan(one).pending == ()
        network = world.network()
        assert network.template.text("GATEWAY") == "10.77.0.254"
        assert [r.size for r in network.ranges] == [200]

    def test_another_range_replaces_the_old_one(self, world: World) -> None:
        one, cloud = world.one, world.cloud
        cloud.apply(one)
        cloud.network["vm_range"] = {"first": "10.77.1.50", "last": "10.77.2.0"}
        cloud.apply(one)
        assert [(r.ip, r.size) for r in world.network().ranges] == [("10.77.1.50", 207)]
        assert cloud.plan(one).pending == ()

    def test_a_range_with_vms_in_it_stays(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.apply(one)
        _vm(world)
        cloud.network["vm_range"] = {"first": "10.77.3.1", "last": "10.77.3.9"}
        cloud.network["gateway"] = "10.77.0.9"
        plan = cloud.plan(one)
        steps = [s for s in plan.steps if s.key == ("network", name("vms"))]
        assert [s.action for s in steps] == [Action.LEAVE, Action.UPDATE]
        assert "1 addresses of 10.77.1.1 to 10.77.1.100 are in use" in steps[0].why
        cloud.apply(one)
        assert [r.ip for r in world.network().ranges] == ["10.77.1.1"]
        cloud.network["vm_range"] = {"first": "10.77.1.1", "last": "10.77.3.9"}
        cloud.apply(one)
        assert world.network().size == 521

    def test_what_was_made_by_hand_is_left_alone_until_it_is_adopted(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        by_hand = {"NAME": name("vms"), "VN_MAD": "dummy", "BRIDGE": "br1"}
        number = one.networks.allocate(Attributes.of(by_hand))
        host = one.hosts.allocate(name("hv01"), im="dummy", vmm="dummy")
        wait_network(one, number, deadline=30)
        plan = cloud.plan(one)
        left = step(plan, "network", name("vms"))
        assert (left.action, left.why) == (Action.LEAVE, "made by hand: left alone")
        assert step(plan, "host", name("hv01")).action is Action.NOTHING
        cloud.apply(one)
        assert world.network().bridge == "br1"
        assert world.network().ranges == ()
        cloud.apply(one, ADOPT)
        assert (world.network().id, world.network().bridge) == (number, "br77")
        assert cloud.plan(one).pending == ()
        # It is not B2CT's: it is never deleted.
        found = cloud.empty().plan(one, PRUNE)
        assert step(found, "network", name("vms")).action is Action.LEAVE
        cloud.empty().apply(one, PRUNE)
        assert one.networks.get(number).name == name("vms")
        assert one.hosts.get(host).name == name("hv01")

    def test_prune_deletes_what_b2ct_made(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.cloud["cluster"] = name("cluster")
        cloud.apply(one)
        (cluster,) = one.clusters.named(name("cluster"))
        (host,) = one.hosts.named(name("hv01"))
        assert host.cluster_id == cluster.id
        assert set(cluster.datastores) >= {0, 1}
        assert cloud.plan(one).pending == ()
        unpruned = cloud.empty().plan(one)
        assert unpruned.pending == ()
        assert f"host {name('hv01')}" in keys(unpruned.steps, Action.LEAVE)
        cloud.empty().apply(one, PRUNE)
        kinds = (one.hosts, one.networks, one.groups, one.users, one.clusters, one.datastores)
        for kind in (*kinds, one.security_groups):
            left = [item.name for item in kind.all() if item.name.startswith(world.ground.prefix)]
            assert left == []
        assert cloud.empty().plan(one, PRUNE).pending == ()

    def test_prune_leaves_what_is_in_use(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.apply(one)
        vm = _vm(world)
        plan = cloud.empty().plan(one, PRUNE)
        left = keys(plan.steps, Action.LEAVE)
        assert {f"network {name('vms')}", f"security group {name('guard')}"} <= set(left)
        cloud.empty().apply(one, PRUNE)
        assert world.network().used_leases == 1
        one.vms.terminate(vm)

    def test_a_rule_that_is_wanted_no_more(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.data["networks"][name("other")] = {
            "cidr": "10.78.0.0/24", "bridge": "br78",
            "vm_range": {"first": "10.78.0.9", "last": "10.78.0.10"},
        }  # fmt: skip
        cloud.apply(one)
        before = {str(rule) for rule in one.acls.all()}
        cloud.data["workers"][name("w")]["networks"] = [name("vms")]
        assert cloud.plan(one).pending == ()
        (doomed,) = cloud.plan(one, PRUNE).pending
        assert (doomed.kind, doomed.action) == ("rule", Action.DELETE)
        cloud.apply(one, PRUNE)
        assert before - {str(rule) for rule in one.acls.all()} == {doomed.name}

    def test_a_worker_template_follows_the_site(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        wait_image(one, world.ground.image(), deadline=30)
        cloud.apply(one)
        (made,) = one.templates.named(name("w"))
        assert made.template.vector("DISK")["IMAGE"] == name("image")
        assert made.template.vector("NIC")["NETWORK"] == name("vms")
        assert cloud.plan(one).pending == ()
        cloud.data["workers"][name("w")]["memory"] = "4 GiB"
        cloud.data["site"]["timezone"] = "Europe/Rome"
        changed = step(cloud.plan(one), "template", name("w"))
        assert "MEMORY: 2048 -> 4096" in map(str, changed.changes)
        assert not any("USERDATA=" in str(change) for change in changed.changes)
        cloud.apply(one)
        assert one.templates.get(made.id).template.text("MEMORY") == "4096"
        assert cloud.plan(one).pending == ()
        del cloud.data["workers"]
        (doomed,) = cloud.plan(one, PRUNE).pending
        assert (doomed.kind, doomed.name) == ("template", name("w"))

    def test_an_image_that_is_disabled_is_told_and_left(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        image = world.ground.image()
        wait_image(one, image, deadline=30)
        one.images.enable(image, on=False)
        found = step(cloud.plan(one), "image", name("image"))
        assert (found.action, found.oid) == (Action.LEAVE, image)
        assert "is in state DISABLED" in found.why
        cloud.apply(one)
        one.images.enable(image, on=True)
        assert cloud.plan(one).pending == ()
        assert step(cloud.plan(one), "image", name("image")).action is Action.NOTHING

    def test_the_quota_holds(self, world: World) -> None:
        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.cloud["dirac"]["quota"] = {"vms": 1}
        cloud.apply(one)
        where = Endpoint(world.ground.where.url, f"{name('dirac')}:{PASSWORD}", proxy="")
        dirac = Client(where, pauses=QUICK, notice=lambda _text: None)
        small = Attributes.of({"NAME": name("t"), "CPU": 0.1, "MEMORY": 64})
        number = one.templates.allocate(small)
        own = Attributes.of({"CONTEXT": {"NETWORK": "YES"}})
        vm = dirac.templates.instantiate(number, name=name("vm"), hold=True, extra=own)
        with pytest.raises(QuotaError):
            dirac.templates.instantiate(number, name=name("vm2"), hold=True)
        assert cloud.plan(one).pending == ()  # what is used is no difference
        dirac.vms.terminate(vm)

    def test_of_several_templates_of_a_name_one_is_kept(self, world: World) -> None:
        """The server lets parallel calls make two; see settle."""
        one, cloud, name = world.one, world.cloud, world.cloud.name
        wait_image(one, world.ground.image(), deadline=30)
        cloud.apply(one)
        (kept,) = one.templates.named(name("w"))
        body = kept.template.without("NAME")
        # Parallel allocations only: a second one alone is refused.
        with pytest.raises(DuplicateError):
            one.templates.allocate(Attributes.of({"NAME": name("w")}).merged(body))
        assert cloud.plan(one, PRUNE).pending == ()

    def test_runs_at_once_make_everything_once(self, world: World) -> None:
        cloud, runs = world.cloud, [world.ground.client() for _ in range(4)]
        start = threading.Barrier(len(runs))
        errors: list[Exception] = []

        def run(one: Client) -> None:
            start.wait()
            try:
                cloud.apply(one)
            except B2ctError as err:
                errors.append(err)

        threads = [threading.Thread(target=run, args=(one,)) for one in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one, prefix = world.one, world.ground.prefix
        for kind in (one.networks, one.security_groups, one.hosts, one.groups, one.users):
            names = [item.name for item in kind.all() if item.name.startswith(prefix)]
            assert len(names) == len(set(names))
        cloud.apply(one)
        assert cloud.plan(one).pending == ()
        assert len(world.network().ranges) == 1

    def test_the_password_is_set_when_it_is_asked_for(self, world: World) -> None:
        from b2ct.cloud.view import Options

        one, cloud, name = world.one, world.cloud, world.cloud.name
        cloud.apply(one)
        (user,) = one.users.named(name("dirac"))
        one.users.password(user.id, "something-else")
        assert cloud.plan(one).pending == ()
        plan = cloud.plan(one, Options(password=True))
        assert PASSWORD not in "\n".join(plan.lines())
        cloud.apply(one, Options(password=True))
        where = Endpoint(world.ground.where.url, f"{name('dirac')}:{PASSWORD}", proxy="")
        assert Client(where).me.id == user.id


def _vm(world: World) -> int:
    """A VM on hold that has an address of the site's network."""
    nic = {"NETWORK_ID": world.network().id}
    name = world.cloud.name("holder")
    wanted = Attributes.of({"NAME": name, "CPU": 0.1, "MEMORY": 64, "NIC": nic})
    number = world.one.templates.allocate(wanted)
    return world.one.templates.instantiate(number, name=name, hold=True)


def test_a_site_of_another_line_than_the_server_is_told() -> None:
    """The whole version of the server, as in the header, whatever row it is spoken to by."""
    with OnedDouble(release="7.4") as double:
        cloud = Cloud()
        cloud.data["opennebula"] = {"version": "7.0"}
        assert "site.yaml says OpenNebula 7.0, the server is 7.4.0" in (
            cloud.plan(on(double).one).notes
        )


@pytest.mark.parametrize("release", ["5.12", "6.10", "7.0", "7.4"])
def test_every_release(release: str) -> None:
    with OnedDouble(release=release) as double:
        one, cloud = on(double).one, Cloud()
        cloud.apply(one)
        assert cloud.plan(one).pending == ()
        plan = cloud.plan(one)
        default = step(plan, "datastore", "default")
        assert [c.new for c in default.changes if c.name == "TM_MAD"] == []
        cloud.empty().apply(one, PRUNE)
        assert cloud.empty().plan(one, PRUNE).pending == ()


def test_a_second_apply_sends_nothing_that_writes(double: OnedDouble) -> None:
    one, cloud = on(double).one, Cloud()
    cloud.apply(one)
    before = len(double.calls)
    cloud.apply(one)
    verbs = {method.rpartition(".")[2] for method in double.calls[before:]}
    assert verbs == {"info"}


def test_a_new_use_is_no_failure_of_a_deletion(double: OnedDouble) -> None:
    one, cloud = on(double).one, Cloud()
    cloud.apply(one)
    plan = cloud.empty().plan(one, PRUNE)
    (host,) = one.hosts.named("t-hv01")
    template = one.templates.allocate(Attributes.of({"NAME": "x", "CPU": 1, "MEMORY": 64}))
    double.until(lambda: double.cloud.hosts[host.id].last_monitored > 0)
    one.templates.instantiate(template, name="x")
    double.until(lambda: bool(double.cloud.hosts[host.id].vms))
    empty = cloud.empty()
    done = carrying.apply(one, empty.desired(one), plan, password=str)
    assert [s.name for s, _ in done.in_use] == ["t-hv01"]
    assert len(done.steps) == len(plan.pending) - 1


def test_a_first_apply_costs_at_most_three_calls_an_object() -> None:
    """However many there are: nothing looks at all of a kind again for each of them."""
    spent = {}
    for count in (3, 30):
        with OnedDouble() as double:
            one, cloud = on(double).one, Cloud()
            _many(double, cloud, count)
            plan = cloud.plan(one)
            double.calls.clear()
            done = cloud.carry_out(one, plan)
            spent[count] = len(done.steps), Counter(double.calls)
            assert cloud.plan(one).pending == ()
    (few, first), (many, second) = spent[3], spent[30]
    assert many - few == 27 * 6
    assert second.total() - first.total() <= 3 * (many - few)
    assert {m: n for m, n in first.items() if "pool" in m} == {
        m: n for m, n in second.items() if "pool" in m
    }


def _many(double: OnedDouble, cloud: Cloud, count: int) -> None:
    """So many hosts, networks, groups, datastores, security groups, and workers with images."""
    bulk.fill(double, templates=count)
    for template in list(double.cloud.templates):
        on(double).one.templates.delete(template.id)
    data = cloud.data
    data["nodes"] += [{"name": f"hv{n}", "role": "hypervisor"} for n in range(count)]
    cloud.cloud["groups"] += [f"g{n}" for n in range(count)]
    cloud.cloud["datastores"] |= {f"d{n}": {} for n in range(count)}
    data["networks"] |= {
        f"net{n}": {
            "cidr": f"10.99.{n}.0/24", "bridge": f"br{n}",
            "vm_range": {"first": f"10.99.{n}.10", "last": f"10.99.{n}.20"},
        }
        for n in range(count)
    }  # fmt: skip
    cloud.cloud["security_groups"] |= {
        f"s{n}": {"rules": [{"protocol": "tcp", "ports": "22"}], "networks": [f"net{n}"]}
        for n in range(count)
    }
    data["workers"] = {
        f"worker{n + 1}": {"image": f"worker{n + 1}", "networks": [cloud.name("vms")]}
        for n in range(count)
    }


@pytest.mark.parametrize("sizes", [(3, 1, 0), (60, 12, 200)])
def test_the_number_of_calls_does_not_grow_with_the_cloud(sizes: tuple[int, int, int]) -> None:
    """Each kind is asked for once; see benchmarks/plan.py for the times."""
    with large_cloud(*sizes) as (double, data):
        one, cloud = on(double).one, Cloud("", data)
        cloud.apply(one, ADOPT)
        for options, expected in ((PLAIN, 12), (PRUNE, 13)):
            double.calls.clear()
            fresh = on(double).one
            assert cloud.plan(fresh, options).pending == ()
            assert set(Counter(double.calls).values()) == {1}
            assert fresh.calls == len(double.calls) == expected
