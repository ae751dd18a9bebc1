"""Datastores: where images and VM disks live, on the control node and on hypervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2ct.validate import expect
from b2ct.validate.advice import by_hand, on_node
from b2ct.validate.check import CONTROL, HYPERVISOR, Severity, check, fail, not_applicable
from b2ct.validate.facts import about, room, sections

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

PLACE = expect.DATASTORES
FULL, NEARLY = 0.95, 0.85
_LOOK = {
    # Every look has an end: a file server that is away would hold it for ever.
    "df": f"timeout 15 df -P -k {PLACE}",
    "inodes": f"timeout 15 df -P -i {PLACE}",
    "stat": f"timeout 15 stat -c '%u:%g %a' {PLACE}",
    "write": f"timeout 15 runuser -u oneadmin -- test -w {PLACE} && echo yes",
    "label": f"timeout 15 stat -c %C {PLACE}",
    "nfs": "getsebool virt_use_nfs",
}


def _look(host: Host) -> dict[str, str]:
    return sections.ask(host, _LOOK)


def _answers(host: Host, site: Site) -> dict[str, str]:
    """The same; ends checks that cannot say more than that it is not mounted."""
    if site.storage.type == "nfs" and not _mounted(host):
        not_applicable("the datastores are not mounted: see datastores-are-mounted")
    return _look(host)


def _mounted(host: Host) -> bool:
    _look(host)  # an automount is mounted by whoever looks
    found = about.mounts(host.run(f"cat /proc/self/mounts # {PLACE}").stdout)
    return any(one.place == PLACE and one.kind.startswith("nfs") for one in found)


@check(
    proves="the datastores are mounted from the place that site.yaml names",
    why="images and VM disks would be written onto the system's own disk, and seen nowhere else",
    remedy="ssh {user}@{address} mount /var/lib/one/datastores",
)
def test_datastores_are_mounted(host: Host, site: Site) -> None:
    said = _look(host)
    found = about.mounts(host.run(f"cat /proc/self/mounts # {PLACE}").stdout)
    there = [one for one in found if one.place == PLACE and one.kind != "autofs"]
    if site.storage.type == "nfs":
        storage = site.storage
        wanted = f"{storage.server}:{storage.export}"
        if not there:
            why = "" if said["df"] else "; the server does not answer"
            fail(
                f"{PLACE} is not mounted, it should be {wanted}{why}",
                on_node(f"mount {PLACE}"),
            )
        assert there[-1].source.rstrip("/") == wanted.rstrip("/"), (
            f"{PLACE} is {there[-1].source}, it should be {wanted}"
        )
    elif not there:
        if about.of(host).practice:
            not_applicable("a practice node has no volumes")
        fail(
            f"{PLACE} is no volume of its own: a full datastore would fill the system's disk",
            on_node(f"mount {PLACE}"),
        )


@check(
    proves="the NFS export is mounted with the version that site.yaml asks for",
    why="older versions lock files badly, and two VMs might write one disk",
    remedy="ssh {user}@{address} 'umount /var/lib/one/datastores; mount /var/lib/one/datastores'",
    severity=Severity.WARNING,
)
def test_nfs_version_is_right(host: Host, site: Site) -> None:
    if site.storage.type != "nfs":
        not_applicable("the site has no NFS datastores")
    if not _mounted(host):
        not_applicable("the datastores are not mounted: see datastores-are-mounted")
    found = about.mounts(host.run(f"cat /proc/self/mounts # {PLACE}").stdout)
    options = next(one.options for one in reversed(found) if one.place == PLACE)
    version = next((o.partition("=")[2] for o in options if o.startswith("vers=")), "?")
    wanted = site.storage.version
    assert version == wanted or (wanted == "4" and version.startswith("4")), (
        f"{PLACE} is mounted with NFS version {version}, site.yaml says {wanted}"
    )


@check(
    proves="the datastores are mounted again after a restart",
    why="after a power cut the node would take VMs without their disks",
    remedy="in the report: the line of /etc/fstab, with the server and its export",
)
def test_datastores_are_in_fstab(host: Host, site: Site) -> None:
    if site.storage.type != "nfs":
        not_applicable("the installer itself made the volume and its line in fstab")
    rows = [line.split() for line in about.of(host).lines("fstab")]
    mine = [row for row in rows if len(row) > 3 and row[1] == PLACE and row[0][0] != "#"]
    wrong = "" if mine else f"/etc/fstab has no line for {PLACE}"
    if mine and "noauto" in mine[0][3].split(","):
        wrong = f"/etc/fstab says noauto for {PLACE}"
    if wrong:
        what = f"{site.storage.server}:{site.storage.export} {PLACE} nfs"
        line = f"{what} vers={site.storage.version},_netdev,x-systemd.automount 0 0"
        fail(wrong, on_node(rf"sed -i '\|{PLACE}|d' /etc/fstab; echo {line} >> /etc/fstab"))


@check(
    proves="the datastores belong to oneadmin",
    why="OpenNebula and the VMs, which run as oneadmin, could not write there",
    remedy="ssh {user}@{address} chown 9869:9869 /var/lib/one/datastores",
)
def test_datastores_belong_to_oneadmin(host: Host, site: Site) -> None:
    owner, _, _ = _answers(host, site)["stat"].partition(" ")
    assert owner, f"{PLACE} is missing, or does not answer"
    assert owner == "9869:9869", f"{PLACE} belongs to {owner}, it should be 9869:9869 (oneadmin)"


@check(
    proves="oneadmin can write to the datastores",
    why="no image could be registered and no VM started",
    remedy="in the report: chmod, or what else keeps oneadmin from writing",
)
def test_datastores_are_writable(host: Host, site: Site) -> None:
    said = _answers(host, site)
    if not said["stat"].startswith("9869:9869"):
        not_applicable("they are not oneadmin's: see datastores-belong-to-oneadmin")
    if said["write"] != "yes":
        mode = said["stat"].partition(" ")[2]
        closed = mode.isdigit() and not int(mode, 8) & 0o200
        fail(
            f"oneadmin cannot write to {PLACE}",
            on_node(f"chmod u+rwx {PLACE}")
            if closed
            else by_hand(f"is {PLACE} of {{node}} mounted read-only, or oneadmin another user?"),
        )


@check(
    proves="the datastores are closed to other users of the machine",
    why="disks of VMs hold their users' data and keys",
    remedy="ssh {user}@{address} chmod o-w /var/lib/one/datastores",
)
def test_datastores_are_closed(host: Host, site: Site) -> None:
    mode = _answers(host, site)["stat"].partition(" ")[2]
    if not mode:
        not_applicable("they do not answer: see datastores-belong-to-oneadmin")
    assert not int(mode, 8) & 0o002, f"{PLACE} has mode {mode}: everybody may write there"


def _room(host: Host, site: Site) -> room.Room:
    found = room.parse(_answers(host, site)["df"])
    if not found:
        not_applicable("they do not answer: see datastores-are-mounted")
    return found[0]


@check(
    proves="the datastores have room",
    why="running VMs stop in mid-write when the disk below them is full",
    remedy="by hand: `b2ct image versions` shows images that nobody needs; `ssh "
    "{user}@{address} 'du -sh /var/lib/one/datastores/*'` what takes the room",
)
def test_datastores_have_room(host: Host, site: Site) -> None:
    one = _room(host, site)
    assert one.used < FULL, f"the datastores are full: {one.used:.0%} used, {_left(one)} left"
    for files in room.parse(_answers(host, site)["inodes"]):
        assert files.used < FULL, (
            f"the datastores have no room for files: {files.used:.0%} of the inodes are used"
        )


@check(
    proves="the datastores will have room for some time",
    why="there is time now to delete old images",
    remedy="by hand: `b2ct image versions` shows images that nobody needs",
    severity=Severity.WARNING,
)
def test_datastores_stay_roomy(host: Host, site: Site) -> None:
    one = _room(host, site)
    if one.used < FULL:
        assert one.used < NEARLY, f"the datastores fill up: {one.used:.0%} used, {_left(one)} left"


def _left(one: room.Room) -> str:
    mib = one.free // 1024
    return f"{mib // 1024} GiB" if mib >= 10240 else f"{mib} MiB"


@check(
    proves="SELinux lets VMs use the datastores",
    why="VMs do not start: `Permission denied`, although owner and mode are right",
    remedy="in the report: restorecon, or setsebool for NFS",
)
def test_datastores_are_labelled(host: Host, site: Site) -> None:
    if about.of(host)["selinux"] in ("", "Disabled"):
        not_applicable("the machine has no SELinux")
    said = _answers(host, site)
    if site.storage.type == "nfs":
        if not said["nfs"]:
            not_applicable("the machine does not say what SELinux allows")
        if not said["nfs"].endswith("on"):
            fail("SELinux's switch virt_use_nfs is off", on_node("setsebool -P virt_use_nfs on"))
        return
    if ":" not in said["label"]:
        not_applicable("the file system carries no labels")
    label = said["label"].split(":")[2]
    if label != "virt_image_t":
        fail(
            f"{PLACE} is labelled {label}, it should be virt_image_t",
            on_node(f"restorecon -R {PLACE}"),
        )


_LVM = {"groups": "vgs --noheadings -o vg_name", "member": "id -Gn oneadmin"}


@check(
    proves="the hypervisor sees the volume group that VM disks are made in",
    why="VMs with disks on shared block storage cannot start here",
    remedy="ssh {user}@{address} 'pvscan --cache; vgs'",
    roles=HYPERVISOR,
)
def test_shared_volumes_are_seen(host: Host, site: Site) -> None:
    if site.storage.type != "lvm":
        not_applicable("the site has no LVM datastores")
    wanted = f"vg-one-{site.storage.system_datastore}"
    found = sections.ask(host, _LVM)["groups"].split()
    assert wanted in found, f"there is no volume group {wanted} (seen: {' '.join(found) or 'none'})"


@check(
    proves="oneadmin may use block devices",
    why="VM disks are logical volumes, which belong to the group disk",
    remedy="ssh {user}@{address} usermod -a -G disk oneadmin",
    roles=HYPERVISOR,
)
def test_oneadmin_may_use_volumes(host: Host, site: Site) -> None:
    if site.storage.type != "lvm":
        not_applicable("the site has no LVM datastores")
    assert "disk" in about.of(host)["groups"].split(), "oneadmin is not in the group disk"


_CEPH = "timeout 20 virsh -c qemu:///system secret-list"


@check(
    proves="libvirt knows the Ceph key that site.yaml names",
    why="VMs with disks in Ceph cannot start here",
    remedy="by hand: docs of OpenNebula, `Ceph Datastore`: virsh secret-define on {node}, with "
    "the UUID of site.yaml",
    roles=HYPERVISOR,
)
def test_ceph_key_is_known(host: Host, site: Site) -> None:
    if site.storage.type != "ceph":
        not_applicable("the site has no Ceph datastores")
    assert str(site.storage.secret_uuid) in host.run(_CEPH).stdout, (
        f"libvirt has no secret {site.storage.secret_uuid}"
    )


@check(
    proves="the Ceph pool answers",
    why="images and VM disks live there",
    remedy="by hand: `ssh {user}@{address} ceph -s` says how the cluster is: its "
    "administrators mend it",
)
def test_ceph_pool_answers(host: Host, site: Site) -> None:
    if site.storage.type != "ceph":
        not_applicable("the site has no Ceph datastores")
    storage = site.storage
    done = host.run(
        f"timeout 20 runuser -u oneadmin -- rbd --id {storage.user} ls -p {storage.pool}"
        " > /dev/null"
    )
    said = (done.stderr.strip().splitlines() or ["no answer within 20 s"])[-1]
    assert done.rc == 0, f"the pool {storage.pool} does not answer: {said[:120]}"


@check(
    proves="the tools by which OpenNebula makes disks are there",
    why="images cannot be measured, copied or resized without them",
    remedy="ssh {user}@{address} dnf -y install qemu-img",
    roles=CONTROL | HYPERVISOR,
)
def test_disk_tools_are_there(host: Host, node: Node) -> None:
    done = host.run("command -v qemu-img")
    assert done.rc == 0, f"qemu-img is not installed on this {node.role.value} node"
