"""Pings of a given size between real namespaces; log-ins by the very command; clocks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from b2ct.validate.facts import between
from tests.validate.fake import Fake


def test_a_ring_uses_every_node_once_in_each_direction() -> None:
    ways = between.ring("service", {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}, 9000)
    assert [(way.source, way.target, way.address) for way in ways] == [
        ("a", "b", "10.0.0.2"), ("b", "c", "10.0.0.3"), ("c", "a", "10.0.0.1"),
    ]  # fmt: skip
    assert between.ring("service", {"a": "10.0.0.1"}, 1500) == ()


def test_small_and_full_packets_on_a_real_wire() -> None:
    """The wire takes 1500 bytes; 9000 are asked for as well."""
    narrow = between.Way("n", "a", "b", "192.0.2.2", 1500)
    wide = between.Way("n", "a", "b", "192.0.2.2", 9000)
    lost = between.Way("n", "a", "b", "192.0.2.9", 1500)
    script = f"""set -e
      ip link set lo up
      unshare --net sleep 30 & far=$!
      trap 'kill $far' EXIT
      here=$(readlink /proc/self/ns/net)
      while [ "$(readlink /proc/$far/ns/net)" = "$here" ]; do sleep 0.1; done
      ip link add near type veth peer name away netns $far
      ip addr add 192.0.2.1/24 dev near; ip link set near up
      nsenter --net=/proc/$far/ns/net sh -c 'ip addr add 192.0.2.2/24 dev away; ip link set away up'
      {between.ping_command([narrow])}
      {between.ping_command([wide, lost])}"""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "bash", "-c", script],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr or "unshare" in done.stderr:
        pytest.skip("no namespaces here")
    assert done.stdout.splitlines() == [
        "192.0.2.2 ok ok", "192.0.2.2 ok lost", "192.0.2.9 lost lost",
    ], done.stderr  # fmt: skip


def stand_in(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)


def test_log_ins_are_told_apart(tmp_path: Path) -> None:
    """Real bash and the very command; only ssh, its agent and runuser are stand-ins."""
    stand_in(tmp_path, "runuser", 'shift 3; exec "$@"')
    stand_in(tmp_path, "ssh-agent", 'exec "$@"')
    stand_in(tmp_path, "ssh-add", "exit 0")
    stand_in(
        tmp_path, "ssh",
        'while [ "${1#-}" != "$1" ]; do case $1 in -o) shift 2;; -A) shift;; esac; done\n'
        "name=$1; shift\n"
        '[ "$name" != hv3 ] || { echo "Warning" >&2; echo "Denied." >&2; exit 255; }\n'
        '[ "$*" = true ] || exec bash -c "$*"',
    )  # fmt: skip
    command = between.log_in_command({"-": ["hv1", "hv3"], "hv1": ["hv2", "hv3"], "hv3": ["hv1"]})
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin:/usr/sbin:/sbin"},
    )  # fmt: skip
    ways = {"-": ["hv1", "hv3"], "hv1": ["hv2", "hv3"], "hv3": ["hv1"]}
    found = between.log_ins(Fake({"cd /": done.stdout}), ways)
    assert found == {
        ("-", "hv1"): "", ("-", "hv3"): "Warning Denied.", ("hv1", "hv2"): "",
        ("hv1", "hv3"): "Warning Denied.", ("hv3", "hv1"): "no answer",
    }  # fmt: skip


def test_a_clock_is_read_against_ours() -> None:
    import time

    right = between.clock(Fake({"date": f"{time.time():.6f}\n"}))
    late = between.clock(Fake({"date": f"{time.time() - 60:.6f}\n"}))
    assert right is not None
    assert late is not None
    assert abs(right.ahead) < 5
    assert -65 < late.ahead < -55
    assert between.clock(Fake({"date": "busybox\n"})) is None
