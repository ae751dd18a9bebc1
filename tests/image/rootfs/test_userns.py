"""Root in a namespace: what stands in the way is told before anything is tried."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from b2ct.core.run import Completed, run
from b2ct.image.rootfs import userns
from b2ct.image.rootfs.userns import Host, Namespace
from tests.image.rootfs import others

GOOD = Host(
    uid=1000,
    user="ada",
    newidmap=True,
    subuid="root:1:10\nada:100000:65536\n",
    subgid="ada:100000:65536\n",
    settings=(("user/max_user_namespaces", "15000"),),
    map_auto=True,
)


def test_nothing_is_wrong_with_a_good_host() -> None:
    assert userns.problem_of(GOOD) is None


def test_ranges_may_be_given_by_number() -> None:
    assert userns.problem_of(replace(GOOD, subuid="1000:100000:65536\n")) is None


@pytest.mark.parametrize(
    ("change", "why", "remedy"),
    [
        ({"newidmap": False}, "newuidmap", "apt-get install -y uidmap"),
        ({"map_auto": False}, "util-linux 2.38", "run the build as root"),
        (
            {"subuid": "", "subgid": ""},
            "/etc/subuid and /etc/subgid give ada no 65536",
            "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada",
        ),
        (
            {"subuid": "bob:100000:65536\n", "subgid": "bob:100000:65536\nada:300000:65536\n"},
            "/etc/subuid give ada no",
            "sudo usermod --add-subuids 365536-431071 ada",
        ),
        ({"subgid": "ada:100000:1000\n"}, "/etc/subgid", "--add-subgids 165536-231071 ada"),
        (
            {"settings": (("user/max_user_namespaces", "0"),)},
            "allows none",
            "sysctl -w user.max_user_namespaces=15000",
        ),
        (
            {"settings": (("kernel/unprivileged_userns_clone", "0"),)},
            "to root only",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
    ],
)
def test_each_obstacle_is_named_with_the_line_that_mends_it(
    change: dict[str, object], why: str, remedy: str
) -> None:
    problem = userns.problem_of(replace(GOOD, **change))  # type: ignore[arg-type]
    assert problem is not None
    assert why in problem.message
    assert remedy in problem.hint


@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [
        (
            replace(GOOD, settings=(("kernel/apparmor_restrict_unprivileged_userns", "1"),)),
            "unshare: write failed /proc/self/uid_map: Operation not permitted",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (GOOD, "unshare: mount /proc failed: Operation not permitted", "fresh /proc"),
        (GOOD, "unshare: unshare failed: Operation not permitted", "as root"),
        (replace(GOOD, uid=0), "unshare: unshare failed: Operation not permitted", "--privileged"),
        (
            replace(GOOD, uid=0),
            "unshare: cannot change root filesystem propagation: Invalid argument",
            "mount --bind",
        ),
    ],
)
def test_what_the_kernel_refuses_is_explained(host: Host, said: str, expected: str) -> None:
    problem = userns.refusal(host, Completed(("unshare",), 1, "", f"{said}\n"))
    assert expected in " ".join(problem.lines())


def test_a_command_is_root_with_its_own_processes_and_mounts(tmp_path: Path) -> None:
    script = f"id -u; echo $$; mount -t tmpfs none {tmp_path} && touch {tmp_path}/inside; ls /proc"
    done = run(userns.find().command(["sh", "-c", script]))
    uid, pid, *listing = done.stdout.split()
    assert (uid, pid) == ("0", "1")
    assert sum(name.isdigit() for name in listing) <= 3
    assert list(tmp_path.iterdir()) == []


def test_the_user_is_root_with_all_ids(other: others.Other, tmp_path: Path) -> None:
    code = (
        "from b2ct.image.rootfs.userns import find\n"
        "from b2ct.core.run import run\n"
        "found = find()\n"
        "script = 'touch /tmp/$$-f && chown 65534:33 /tmp/$$-f && stat -c %u:%g /tmp/$$-f; "
        "rm /tmp/$$-f'\n"
        "print(found.as_root, run(found.command(['sh', '-c', script])).stdout.strip())\n"
    )
    assert other.python("-c", code).stdout.split() == ["False", "65534:33"]


def test_a_user_without_ids_is_told_the_line(nobody_special: others.Other) -> None:
    code = (
        "from b2ct.core.errors import B2ctError\n"
        "from b2ct.image.rootfs.userns import find\n"
        "try:\n    find()\nexcept B2ctError as err:\n    print(err.hint)\n"
    )
    said = nobody_special.python("-c", code).stdout
    assert re.match(r"`sudo usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ b2ct", said)


def test_children_die_with_whoever_started_them() -> None:
    """kill -9 of the starter leaves no process: neither unshare, nor what it runs."""
    mark = f"98{os.getpid()}"
    argv = userns.find().command(["sh", "-c", f"sleep {mark} & wait"])
    starter = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({argv!r})\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    _until(lambda: _running(mark))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    _until(lambda: not _running(mark))


def _running(mark: str) -> bool:
    found = False
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found = found or entry.read_bytes().split(b"\0")[:2] == [b"sleep", mark.encode()]
        except OSError:
            continue
    return found


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 30 s")


def test_removing_a_folder_removes_the_files_of_other_users(tmp_path: Path) -> None:
    namespace = userns.find()
    folder = tmp_path / "tree"
    script = f"mkdir -m 700 {folder} && touch {folder}/a && chown -R 33:33 {folder}"
    run(namespace.command(["sh", "-c", script]))
    namespace.remove(folder)
    assert not folder.exists()


def test_root_needs_no_user_namespace() -> None:
    assert "--user" not in Namespace(as_root=True).command(["true"])
    assert "--map-auto" in Namespace(as_root=False).command(["true"])
