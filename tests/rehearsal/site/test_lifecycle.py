"""Practice sites on this machine: what runs in them, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.rehearsal.site import inside, root, state
from b2ct.rehearsal.site import lifecycle as practice
from b2ct.rehearsal.site.lifecycle import Practice
from tests.rehearsal.site.sites import needs_namespaces, standing, wait


@pytest.fixture(scope="module")
def site() -> Iterator[Practice]:
    with standing("test", hypervisors=1) as made:
        yield made


def _on(site: Practice, node: str, command: str) -> str:
    return inside.on(site.name, node, command, check=False).stdout.strip()


def _left(name: str) -> list[str]:
    """All that a site could leave behind."""
    found = [str(path) for path in (state.folder(name), state.control_group(name)) if path.exists()]
    mounts = Path("/proc/mounts").read_text().splitlines()
    found += [line for line in mounts if f"/{name}/" in line]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(state.folder(name)).encode() in words:
            found.append(f"{path}: {words!r}")
    return found


@needs_namespaces
def test_services_run_under_systemd(site: Practice) -> None:
    units = "sshd firewalld chronyd squid mariadb httpd opennebula"
    assert _on(site, "one", f"systemctl is-active {units}").split() == ["active"] * 7
    assert _on(site, "hv1", "systemctl is-active sshd libvirtd").split() == ["active"] * 2
    assert _on(site, "hv1", "systemctl is-active squid mariadb").split() == ["inactive"] * 2
    assert _on(site, "hv1", "cat /proc/1/comm") == "systemd"


@needs_namespaces
def test_a_node_changes_neither_clock_nor_kernel(site: Practice) -> None:
    before = Path("/proc/sys/kernel/panic").read_text()
    assert inside.on(site.name, "hv1", "echo 77 > /proc/sys/kernel/panic", check=False).code != 0
    assert Path("/proc/sys/kernel/panic").read_text() == before
    # CAP_SYS_TIME and CAP_SYS_MODULE are not even in the set that systemd may give on.
    bounds = int(_on(site, "hv1", "sed -n 's/^CapBnd:\t//p' /proc/1/status"), 16)
    assert not bounds & (1 << 25 | 1 << 16)


@needs_namespaces
def test_a_nodes_control_groups_are_its_own(site: Practice) -> None:
    assert _on(site, "one", "cat /proc/1/cgroup | grep ^0:") == "0::/init.scope"
    group = state.control_group(site.name)
    assert {path.name for path in group.iterdir() if path.is_dir()} == {"one", "hv1"}
    assert (group / "hv1/system.slice/libvirtd.service").is_dir()


@needs_namespaces
def test_the_administrator_logs_in_with_the_key(site: Practice) -> None:
    argv = [
        *("ssh", "-F", "/dev/null", "-i", str(site.key), "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={site.known_hosts}", "-o", "BatchMode=yes"),
        *(f"root@{site.nodes[1].address}", "hostname -f"),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "hv1.practice.example.org\n"), done.stderr


@needs_namespaces
def test_the_kickstarts_first_boot_made_what_it_makes(site: Practice) -> None:
    assert "all " in _on(site, "one", "tail -n 2 /var/log/b2ct/firstboot.log")
    assert _on(site, "one", "cat /var/lib/b2ct/register.state") == "hv1 registered"
    assert _on(site, "hv1", "stat -c %u:%g /var/lib/one/datastores") == "9869:9869"
    ssh = "runuser -u oneadmin -- ssh -o BatchMode=yes hv1 id -un"
    assert _on(site, "one", ssh) == "oneadmin"


@needs_namespaces
def test_one_of_the_same_name_is_refused(site: Practice) -> None:
    with pytest.raises(B2ctError, match="runs already"):
        practice.up(site.name, hypervisors=1)
    assert state.leader(site.name) is not None


@needs_namespaces
def test_an_unknown_node_is_refused(site: Practice) -> None:
    with pytest.raises(B2ctError, match="has no node nowhere"):
        inside.on(site.name, "nowhere", "true")


def _first_process(site: Practice, node: str) -> int:
    """The number that this computer gives to the node's systemd."""
    group = state.control_group(site.name) / node / "init.scope/cgroup.procs"
    return min(map(int, group.read_text().split()))


