"""Runs a test VM of every worker: all are started together, and all are removed, always."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2ct.cloud.care import instantiate
from b2ct.core.errors import B2ctError
from b2ct.core.sshkey import OneTimeKey
from b2ct.dirac import instance
from b2ct.one import waiting
from b2ct.one.faults import MissingError, StuckError
from b2ct.one.text import Attributes
from b2ct.validate.check import not_applicable
from b2ct.validate.trial import door, inside
from b2ct.validate.trial.stages import Stage, Trial

if TYPE_CHECKING:
    from b2ct.one.client import Client
    from b2ct.one.objects.vm import Template, Vm
    from b2ct.site.model import Site
    from b2ct.validate.given import Hosts, Options

PREFIX = "b2ct-validate-"
MARK = "B2CT_VALIDATE"
"""Attribute of every test VM, by which one can be told that was left behind."""
GONE = 60.0
"""Seconds for a VM to end."""


def run(one: Client, site: Site, hosts: Hosts, options: Options) -> tuple[Trial, ...]:
    """A VM of each worker. Whatever happens, and on Ctrl-C: none is left when this returns."""
    number = secrets.token_hex(3)
    trials = [Trial(worker, f"{PREFIX}{worker}-{number}") for worker in site.described_workers]
    if not any(host.usable for host in one.hosts.all()):
        not_applicable("no hypervisor takes VMs: see hosts-are-monitored")
    key, begun = OneTimeKey("b2ct-validate"), time.monotonic()
    around = _Around(one, site, hosts, key, begun + options.vm_seconds, options.vm_seconds)
    try:
        for trial, vm in [(trial, _start(one, trial, key)) for trial in trials]:
            if vm is not None:
                around.through(trial, vm)
    finally:
        try:
            _remove_all(one, trials)
        except KeyboardInterrupt:
            # Whoever is impatient while they are removed: that comes first. See b2ct.validate.
            # interrupts, which holds further signals back.
            _remove_all(one, trials)
            raise
    return tuple(trials)


def _remove_all(one: Client, trials: list[Trial]) -> None:
    # By name, so that one whose answer got lost is found as well.
    for trial in trials:
        _remove(one, trial)


def template_of(one: Client, worker: str) -> Template | None:
    """The worker's VM template: the one of its name, else another that was made for it."""
    mine = [
        template
        for template in one.owners.held(one.templates.all())
        if template.template.text("B2CT_WORKER") == worker or template.name == worker
    ]
    return min(mine, key=lambda template: (template.name != worker, template.id), default=None)


def _usable(one: Client, template: Template) -> bool:
    """The images of its disks, as far as they are found, can be started from."""
    there = one.images.all()
    for disk in template.template.vectors("DISK"):
        for image in there:
            named = image.name == disk.get("IMAGE") and image.owner == disk.get(
                "IMAGE_UNAME", template.owner
            )
            if (named or str(image.id) == disk.get("IMAGE_ID")) and not image.state.usable:
                return False
    return True


def _start(one: Client, trial: Trial, key: OneTimeKey) -> int | None:
    template = template_of(one, trial.worker)
    if template is None:
        trial.none = "there is no VM template: see templates-are-registered"
        return None
    if not _usable(one, template):
        trial.none = "its image cannot be used: see images-are-usable"
        return None
    extra = Attributes(
        [
            ("CONTEXT", instance.context(template, None, key.public)),
            (MARK, "test VM: may be deleted"),
        ]
    )
    try:
        return one.templates.instantiate(template.id, name=trial.name, extra=extra)
    except B2ctError as err:
        trial.failed(Stage.RUNNING, f"it cannot be started: {err.message}", err.hint)
        return None


@dataclass(frozen=True)
class _Around:
    """What all VMs of a run share."""

    one: Client
    site: Site
    hosts: Hosts
    key: OneTimeKey
    until: float
    """Of time.monotonic: by then a VM has to run and to let us in."""
    seconds: float

    def through(self, trial: Trial, number: int) -> None:
        """Stage after stage, until one fails."""
        vm = self._running(trial, number)
        if vm is None:
            return
        if not vm.addresses:
            trial.failed(Stage.LOGIN, "it has no address: its template names no network")
            return
        the_ways = door.ways(self.site, self.hosts, vm.addresses[0])
        shell = door.log_in(the_ways, vm.addresses[0], self.key, self.until)
        if isinstance(shell, str):
            trial.failed(
                Stage.LOGIN, f"it runs on {vm.host}, but {shell}, after {self.seconds:.0f} s",
                f"start one by hand (b2ct instantiate {trial.worker}) and look at its console",
            )  # fmt: skip
            return
        try:
            trial.passed(Stage.LOGIN)
            inside.look(shell, self.site, trial)
        except B2ctError as err:
            stage = Stage.JOB if Stage.CVMFS in trial.found else Stage.CVMFS
            trial.failed(stage, err.message, err.hint)
        finally:
            shell.close()

    def _running(self, trial: Trial, number: int) -> Vm | None:
        one, told = self.one, B2ctError("")
        try:
            left = max(1.0, self.until - time.monotonic())
            vm = waiting.wait_vm(one, number, deadline=left)
        except StuckError as err:
            last, there = one.vms.get(number), one.hosts.all()
            told = instantiate.explained_waiting(err, last, there, self.seconds)
        except B2ctError as err:
            told = err
        else:
            trial.passed(Stage.RUNNING)
            return vm
        trial.failed(Stage.RUNNING, told.message, told.hint)
        return None


def _remove(one: Client, trial: Trial) -> None:
    """End every VM of the trial's name, and say so when one stays."""
    if trial.none:
        return
    try:
        left = one.vms.named(trial.name, one.me.id)
        for vm in left:
            with suppress(MissingError):
                _end(one, vm.id)
    except B2ctError as err:
        trial.failed(
            Stage.REMOVED, f"its test VM {trial.name} may be left behind: {err.message}",
            f"onevm list | grep {trial.name}; onevm terminate --hard ID",
        )  # fmt: skip
        return
    if left:
        trial.passed(Stage.REMOVED)


def _end(one: Client, number: int) -> None:
    """Raises B2ctError where it is still there after GONE seconds."""
    until = time.monotonic() + GONE
    asked = False
    while True:
        vm = one.vms.get(number)
        if vm.done:
            return
        try:
            if not asked:
                one.vms.terminate(number, hard=True)
                asked = True
        except MissingError:
            return
        except B2ctError as err:  # in some states it cannot be ended yet
            if time.monotonic() > until:
                raise B2ctError(
                    f"VM {number} cannot be ended: {err.message}",
                    hint=f"onevm recover --delete {number}",
                ) from err
        if time.monotonic() > until:
            raise B2ctError(
                f"VM {number} is {vm.status} {GONE:.0f} s after it was ended",
                hint=f"onevm recover --delete {number}",
            )
        time.sleep(0.5)
