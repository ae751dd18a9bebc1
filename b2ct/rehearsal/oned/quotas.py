"""Limits for users and groups: -1 is the default (none), -2 no limit, 0 and up a limit.

Members of oneadmin are neither limited nor counted.
"""

from __future__ import annotations

from b2ct.rehearsal.oned import xmlwriter
from b2ct.rehearsal.oned.errors import OneError, action, unauthorized
from b2ct.rehearsal.oned.template import Template

METRICS = {
    "DATASTORE": ("IMAGES", "SIZE"),
    "NETWORK": ("LEASES",),
    # in the order in which oned checks them
    "VM": (
        "VMS",
        "RUNNING_VMS",
        "CPU",
        "RUNNING_CPU",
        "MEMORY",
        "RUNNING_MEMORY",
        "SYSTEM_DISK_SIZE",
    ),
    "IMAGE": ("RVMS",),
}
_PCI = ("PCI_DEV", "PCI_NIC", "RUNNING_PCI_DEV", "RUNNING_PCI_NIC")
Usage = dict[tuple[str, str], dict[str, float]]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.2f}"


class Quotas:
    """Limits and use, by (template name, object id); the id of VM quotas is empty."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str], dict[str, float]] = {}
        self._used: dict[tuple[str, str], dict[str, float]] = {}

    def update(self, wanted: Template, whose: dict[str, str]) -> None:
        """Set limits; what the template does not name keeps its value.

        `whose` is named in the refusal of a quota for VMs.
        """
        for kind, metrics in METRICS.items():
            for attributes in wanted.vectors(kind):
                key = (kind, "" if kind == "VM" else attributes.get("ID", ""))
                try:
                    limits = {m: float(attributes[m]) for m in metrics if m in attributes}
                except ValueError:
                    limits = {"": -3}
                if any(limit < -2 for limit in limits.values()):
                    named = attributes | (whose if kind == "VM" else {})
                    text = ",".join(f"{k}={v}" for k, v in sorted(named.items()))
                    raise action(f"Negative limits or bad format in quota {kind} = [ {text} ]")
                self._limits.setdefault(key, dict.fromkeys(metrics, -1.0)).update(limits)
                self._used.setdefault(key, dict.fromkeys(metrics, 0.0))

    def problem(self, wanted: Usage) -> str:
        """Which limit the additional use would break, as oned says it."""
        for (kind, number), amounts in wanted.items():
            limits = self._limits.get((kind, number), {})
            used = self._used.get((kind, number), {})
            for metric in (m for m in METRICS[kind] if m in amounts):
                limit = limits.get(metric, -1)
                if limit >= 0 and used.get(metric, 0) + amounts[metric] > limit:
                    which = f" with ID: {number}" if number else ""
                    return f"limit of {_number(limit)} reached for {metric} quota in {kind}{which}"
        return ""

    def add(self, wanted: Usage, sign: int = 1) -> None:
        for (kind, number), amounts in wanted.items():
            key = (kind, number)
            self._limits.setdefault(key, dict.fromkeys(METRICS[kind], -1.0))
            used = self._used.setdefault(key, dict.fromkeys(METRICS[kind], 0.0))
            for metric, amount in amounts.items():
                used[metric] = max(0.0, used[metric] + sign * amount)

    def _idle(self, key: tuple[str, str]) -> bool:
        """Neither limited nor used: oned forgets such a row."""
        limits, used = self._limits[key].values(), self._used[key].values()
        return all(limit == -1 for limit in limits) and not any(used)

    def xml(self, *, pci: bool = False) -> str:
        """`pci`: with the rows for PCI devices, of which the double has none."""
        parts = []
        for kind, metrics in METRICS.items():
            rows = ""
            for (its_kind, number), limits in self._limits.items():
                if its_kind != kind or self._idle((its_kind, number)):
                    continue
                row = {"ID": number} if number else {}
                used = self._used[(kind, number)]
                for metric in metrics:
                    row[metric] = _number(limits[metric])
                    row[f"{metric}_USED"] = _number(used[metric])
                if pci and kind == "VM":
                    row |= dict.fromkeys(_PCI, "-1") | {f"{name}_USED": "0" for name in _PCI}
                rows += xmlwriter.vector(kind, row)
            parts.append(f"<{kind}_QUOTA>{rows}</{kind}_QUOTA>")
        return "".join(parts)


NO_LIMITS = Quotas().xml()


def over_quota(uid: int, who: str, text: str) -> OneError:
    """The refusal, for `who` being `user [2]` or `group [1]`."""
    return unauthorized(uid, f"{who} {text}")
