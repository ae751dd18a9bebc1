"""The client: one object for a front-end, with every kind of object as an attribute.

    one = Client(endpoint.find(site=...))
    image = one.images.find("worker", owner=one.me.id)
    id = one.templates.instantiate(7, name="test")

All methods raise OneError and its kinds (faults.py), and TextError before anything is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from b2ct.core import console
from b2ct.one import kinds, versions, xml
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import AuthorizationError
from b2ct.one.objects.account import User
from b2ct.one.ownership import ADMINISTRATORS, Owners
from b2ct.one.transport import DEADLINE, Pauses, Transport
from b2ct.one.versions import Dialect


class Client:
    """Speaks to one front-end as one user.

    `deadline` is in seconds, for each call with all its attempts. A front-end that has answered
    before and is away now (it restarts) is waited for as long. `notice` hears about waiting;
    `sleep` is what passes the seconds between two looks at something that the server does.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        deadline: float = DEADLINE,
        pauses: Pauses | None = None,
        notice: Callable[[str], None] = console.note,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.sleep = sleep
        self.notice = notice
        self.transport = Transport(endpoint, deadline=deadline, pauses=pauses, notice=notice)
        self.images = kinds.Images(self.transport)
        self.templates = kinds.Templates(self.transport)
        self.vms = kinds.Vms(self.transport)
        self.hosts = kinds.Hosts(self.transport)
        self.networks = kinds.Networks(self.transport)
        self.clusters = kinds.Clusters(self.transport)
        self.datastores = kinds.Datastores(self.transport)
        self.users = kinds.Users(self.transport)
        self.groups = kinds.Groups(self.transport)
        self.security_groups = kinds.SecurityGroups(self.transport)
        self.acls = kinds.Acls(self.transport)

    @cached_property
    def version(self) -> str:
        """The server's version, such as `6.10.5`; asked once."""
        return str(self.transport.call("system.version", what="the server's version"))

    @cached_property
    def dialect(self) -> Dialect:
        """How this version is spoken to; a word to `notice` where that is uncertain."""
        return versions.dialect(self.version, self.notice)

    @cached_property
    def me(self) -> User:
        """Who this client is; asked once."""
        return self.users.me()

    @cached_property
    def owners(self) -> Owners:
        """Whose objects this client believes to be B2CT's; asked once."""
        try:
            return Owners.of(self.me, [self.groups.get(ADMINISTRATORS)])
        except AuthorizationError:
            return Owners(self.me.id)

    @cached_property
    def checks_room(self) -> bool:
        """DATASTORE_CAPACITY_CHECK of oned.conf; asked once. Who may not see it: yes."""
        try:
            told = self.transport.call("system.config", what="the server's configuration")
        except AuthorizationError:
            return True
        return xml.text(xml.tree(str(told)), "DATASTORE_CAPACITY_CHECK", "YES").upper() != "NO"

    @property
    def now(self) -> float:
        """The server's time by its last answer, seconds since 1970: a laptop's may be wrong."""
        return time.time() + self.transport.ahead

    @property
    def calls(self) -> int:
        """Requests made so far, each attempt counted."""
        return self.transport.calls
