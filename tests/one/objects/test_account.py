from __future__ import annotations

import dataclasses

from b2ct.one.objects import base
from b2ct.one.objects.account import Group, User
from b2ct.one.quotas import DEFAULT, UNLIMITED, Limit
from tests.one.recorded import labelled


def test_a_user_without_its_secrets() -> None:
    found = base.one(labelled("user-self").value, User.parse)
    assert (found.id, found.name, found.group, found.enabled) == (0, "oneadmin", "oneadmin", True)
    assert "TOKEN_PASSWORD" not in found.template
    values = repr([getattr(found, f.name) for f in dataclasses.fields(found)])
    assert "9060bd2341098df0" not in values


QUOTAS = (
    "<DATASTORE_QUOTA><DATASTORE><ID>1</ID><IMAGES>5</IMAGES><IMAGES_USED>2</IMAGES_USED><SIZE>-2"
    "</SIZE><SIZE_USED>64</SIZE_USED></DATASTORE></DATASTORE_QUOTA><NETWORK_QUOTA/>"
    "<VM_QUOTA><VM><CPU>4.5</CPU><CPU_USED>1</CPU_USED><VMS>-1</VMS><VMS_USED>3</VMS_USED></VM>"
    "</VM_QUOTA><IMAGE_QUOTA></IMAGE_QUOTA>"
)


def test_quotas() -> None:
    body = f"<USER><ID>2</ID><NAME>dirac</NAME>{QUOTAS}</USER>"
    found = base.one(body, User.parse).quotas
    assert found.vm["CPU"] == Limit(4.5, 1.0)
    assert found.vm["VMS"] == Limit(DEFAULT, 3.0)
    assert found.datastores[1]["SIZE"] == Limit(UNLIMITED, 64.0)
    assert found.networks == {}


def test_quotas_of_a_pool_stand_apart() -> None:
    """GROUP_POOL has the groups, and after each its QUOTAS with the group's ID."""
    body = (
        "<GROUP_POOL><GROUP><ID>1</ID><NAME>users</NAME><TEMPLATE/><USERS><ID>2</ID></USERS>"
        f"<ADMINS></ADMINS></GROUP><QUOTAS><ID>1</ID>{QUOTAS}</QUOTAS>"
        "<GROUP><ID>0</ID><NAME>oneadmin</NAME></GROUP><DEFAULT_GROUP_QUOTAS/></GROUP_POOL>"
    )
    first, second = base.pool(body, Group.parse, "GROUP")
    assert (first.name, second.name, second.users) == ("oneadmin", "users", (2,))
    assert second.quotas.datastores[1]["IMAGES"].limit == 5
    assert first.quotas.vm == {}
