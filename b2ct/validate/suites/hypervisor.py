"""Hypervisors: can they run VMs, and does OpenNebula get at them?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from b2ct.validate import expect, services
from b2ct.validate.advice import on_node
from b2ct.validate.check import HYPERVISOR, Severity, check, fail, not_applicable
from b2ct.validate.facts import about, paths, sections

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

_QUESTIONS = {
    "flags": "grep -m 1 -Eo '\\b(vmx|svm)\\b' /proc/cpuinfo",
    "qemu.conf": "grep -E '^ *(user|group|dynamic_ownership) *=' /etc/libvirt/qemu.conf",
    "version": "cat /var/tmp/one/VERSION",
    "libvirt": "timeout 20 runuser -u oneadmin -- virsh -c qemu:///system list > /dev/null"
    " && echo yes",
    "swap": "sed -n 's/^Swap\\(Total\\|Free\\): *\\([0-9]*\\) kB/\\2/p' /proc/meminfo",
}


def _said(host: Host) -> dict[str, str]:
    return sections.ask(host, _QUESTIONS)


def _kvm(site: Site) -> None:
    if site.cloud.driver != "kvm":
        not_applicable(f"the site's VMs run by `{site.cloud.driver}`, without KVM")


@check(
    proves="the processor has its virtualisation switched on",
    why="VMs would not start, or crawl",
    remedy="by hand: switch on VT-x (Intel) or SVM (AMD) in the firmware set-up of {node}",
    roles=HYPERVISOR,
)
def test_processor_virtualises(host: Host, site: Site) -> None:
    _kvm(site)
    assert _said(host)["flags"], "the processor shows neither vmx nor svm"


@check(
    proves="KVM is there",
    why="QEMU would emulate processors, a hundred times slower, or refuse to start",
    remedy="ssh {user}@{address} 'modprobe kvm_intel || modprobe kvm_amd'",
    roles=HYPERVISOR,
)
def test_kvm_is_there(host: Host, site: Site) -> None:
    _kvm(site)
    if not _said(host)["flags"]:
        not_applicable("the processor's virtualisation is off: see processor-virtualises")
    assert "/dev/kvm" in paths.of(host), "there is no /dev/kvm"


@check(
    proves="oneadmin may use KVM",
    why="QEMU runs as oneadmin",
    remedy="ssh {user}@{address} 'usermod -a -G kvm oneadmin; systemctl restart libvirtd'",
    roles=HYPERVISOR,
)
def test_oneadmin_may_use_kvm(host: Host, site: Site) -> None:
    _kvm(site)
    device = paths.of(host).get("/dev/kvm")
    if device is None:
        not_applicable("there is no KVM: see kvm-is-there")
    groups = about.of(host)["groups"].split()
    assert device.mode & 0o006 == 0o006 or device.group in groups, (
        f"/dev/kvm is {device}, and oneadmin is in: {' '.join(groups) or 'no group'}"
    )


@check(
    proves="libvirt runs",
    why="OpenNebula starts and watches VMs through it",
    remedy="in the report: systemctl start, with the units of this version",
    roles=HYPERVISOR,
)
def test_libvirt_runs(host: Host, site: Site, node: Node) -> None:
    for name in expect.libvirt(site):
        services.must_run(host, site, node, name)


@check(
    proves="libvirt answers oneadmin",
    why="OpenNebula asks it as oneadmin, without a password",
    remedy="in the report: systemctl restart, with the units of this version",
    roles=HYPERVISOR,
)
def test_libvirt_answers_oneadmin(host: Host, site: Site, node: Node) -> None:
    for name in expect.libvirt(site):
        services.needs(host, site, node, name, "libvirt-runs")
    if "9869" not in about.of(host)["passwd"]:
        not_applicable("there is no oneadmin 9869: see oneadmin-is-9869")
    if not _said(host)["libvirt"]:
        units = " ".join(expect.libvirt(site))
        # A socket is made anew, with the mode of libvirt's settings, when its service is away.
        stop = (
            f"systemctl stop {units.replace('.socket', '.service')}; " if ".socket" in units else ""
        )
        fail(
            "libvirt does not answer oneadmin at qemu:///system",
            on_node(f"{stop}systemctl restart {units}"),
        )


@check(
    proves="QEMU runs as oneadmin, who owns the disks",
    why="VMs do not start: `Could not open ... Permission denied`",
    remedy="ssh {user}@{address} /usr/libexec/b2ct/firstboot.d/*-opennebula-node",
    roles=HYPERVISOR,
)
def test_qemu_runs_as_oneadmin(host: Host) -> None:
    text = _said(host)["qemu.conf"]
    found = {
        name: value.strip("\"'") for name, value in re.findall(r"^ *(\w+) *= *(\S+)", text, re.M)
    }
    for name, wanted in (("user", "oneadmin"), ("group", "oneadmin"), ("dynamic_ownership", "0")):
        assert found.get(name) == wanted, (
            f"/etc/libvirt/qemu.conf says {name} = {found.get(name, 'nothing')}, not {wanted}"
        )


@check(
    proves="QEMU is installed where OpenNebula's driver looks for it",
    why="no VM can start without it",
    remedy="ssh {user}@{address} dnf -y install qemu-kvm",
    roles=HYPERVISOR,
)
def test_qemu_is_there(host: Host, site: Site) -> None:
    if site.cloud.driver == "dummy":
        not_applicable("the site's VMs are only pretended (driver `dummy`)")
    programs = ("/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm", "/usr/bin/qemu-system-x86_64")
    found = paths.of(host)
    assert any(path in found for path in programs), f"none of {', '.join(programs)} is there"


@check(
    proves="the hypervisor does not swap",
    why="VMs whose memory lies on disk stand still for seconds, and jobs are lost",
    remedy="by hand: `b2ct status` shows who takes it; `onehost update {node}` on {control}, "
    "with RESERVED_MEM, keeps some back",
    roles=HYPERVISOR,
    severity=Severity.WARNING,
)
def test_memory_suffices(host: Host) -> None:
    numbers = [int(word) for word in _said(host)["swap"].split() if word.isdigit()]
    if len(numbers) != 2 or not numbers[0]:
        not_applicable("the machine has no swap space")
    total, free = numbers
    assert total - free <= total // 2, (
        f"{(total - free) // 1024} of {total // 1024} MiB of swap space are in use"
    )


@check(
    proves="OpenNebula's drivers here are of the front-end's version",
    why="after an upgrade of the front-end, old drivers report nonsense or nothing",
    remedy="ssh {user}@{control} runuser -u oneadmin -- onehost sync --force",
    roles=HYPERVISOR,
)
def test_drivers_are_in_step(host: Host, site: Site) -> None:
    said = _said(host)["version"]
    if not said:
        not_applicable("OpenNebula has not copied its drivers here yet: see hosts-are-monitored")
    wanted = expect.one_of(site).version
    if not said.startswith(f"{wanted}.") and said != wanted:
        fail(f"the drivers in /var/tmp/one are of {said}, the site runs OpenNebula {wanted}")


@check(
    proves="libvirt's own default network is off",
    why="its NAT and its DHCP server, at 192.168.122.1 of every hypervisor, serve nobody here",
    remedy="ssh {user}@{address} 'virsh net-destroy default;"
    " virsh net-autostart --disable default'",
    roles=HYPERVISOR,
    severity=Severity.WARNING,
)
def test_default_network_is_off(host: Host, site: Site, node: Node) -> None:
    for name in expect.libvirt(site):
        services.needs(host, site, node, name, "libvirt-runs")
    names = host.run("timeout 20 virsh -c qemu:///system net-list --name").stdout.split()
    assert "default" not in names, "libvirt's network `default` (virbr0) is up"
