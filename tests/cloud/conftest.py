"""The ground on which functional tests run: the double of oned, or a live server.

With B2CT_TEST_ONE=http://frontend:2633/RPC2 and ONE_AUTH (a file) the functional tests run against
that server instead, as a user of the group oneadmin. Their objects have a prefix of their own and
are removed afterwards.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from b2ct.one import endpoint, xml
from b2ct.one.client import Client
from b2ct.one.endpoint import Endpoint
from b2ct.one.faults import OneError
from b2ct.one.kind import Kind
from b2ct.one.text import Attributes
from b2ct.one.transport import Pauses
from b2ct.one.waiting import wait_image_gone
from b2ct.rehearsal.oned import OnedDouble

LIVE = os.environ.get("B2CT_TEST_ONE", "")
QUICK = Pauses(first=0.02, longest=0.05)


@dataclass
class Ground:
    """A server with one client; names of objects start with `prefix`."""

    where: Endpoint
    one: Client
    prefix: str
    datastore: int = 1

    def client(self) -> Client:
        """Another run of ours."""
        return Client(
            self.where, deadline=30, pauses=QUICK, notice=lambda _text: None, sleep=self.one.sleep
        )

    def name(self, text: str) -> str:
        return f"{self.prefix}{text}"

    def image(self, text: str = "image", **more: str) -> int:
        """An empty disk, which every server can make of nothing."""
        attributes = {"NAME": self.name(text), "TYPE": "DATABLOCK", "SIZE": "1", **more}
        return self.one.images.allocate(Attributes.of(attributes), self.datastore)

    def sweep(self) -> None:
        """Remove everything that these tests made."""
        one = self.one
        self._end_vms()
        for rule in one.acls.all():
            mine = {u.id for u in one.users.all() if u.name.startswith(self.prefix)}
            if rule.user in {0x1_0000_0000 | number for number in mine}:
                one.acls.delete(rule.id)
        for kind in (one.templates, one.images, one.networks, one.security_groups, one.users):
            self._remove(kind)
        for image in one.images.all():
            if image.name.startswith(self.prefix):
                with suppress(OneError):
                    one.images.delete(image.id, force=True)
                    wait_image_gone(one, image.id, deadline=30)
        for last in (one.groups, one.hosts, one.datastores, one.clusters):
            self._remove(last)

    def _end_vms(self) -> None:
        """What a VM uses cannot be removed before it has really gone."""
        end = time.monotonic() + 30
        asked: set[int] = set()
        while time.monotonic() < end:
            mine = [vm.id for vm in self.one.vms.all() if vm.name.startswith(self.prefix)]
            if not mine:
                return
            for vm in set(mine) - asked:
                with suppress(OneError):
                    self.one.vms.terminate(vm, hard=True)
                    asked.add(vm)
            time.sleep(0.5)

    def _remove(self, kind: Kind[Any]) -> None:
        for item in kind.all():
            if item.name.startswith(self.prefix):
                with suppress(OneError):
                    kind.delete(item.id)


@contextmanager
def as_it_was(one: Client) -> Iterator[None]:
    """The server's own objects, which tests take over or write into, as they were before.

    OpenNebula's datastores (`--adopt` sets their drivers), the caller (who has the journal), and
    oneadmin's group (which has the marks of users and groups).
    """
    before = _own(one)
    try:
        yield
    finally:
        now = _own(one)
        for (kind, oid), template in before.items():
            if now.get((kind, oid)) != template:
                getattr(one, kind).update(oid, template, merge=False)


def _own(one: Client) -> dict[tuple[str, int], Attributes]:
    stores = {("datastores", store.id): store.template for store in one.datastores.all()}
    return {
        **{key: template for key, template in stores.items() if key[1] < 100},
        ("users", one.me.id): whole_template(one),
        ("groups", 0): one.groups.get(0).template,
    }


def whole_template(one: Client) -> Attributes:
    """The caller's, with the TOKEN_PASSWORD that the client drops and a replacement would lose."""
    body = one.transport.call("user.info", -1)
    return xml.attributes(xml.tree(body).find("TEMPLATE"))


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A live server if there is one, else a new double."""
    if LIVE:
        where = endpoint.find(url=LIVE)
        client = Client(where, deadline=30, notice=lambda _text: None)
        live = Ground(where, client, f"b2ct-test-{secrets.token_hex(4)}-")
        with as_it_was(client):
            try:
                yield live
            finally:
                live.sweep()
        return
    with OnedDouble() as double:
        yield on(double, ticking=True)


@pytest.fixture
def double() -> Iterator[OnedDouble]:
    """A new double, for what a live server cannot be asked to do."""
    with OnedDouble() as one:
        yield one


def on(double: OnedDouble, *, ticking: bool = False) -> Ground:
    """A ground on a double; `ticking`: its clock goes on when the client waits, and nobody does."""
    where = Endpoint(double.url, double.auth, proxy="")
    one = Client(where, deadline=30, pauses=QUICK, notice=lambda _text: None)
    if ticking:
        one.sleep = double.tick
    return Ground(where, one, "t-")
