"""OpenNebula as site.yaml describes it: hosts, datastores, networks, images, templates, users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.site import places
from b2ct.validate import clouds, expect
from b2ct.validate.advice import by_hand, on, on_control
from b2ct.validate.check import Severity, fail, not_applicable, site_check
from b2ct.validate.clouds import ToCloud

if TYPE_CHECKING:
    from b2ct.cloud.care.status import Problem
    from b2ct.cloud.steps import Step
    from b2ct.one.client import Client
    from b2ct.site.model import Site
    from b2ct.validate.given import Hosts, Options

_APPLY = "b2ct apply --site site.yaml"


@site_check(
    proves="oneadmin's own credentials open the cloud",
    why="without them nobody can mend anything in it",
    remedy="by hand: somebody changed oneadmin's password: write it into "
    "/var/lib/one/.one/one_auth of {control}",
)
def test_opennebula_lets_us_in(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    from b2ct.one.faults import AuthenticationError

    one = clouds.reached(to_cloud, hosts, site)
    try:
        _ = one.version, one.me
    except AuthenticationError:
        fail("OpenNebula refuses the password in /var/lib/one/.one/one_auth")


@site_check(
    proves="the version of OpenNebula is the one that site.yaml asks for",
    why="drivers, templates and DIRAC's driver are made for one version",
    remedy="by hand: say the version that runs in `opennebula:` of site.yaml, or upgrade the "
    "control node {control}",
)
def test_opennebula_version_is_as_asked(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    found, wanted = clouds.opened(to_cloud, hosts, site).version, expect.one_of(site).version
    assert found.startswith(f"{wanted}."), f"oned is {found}, site.yaml says {wanted}"


def _status(one: Client, kind: str) -> list[Problem]:
    from b2ct.cloud.care import status

    return [problem for problem in status.read(one).problems if problem.kind == kind]


def _none_of(problems: list[Problem]) -> None:
    if problems:
        first, more = problems[0], len(problems) - 1
        also = f"; and {more} more" if more else ""
        fail(f"{first.kind} {first.name}: {first.what}{also}", by_hand(first.hint))


@site_check(
    proves="every hypervisor of site.yaml is registered in OpenNebula",
    why="one that is not registered gets no VM",
    remedy="ssh {user}@{control} b2ct-register",
)
def test_hosts_are_registered(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    names = {host.name for host in clouds.opened(to_cloud, hosts, site).hosts.all()}
    wanted = [node.name for node in site.nodes if expect.is_hypervisor(node)]
    if not wanted:
        not_applicable("site.yaml names no hypervisor")
    missing = [
        name
        for name in wanted
        if not {name, f"{name}.{site.site.domain}"} & names
        and str((node := site.node(name)) and node.address) not in names
    ]
    if missing:
        fail("not registered in OpenNebula: ", items=missing)


@site_check(
    proves="OpenNebula monitors every hypervisor",
    why="VMs are placed only where it knows that there is room",
    remedy="in the report: onehost forceupdate, with the host's number",
)
def test_hosts_are_monitored(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    one = clouds.opened(to_cloud, hosts, site)
    told = {problem.name: problem.what for problem in _status(one, "host")}
    silent = [h for h in one.hosts.all() if h.name in told or not (h.usable or h.disabled)]
    if silent:
        host = silent[0]
        also = f"; and {len(silent) - 1} more" if len(silent) > 1 else ""
        fail(
            f"host {host.name}: {told.get(host.name, host.state.name)}{also}",
            on_control(f"runuser -u oneadmin -- onehost forceupdate {host.id}"),
        )


@site_check(
    proves="hypervisors that answer take VMs",
    why="somebody took one out and may have forgotten it",
    remedy="in the report: b2ct drain --undo, with the host's name",
    severity=Severity.WARNING,
)
def test_hosts_take_vms(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    off = [h for h in clouds.opened(to_cloud, hosts, site).hosts.all() if h.disabled]
    if off:
        told = [f"{host.name} ({host.state.name})" for host in off]
        fail("taken out by hand: ", f"b2ct drain --undo {off[0].name}", told)


@site_check(
    proves="OpenNebula's datastores have the drivers of the site's storage",
    why="with another driver disks are copied where they should be shared, or not found at all",
    remedy="in the report: onedatastore update, with the attribute",
)
def test_datastores_have_their_drivers(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    one = clouds.opened(to_cloud, hosts, site)
    control = places.control_of(site)
    wanted = expect.drivers(site, control) if control else {}
    there = {store.id: store for store in one.datastores.all()}
    for oid, attributes in wanted.items():
        store = there.get(oid)
        if store is None:
            fail(
                f"OpenNebula has no datastore {oid}",
                by_hand(f"somebody deleted it: docs of OpenNebula, `onedatastore create` ({oid})"),
            )
        for name, value in attributes.items():
            found = {"TM_MAD": store.tm_mad, "DS_MAD": store.ds_mad}.get(name)
            found = store.template.text(name) if found is None else found
            if name != "BRIDGE_LIST" and found != value:
                change = (
                    f'echo {name}=\\"{value}\\" | onedatastore update {oid} /dev/stdin --append'
                )
                fail(
                    f"datastore {store.name} has {name}={found or 'nothing'}, it should be {value}",
                    on_control(f"runuser -u oneadmin -- sh -c '{change}'"),
                )


@site_check(
    proves="OpenNebula has measured its datastores",
    why="images are refused by a datastore of which it knows no size",
    remedy="by hand: `ssh {user}@{control} tail /var/log/one/oned.log` says why: is "
    "/var/lib/one/datastores mounted, and oneadmin's?",
)
def test_datastores_are_measured(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    from b2ct.one.states import DatastoreType

    stores = clouds.opened(to_cloud, hosts, site).datastores.all()
    # Of a system datastore on each hypervisor's own disk, the hypervisors tell the size.
    asked = [s for s in stores if s.type is not DatastoreType.SYSTEM]
    silent = [store.name for store in asked if not store.measured]
    assert not silent, f"of unknown size: {', '.join(silent)}"


@site_check(
    proves="no image is broken or stuck",
    why="VMs that start from it fail, or wait for ever",
    remedy="in the report: what `b2ct status` says of the image",
)
def test_images_are_usable(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    _none_of(_status(clouds.opened(to_cloud, hosts, site), "image"))


@site_check(
    proves="no VM has failed or waits in vain",
    why="each takes room that another could use, and somebody waits for it",
    remedy="in the report: what `b2ct status` says of the VM",
    severity=Severity.WARNING,
)
def test_vms_are_well(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    _none_of(_status(clouds.opened(to_cloud, hosts, site), "VM"))


@site_check(
    proves="networks have addresses left for VMs",
    why="the next VM waits for an address",
    remedy="by hand: make `vm_range` of the network in site.yaml longer, then `b2ct apply`",
    severity=Severity.WARNING,
)
def test_networks_have_addresses_left(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    problems = _status(clouds.opened(to_cloud, hosts, site), "network")
    _none_of([problem for problem in problems if "addresses are left" in problem.what])


def _steps(one: Client, site: Site, options: Options, *kinds: str) -> list[Step]:
    """What `b2ct plan` would do about objects of these kinds."""
    from b2ct.cloud import desired, live, plan

    wanted = desired.desired(site, one.dialect, options.folder)
    steps = plan.plan(wanted, live.read(one)).steps
    found = [step for step in steps if step.kind in kinds]
    if not found:
        not_applicable(f"site.yaml describes no {kinds[0]}")
    return found


def _as_described(steps: list[Step]) -> None:
    from b2ct.cloud.steps import Action

    # What somebody made or changed by hand is left alone, and is no fault.
    made_by_hand = "left alone"
    for step in steps:
        if step.action in (Action.CREATE, Action.REGISTER):
            mend = by_hand(step.hint) if step.hint else _APPLY
            fail(f"{step.kind} {step.name} is missing in OpenNebula", mend)
        if step.action is Action.UPDATE:
            fail(
                f"{step.kind} {step.name} differs from site.yaml: "
                + "; ".join(map(str, step.changes[:2]))
                + (f"; and {len(step.changes) - 2} more" if len(step.changes) > 2 else ""),
                _APPLY,
            )
        if (
            step.action is Action.LEAVE
            and made_by_hand not in step.why
            and "no more" not in step.why
        ):
            fail(
                f"{step.kind} {step.name}: {step.why}", by_hand(step.hint) if step.hint else _APPLY
            )


@site_check(
    proves="OpenNebula's virtual networks are those of site.yaml",
    why="VMs get addresses, bridges and VLANs from them",
    remedy=_APPLY,
)
def test_networks_are_as_described(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    from b2ct.cloud.kinds import NETWORK, SECURITY_GROUP

    one = clouds.opened(to_cloud, hosts, site)
    _as_described(_steps(one, site, options, NETWORK.name, SECURITY_GROUP.name))


@site_check(
    proves="every worker's image is registered and can be started from",
    why="without it no worker VM can be made",
    remedy="in the report: b2ct image build and register-image, with the image's name",
)
def test_images_are_registered(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    one = clouds.opened(to_cloud, hosts, site)
    steps = _steps(one, site, options, "image")
    if _status(one, "image"):
        steps = [step for step in steps if "is in state" not in step.why]  # images-are-usable
    _as_described(steps)


@site_check(
    proves="every worker's VM template is registered as site.yaml describes it",
    why="DIRAC and users start VMs from it: memory, networks, squid and keys come with it",
    remedy=_APPLY,
)
def test_templates_are_registered(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    from b2ct.cloud.steps import Action

    one = clouds.opened(to_cloud, hosts, site)
    steps = _steps(one, site, options, "template")
    waiting = [s for s in steps if s.action is Action.LEAVE and "not registered yet" in s.why]
    rest = [step for step in steps if step not in waiting]
    if not rest:
        not_applicable("the workers' images are not registered: see images-are-registered")
    _as_described(rest)


@site_check(
    proves="the user of DIRAC is there, with the quota and the rights of site.yaml",
    why="DIRAC could start nothing, or take the whole cloud",
    remedy=_APPLY,
)
def test_dirac_user_is_as_described(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    if site.cloud.dirac is None:
        not_applicable("site.yaml names no user of DIRAC")
    from b2ct.cloud.kinds import GROUP, RULE, USER

    one = clouds.opened(to_cloud, hosts, site)
    _as_described(_steps(one, site, options, USER.name, GROUP.name, RULE.name))


@site_check(
    proves="clusters, further datastores and volumes are those of site.yaml",
    why="VMs are placed only where host, network and datastore are in one cluster",
    remedy=_APPLY,
    severity=Severity.WARNING,
)
def test_clusters_are_as_described(
    to_cloud: ToCloud, hosts: Hosts, site: Site, options: Options
) -> None:
    if not (site.cloud.cluster or site.cloud.datastores or site.cloud.volumes):
        not_applicable("site.yaml describes no cluster, no further datastores and no volumes")
    from b2ct.cloud.kinds import CLUSTER, DATASTORE, HOST, VOLUME
    from b2ct.cloud.steps import Action

    one = clouds.opened(to_cloud, hosts, site)
    kinds = (CLUSTER.name, DATASTORE.name, HOST.name, VOLUME.name)
    steps = _steps(one, site, options, *kinds)
    # Hosts that are missing altogether are found by hosts-are-registered.
    _as_described([s for s in steps if s.kind != HOST.name or s.action is not Action.CREATE])


@site_check(
    proves="no VM runs on a hypervisor that OpenNebula does not know of",
    why="it takes memory from others, and nobody will ever end it",
    remedy="in the report: virsh destroy, with the VM and its hypervisor",
    severity=Severity.WARNING,
)
def test_no_stray_vms(to_cloud: ToCloud, hosts: Hosts, site: Site) -> None:
    one = clouds.opened(to_cloud, hosts, site)
    known = {f"one-{vm.id}" for vm in one.vms.all()}
    names = [node.name for node in site.nodes if expect.is_hypervisor(node) and node.name in hosts]
    if not names:
        not_applicable("no hypervisor answers")
    said = hosts.each(
        lambda name, host: (
            host.run("timeout 20 virsh -c qemu:///system list --name").stdout.split()
            if name in names
            else []
        )
    )
    stray = [
        f"{vm} on {name}"
        for name, vms in said.items()
        for vm in vms
        if vm.startswith("one-") and vm not in known
    ]
    if stray:
        vm, _, name = stray[0].partition(" on ")
        fail(
            "OpenNebula does not know: ",
            on(name, site, f"virsh -c qemu:///system destroy {vm}"),
            stray,
        )
