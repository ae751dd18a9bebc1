"""Security groups: firewall rules for the VMs of some networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from b2ct.cloud.kinds.kind import DEFAULT, ObjectKind, Wanted
from b2ct.one.kinds import SecurityGroups
from b2ct.one.objects.network import SecurityGroup
from b2ct.one.text import Attributes, Vector
from b2ct.site.cloud import SecurityRule
from b2ct.site.model import Site

if TYPE_CHECKING:
    from b2ct.cloud.desired import Described
    from b2ct.cloud.live import Live
    from b2ct.cloud.session import Run
    from b2ct.cloud.view import View
    from b2ct.one.client import Client


@dataclass(frozen=True, kw_only=True)
class WantedSecurityGroup(Wanted):
    """A security group as it shall be."""

    rules: tuple[Vector, ...]
    """RULE vectors."""


class SecurityGroupKind(ObjectKind[WantedSecurityGroup, SecurityGroup]):
    """Those of `cloud.security_groups`."""

    name, made, deleted = SecurityGroups.label, 50, 40
    per_owner = True
    own = 100

    def pool(self, one: Client) -> SecurityGroups:
        """Security groups."""
        return one.security_groups

    def known(self, _live: Live) -> Mapping[str, int]:
        """OpenNebula's own, which lets all pass."""
        return {DEFAULT: 0}

    def wanted(self, described: Described) -> Iterator[WantedSecurityGroup]:
        """Each with its rules."""
        for name, group in described.site.cloud.security_groups.items():
            rules = tuple(vector for rule in group.rules for vector in _vectors(rule))
            attributes = {"DESCRIPTION": group.description or ""}
            yield WantedSecurityGroup(name=name, attributes=attributes, rules=rules)

    def shown(self, wanted: WantedSecurityGroup) -> dict[str, str]:
        """Its description and its rules."""
        return {**wanted.attributes, "rules": _text(wanted.rules)}

    def there(self, item: SecurityGroup, wanted: WantedSecurityGroup, view: View) -> dict[str, str]:
        """The same as they are."""
        return {**super().there(item, wanted, view), "rules": _text(item.rules)}

    def make(self, run: Run, wanted: WantedSecurityGroup) -> None:
        """With its rules."""
        attributes = run.new(wanted).merged(_rules(wanted))
        run.make(self, wanted.name, lambda: run.one.security_groups.allocate(attributes))

    def sent(self, run: Run, wanted: WantedSecurityGroup, names: Set[str]) -> Attributes:
        """All rules, where one is another."""
        rules = _rules(wanted) if "rules" in names else Attributes()
        return super().sent(run, wanted, names).merged(rules)

    def used(self, item: SecurityGroup, view: View) -> str:
        """By VMs. Networks hold it themselves."""
        for vm in view.vms:
            for nic in vm.nics:
                if str(item.id) in nic.get("SECURITY_GROUPS", "").split(","):
                    return f"it guards VM {vm.id}"
        return ""


def guards(site: Site, network: str) -> tuple[str, ...]:
    """The security groups of a network; none where OpenNebula's own is meant."""
    groups = site.cloud.security_groups.items()
    return tuple(
        sorted(name for name, one in groups if not one.networks or network in one.networks)
    )


def _rules(wanted: WantedSecurityGroup) -> Attributes:
    return Attributes(("RULE", vector) for vector in wanted.rules)


def _vectors(rule: SecurityRule) -> Iterator[Vector]:
    made = {"PROTOCOL": rule.protocol.upper(), "RULE_TYPE": rule.direction}
    if rule.network:
        made |= {"IP": str(rule.network.network_address), "SIZE": str(rule.network.num_addresses)}
    for ports in rule.port_lists:
        yield MappingProxyType({**made, "RANGE": ports})
    if not rule.ports:
        yield MappingProxyType(made)


def _text(rules: tuple[Vector, ...]) -> str:
    """Rules for people, and to compare: their order means nothing."""
    return "; ".join(sorted({_rule_text(rule) for rule in rules}))


def _rule_text(vector: Vector) -> str:
    known = ("RULE_TYPE", "PROTOCOL", "RANGE", "IP", "SIZE")
    words = [vector.get("RULE_TYPE", "").lower(), vector.get("PROTOCOL", "").lower()]
    words += [vector["RANGE"]] if vector.get("RANGE") else []
    if vector.get("IP"):
        words.append(f"{vector['IP']} + {vector.get('SIZE', '1')}")
    words += [f"{key}={value}" for key, value in sorted(vector.items()) if key not in known]
    return " ".join(words)


SECURITY_GROUP = SecurityGroupKind()
