"""The faults of the transport, seen with plain HTTP and with pyone."""

from __future__ import annotations

import http.client
import threading
import xmlrpc.client
from typing import Any

import pyone
import pytest
import requests

from b2ct.rehearsal.oned import OnedDouble

VERSION = xmlrpc.client.dumps(("oneadmin:opennebula",), "one.system.version").encode()
ALLOCATE = xmlrpc.client.dumps(
    ("oneadmin:opennebula", "NAME=t CPU=1\nMEMORY=1"), "one.template.allocate"
).encode()


def client(one: OnedDouble) -> Any:
    return pyone.OneServer(one.url, session=one.auth)


def test_http_errors_are_counted_down(oned_still: OnedDouble) -> None:
    oned_still.faults.http("status", status=502, times=2)
    statuses = [oned_still.raw(VERSION)[0] for _ in range(3)]
    assert statuses == [502, 502, 200]


def test_a_fault_meets_its_method_only(oned_still: OnedDouble) -> None:
    oned_still.faults.http("status", method="one.image.*", times=-1)
    assert oned_still.raw(VERSION)[0] == 200
    with pytest.raises(xmlrpc.client.ProtocolError):
        client(oned_still).image.info(0)


def test_skipped_calls_pass(oned_still: OnedDouble) -> None:
    oned_still.faults.http("status", skip=1)
    assert [oned_still.raw(VERSION)[0] for _ in range(3)] == [200, 502, 200]


def test_connection_is_reset_after_the_work(oned_still: OnedDouble) -> None:
    """The answer is lost, the template is there."""
    oned_still.faults.http("reset")
    with pytest.raises((OSError, http.client.HTTPException)):
        oned_still.raw(ALLOCATE)
    assert len(oned_still.cloud.templates) == 1


def test_connection_is_refused_before_the_work(oned_still: OnedDouble) -> None:
    oned_still.faults.http("refuse")
    with pytest.raises((OSError, http.client.HTTPException)):
        oned_still.raw(ALLOCATE)
    assert len(oned_still.cloud.templates) == 0


@pytest.mark.parametrize("kind", ["garbage", "truncated"])
def test_answers_that_are_no_xml(oned_still: OnedDouble, kind: str) -> None:
    oned_still.faults.http(kind)
    status, body = oned_still.raw(VERSION)
    assert status == 200
    with pytest.raises(Exception, match=r"."):
        xmlrpc.client.loads(body)


def test_a_call_hangs_until_it_is_let_go(oned_still: OnedDouble) -> None:
    oned_still.faults.http("hang")
    ended: list[str] = []

    def ask() -> None:
        try:
            oned_still.raw(VERSION)
        except (OSError, http.client.HTTPException) as error:
            ended.append(type(error).__name__)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()
    oned_still.faults.clear()
    asking.join(10)
    assert ended


def test_stopped_and_started(oned_still: OnedDouble) -> None:
    one = client(oned_still)
    template = one.template.allocate("NAME=t CPU=1\nMEMORY=1")
    url = oned_still.url
    oned_still.stop()
    with pytest.raises(requests.ConnectionError):
        one.template.info(template)
    oned_still.start()
    assert oned_still.url == url
    assert one.template.info(template).NAME == "t"


def test_before_each_call(oned_still: OnedDouble) -> None:
    seen: list[str] = []
    oned_still.faults.before.append(seen.append)
    client(oned_still).template.allocate("NAME=t CPU=1\nMEMORY=1")
    assert seen == ["one.template.allocate"] == oned_still.calls
