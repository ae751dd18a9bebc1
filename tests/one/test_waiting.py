"""Waiting for images and VMs: the good end, and each bad one with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from b2ct.one import waiting
from b2ct.one.client import Client
from b2ct.one.faults import (
    ImageFailedError,
    MissingError,
    StuckError,
    VmFailedError,
    WrongStateError,
)

from .recorded import Exchange, labelled, numbered
from .servers import Step, bad, good, http, sends, serving


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.01)


def image(state: int, error: str = "") -> Step:
    template = f"<TEMPLATE><ERROR><![CDATA[{error}]]></ERROR></TEMPLATE>" if error else ""
    return good(f"<IMAGE><ID>7</ID><NAME>w</NAME><STATE>{state}</STATE>{template}</IMAGE>")


def replay(one: Exchange) -> Step:
    return sends(http(one.answer))


@contextmanager
def answering(*steps: Step) -> Iterator[Client]:
    with serving(*steps) as server:
        yield Client(server.endpoint(), deadline=20, notice=lambda _text: None)


def test_an_image_becomes_ready() -> None:
    seen: list[str] = []
    with answering(image(4), image(4), image(1)) as one:
        found = waiting.wait_image(one, 7, deadline=20, progress=lambda s, _t: seen.append(s))
    assert found.state.usable
    assert seen == ["LOCKED", "LOCKED", "READY"]


def test_a_recorded_image_becomes_ready() -> None:
    with answering(replay(numbered(74)), replay(numbered(87))) as one:
        assert waiting.wait_image(one, 1, deadline=20).name == "debian12-base-renamed"


@pytest.mark.parametrize(
    ("label", "reason", "remedy"),
    [
        ("image-restricted-wait", "RESTRICTED_DIRS", "SAFE_DIRS"),
        ("image-bad-md5-wait", "Hash does not match", "checksum"),
    ],
)
def test_an_image_in_error_says_why_and_what_helps(label: str, reason: str, remedy: str) -> None:
    with (
        answering(image(4), replay(labelled(label))) as one,
        pytest.raises(ImageFailedError) as caught,
    ):
        waiting.wait_image(one, 0, deadline=20)
    assert reason in caught.value.message
    assert remedy in caught.value.hint


def test_an_image_that_stays_locked() -> None:
    with answering(image(4)) as one, pytest.raises(StuckError, match="still being") as caught:
        waiting.wait_image(one, 7, deadline=0.05)
    assert "oneimage delete 7 --force" in caught.value.hint


@pytest.mark.parametrize(("state", "match"), [(3, "disabled"), (7, "being deleted"),
                                             (99, "UNKNOWN_STATE")])  # fmt: skip
def test_an_image_in_another_state(state: int, match: str) -> None:
    with answering(image(state)) as one, pytest.raises(ImageFailedError, match=match) as caught:
        waiting.wait_image(one, 7, deadline=20)
    assert caught.value.hint


def test_an_image_that_is_deleted_meanwhile() -> None:
    gone = bad(0x400, "[one.image.info] Error getting image [7].")
    with answering(image(4), gone) as one, pytest.raises(MissingError):
        waiting.wait_image(one, 7, deadline=20)
    with answering(image(7), gone) as one:
        waiting.wait_image_gone(one, 7, deadline=20)
    with answering(image(7)) as one, pytest.raises(StuckError, match="still there"):
        waiting.wait_image_gone(one, 7, deadline=0.05)
    with (
        answering(image(5, "rm failed")) as one,
        pytest.raises(ImageFailedError, match="rm failed"),
    ):
        waiting.wait_image_gone(one, 7, deadline=20)


def test_a_vm_runs() -> None:
    seen: list[str] = []
    with answering(replay(numbered(196)), replay(numbered(221))) as one:
        found = waiting.wait_vm(one, 1, deadline=20, progress=lambda s, _t: seen.append(s))
    assert found.running
    assert seen == ["PENDING", "RUNNING"]


def test_a_vm_that_fails_says_why() -> None:
    with answering(replay(numbered(376))) as one, pytest.raises(VmFailedError) as caught:
        waiting.wait_vm(one, 8, deadline=20)
    assert "BOOT_FAILURE" in caught.value.message
    assert "DEPLOY" in caught.value.message
    assert "/var/log/one/8.log" in caught.value.hint


def test_a_vm_that_fits_nowhere_says_why() -> None:
    with answering(replay(numbered(352))) as one, pytest.raises(StuckError) as caught:
        waiting.wait_vm(one, 7, deadline=0.05)
    assert "No host with enough capacity" in caught.value.message


def test_a_vm_that_was_ended() -> None:
    with answering(replay(labelled("vm-info-DONE"))) as one, pytest.raises(VmFailedError):
        waiting.wait_vm(one, 1, deadline=20)


def network(state: int) -> Step:
    return good(f"<VNET><ID>3</ID><NAME>n</NAME><STATE>{state}</STATE></VNET>")


def test_a_network_becomes_ready() -> None:
    with answering(network(2), network(1)) as one:
        assert waiting.wait_network(one, 3, deadline=20).name == "n"
    with answering(network(2)) as one, pytest.raises(StuckError, match="not ready"):
        waiting.wait_network(one, 3, deadline=0.05)
    with answering(network(5)) as one, pytest.raises(WrongStateError, match="ERROR") as caught:
        waiting.wait_network(one, 3, deadline=20)
    assert "onevnet recover" in caught.value.hint


def test_a_network_of_an_old_server_has_no_state() -> None:
    with answering(good("<VNET><ID>3</ID><NAME>n</NAME></VNET>")) as one:
        assert waiting.wait_network(one, 3, deadline=20).id == 3
