"""VM templates: one.template.* and the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from b2ct.rehearsal.oned.acl import CREATE, MANAGE, USE
from b2ct.rehearsal.oned.entities import Owned, bad_name
from b2ct.rehearsal.oned.errors import internal, taken
from b2ct.rehearsal.oned.images import delete as delete_image
from b2ct.rehearsal.oned.pools import visible
from b2ct.rehearsal.oned.rpc import Call, method
from b2ct.rehearsal.oned.template import decrypted_xml
from b2ct.rehearsal.oned.vm_build import (
    check_restricted,
    complete_disk,
    find_image,
    find_network,
    instantiate,
)


@dataclass
class VmTemplate(Owned):
    kind: ClassVar[str] = "TEMPLATE"
    regtime: int = 0

    def xml(self) -> str:
        return (
            f"<VMTEMPLATE>{self.head_xml()}<REGTIME>{self.regtime}</REGTIME>"
            f"{self.template.xml()}</VMTEMPLATE>"
        )

    def extended_xml(self, call: Call) -> str:
        """With what the disks and NICs would get, as far as it is known before the VM is."""
        template = self.template.copy()
        for number, disk in enumerate(template.vectors("DISK")):
            image = find_image(call, disk)
            if image is not None:
                complete_disk(call, disk, image, number)
        for nic in template.vectors("NIC"):
            network = find_network(call, nic)
            if network is not None:
                nic["NETWORK_ID"] = str(network.id)
        return (
            f"<VMTEMPLATE>{self.head_xml()}<REGTIME>{self.regtime}</REGTIME>"
            f"{template.xml()}</VMTEMPLATE>"
        )


@method("one.template.allocate")
def allocate(call: Call, text: str) -> int:
    cloud = call.cloud
    template = call.parse(text)
    call.may(CREATE, "TEMPLATE")
    check_restricted(call, template)
    name = template.pop("NAME")
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    same = cloud.templates.named(name, call.uid)
    if same:
        raise taken("TEMPLATE", same.id)
    if template.breaks_xml():
        raise internal("Error transforming the Template to XML.")
    # oned does not hold its lock from here to the insertion, and its table has no unique index
    cloud.gap()
    template.encrypt()
    made = VmTemplate(cloud, cloud.templates.take_id(), name, template, call.uid, call.user.gid)
    made.regtime = cloud.clock.seconds
    return cloud.templates.add(made).id


@method("one.template.delete")
def delete(call: Call, template_id: int, with_images: bool = False) -> int:
    cloud = call.cloud
    made = cloud.templates[template_id]
    call.may(MANAGE, "TEMPLATE", made)
    if with_images:
        for disk in made.template.vectors("DISK"):
            try:
                image = find_image(call, disk)
                if image is not None:
                    delete_image(call, image.id)
            except Exception:
                continue  # an image in use stays, and the answer is success all the same
    cloud.templates.remove(template_id)
    return template_id


@method("one.template.clone")
def clone(call: Call, template_id: int, name: str, with_images: bool = False) -> int:
    cloud = call.cloud
    made = cloud.templates[template_id]
    call.may(USE, "TEMPLATE", made)
    call.may(CREATE, "TEMPLATE")
    problem = bad_name(name)
    if problem:
        raise internal(problem)
    same = cloud.templates.named(name, call.uid)
    if same:
        raise taken("TEMPLATE", same.id)
    copy = VmTemplate(
        cloud, cloud.templates.take_id(), name, made.template.copy(), call.uid, call.user.gid
    )
    copy.regtime = cloud.clock.seconds
    return cloud.templates.add(copy).id


@method("one.template.instantiate")
def instantiate_template(  # noqa: PLR0917 - the arguments are oned's
    call: Call,
    template_id: int,
    name: str,
    hold: bool = False,
    extra: str = "",
    persistent: bool = False,
) -> int:
    made = call.cloud.templates[template_id]
    call.may(USE, "TEMPLATE", made)
    template = made.template.copy()
    if extra:
        wanted = call.parse(extra)
        check_restricted(call, wanted)
        call.may(CREATE, "TEMPLATE")  # it is then taken for a new one
        template.merge(wanted)
    inside = template.pop("NAME")
    template.set("TEMPLATE_ID", str(template_id))
    name = name or inside or f"{made.name}-{call.cloud.vms.next_id}"
    return instantiate(call, template, name, hold=hold, kind="TEMPLATE").id


@method("one.template.info")
def info(call: Call, template_id: int, extended: bool = False, decrypt: bool = False) -> str:
    made = call.cloud.templates[template_id]
    call.may_see("TEMPLATE", made)
    if extended:
        return made.extended_xml(call)
    return decrypted_xml(made) if decrypt else made.xml()


@method("one.templatepool.info")
def pool_info(call: Call, who: int, first: int, last: int) -> str:
    return call.cloud.templates.xml(visible(call, who, "TEMPLATE"), limits=(first, last))
