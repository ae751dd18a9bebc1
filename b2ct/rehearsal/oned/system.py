"""The server itself: one.system.*, one.acl.*, one.zonepool.info."""

from __future__ import annotations

from b2ct.rehearsal.oned.acl import MANAGE, Rule
from b2ct.rehearsal.oned.errors import internal
from b2ct.rehearsal.oned.rpc import Call, method


@method("one.system.version")
def version(call: Call) -> str:
    return call.cloud.release.version


@method("one.system.config")
def config(call: Call) -> str:
    onegate = f"<ONEGATE_ENDPOINT><![CDATA[{call.cloud.onegate}]]></ONEGATE_ENDPOINT>"
    return (
        "<OPENNEBULA_CONFIGURATION><DATASTORE_LOCATION><![CDATA[/var/lib/one//datastores]]>"
        "</DATASTORE_LOCATION><DEFAULT_DEVICE_PREFIX><![CDATA[sd]]></DEFAULT_DEVICE_PREFIX>"
        f"<DATASTORE_CAPACITY_CHECK><![CDATA[{call.cloud.capacity_check}]]>"
        "</DATASTORE_CAPACITY_CHECK><MAC_PREFIX><![CDATA[02:00]]></MAC_PREFIX>"
        f"{onegate if call.cloud.onegate else ''}"
        "</OPENNEBULA_CONFIGURATION>"
    )


@method("one.zonepool.info")
def zones(call: Call) -> str:
    return (
        "<ZONE_POOL><ZONE><ID>0</ID><NAME>OpenNebula</NAME><STATE>0</STATE><TEMPLATE><ENDPOINT>"
        f"<![CDATA[{call.cloud.endpoint}]]></ENDPOINT></TEMPLATE><SERVER_POOL></SERVER_POOL>"
        "</ZONE></ZONE_POOL>"
    )


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


@method("one.acl.addrule")
def addrule(call: Call, user: str, resource: str, rights: str, zone: str = "") -> int:
    """Four hexadecimal numbers, as strings."""
    call.may(MANAGE, "ACL")
    numbers = (
        _hexadecimal(user),
        _hexadecimal(resource),
        _hexadecimal(rights),
        _hexadecimal(zone) if zone else 0x100000000,
    )
    problem = Rule(-1, *numbers).problem()
    if problem:
        raise internal(problem)
    same = call.cloud.acl.same(*numbers)
    if same:
        raise internal(f"Rule {same.text()} already exists")
    return call.cloud.acl.add(*numbers).id


@method("one.acl.delrule")
def delrule(call: Call, rule_id: int) -> int:
    call.may(MANAGE, "ACL")
    if rule_id not in call.cloud.acl.rules:
        raise internal(f"Rule {rule_id} does not exist")
    del call.cloud.acl.rules[rule_id]
    return rule_id


@method("one.acl.info")
def acl_info(call: Call) -> str:
    call.may(MANAGE, "ACL")
    return call.cloud.acl.xml()
