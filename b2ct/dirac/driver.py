"""The libcloud driver that DIRAC's CloudComputingElement loads:

    CloudType = b2ct.dirac.driver.OpenNebulaNodeDriver

Follows what DIRAC 9.1 calls (Resources/Computing/CloudComputingElement.py), and libcloud's
NodeDriver for the rest. Only VMs of the user in cloud.auth are ever seen or touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from libcloud.compute.base import Node, NodeDriver, NodeImage, NodeSize
from libcloud.compute.types import NodeState
from requests.exceptions import ConnectTimeout

from b2ct.core.errors import B2ctError
from b2ct.dirac import instance, nodestates, options
from b2ct.one.faults import (
    AuthorizationError,
    BrokenError,
    DeadlineError,
    LockedError,
    MissingError,
    RefusedError,
    UncertainError,
    UnreachableError,
    WrongStateError,
)
from b2ct.one.kind import ALL, MINE
from b2ct.one.objects.base import Owned
from b2ct.one.objects.network import VirtualNetwork
from b2ct.one.objects.vm import Vm
from b2ct.one.ownership import Owners

if TYPE_CHECKING:
    from b2ct.one.client import Client

OWN_IMAGE = "template"
"""`Instance_Image = template`: the image that the template names, whatever its version."""
KILL_PAUSES = (1.0, 2.0, 3.0, 4.0)
"""Seconds between attempts at a VM that the server is busy with, such as in HOTPLUG."""
_log = logging.getLogger(__name__)
OwnedT = TypeVar("OwnedT", bound=Owned)


class CloudError(ConnectTimeout):
    """The cloud cannot be asked now, or does not answer this user.

    CloudComputingElement.getCEStatus catches ConnectTimeout alone; anything else would end the
    whole cycle of the SiteDirector, for every site that it serves.
    """

    def __str__(self) -> str:
        """The message with its remedy on one line, as it stands in DIRAC's log."""
        return "; ".join(str(word) for word in self.args)


@dataclass(frozen=True)
class Network:
    """A virtual network as DIRAC looks for it."""

    id: str
    name: str
    extra: VirtualNetwork


