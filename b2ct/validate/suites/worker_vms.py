"""A VM of every worker: started, logged in to, given software and a job, and removed again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from b2ct.validate import clouds
from b2ct.validate.check import not_applicable, site_check
from b2ct.validate.clouds import ToCloud
from b2ct.validate.trial.stages import Stage, Trial, judge

if TYPE_CHECKING:
    from b2ct.site.model import Site
    from b2ct.validate.given import Hosts, Options

_kept: dict[int, tuple[weakref.ref[Hosts], tuple[Trial, ...]]] = {}
"""What the VMs of a run did, by the run's own `hosts`: five checks look at the same VMs."""


def _trials(to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options) -> tuple[Trial, ...]:
    if not options.test_vms:
        not_applicable("no test VMs were wanted")
    kept = _kept.get(id(hosts))
    if kept is not None and kept[0]() is hosts:
        return kept[1]
    from b2ct.validate.trial import vms

    found = vms.run(clouds.opened(to_cloud, hosts, site), site, hosts, options)
    _kept.clear()
    _kept[id(hosts)] = (weakref.ref(hosts), found)
    return found


@site_check(
    proves="a VM of every worker's template runs within a minute",
    why="this is what the site is for",
    remedy="in the report: what became of the VM",
)
def test_test_vms_run(to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options) -> None:
    judge(_trials(to_cloud, hosts, site, options), Stage.RUNNING)


@site_check(
    proves="within the same minute one can log in to it with the key of its context",
    why="a VM that did not take its context knows neither squid nor DIRAC",
    remedy="in the report: what became of the VM",
)
def test_test_vms_are_contextualised(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    judge(_trials(to_cloud, hosts, site, options), Stage.LOGIN)


@site_check(
    proves="it mounts every CVMFS repository, through the site's squid",
    why="the software of jobs comes from there",
    remedy="in the report: what became of the VM",
)
def test_test_vms_have_software(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    judge(_trials(to_cloud, hosts, site, options), Stage.CVMFS)


@site_check(
    proves="it runs a job as an ordinary user",
    why="this is what DIRAC will ask of it",
    remedy="in the report: what became of the VM",
)
def test_test_vms_run_a_job(to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options) -> None:
    judge(_trials(to_cloud, hosts, site, options), Stage.JOB)


@site_check(
    proves="it can be terminated, and is gone",
    why="VMs that cannot be ended fill the cloud",
    remedy="in the report: what became of the VM",
)
def test_test_vms_are_removed(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    judge(_trials(to_cloud, hosts, site, options), Stage.REMOVED)


@site_check(
    proves="DIRAC's driver starts a VM as the site's DIRAC user, sees it run, and ends it",
    why="a VM that DIRAC cannot see is a pilot that it gives up, and a VM that nobody ends",
    remedy="b2ct dirac check",
)
def test_dirac_starts_and_ends_vms(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    if not options.dirac:
        not_applicable("--dirac was not given")
    from b2ct.validate.trial import pilots

    pilots.run(clouds.opened(to_cloud, hosts, site), site, options)
