"""The client sends what a real server was sent, and reads what it answered."""

from __future__ import annotations

import re
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable
from typing import Any

import pytest

from b2ct.one import kind
from b2ct.one.acl import AclRule
from b2ct.one.client import Client
from b2ct.one.faults import (
    DuplicateError,
    InUseError,
    MissingError,
    OneError,
    RefusedError,
    UncertainError,
)
from b2ct.one.states import HostStatus
from b2ct.one.text import Attributes, TextError, parse
from b2ct.one.transport import Pauses

from .recorded import Exchange, exchanges, labelled
from .servers import Server, Step, bad, cuts, good, http, sends, serving

QUICK = Pauses(first=0.01, longest=0.02)


def client(server: Server, **options: Any) -> Client:
    options = {"deadline": 20.0, "pauses": QUICK, "notice": lambda _text: None, **options}
    return Client(server.endpoint(), **options)


def sent(server: Server, number: int = -1) -> tuple[str, tuple[Any, ...]]:
    arguments, method = xmlrpc.client.loads(server.bodies[number])
    return str(method), tuple(arguments[1:])


def text(label: str, position: int = 0) -> Attributes:
    return parse(labelled(label).arguments[position])


# What each method of ours sends, against what a real server was sent under that label.
SAME: dict[str, Callable[[Client], object]] = {
    "version": lambda one: one.version,
    "user-self": lambda one: one.me,
    "clusterpool": lambda one: one.clusters.all(),
    "datastorepool": lambda one: one.datastores.all(),
    "hostpool": lambda one: one.hosts.all(),
    "imagepool-all": lambda one: one.images.all(),
    "imagepool-mine": lambda one: one.images.all(kind.MINE),
    "templatepool": lambda one: one.templates.all(),
    "vmpool": lambda one: one.vms.all(),
    "host-allocate": lambda one: one.hosts.allocate("node01", im="dummy", vmm="dummy"),
    "host-allocate-duplicate": lambda one: one.hosts.allocate("node01", im="dummy", vmm="dummy"),
    "host-delete-while-used": lambda one: one.hosts.delete(0),
    "ds-update-sys": lambda one: one.datastores.update(0, text("ds-update-sys", 1)),
    "image-allocate-ok": lambda one: one.images.allocate(text("image-allocate-ok"), 1),
    "image-allocate-duplicate-name": lambda one: one.images.allocate(
        text("image-allocate-duplicate-name"), 1
    ),
    "image-path-missing-file": lambda one: one.images.allocate(text("image-path-missing-file"), 1),
    "image-info-missing": lambda one: one.images.get(999999),
    "image-update-replace": lambda one: one.images.update(
        1, text("image-update-replace", 1), merge=False
    ),
    "image-rename-taken": lambda one: one.images.rename(1, "u3"),
    "image-persistent": lambda one: one.images.persistent(
        4, on=labelled("image-persistent").arguments[1]
    ),
    "image-disable": lambda one: one.images.enable(4, on=False),
    "image-delete-LOCKED-force": lambda one: one.images.delete(11, force=True),
    "image-delete-while-used": lambda one: one.images.delete(1),
    "user-allocate": lambda one: one.users.allocate("alice", "alicepw"),
    "quota-set": lambda one: one.users.quota(2, text("quota-set", 1)),
    "vn-allocate": lambda one: one.networks.allocate(text("vn-allocate")),
    "vn-info": lambda one: one.networks.get(0),
    "vn-delete-while-used": lambda one: one.networks.delete(0),
    "template-allocate": lambda one: one.templates.allocate(text("template-allocate")),
    "template-update-noop-merge": lambda one: one.templates.update(0, Attributes.of({"CPU": 1})),
    "template-delete-while-vm-runs": lambda one: one.templates.delete(3),
    "template-delete-with-images": lambda one: one.templates.delete(0, images=True),
    "instantiate-same-vm-name": lambda one: one.templates.instantiate(0, name="vm1"),
    "instantiate-on-hold": lambda one: one.templates.instantiate(0, name="held", hold=True),
    "vm-updateconf-context": lambda one: one.vms.update_configuration(
        1, text("vm-updateconf-context", 1)
    ),
    "vm-terminate": lambda one: one.vms.terminate(1),
    "vm-action-wrong-state": lambda one: one.vms.action(1, "resume"),
    "vm-recover-retry": lambda one: one.vms.recover(8, 2),
}  # fmt: skip


