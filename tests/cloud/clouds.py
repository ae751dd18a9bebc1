"""Sites for the tests of plan and apply, and one run of each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from b2ct.cloud import apply as carrying
from b2ct.cloud import desired, live
from b2ct.cloud import plan as planning
from b2ct.cloud.apply import Done
from b2ct.cloud.desired import Desired
from b2ct.cloud.steps import Action, Plan, Step
from b2ct.cloud.view import Options
from b2ct.one.client import Client
from b2ct.site import load
from b2ct.site.model import Site

PASSWORD = "correct-horse-battery"
PLAIN, PRUNE, ADOPT = Options(), Options(prune=True), Options(adopt=True)


@dataclass
class Cloud:
    """A site as plain data, which tests change; names start with `prefix`."""

    prefix: str = "t-"
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = self.name
        self.data = self.data or {
            "site": {"name": name("site")},
            "networks": {
                name("vms"): {
                    "cidr": "10.77.0.0/16", "gateway": "10.77.0.1", "dns": ["10.77.0.2"],
                    "bridge": "br77", "vm_range": {"first": "10.77.1.1", "last": "10.77.1.100"},
                }
            },
            "nodes": [
                {"name": name("one"), "role": "control",
                 "interfaces": [{"network": name("vms"), "address": "10.77.0.10"}]},
                {"name": name("hv01"), "role": "hypervisor"},
                {"name": name("hv02"), "role": "hypervisor"},
            ],
            "workers": {name("w"): {"image": name("image")}},
            "cloud": {
                "driver": "dummy",
                "groups": [name("people")],
                "datastores": {name("more"): {}},
                "security_groups": {
                    name("guard"): {"rules": [{"direction": "outbound"},
                                              {"protocol": "tcp", "ports": "22"}]}
                },
                "dirac": {"user": name("dirac"), "group": name("dirac"),
                          "quota": {"vms": 5, "memory": "8 GiB"}},
            },
            "secrets": {"dirac_password": {"env": "DIRAC_PASSWORD"}},
        }  # fmt: skip

    def name(self, text: str) -> str:
        return f"{self.prefix}{text}"

    @property
    def network(self) -> dict[str, Any]:
        found: dict[str, Any] = self.data["networks"][self.name("vms")]
        return found

    @property
    def cloud(self) -> dict[str, Any]:
        found: dict[str, Any] = self.data["cloud"]
        return found

    def site(self) -> Site:
        return load.load_text(json.dumps(self.data))

    def text(self) -> str:
        """As a site.yaml."""
        return json.dumps(self.data, indent=1)

    def empty(self) -> Cloud:
        """The same site when it has nothing any more."""
        return Cloud(self.prefix, {"site": self.data["site"]})

    def desired(self, one: Client) -> Desired:
        site = self.site()
        return desired.desired(site, one.dialect, Path())

    def plan(self, one: Client, options: Options = PLAIN) -> Plan:
        there = live.read(one, vms=options.prune)
        return planning.plan(self.desired(one), there, options)

    def apply(self, one: Client, options: Options = PLAIN) -> Done:
        return self.carry_out(one, self.plan(one, options))

    def carry_out(self, one: Client, plan: Plan) -> Done:
        """A plan that was made before."""
        return carrying.apply(one, self.desired(one), plan, password=lambda: PASSWORD)


def keys(steps: Any, action: Action) -> list[str]:
    """`host hv01` of each step with that action."""
    return [f"{s.kind} {s.name}" for s in steps if s.action is action]


def step(plan: Plan, kind: str, name: str) -> Step:
    """The one step about an object."""
    (found,) = [s for s in plan.steps if s.key == (kind, name)]
    return found