@needs_namespaces
@pytest.mark.parametrize("how", ["switched off", "dead"])
def test_a_node_that_ends_ends_no_other_and_starts_again(site: Practice, how: str) -> None:
    _on(site, "hv1", f"echo {how} > /root/kept; echo {how} > /var/lib/one/datastores/kept")
    if how == "switched off":
        _on(site, "hv1", "systemctl poweroff --force --force")
    else:  # as a panic: nothing of it has a chance to tidy up
        os.kill(_first_process(site, "hv1"), signal.SIGKILL)
    wait(lambda: state.ended(site.name, "hv1"), 30)
    assert state.ended(site.name, "hv1") == how
    assert _on(site, "one", "systemctl is-active sshd opennebula").split() == ["active"] * 2
    with pytest.raises(B2ctError, match=f"hv1 .*does not run: {how}") as refused:
        _on(site, "hv1", "true")
    assert refused.value.hint == f"b2ct practice site --name {site.name} --start hv1"
    with pytest.raises(B2ctError, match=f"runs already; hv1 is {how}"):
        practice.up(site.name, hypervisors=1)
    practice.start(site.name, "hv1")
    assert not state.ended(site.name, "hv1")
    kept = _on(site, "hv1", "cat /root/kept /var/lib/one/datastores/kept").splitlines()
    assert kept == [how, how]
    assert _on(site, "hv1", "systemctl is-active sshd libvirtd").split() == ["active"] * 2
    ssh = "runuser -u oneadmin -- ssh -o BatchMode=yes hv1 id -un"
    assert _on(site, "one", ssh) == "oneadmin"


@needs_namespaces
def test_a_node_that_restarts_comes_back_by_itself(site: Practice) -> None:
    _on(site, "hv1", "touch /run/before; systemctl reboot --force --force")
    wait(lambda: _answers(site, "hv1", "[ ! -e /run/before ] && systemctl is-active sshd"), 60)
    practice.start(site.name, "hv1")  # nothing but to wait
    assert _on(site, "hv1", "systemctl --failed --no-legend") == ""


@needs_namespaces
def test_a_control_node_that_starts_again_knows_its_hypervisors(site: Practice) -> None:
    _on(site, "one", "systemctl poweroff --force --force")
    wait(lambda: state.ended(site.name, "one"), 30)
    practice.start(site.name, "one")
    assert inside.on(site.name, "one", "onehost show hv1", check=False).code == 0


@needs_namespaces
def test_only_a_node_of_a_site_that_runs_is_started(site: Practice) -> None:
    with pytest.raises(B2ctError, match="has no node nowhere") as refused:
        practice.start(site.name, "nowhere")
    assert refused.value.hint == "one of one, hv1"
    with pytest.raises(B2ctError, match="does not run"):
        practice.start(f"none-{os.getpid()}", "hv1")


def _answers(site: Practice, node: str, command: str) -> bool:
    try:
        return inside.on(site.name, node, command, check=False).code == 0
    except B2ctError:
        return False


_UP = (
    "import sys; from b2ct.rehearsal.site import lifecycle as site;"
    "site.up(sys.argv[1], hypervisors=1, note=lambda text: print(text, flush=True))"
)


@needs_namespaces
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_ended_leaves_nothing(how: signal.Signals) -> None:
    name = f"ended-{os.getpid()}-{how.value}"
    root.get(print)
    process = subprocess.Popen(
        [sys.executable, "-c", _UP, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        wait((state.folder(name) / "started").exists, 60)
        process.send_signal(how)
        process.wait(60)
        wait(lambda: not _left(name), 30)
    finally:
        process.kill()
        process.wait()
        practice.down(name)


@needs_namespaces
@pytest.mark.parametrize("what", ["leader", "supervisor"])
def test_a_site_whose_processes_are_killed_leaves_nothing(what: str) -> None:
    name = f"killed-{os.getpid()}-{what}"
    try:
        practice.up(name, hypervisors=1, keeper=os.getpid())
        number = getattr(state, what)(name)
        os.kill(number, signal.SIGKILL)
        if what == "leader":
            wait(lambda: not _left(name), 30)
        else:
            # Nobody tidies up, but nothing runs any more.
            wait(lambda: state.leader(name) is None, 30)
    finally:
        assert practice.down(name) == (what == "supervisor")
    assert _left(name) == []


def test_somebody_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for attempt in (lambda: practice.up("x", hypervisors=1), lambda: practice.down("x")):
        with pytest.raises(B2ctError, match="needs root") as refused:
            attempt()
        assert "sudo" in refused.value.hint


@needs_namespaces
def test_there_may_be_nothing_to_remove() -> None:
    assert not practice.down(f"none-{os.getpid()}")
