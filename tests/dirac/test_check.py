"""`b2ct dirac check` against the double: each thing that can be wrong is told with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.core.findings import Finding
from b2ct.dirac import check
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.text import Attributes
from b2ct.rehearsal.oned import OnedDouble
from tests.dirac import ground


@dataclass
class Stage:
    double: OnedDouble
    ids: ground.Ids
    admin: Client

    def run(self, password: str = ground.PASSWORD, *, template: str = "b2ct-worker") -> Found:
        where = Endpoint(self.double.url, f"dirac:{password}", proxy="")
        client = Client(where, deadline=5, notice=lambda _text: None)
        return Found({one.subject: one for one in check.run(client, [template])})


class Found(dict[str, Finding]):
    def verdicts(self) -> dict[str, str]:
        return {name: one.verdict for name, one in self.items() if one.verdict != check.OK}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with OnedDouble(clock=ground.past(100)) as double:
        ids = ground.furnish(double, ground.site(tmp_path))
        yield Stage(double, ids, ground.admin(double))


def test_all_is_well(stage: Stage) -> None:
    found = stage.run()
    assert found.verdicts() == {}
    assert found["template"].text.endswith("0.5 CPU, 2048 MB")
    assert found["network"].text == "vms: 50 of 50 free"
    assert found["credentials"].text == "user dirac of group dirac"


def test_nothing_is_started_or_changed(stage: Stage) -> None:
    stage.double.calls.clear()
    stage.run()
    reads = (".info", "system.version", "pool.info")
    others = [name for name in stage.double.calls if not name.endswith(reads)]
    assert others == ["one.template.instantiate"], "with a disk that does not exist"
    assert stage.admin.vms.all(state=stage.admin.vms.EVERY) == ()


def disable_image(stage: Stage) -> None:
    stage.admin.images.enable(stage.ids.image, False)


def hide_network(stage: Stage) -> None:
    stage.admin.networks.chmod(stage.ids.network, "um-------")
    # oned gives every new group the use of all networks.
    drop_rules(stage, "NET/")


def drop_rules(stage: Stage, start: str) -> None:
    for rule in stage.admin.acls.all():
        if str(rule).startswith(f"@{stage.ids.group} {start}"):
            stage.admin.acls.delete(rule.id)


def guarded(stage: Stage) -> None:
    """The network's security group is not the user's to use."""
    group = stage.admin.security_groups.allocate(
        Attributes.of({"NAME": "g", "RULE": {"PROTOCOL": "ALL", "RULE_TYPE": "outbound"}})
    )
    stage.admin.security_groups.chmod(group, "um-------")
    stage.admin.networks.update(stage.ids.network, Attributes.of({"SECURITY_GROUPS": str(group)}))


def no_context(stage: Stage) -> None:
    bare = Attributes.of({"CONTEXT": {"NETWORK": "YES"}})
    stage.admin.templates.update(stage.ids.template, bare)


def large_context(stage: Stage) -> None:
    large = Attributes.of({"CONTEXT": {"USERDATA": "x", "FILLER": "x" * 66_000}})
    stage.admin.templates.update(stage.ids.template, large)


def quota(stage: Stage) -> None:
    limit = {"VMS": 0, "CPU": -2, "MEMORY": -2, "SYSTEM_DISK_SIZE": -2}
    stage.admin.users.quota(stage.ids.user, Attributes.of({"VM": limit}))


def administrator(stage: Stage) -> None:
    stage.admin.users.add_group(stage.ids.user, 0)


def failed_vm(stage: Stage) -> None:
    stage.double.faults.fail_boot("VMDIRAC3_*")
    dirac = ground.dirac(stage.double)
    made = dirac.templates.instantiate(stage.ids.template, name="VMDIRAC3_A")
    stage.double.until(lambda: stage.admin.vms.get(made).failed)


def namesake(stage: Stage) -> None:
    stranger = stage.admin.users.allocate("stranger", "secret")
    made = stage.admin.templates.allocate(Attributes.of({"NAME": "x", "CPU": 1, "MEMORY": 64}))
    stage.admin.templates.chown(made, stranger)
    stage.admin.templates.rename(made, "b2ct-worker")
    stage.admin.templates.chmod(made, "um----u--")


@pytest.mark.parametrize(
    ("spoil", "name", "verdict", "remedy"),
    [
        (lambda s: s.admin.templates.chmod(s.ids.template, "um-------"), "template",
         check.FAILED, "b2ct apply"),
        (lambda s: s.admin.images.chmod(s.ids.image, "um-------"), "image", check.FAILED,
         "b2ct apply"),
        (disable_image, "image", check.FAILED, "register it again"),
        (hide_network, "network", check.FAILED, "b2ct apply"),
        (no_context, "context", check.WARNING, "register the worker again"),
        (large_context, "context", check.FAILED, "too large"),
        (lambda s: drop_rules(s, "VM+TEMPLATE/"), "rights", check.FAILED, "CREATE TEMPLATE"),
        (guarded, "rights", check.FAILED, "security group"),
        (quota, "quota", check.WARNING, "cloud.dirac.quota"),
        (administrator, "credentials", check.WARNING, "a user of its own"),
        (failed_vm, "VMs", check.WARNING, "/var/log/one/0.log"),
        (namesake, "template", check.WARNING, "rename"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_a_remedy(
    spoil: Callable[[Stage], None], name: str, verdict: str, remedy: str, stage: Stage
) -> None:
    spoil(stage)
    found = stage.run()
    # Whoever may not use a network may not start a VM on it either.
    if name == "network":
        assert found.pop("rights").verdict == check.FAILED
    assert found.verdicts() == {name: verdict}
    assert remedy in found[name].remedy


def test_a_wrong_password(stage: Stage) -> None:
    found = stage.run("wrong")
    assert found["reachability"].verdict == check.OK
    assert found["credentials"].verdict == check.FAILED
    assert found["template"].verdict == check.SKIPPED
    assert ground.PASSWORD not in str(found)


def test_a_cloud_that_is_away(stage: Stage) -> None:
    stage.double.stop()
    found = stage.run()
    assert found["reachability"].verdict == check.FAILED
    assert set(found.verdicts().values()) == {check.FAILED, check.SKIPPED}


def test_a_template_that_is_not_there(stage: Stage) -> None:
    found = stage.run(template="big")["template"]
    assert found.text == "dirac sees no VM template big (it sees: b2ct-worker)"
