"""The site against the cloud: what is to be created, changed and deleted, and what is left. Pure.

The kinds say what; here is only the order.
"""

from __future__ import annotations

from b2ct.cloud.desired import Desired
from b2ct.cloud.kinds import KINDS
from b2ct.cloud.live import Live
from b2ct.cloud.steps import Plan
from b2ct.cloud.view import Options, View

AS_IT_IS = Options()


def plan(desired: Desired, live: Live, options: Options = AS_IT_IS) -> Plan:
    """What is to be done."""
    view = View(desired, live, options, KINDS)
    made = sorted(KINDS, key=lambda kind: kind.made)
    deleted = sorted(KINDS, key=lambda kind: kind.deleted)
    steps = [step for kind in made for step in kind.steps(view)]
    # Only now it is known what stays as it is wanted, and so what uses what.
    steps += [step for kind in deleted for step in kind.left_over(view)]
    by_hand, elsewhere = _others(view, of_sites=False), _others(view, of_sites=True)
    return Plan(tuple(steps), desired.notes, by_hand, elsewhere, view.ids, view.begun)


def _others(view: View, *, of_sites: bool) -> dict[str, tuple[str, ...]]:
    """Names by kind of what was made by hand; or, `of_sites`, by B2CT for other sites."""
    found = {kind.name: kind.others(view, of_sites=of_sites) for kind in KINDS}
    return {kind: names for kind, names in found.items() if names}
