"""Waiting for what the server does in its own time, with an end, and why it failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from b2ct.one.client import Client
from b2ct.one.faults import (
    ImageFailedError,
    MissingError,
    StuckError,
    VmFailedError,
    WrongStateError,
    image_remedy,
    reason,
    vm_remedy,
)
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Vm
from b2ct.one.states import ImageState, NetState

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between looks: small images are ready at once, large ones take minutes."""

Progress = Callable[[str, float], None]
"""Told the state and the seconds waited, at each look."""


def _quiet(_state: str, _seconds: float) -> None:
    pass


def wait_image(
    one: Client, image_id: int, *, deadline: float, progress: Progress = _quiet
) -> Image:
    """Wait until a VM can start from the image; `deadline` in seconds.

    Raises ImageFailedError with the server's reason and the remedy when it is in ERROR or
    disabled, StuckError when it is still LOCKED at the deadline (as after a restart of the server
    in mid-copy), MissingError when it is deleted meanwhile.
    """

    def look() -> Image | None:
        image = one.images.get(image_id)
        progress(image.state.name, time.monotonic() - start)
        if image.state.usable:
            return image
        if image.state.locked:
            return None
        raise _image_failed(image)

    start = time.monotonic()
    found = _poll(one, look, start + deadline)
    if found is None:
        raise StuckError(
            f"image {image_id} is still being copied after {deadline:.0f} s",
            hint="if oned was restarted meanwhile it stays LOCKED for ever: delete it with force "
            f"(`oneimage delete {image_id} --force`) and register it again; else wait longer",
        )
    return found


def wait_image_gone(one: Client, image_id: int, *, deadline: float) -> None:
    """Wait until a deleted image has really gone. Raises StuckError."""

    def look() -> bool | None:
        try:
            image = one.images.get(image_id)
        except MissingError:
            return True
        if image.state is ImageState.ERROR:
            raise _image_failed(image)
        return None

    if _poll(one, look, time.monotonic() + deadline) is None:
        raise StuckError(
            f"image {image_id} is still there {deadline:.0f} s after it was deleted",
            hint="see /var/log/one/oned.log on the front-end",
        )


def wait_network(one: Client, network_id: int, *, deadline: float) -> VirtualNetwork:
    """Wait until a new network takes changes; its driver makes it first (LOCK_CREATE, from 6.4).

    Raises WrongStateError when that failed, StuckError when it takes too long.
    """

    def look() -> VirtualNetwork | None:
        network = one.networks.get(network_id)
        if network.state is NetState.READY:
            return network
        if network.state in (NetState.INIT, NetState.LOCK_CREATE):
            return None
        raise WrongStateError(
            f"virtual network {network_id} ({network.name}) is in state {network.state.name}",
            hint="see /var/log/one/oned.log on the front-end; `onevnet recover --success` or "
            "`--delete` gets it out of there",
        )

    found = _poll(one, look, time.monotonic() + deadline)
    if found is None:
        raise StuckError(
            f"virtual network {network_id} is not ready after {deadline:.0f} s",
            hint="see /var/log/one/oned.log on the front-end",
        )
    return found


def wait_vm(one: Client, vm_id: int, *, deadline: float, progress: Progress = _quiet) -> Vm:
    """Wait until the VM runs; `deadline` in seconds.

    Raises VmFailedError with the reason when it failed or was ended, StuckError with the
    scheduler's message when it does not run in time.
    """
    last: list[Vm] = []

    def look() -> Vm | None:
        vm = one.vms.get(vm_id)
        last[:] = [vm]
        progress(vm.status, time.monotonic() - start)
        if vm.running:
            return vm
        if vm.failed or vm.done:
            why = f": {reason(vm.error, vm.template.secrets())}" if vm.error else ""
            raise VmFailedError(
                f"VM {vm_id} ({vm.name}) does not run: {vm.status}{why}",
                hint=vm_remedy(vm_id, vm.error),
            )
        return None

    start = time.monotonic()
    found = _poll(one, look, start + deadline)
    if found is not None:
        return found
    vm = last[-1]
    message = f": {reason(vm.scheduler_message)}" if vm.scheduler_message else ""
    raise StuckError(
        f"VM {vm_id} ({vm.name}) is still {vm.status} after {deadline:.0f} s{message}",
        hint="has a hypervisor room for it, and are the hypervisors and the system datastore "
        "enabled (`onehost list`, `onedatastore list`)?",
    )


def _image_failed(image: Image) -> ImageFailedError:
    where = f"image {image.id} ({image.name})"
    if image.state is ImageState.DISABLED:
        return ImageFailedError(f"{where} is disabled", hint=f"`oneimage enable {image.id}`")
    if image.state is ImageState.DELETE:
        return ImageFailedError(
            f"{where} is being deleted", hint="register it again when it is gone"
        )
    why = reason(image.error) or "the server gives no reason"
    return ImageFailedError(
        f"{where} is in {image.state.name}: {why}", hint=image_remedy(image.error)
    )


def _poll(one: Client, look: Callable[[], T | None], end: float) -> T | None:
    """Look until there is something, or until the end; the last look is at the end."""
    pause = FIRST_PAUSE
    while True:
        found = look()
        left = end - time.monotonic()
        if found is not None or left <= 0:
            return found
        one.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
