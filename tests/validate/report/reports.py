"""Reports to try the pages with: a healthy site, a broken one, and hostile texts."""

from __future__ import annotations

from dataclasses import replace

from b2ct.validate.results import About, NodeReport, Outcome, Report, Result

CHECKS = tuple(
    About(name, group, proves, why, severity)
    for name, group, severity, proves, why in (
        ("oned-runs", "control node", "error", "oned runs", "without it nothing answers"),
        ("clock-is-right", "every node", "error", "the clock is right", "certificates need it"),
        ("no-updates-wait", "every node", "warning", "no updates wait", "old software has holes"),
        ("bridge-has-members", "hypervisor", "error", "the bridge has its card", "VMs need it"),
        ("pairs-reach-each-other", "site", "error", "oneadmin logs in between all", "copies do so"),
    )
)


def passed(check: str) -> Result:
    return Result(check, Outcome.PASSED, seconds=0.01)


def failed(check: str, message: str, remedy: str = "", evidence: tuple[str, ...] = ()) -> Result:
    return Result(check, Outcome.FAILED, message, remedy, 0.02, evidence)


def on(host: int, command: str) -> str:
    return f"ssh root@10.10.0.{host} {command}"


def healthy(hypervisors: int = 2, started: str = "2026-11-20T08:00:00Z") -> Report:
    """A site where all is well."""
    control = NodeReport(
        "one", "control", "10.10.0.10",
        tuple(map(passed, ("oned-runs", "clock-is-right", "no-updates-wait"))),
        networks=("service",), squid=True,
    )  # fmt: skip
    others = tuple(
        NodeReport(
            f"hv{number:02}", "hypervisor", f"10.10.0.{10 + number}",
            tuple(map(passed, ("clock-is-right", "no-updates-wait", "bridge-has-members"))),
            networks=("service", "private"),
        )
        for number in range(1, hypervisors + 1)
    )  # fmt: skip
    return Report(
        site="physics", started=started, seconds=4.2, version="0.1.0", checks=CHECKS,
        nodes=(control, *others), site_wide=(passed("pairs-reach-each-other"),),
        networks=("service", "private"),
    )  # fmt: skip


def with_result(report: Report, node: str, result: Result) -> Report:
    """The same, but a check ended differently."""

    def changed(results: tuple[Result, ...]) -> tuple[Result, ...]:
        return tuple(result if one.check == result.check else one for one in results)

    if not node:
        return replace(report, site_wide=changed(report.site_wide))
    nodes = tuple(
        replace(one, results=changed(one.results)) if one.name == node else one
        for one in report.nodes
    )
    return replace(report, nodes=nodes)


def broken(hypervisors: int = 2, started: str = "2026-11-21T08:00:00Z") -> Report:
    """Two errors, of which one on two nodes, a warning, and a node that does not answer."""
    report = healthy(hypervisors, started)
    asked = ("$ systemctl is-active opennebula", "inactive")
    oned = "the service opennebula does not run"
    for node, result in (
        ("one", failed("oned-runs", oned, on(10, "systemctl enable --now opennebula"), asked)),
        ("one", failed("clock-is-right", "the clock is 61 s off", on(10, "chronyc makestep"))),
        ("hv01", failed("clock-is-right", "the clock is 61 s off", on(11, "chronyc makestep"))),
        ("hv01", failed("no-updates-wait", "12 security updates wait", on(11, "dnf upgrade"))),
    ):
        report = with_result(report, node, result)
    lost = replace(
        report.nodes[-1],
        unreachable="10.10.0.12: no answer within 10 s",
        results=tuple(
            Result(one.check, Outcome.NOT_RUN, "the node was not reached", "is it switched on?")
            for one in report.nodes[-1].results
        ),
    )
    return replace(report, nodes=(*report.nodes[:-1], lost))


HOSTILE = (
    "</script><script>document.title='got you'</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
)


def hostile() -> Report:
    """Every text of the report is an attack."""
    base = healthy()
    report = replace(base, site=HOSTILE, version=HOSTILE, networks=(HOSTILE,))
    about = About("oned-runs", HOSTILE, HOSTILE, HOSTILE, "error")
    result = failed("oned-runs", HOSTILE, HOSTILE, (HOSTILE,))
    node = NodeReport(HOSTILE, "control", HOSTILE, (result,), HOSTILE, (HOSTILE,))
    return replace(
        report, checks=(about,), site_wide=(result,), nodes=(node, replace(node, unreachable=""))
    )
