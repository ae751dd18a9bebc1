"""A large cloud at once, for benchmarks: past the API, which would take its time."""

from __future__ import annotations

from b2ct.rehearsal.oned.hosts import Host
from b2ct.rehearsal.oned.images import Image
from b2ct.rehearsal.oned.server import OnedDouble
from b2ct.rehearsal.oned.states import ImageState, Lcm, VmState
from b2ct.rehearsal.oned.template import Template
from b2ct.rehearsal.oned.templates import VmTemplate
from b2ct.rehearsal.oned.vm import History, Vm


def fill(one: OnedDouble, *, hosts: int = 0, templates: int = 0, vms: int = 0) -> None:
    """Add monitored hosts `node0001`..., templates with an image each, and running VMs.

    VMs are spread evenly over the hosts; they are made of the templates in turn.
    """
    cloud = one.cloud
    with cloud.lock:
        first = cloud.hosts.next_id
        for number in range(hosts):
            host = Host(cloud, cloud.hosts.take_id(), f"node{number + 1:04}")
            host.template = Template([("IM_MAD", "kvm"), ("VM_MAD", "kvm")])
            host.cpu, host.memory = 6400, 256 * 1024 * 1024
            host.monitored()
            cloud.hosts.add(host)
            cloud.clusters[0].members["HOSTS"].add(host.id)
        made = [_template(one, number) for number in range(templates)]
        for number in range(vms):
            _vm(one, number, cloud.hosts[first + number % hosts], made[number % templates])


def _template(one: OnedDouble, number: int) -> VmTemplate:
    cloud = one.cloud
    image = Image(cloud, cloud.images.take_id(), f"worker{number + 1}", state=ImageState.READY)
    image.source, image.format, image.size_mb = f"/image{number + 1}", "qcow2", 10240
    image.template = Template([("DEV_PREFIX", "vd")])
    cloud.images.add(image)
    attributes = Template([("CPU", "1"), ("MEMORY", "2048"), ("VCPU", "1")])
    attributes.add("DISK", {"IMAGE": image.name, "IMAGE_UNAME": "oneadmin"})
    attributes.add("CONTEXT", {"NETWORK": "YES", "SET_HOSTNAME": "$NAME"})
    name = f"worker{number + 1}"
    made = VmTemplate(cloud, cloud.templates.take_id(), name, attributes)
    made.regtime = cloud.clock.seconds
    return cloud.templates.add(made)


def _vm(one: OnedDouble, number: int, host: Host, made: VmTemplate) -> None:
    cloud, now = one.cloud, one.clock.seconds
    image = cloud.images.named(made.name, 0)
    template = made.template.copy()
    template.add("TEMPLATE_ID", str(made.id))
    for disk in template.vectors("DISK"):
        disk.update({"DISK_ID": "0", "IMAGE_ID": str(image.id if image else -1)})
    vm = Vm(cloud, cloud.vms.take_id(), f"vm{number + 1:05}", template, stime=now)
    vm.state, vm.lcm, vm.deploy_id = VmState.ACTIVE, Lcm.RUNNING, f"one-{vm.id}"
    template.set("VMID", str(vm.id))
    stay = History(host.id, host.name, host.cluster_id, 0, "kvm", "ssh", now, running=(now, 0))
    vm.history.append(stay)
    host.vms.add(vm.id)
    if image is not None:
        image.vms.add(vm.id)
        image.set_state(ImageState.USED)
    cloud.vms.add(vm)