@pytest.mark.parametrize("label", SAME)
def test_what_is_sent_is_what_a_real_server_was_sent(label: str) -> None:
    wanted = labelled(label)
    with serving(sends(http(wanted.answer))) as server:
        one = client(server)
        if wanted.good:
            SAME[label](one)
        else:
            with pytest.raises(RefusedError) as caught:
                SAME[label](one)
            assert caught.value.code == wanted.code
        method, arguments = sent(server)
        assert server.connections == 1
    assert method == wanted.method
    assert [_comparable(a) for a in arguments] == [_comparable(a) for a in wanted.arguments]


def _comparable(argument: Any) -> Any:
    return parse(argument) if isinstance(argument, str) and "=" in argument else argument


def refusals() -> list[Exchange]:
    return [one for one in exchanges() if one.good is False]


def test_every_recorded_refusal_has_a_type_and_a_remedy() -> None:
    """None falls through to the server's own words."""
    plain = []
    for one in refusals():
        with serving(sends(http(one.answer))) as server, pytest.raises(RefusedError) as caught:
            client(server).transport.call(one.method.removeprefix("one."), *one.arguments)
        assert caught.value.code == one.code
        assert caught.value.hint
        assert "hunter2" not in " ".join([*caught.value.lines(), caught.value.server])
        if type(caught.value) is RefusedError:
            plain.append(one.label)
    assert len(refusals()) > 60
    assert plain == []


def test_permissions_are_sent_as_nine_numbers() -> None:
    with serving(good(1)) as server:
        client(server).images.chmod(7, "um-u----a")
        assert sent(server) == ("one.image.chmod", (7, 1, 1, 0, 1, 0, 0, 0, 0, 1))


def test_names_are_compared_exactly() -> None:
    image = "<IMAGE><ID>{}</ID><NAME>{}</NAME><STATE>1</STATE></IMAGE>"
    names = enumerate(["worker", "Worker", "worker-2", " worker", "worker"])
    body = "".join(image.format(9 - number, name) for number, name in names)
    with serving(good(f"<IMAGE_POOL>{body}</IMAGE_POOL>")) as server:
        one = client(server)
        assert [i.id for i in one.images.named("worker")] == [5, 9]
        found = one.images.find("worker", owner=3)
        assert sent(server) == ("one.imagepool.info", (3, -1, -1))
        assert found is not None
        assert found.id == 5
        assert one.images.find("nothing") is None


def test_a_lost_answer_to_a_deletion() -> None:
    """The second attempt finds nothing: the first one did it. Without a first one it is missing."""
    gone = bad(0x400, "[one.vn.delete] Error getting virtual network [3].")
    with serving(cuts(b""), gone) as server:
        client(server).networks.delete(3)
        assert server.connections == 2
    with serving(gone) as server, pytest.raises(MissingError):
        client(server).networks.delete(3)


ONCE: list[Callable[[Client], object]] = [
    lambda one: one.images.allocate(Attributes.of({"NAME": "x", "SIZE": 1}), 1),
    lambda one: one.templates.allocate(Attributes.of({"NAME": "x"})),
    lambda one: one.templates.instantiate(1),
    lambda one: one.vms.action(1, "resume"),
    lambda one: one.vms.migrate(1, 2),
    lambda one: one.vms.recover(1, 3),
    lambda one: one.hosts.allocate("x"),
    lambda one: one.networks.allocate(Attributes.of({"NAME": "x"})),
    lambda one: one.networks.add_range(1, {"TYPE": "IP4"}),
    lambda one: one.clusters.allocate("x"),
    lambda one: one.datastores.allocate(Attributes.of({"NAME": "x"})),
    lambda one: one.users.allocate("x", "y"),
    lambda one: one.groups.allocate("x"),
    lambda one: one.security_groups.allocate(Attributes.of({"NAME": "x"})),
]


