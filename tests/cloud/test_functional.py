"""The client against a whole server: the double of oned, or a live one (see conftest.py)."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from xmlrpc.client import ServerProxy

import pytest

from b2ct.cloud import vmtemplates
from b2ct.cloud.care import instantiate
from b2ct.cloud.care.instantiate import Wish
from b2ct.cloud.register import content as contents
from b2ct.cloud.register import rollback
from b2ct.cloud.register.decide import plan
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.survey import survey
from b2ct.cloud.vmtemplates import ImageAbout
from b2ct.core.errors import B2ctError
from b2ct.one.acl import AclRule
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import (
    AuthenticationError,
    AuthorizationError,
    BrokenError,
    DeadlineError,
    DuplicateError,
    ImageFailedError,
    InvalidError,
    LockedError,
    MissingError,
    QuotaError,
    StuckError,
    UncertainError,
    UnreachableError,
    VmFailedError,
)
from b2ct.one.kind import ALL, MINE
from b2ct.one.objects.vm import Template, Vm
from b2ct.one.quotas import Limit
from b2ct.one.settle import Settled, settle
from b2ct.one.states import HostStatus, ImageState
from b2ct.one.text import Attributes
from b2ct.one.waiting import wait_image, wait_image_gone, wait_network, wait_vm
from b2ct.rehearsal.oned import Clock, OnedDouble, Timing

from .conftest import QUICK, Ground, on
from .shop import MIB, Shop, a_content, a_shop

SCRIPT = "IyEvYmluL3NoCmVjaG8gaGVsbG8K"


ODD_VALUES = ["back\\slash\\", 'quote"', 'esc\\"', "two\nlines", "ü€", "]", "a#b", "<&>"]


def template(ground: Ground, text: str = "template", **more: object) -> Attributes:
    values = {"NAME": ground.name(text), "CPU": 0.1, "MEMORY": 64, **more}
    return Attributes.of(values)  # type: ignore[arg-type]


class TestEverywhere:
    def test_who_and_what(self, ground: Ground) -> None:
        one = ground.one
        assert one.me.name == ground.where.user
        assert one.dialect.version >= (5, 12)

    def test_a_wrong_password(self, ground: Ground) -> None:
        where = Endpoint(ground.where.url, "oneadmin:certainly-wrong", proxy="")
        with pytest.raises(AuthenticationError) as caught:
            _ = Client(where).me
        assert "certainly-wrong" not in " ".join(caught.value.lines())

    def test_the_life_of_an_image(self, ground: Ground) -> None:
        one = ground.one
        number = ground.image(B2CT_SHA256="ab" * 32, DESCRIPTION='a "quoted" word, 5$ & <tags>')
        image = wait_image(one, number, deadline=30)
        assert image.state is ImageState.READY
        assert image.template.text("DESCRIPTION") == 'a "quoted" word, 5$ & <tags>'
        with pytest.raises(DuplicateError) as taken:
            ground.image()
        assert taken.value.id == number
        one.images.update(number, Attributes.of({"B2CT_SHA256": "cd" * 32}))
        one.images.rename(number, ground.name("renamed"))
        one.images.chmod(number, "um-u--u--")
        one.images.persistent(number)
        found = one.images.find(ground.name("renamed"), owner=one.me.id)
        assert found is not None
        assert (found.id, found.permissions, found.persistent) == (number, "um-u--u--", True)
        assert found.template.text("B2CT_SHA256") == "cd" * 32
        assert "DESCRIPTION" in found.template
        assert one.images.find(ground.name("RENAMED"), owner=MINE) is None
        one.images.delete(number)
        wait_image_gone(one, number, deadline=30)
        with pytest.raises(MissingError) as gone:
            one.images.get(number)
        assert gone.value.id == number

    @pytest.mark.parametrize("value", ODD_VALUES)
    def test_values_arrive_as_they_were_sent(self, ground: Ground, value: str) -> None:
        attributes = template(ground, DESCRIPTION=value, FEATURES={"ACPI": "yes", "NOTE": value})
        number = ground.one.templates.allocate(attributes)
        found = ground.one.templates.get(number).template
        assert found.text("DESCRIPTION") == value
        assert found.vector("FEATURES")["NOTE"] == value

    def test_a_template_and_its_context(self, ground: Ground) -> None:
        one = ground.one
        context = {"NETWORK": "YES", "START_SCRIPT_BASE64": SCRIPT, "SET_HOSTNAME": "$NAME"}
        number = one.templates.allocate(template(ground, CONTEXT=context))
        assert dict(one.templates.get(number).template.vector("CONTEXT")) == context
        one.templates.update(number, Attributes.of({"CONTEXT": {"NETWORK": "NO"}}))
        found = one.templates.get(number).template
        assert dict(found.vector("CONTEXT")) == {"NETWORK": "NO"}
        assert found.text("MEMORY") == "64"
        with pytest.raises(DuplicateError):
            one.templates.allocate(template(ground))
        one.templates.delete(number)
        with pytest.raises(MissingError):
            one.templates.delete(number)

    def test_a_vm_on_hold(self, ground: Ground) -> None:
        one = ground.one
        context = {"SET_HOSTNAME": "$NAME", "SHELL": "worker-$VMID"}
        number = one.templates.allocate(template(ground, CONTEXT=context))
        name = ground.name("vm")
        vm_id = one.templates.instantiate(number, name=name, hold=True)
        vm = one.vms.get(vm_id)
        assert (vm.name, vm.status, vm.template_id) == (name, "HOLD", number)
        assert vm.context["SET_HOSTNAME"] == name
        assert vm.context["SHELL"] == f"worker-{vm_id}"
        (extended,) = [v for v in one.vms.all(extended=True) if v.id == vm_id]
        assert extended.context["SET_HOSTNAME"] == name
        one.vms.terminate(vm_id)
        assert vm_id not in {v.id for v in one.vms.all() if not v.done}

    def test_a_network_and_its_ranges(self, ground: Ground) -> None:
        one = ground.one
        first = {"TYPE": "IP4", "IP": "192.0.2.10", "SIZE": "10"}
        number = one.networks.allocate(
            Attributes.of(
                {"NAME": ground.name("net"), "VN_MAD": "dummy", "BRIDGE": "br0", "AR": first}
            )
        )
        wait_network(one, number, deadline=30)
        one.networks.add_range(number, {"TYPE": "IP4", "IP": "192.0.2.100", "SIZE": "5"})
        found = one.networks.get(number)
        assert [(r.ip, r.size) for r in found.ranges] == [("192.0.2.10", 10), ("192.0.2.100", 5)]
        one.networks.update_range(number, {"AR_ID": str(found.ranges[1].id), "SIZE": "7"})
        one.networks.remove_range(number, found.ranges[0].id)
        found = one.networks.get(number)
        assert [(r.ip, r.size) for r in found.ranges] == [("192.0.2.100", 7)]
        (again,) = one.networks.named(ground.name("net"), ALL)
        assert again.size == 7
        one.networks.delete(number)

    def test_a_host_in_a_cluster(self, ground: Ground) -> None:
        one = ground.one
        cluster = one.clusters.allocate(ground.name("cluster"))
        host = one.hosts.allocate(ground.name("host"), im="dummy", vmm="dummy")
        one.clusters.add_host(cluster, host)
        one.clusters.add_host(cluster, host)
        assert one.hosts.get(host).cluster_id == cluster
        assert one.clusters.get(cluster).hosts == (host,)
        one.hosts.status(host, HostStatus.DISABLED)
        assert one.hosts.get(host).disabled
        one.hosts.delete(host)
        one.clusters.delete(cluster)

    def test_a_user_with_group_quota_and_rule(self, ground: Ground) -> None:
        one = ground.one
        group = one.groups.allocate(ground.name("group"))
        user = one.users.allocate(ground.name("user"), "s3cret-enough", groups=[group])
        one.users.quota(user, Attributes.of({"DATASTORE": {"ID": 1, "IMAGES": 1, "SIZE": -2}}))
        found = one.users.get(user)
        assert (found.gid, found.enabled) == (group, True)
        assert found.quotas.datastores[1]["IMAGES"] == Limit(1.0, 0.0)
        one.users.add_group(user, 1)
        one.users.add_group(user, 1)
        assert set(one.users.get(user).groups) == {group, 1}
        rule = AclRule.of(f"#{user} IMAGE+TEMPLATE/* CREATE *")
        number = one.acls.add(rule)
        assert number is not None
        assert one.acls.add(rule) is None
        (there,) = [r for r in one.acls.all() if r.key == rule.key]
        assert (there.id, str(there)) == (number, str(rule))
        one.acls.delete(number)
        one.users.delete(user)
        one.groups.delete(group)

    def test_what_a_user_may_not(self, ground: Ground) -> None:
        one = ground.one
        number = ground.image()
        wait_image(one, number, deadline=30)
        user = one.users.allocate(ground.name("user"), "s3cret-enough")
        one.users.quota(user, Attributes.of({"DATASTORE": {"ID": 1, "IMAGES": 0, "SIZE": -2}}))
        where = Endpoint(ground.where.url, f"{ground.name('user')}:s3cret-enough", proxy="")
        other = Client(where, pauses=QUICK, notice=lambda _text: None)
        with pytest.raises(AuthorizationError, match="may not USE this IMAGE"):
            other.images.get(number)
        with pytest.raises(AuthorizationError):
            other.images.delete(number)
        assert other.images.find(ground.name("image"), owner=MINE) is None
        quota = Attributes.of({"NAME": ground.name("q"), "TYPE": "DATABLOCK", "SIZE": 1})
        with pytest.raises(QuotaError):
            other.images.allocate(quota, ground.datastore)

    def test_a_security_group(self, ground: Ground) -> None:
        one = ground.one
        rule = {"PROTOCOL": "TCP", "RULE_TYPE": "inbound", "RANGE": "22"}
        number = one.security_groups.allocate(
            Attributes.of({"NAME": ground.name("sg"), "RULE": [rule, {**rule, "RANGE": "80"}]})
        )
        assert [r["RANGE"] for r in one.security_groups.get(number).rules] == ["22", "80"]
        one.security_groups.update(number, Attributes.of({"RULE": rule}))
        assert len(one.security_groups.get(number).rules) == 1
        one.security_groups.delete(number)

    def test_a_datastore(self, ground: Ground) -> None:
        one = ground.one
        number = one.datastores.allocate(
            Attributes.of(
                {"NAME": ground.name("ds"), "TYPE": "IMAGE_DS", "DS_MAD": "fs", "TM_MAD": "ssh"}
            )
        )
        found = one.datastores.get(number)
        assert (found.ds_mad, found.tm_mad, found.type.name) == ("fs", "ssh", "IMAGE")
        one.datastores.delete(number)

    def test_many_runs_at_once_make_one_template(self, ground: Ground) -> None:
        """Twelve at once made two on a real server; every run must end with the same one."""
        name = ground.name("template")
        found: list[Settled[Template]] = []
        runs = [ground.client() for _ in range(6)]
        start = threading.Barrier(len(runs))

        def run(one: Client) -> None:
            me = one.me.id
            start.wait()
            found.append(
                settle(
                    lambda: one.templates.named(name, me),
                    lambda: one.templates.allocate(template(ground)),
                    one.templates.delete,
                )
            )

        threads = [threading.Thread(target=run, args=(one,)) for one in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == len(runs)
        (there,) = ground.one.templates.named(name)
        assert {one.item.id for one in found} == {there.id}

    def test_refusals_of_templates(self, ground: Ground) -> None:
        one = ground.one
        missing = template(ground, DISK={"IMAGE": ground.name("nope")})
        number = one.templates.allocate(missing)
        with pytest.raises(InvalidError, match="no image named"):
            one.templates.instantiate(number, name=ground.name("vm"))
        with pytest.raises(MissingError):
            one.templates.instantiate(88888, name=ground.name("vm"))

    def test_from_a_file_to_vms_and_back(self, ground: Ground, tmp_path: Path) -> None:
        """Register, instantiate, run; a second version, and the way back from it."""
        first = a_content(tmp_path / "first.qcow2", mark=b"first")
        second = a_content(tmp_path / "second.qcow2", mark=b"second")
        ground.one.hosts.allocate(ground.name("host"), im="dummy", vmm="dummy")
        with a_shop(ground, tmp_path / "front-end") as a:
            shop = a.with_worker(disk=64 * MIB)
            shop.network(ground.name("vms"))
            shop.put(shop.request(first))
            old = started(shop)
            assert images_of(old) == [shop.base]
            assert old.disks[0]["SIZE"] == "64"
            assert old.addresses[0].startswith("10.1.0.")
            assert old.context["USERDATA_ENCODING"] == "base64"
            with pytest.raises(B2ctError, match=r"1 VM\(s\) use it"):
                shop.put(shop.request(second, Choice.REPLACE))

            shop.put(shop.request(second, Choice.NEW_VERSION))
            assert images_of(started(shop)) == [f"{shop.base}.v2"]
            family = survey(ground.one).family(shop.base)
            assert [(v.number, v.current) for v in family.versions] == [(1, False), (2, True)]
            rollback.apply(ground.one, rollback.plan(family, None))
            assert images_of(started(shop)) == [shop.base]
            # VMs that ran stayed what they were, and a third run finds nothing to do.
            assert images_of(ground.one.vms.get(old.id)) == [shop.base]
            again = plan(shop.request(first), survey(ground.one), shop.ground.where)
            assert again.nothing

    def test_files_for_those_who_register_by_hand(self, ground: Ground, tmp_path: Path) -> None:
        """The server takes what `template render` writes, and b2ct what was registered so."""
        made = a_content(tmp_path / "first.qcow2")
        with a_shop(ground, tmp_path / "front-end") as shop, ServerProxy(ground.where.url) as raw:
            path = shop.source(made.path).path
            assert path
            about = ImageAbout(shop.base, path, made.sha256, contents.sha1(made))
            told = vmtemplates.image_text(about, by_hand=True)
            good, number, *_ = answer(raw.one.image.allocate(ground.where.auth, told, 1))
            assert good, number
            wait_image(ground.one, int(str(number)), deadline=30)
            me = ground.one.me.name
            worker = replace(shop.worker(), image=shop.base, owner=me)
            told = vmtemplates.vm_text(worker, by_hand=True)
            good, number, *_ = answer(raw.one.template.allocate(ground.where.auth, told))
            assert good, number
            done = shop.put(shop.request(made))
            assert (done.made, done.template_id, done.template_action) == (False, number, "nothing")


def answer(given: object) -> list[object]:
    """An answer of OpenNebula's: whether it went well, and the value."""
    assert isinstance(given, list)
    return given