class OpenNebulaNodeDriver(NodeDriver):
    """OpenNebula by XML-RPC. A size is a VM template, an image an image, a node a VM."""

    name = "OpenNebula (B2CT)"
    website = "https://opennebula.io"
    type = "b2ct-opennebula"

    def __init__(self, key: str, secret: str = "", **more: Any) -> None:
        # Nothing is checked or sent here: an exception would reach DIRAC where it expects none.
        # libcloud's own constructor makes a connection that is of no use.
        self.key = key
        self.secret = secret
        self._options = more
        self._away: B2ctError | None = None
        self._until = 0.0

    def __repr__(self) -> str:
        """Without the password."""
        return f"{type(self).__name__}({self.key!r}, host={self._options.get('host')!r})"

    @cached_property
    def _client(self) -> Client:
        """The client. Raises B2ctError for options that cannot be used."""
        from b2ct.one.client import Client

        where = options.endpoint_of(self.key, self.secret, self._options)
        return Client(where, deadline=self._seconds, notice=_log.warning)

    @cached_property
    def _seconds(self) -> float:
        wanted = self._options.get("timeout") or options.TIMEOUT
        return options.number(wanted, "Driver_timeout", most=3600)

    @property
    def _gateway(self) -> bool:
        """Whether Driver_host is a gateway of B2CT's, and not OpenNebula itself."""
        return options.truth(self._options.get("gateway"), "Driver_gateway")

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """The client, for some calls. Raises B2ctError.

        When the cloud has not answered within the timeout, it is not asked again for as long: DIRAC
        asks for every pilot by itself, and would wait hundreds of times.
        """
        if self._away is not None and time.monotonic() < self._until:
            raise self._away
        self._away = None
        try:
            yield self._client
        except (UnreachableError, DeadlineError, BrokenError) as err:
            self._away, self._until = err, time.monotonic() + self._seconds
            raise

    def list_images(self, location: object = None) -> list[NodeImage]:  # noqa: ARG002
        """Images that can be started; first the one called `template`."""
        own = NodeImage(id=OWN_IMAGE, name=OWN_IMAGE, driver=self)
        with self._asking() as one:
            there = _trusted(one.images.all(ALL), one.me.id)
        usable = (image for image in there if image.state.usable)
        return [
            own,
            *(NodeImage(str(image.id), image.name, self, {"image": image}) for image in usable),
        ]

    def list_sizes(self, location: object = None) -> list[NodeSize]:  # noqa: ARG002
        """VM templates. `ram` in MB; `extra` has `cpu` and `vcpu`, which may be fractions."""
        with self._asking() as one:
            there = _trusted(one.templates.all(ALL), one.me.id)
        sizes = []
        for template in there:
            attributes = template.template
            cpu = _number(attributes.text("CPU"))
            sizes.append(
                NodeSize(
                    id=str(template.id), name=template.name,
                    ram=int(_number(attributes.text("MEMORY"))), disk=0, bandwidth=None, price=0.0,
                    driver=self,
                    extra={"cpu": cpu, "vcpu": _number(attributes.text("VCPU")) or cpu},
                )
            )  # fmt: skip
        return sizes

    def ex_list_networks(self) -> list[Network]:
        """Virtual networks."""
        with self._asking() as one:
            there = _trusted(one.networks.all(ALL), one.me.id)
        return [Network(str(network.id), network.name, network) for network in there]

    list_networks = ex_list_networks

    def list_nodes(self) -> list[Node]:
        """The user's VMs that are not DONE, in one call. Raises CloudError."""
        try:
            with self._asking() as one:
                mine = one.vms.all(MINE)
        except B2ctError as err:
            raise _away(err) from err
        return [self._node(vm) for vm in mine]

    def ex_get_node_details(self, node_id: str | int) -> Node | None:
        """The VM of that ID; None where the user has none, as DIRAC expects. DONE ones are there.

        Raises B2ctError when the cloud does not say.
        """
        if not str(node_id).isdecimal():
            return None
        try:
            with self._asking() as one:
                vm, me = one.vms.get(int(node_id)), one.me.id
        except (MissingError, AuthorizationError):
            return None
        # After a cloud was set up anew, old references name VMs of somebody else.
        if vm.uid != me:
            return None
        node = self._node(vm)
        node.extra["alone"] = True
        return node

    def create_node(  # type: ignore[override] # libcloud's drivers each take what their cloud has
        self,
        name: str,
        size: NodeSize,
        image: NodeImage | None = None,
        *,
        networks: Sequence[Network] = (),
        ex_userdata: str | None = None,
        ex_keyname: str | None = None,
        **_: Any,
    ) -> Node:
        """Start a VM: the template's whole CONTEXT with `ex_userdata` merged into its user data.

        Without `networks` it is on those of its template, without `image` (or with the one called
        `template`) it starts from the template's. Raises B2ctError.
        """
        with self._asking() as one:
            template = one.templates.get(int(size.id))
            chosen = None
            if image is not None and image.id != OWN_IMAGE:
                chosen = image.extra.get("image") or one.images.get(int(image.id))
            wish = instance.Wish(
                user=one.me.name, pilot=ex_userdata, ssh_key=ex_keyname, image=chosen,
                networks=tuple(network.extra for network in networks), ce=one.endpoint.host,
            )  # fmt: skip
            attributes = (
                instance.pilot_only(wish) if self._gateway else instance.attributes(template, wish)
            )
            try:
                made = one.templates.instantiate(template.id, name=name, extra=attributes)
            except AuthorizationError as err:
                if instance.GATEWAY not in err.server:
                    raise
                raise B2ctError(
                    f"{self._options.get('host')} is a gateway of B2CT's",
                    hint="write Driver_gateway = True",
                ) from err
            except UncertainError:
                # DIRAC's names are random: a VM of this name is the one that was asked for.
                found = one.vms.named(name, one.me.id)
                if len(found) != 1:
                    raise
                return self._node(found[0])
        # No look at what was made: if that failed, DIRAC would never learn of the VM.
        return Node(
            id=str(made), name=name, state=NodeState.PENDING, public_ips=[], private_ips=[],
            driver=self, size=size, image=image, created_at=datetime.now(UTC),
            extra={"uid": one.me.id, "status": "PENDING"},
        )  # fmt: skip

    def destroy_node(self, node: Node | None) -> bool:
        """End a VM at once, without asking its guest. False where the cloud refuses that.

        A refusal is logged. For a VM of `list_nodes` it is not raised: it would keep cleanupPilots
        from all the other VMs, and the next cycle tries again. One of `ex_get_node_details` is
        asked for by itself (killJob, which takes whatever comes back for done): while the server
        is busy with it this tries again for some seconds, and then raises. Raises B2ctError when
        the cloud cannot be asked.
        """
        with self._asking() as one:
            if node is None or node.extra.get("uid") != one.me.id:
                _log.warning("not ended: VM %s is not %s's", getattr(node, "id", "?"), self.key)
                return False
            alone = bool(node.extra.get("alone"))
            try:
                _end(one, int(node.id or -1), KILL_PAUSES if alone else ())
            except MissingError:
                return True
            except (RefusedError, UncertainError) as err:
                _log.warning("VM %s (%s) is not ended yet: %s", node.id, node.name, err)
                if alone:
                    raise
                return False
        return True

    def reboot_node(self, node: Node) -> bool:
        """Restart the guest."""
        with self._asking() as one:
            one.vms.action(int(node.id or -1), "reboot")
        return True

    def _node(self, vm: Vm) -> Node:
        return Node(
            id=str(vm.id), name=vm.name, state=getattr(NodeState, nodestates.of(vm)),
            public_ips=[], private_ips=list(vm.addresses), driver=self,
            created_at=datetime.fromtimestamp(vm.started or time.time(), UTC),
            extra={
                "uid": vm.uid, "status": vm.status, "host": vm.host, "error": vm.error,
                "scheduler_message": vm.scheduler_message,
            },
        )  # fmt: skip


def _end(one: Client, number: int, pauses: Sequence[float]) -> None:
    """Terminate a VM; while the server is busy with it, again after each pause."""
    for pause in pauses:
        try:
            return one.vms.terminate(number, hard=True)
        except LockedError:
            raise
        except WrongStateError:
            time.sleep(pause)
    return one.vms.terminate(number, hard=True)


def _trusted(items: Iterable[OwnedT], me: int) -> list[OwnedT]:
    """Own objects first, then administrators'; no others: DIRAC takes the first of a name.

    Otherwise any user of the cloud could offer an image or a template of a name that is missing.
    """
    return Owners(me).held(items)


def _away(err: B2ctError) -> CloudError:
    return CloudError(err.message, *([err.hint] if err.hint else []))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