@pytest.mark.parametrize("act", ONCE)
def test_what_makes_something_is_sent_once(act: Callable[[Client], object]) -> None:
    with serving(cuts(b""), good(1)) as server:
        with pytest.raises(UncertainError):
            act(client(server))
        assert server.connections == 1


TWICE: list[Callable[[Client], object]] = [
    lambda one: one.images.update(1, Attributes.of({"A": 1})),
    lambda one: one.images.rename(1, "x"),
    lambda one: one.images.chmod(1, "um-------"),
    lambda one: one.images.chown(1, 2, 3),
    lambda one: one.hosts.status(1, HostStatus.OFFLINE),
    lambda one: one.networks.update_range(1, {"AR_ID": "0"}),
    lambda one: one.networks.remove_range(1, 0),
    lambda one: one.clusters.add_host(1, 2),
    lambda one: one.clusters.add_datastore(1, 2),
    lambda one: one.clusters.add_network(1, 2),
    lambda one: one.users.quota(1, Attributes.of({"VM": {"CPU": 1}})),
    lambda one: one.users.password(1, "new"),
    lambda one: one.users.add_group(1, 2),
    lambda one: one.groups.quota(1, Attributes.of({"VM": {"CPU": 1}})),
    lambda one: one.security_groups.commit(1),
    lambda one: one.acls.add(AclRule.of("#1 VM/* USE")),
    lambda one: one.acls.delete(1),
]


@pytest.mark.parametrize("act", TWICE)
def test_what_sets_something_is_repeated(act: Callable[[Client], object]) -> None:
    with serving(cuts(b""), good(1)) as server:
        act(client(server))
        assert server.connections == 2
        assert server.bodies[0] == server.bodies[1]


REFUSED: list[Callable[[Client], object]] = [
    lambda one: one.images.allocate(Attributes.of({"NAME": "a&b"}), 1),
    lambda one: one.images.allocate(Attributes.of({"PATH": "/x"}), 1),
    lambda one: one.images.allocate(Attributes.of({"NAME": "x", "D": "]]>"}), 1),
    lambda one: one.images.rename(1, "x" * 129),
    lambda one: one.images.chmod(1, "rwxrwxrwx"),
    lambda one: one.images.chmod(1, "um-"),
    lambda one: one.templates.allocate(Attributes.of({"NAME": "x", "CONTEXT": {"A": "$HOME"}})),
    lambda one: one.templates.update(1, Attributes.of({"CONTEXT": {"A": "$(id)"}})),
    lambda one: one.templates.instantiate(1, name="a;b"),
    lambda one: one.templates.instantiate(1, extra=Attributes.of({"CONTEXT": {"A": "$?"}})),
    lambda one: one.vms.update_configuration(1, Attributes.of({"CONTEXT": {"A": "${X}"}})),
    lambda one: one.hosts.allocate("a b;"),
    lambda one: one.users.allocate("a b", "x"),
    lambda one: one.users.allocate("a", ""),
    lambda one: one.users.allocate("a", "x\n"),
    lambda one: one.clusters.allocate(""),
]


@pytest.mark.parametrize("act", REFUSED)
def test_what_the_server_would_not_survive_is_not_sent(act: Callable[[Client], object]) -> None:
    with serving(good(1)) as server:
        with pytest.raises(TextError):
            act(client(server))
        assert server.connections == 0


