"""Security groups: one.secgroup.* and the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.acl import CREATE, MANAGE, USE
from b2ct.rehearsal.oned.entities import Owned, bad_name
from b2ct.rehearsal.oned.errors import action, internal, taken
from b2ct.rehearsal.oned.pools import visible
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.template import Template


@dataclass
class SecGroup(Owned):
    kind: ClassVar[str] = "SECGROUP"

    def vms(self) -> set[int]:
        """VMs with a NIC that the group guards."""
        return {
            vm.id
            for vm in self.cloud.vms.alive()
            for nic in vm.template.vectors("NIC")
            if str(self.id) in nic.get("SECURITY_GROUPS", "").split(",")
        }

    def xml(self) -> str:
        return (
            f"<SECURITY_GROUP>{self.head_xml()}{xmlwriter.ids('UPDATED_VMS', self.vms())}"
            "<OUTDATED_VMS></OUTDATED_VMS><UPDATING_VMS></UPDATING_VMS><ERROR_VMS></ERROR_VMS>"
            f"{self.template.xml()}</SECURITY_GROUP>"
        )


def default_rules() -> Template:
    return Template(
        [
            ("DESCRIPTION", "The default security group is added to every network. Use it to add "
             "default filter rules for your networks. You may remove this security group from "
             "any network by updating its properties."),
            ("RULE", {"PROTOCOL": "ALL", "RULE_TYPE": "OUTBOUND"}),
            ("RULE", {"PROTOCOL": "ALL", "RULE_TYPE": "INBOUND"}),
        ]
    )  # fmt: skip


@method("one.secgroup.allocate")
def allocate(call: Call, text: str) -> int:
    cloud = call.cloud
    template = call.parse(text)
    call.may(CREATE, "SECGROUP")
    name = template.pop("NAME")
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    same = cloud.secgroups.named(name, call.uid)
    if same:
        raise taken("SecurityGroup", same.id)
    for rule in template.vectors("RULE"):
        _check(rule)
    group = SecGroup(cloud, cloud.secgroups.take_id(), name, template, call.uid, call.user.gid)
    return cloud.secgroups.add(group).id


def _check(rule: dict[str, str]) -> None:
    protocols = ("TCP", "UDP", "ICMP", "ICMPV6", "IPSEC", "ALL")
    if rule.get("PROTOCOL", "").upper() not in protocols:
        raise internal(f"Wrong PROTOCOL in rule. Valid options: {', '.join(protocols)}.")
    if rule.get("RULE_TYPE", "").upper() not in ("INBOUND", "OUTBOUND"):
        raise internal("Wrong RULE_TYPE in rule. Valid options: INBOUND, OUTBOUND.")
    ports = [span for span in rule.get("RANGE", "").split(",") if span]
    if sum(2 if ":" in span else 1 for span in ports) > 15:
        raise internal("Not more than 15 ports can be specified in a RULE")
    if rule.get("IP") and not 0 <= int(rule.get("SIZE") or -1) < 2**32:
        raise internal("Wrong or empty SIZE.")


@method("one.secgroup.delete")
def delete(call: Call, group_id: int) -> int:
    group = call.cloud.secgroups[group_id]
    call.may(MANAGE, "SECGROUP", group)
    if group_id == 0:
        raise action(
            "Cannot delete security group. The default security group (ID 0) cannot be deleted."
        )
    if group.vms():
        raise action("Cannot delete security group. The security group has VMs using it")
    call.cloud.secgroups.remove(group_id)
    return group_id


@method("one.secgroup.clone")
def clone(call: Call, group_id: int, name: str) -> int:
    cloud = call.cloud
    group = cloud.secgroups[group_id]
    call.may(USE, "SECGROUP", group)
    call.may(CREATE, "SECGROUP")
    same = cloud.secgroups.named(name, call.uid)
    if same:
        raise taken("SecurityGroup", same.id)
    copy = SecGroup(
        cloud, cloud.secgroups.take_id(), name, group.template.copy(), call.uid, call.user.gid
    )
    return cloud.secgroups.add(copy).id


@method("one.secgroup.commit")
def commit(call: Call, group_id: int, only_failed: bool) -> int:
    call.may(MANAGE, "SECGROUP", call.cloud.secgroups[group_id])
    return group_id


@method("one.secgroup.info")
def info(call: Call, group_id: int, decrypt: bool = False) -> str:
    group = call.cloud.secgroups[group_id]
    call.may_see("SECGROUP", group)
    return group.xml()


@method("one.secgrouppool.info")
def pool_info(call: Call, who: int, first: int, last: int) -> str:
    return call.cloud.secgroups.xml(visible(call, who, "SECGROUP"), limits=(first, last))