def started(shop: Shop) -> Vm:
    """A running VM from the shop's template."""
    wish = Wish(shop.ground.name("template"), name=shop.ground.name("vm"), wait=True, deadline=60)
    (done,) = instantiate.run(shop.ground.client(), wish)
    assert done.error is None, done.error
    assert done.vm is not None
    assert done.vm.running
    return done.vm


def images_of(vm: Vm) -> list[str]:
    return [disk["IMAGE"] for disk in vm.disks]


class TestFaults:
    """What only the double can be made to do."""

    @pytest.mark.parametrize("kind", ["reset", "truncated"])
    def test_an_image_whose_answer_was_lost_is_not_made_twice(
        self, double: OnedDouble, kind: str
    ) -> None:
        ground = on(double)
        one, me = ground.one, ground.one.me.id
        double.faults.http(kind, method="one.image.allocate")
        settled = settle(
            lambda: one.images.named(ground.name("image"), me), ground.image, one.images.delete
        )
        assert settled.made
        assert len(one.images.named(ground.name("image"), me)) == 1
        assert double.calls.count("one.image.allocate") == 1

    def test_a_lost_answer_without_an_object(self, double: OnedDouble) -> None:
        ground = on(double)
        double.faults.http("status", method="one.template.allocate", status=502)
        with pytest.raises(UncertainError, match="HTTP status 502"):
            settle(
                lambda: ground.one.templates.named(ground.name("template")),
                lambda: ground.one.templates.allocate(template(ground)),
                ground.one.templates.delete,
            )
        assert ground.one.templates.named(ground.name("template")) == ()

    @pytest.mark.parametrize("kind", ["reset", "truncated", "garbage", "status"])
    def test_reads_survive_a_bad_connection(self, double: OnedDouble, kind: str) -> None:
        ground = on(double)
        double.faults.http(kind, method="one.datastorepool.info", times=2)
        assert len(ground.one.datastores.all()) == 3
        assert double.calls.count("one.datastorepool.info") in (1, 3)

    def test_a_hanging_server(self, double: OnedDouble) -> None:
        ground = on(double)
        one = Client(ground.where, deadline=0.5, pauses=QUICK, notice=lambda _text: None)
        double.faults.http("hang", method="one.hostpool.info", times=9)
        with pytest.raises(DeadlineError, match="no answer within"):
            one.hosts.all()

    def test_a_front_end_that_restarts_between_two_calls(self, double: OnedDouble) -> None:
        ground = on(double)
        said: list[str] = []
        one = Client(ground.where, deadline=30, pauses=QUICK, notice=said.append)
        assert one.me.id == 0
        double.stop()
        back = threading.Timer(0.3, double.start)
        back.start()
        number = one.templates.allocate(template(ground))
        back.join()
        assert one.templates.get(number).name == ground.name("template")
        assert double.calls.count("one.template.allocate") == 1
        assert said

    def test_a_front_end_that_stays_away(self, double: OnedDouble) -> None:
        ground = on(double)
        one = Client(ground.where, deadline=0.5, pauses=QUICK, notice=lambda _text: None)
        assert one.me.id == 0
        double.stop()
        with pytest.raises(UnreachableError, match="connection refused"):
            one.templates.allocate(template(ground))
        assert one.calls > 3

    def test_a_restart_in_mid_copy_leaves_the_image_locked(self) -> None:
        with OnedDouble(clock=Clock(), timing=Timing()) as double:
            ground = on(double)
            number = ground.image()
            double.restart()
            double.tick(1000)
            with pytest.raises(StuckError, match="still being copied") as caught:
                wait_image(ground.one, number, deadline=0.1)
            assert f"oneimage delete {number} --force" in caught.value.hint
            with pytest.raises(LockedError):
                ground.one.images.delete(number)
            ground.one.images.delete(number, force=True)
            double.tick(100)
            wait_image_gone(ground.one, number, deadline=10)

    def test_an_image_that_fails(self, double: OnedDouble) -> None:
        ground = on(double)
        double.faults.fail_image("t-*", "ERROR: cp: No space left on device")
        number = ground.image()
        with pytest.raises(ImageFailedError, match="No space left on device") as caught:
            wait_image(ground.one, number, deadline=20)
        assert "disk is full" in caught.value.hint

    def test_a_vm_that_runs_and_one_that_does_not(self, double: OnedDouble) -> None:
        ground = on(double)
        one = ground.one
        double.add_host("node01", cores=8, memory_gb=16)
        number = one.templates.allocate(template(ground))
        good = one.templates.instantiate(number, name=ground.name("good"))
        assert wait_vm(one, good, deadline=30).host == "node01"
        double.faults.fail_boot("t-bad*")
        bad = one.templates.instantiate(number, name=ground.name("bad"))
        with pytest.raises(VmFailedError, match="BOOT_FAILURE"):
            wait_vm(one, bad, deadline=30)

    def test_a_vm_that_fits_nowhere(self, double: OnedDouble) -> None:
        ground = on(double)
        number = ground.one.templates.allocate(template(ground, text="big", CPU=64))
        double.add_host("node01", cores=2, memory_gb=4)
        vm = ground.one.templates.instantiate(number, name=ground.name("big"))
        with pytest.raises(StuckError, match="still PENDING after"):
            wait_vm(ground.one, vm, deadline=1)

    @pytest.mark.parametrize("release", ["5.12", "6.10", "7.0"])
    def test_every_release(self, release: str) -> None:
        with OnedDouble(release=release) as double:
            ground = on(double)
            assert str(ground.one.dialect) == release
            number = ground.image()
            assert wait_image(ground.one, number, deadline=30).size == 1
            assert ground.one.networks.all() == ()

    def test_the_number_of_calls_is_that_of_kinds(self, double: OnedDouble) -> None:
        one = on(double).one
        for listing in (
            *(one.images.all, one.templates.all, one.vms.all, one.hosts.all, one.networks.all),
            *(one.clusters.all, one.datastores.all, one.users.all, one.groups.all),
            *(one.security_groups.all, one.acls.all),
        ):
            listing()
        assert one.calls == len(double.calls) == 11

    def test_garbage_for_ever(self, double: OnedDouble) -> None:
        double.faults.http("garbage", method="one.user.info", times=99)
        with pytest.raises(BrokenError):
            _ = on(double).one.me