def test_context_never_gets_into_an_error() -> None:
    """Even where the server repeats a value by itself, in a text that nobody has seen before."""
    attributes = Attributes.of(
        {"NAME": "x", "CONTEXT": {"ANYTHING": "s3cr3t"}, "ROOT_PASSWORD": "hunter2"}
    )
    refusal = bad(0x2000, "[one.template.allocate] I dislike s3cr3t and hunter2.")
    with serving(refusal) as server, pytest.raises(RefusedError) as caught:
        client(server).templates.allocate(attributes)
    told = " ".join([*caught.value.lines(), caught.value.server, repr(caught.value)])
    assert "s3cr3t" not in told
    assert "hunter2" not in told
    assert "I dislike" in told


def test_a_password_in_an_error_about_a_user() -> None:
    refusal = bad(0x2000, "[one.user.allocate] Password geheimnis is too short.")
    with serving(refusal) as server, pytest.raises(RefusedError) as caught:
        client(server).users.allocate("a", "geheimnis")
    assert "geheimnis" not in " ".join([*caught.value.lines(), caught.value.server])


def test_version_and_dialect_are_asked_once() -> None:
    said: list[str] = []
    with serving(good("9.1.0")) as server:
        one = client(server, notice=said.append)
        assert (one.version, one.dialect.ssh_driver, one.dialect.version) == (
            "9.1.0",
            "local",
            (7, 2),
        )
        assert one.calls == 1
    assert len(said) == 1


def test_an_acl_rule_that_is_there_already() -> None:
    rule = AclRule.of("#5 IMAGE/* USE *")
    there = bad(0x2000, "[one.acl.addrule] Rule #5 IMAGE/* USE * already exists")
    with serving(good(7), there) as server:
        one = client(server)
        assert one.acls.add(rule) == 7
        assert sent(server)[1] == ("100000005", "8400000000", "1", "400000000")
        assert one.acls.add(rule) is None


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (bad(0x800, "[one.user.addgroup] User is already in this group"), None),
        (bad(0x400, "[one.user.addgroup] Error getting user [9]."), MissingError),
    ],
)
def test_a_user_that_is_in_the_group_already(step: Step, error: type[OneError] | None) -> None:
    with serving(step) as server:
        if error is None:
            client(server).users.add_group(1, 2)
        else:
            with pytest.raises(error):
                client(server).users.add_group(9, 2)


def test_an_id_that_is_none() -> None:
    for value in ("x", True):
        with serving(good(value)) as server, pytest.raises(OneError, match="does not tell the ID"):
            client(server).hosts.allocate("x")
    with serving(good(5)) as server, pytest.raises(OneError, match="XML was expected"):
        client(server).hosts.all()


def test_the_types_of_errors_help_to_decide() -> None:
    used = bad(0x800, "[one.image.delete] Cannot delete image. There are 2 VMs using it.")
    taken = bad(0x2000, "[one.host.allocate] NAME is already taken by HOST 4.")
    with serving(used) as server, pytest.raises(InUseError):
        client(server).images.delete(1)
    with serving(taken) as server, pytest.raises(DuplicateError) as caught:
        client(server).hosts.allocate("x")
    assert caught.value.id == 4
    assert re.match(r"host 'x': ", caught.value.message)


MODULES = ("client", "endpoint", "faults", "kinds", "objects", "settle", "text", "transport",
           "versions", "waiting", "wire", "xml", "acl", "states")  # fmt: skip


def test_a_dirac_server_needs_neither_click_nor_rich_nor_pydantic() -> None:
    code = ";".join(f"import b2ct.one.{name}" for name in MODULES)
    code += ";import sys;print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"click", "rich", "pydantic", "jinja2", "paramiko"} & set(done.stdout.split()) == set()


def test_the_light_modules_are_light() -> None:
    code = "import b2ct.one.endpoint, b2ct.one.faults, b2ct.one.text"
    code += ", b2ct.one.objects.vm, b2ct.one.settle, b2ct.one.acl"
    code += ";import sys;print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"requests", "pyone", "lxml", "pydantic"} & set(done.stdout.split()) == set()
