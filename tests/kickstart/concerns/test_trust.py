"""Trust between control node and hypervisor, on real sshds that run on the loopback network."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from b2ct.site import catalogue
from b2ct.site.catalogue import Role
from tests.kickstart.concerns.machine import (
    Machine,
    machine,
    rendered,
    site,
    split_post,
    user,
)
from tests.kickstart.concerns.network import free_port, make_host_key, sshd

CONTROL, HYPERVISOR = "127.0.0.2", "127.0.0.3"

pytestmark = pytest.mark.skipif(
    not shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin"),
    reason="sshd is not installed",
)

ONEHOST = """
# A recording double: `list` works while oned is up, `show` knows what was created.
[ -e "$B2CT_ROOT/oned.up" ] || exit 255
case $1 in
  list) ;;
  show) grep -qx "$2" "$B2CT_ROOT/onehost.known" ;;
  create) printf '%s\\n' "$2" >> "$B2CT_ROOT/onehost.known"; echo "ID: 0" ;;
esac
"""


@dataclass
class Room:
    """A machine room of two: what is installed, and which of the machines run."""

    control: Machine
    hypervisor: Machine
    port: int
    kind: str
    running: dict[str, ExitStack] = field(default_factory=dict)

    def start(self, name: str) -> None:
        address = CONTROL if name == "control" else HYPERVISOR
        stack = self.running.setdefault(name, ExitStack())
        stack.enter_context(sshd(getattr(self, name).root, address, self.port))

    def stop(self, name: str) -> None:
        self.running.pop(name, ExitStack()).close()

    def log_in(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Log in to the hypervisor as the control node's oneadmin would."""
        return subprocess.run(
            [
                "ssh", "-F", "/dev/null", "-p", str(self.port), "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", *options, f"{user()}@{HYPERVISOR}", "pwd",
            ],
            capture_output=True, text=True, check=False, timeout=30,
            env={k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"},
        )  # fmt: skip

    def register(self) -> str:
        """Run the control node's timer once; what stands where."""
        self.control.run("/usr/libexec/b2ct/register")
        return self.control.path("/var/lib/b2ct/register.state").read_text().strip()

    def registered(self) -> int:
        return sum(call.startswith("create ") for call in self.control.calls("onehost"))


def build(
    root: Path,
    release: str = "el9",
    version: str | None = None,
    pinned: dict[str, str] | None = None,
) -> Room:
    """Unpack a control node and a hypervisor that know of each other."""
    pinned = pinned or {}
    nodes = [
        {
            "name": name,
            "role": role,
            "interfaces": [{"network": "service", "address": address}],
            "host_key": pinned.get(role),
        }
        for name, role, address in (
            ("one", "control", CONTROL),
            ("hv01", "hypervisor", HYPERVISOR),
        )
    ]
    described = site(
        release={"version": release},
        opennebula={"version": version},
        networks={"service": {"cidr": "127.0.0.0/24"}},
        nodes=nodes,
    )
    port = free_port(CONTROL, HYPERVISOR)
    env = {"B2CT_CONTROL": "one", "B2CT_CONTROL_ADDRESS": CONTROL, "B2CT_ADDRESS": CONTROL}
    control = machine(root / "control", described, Role.CONTROL, env)
    hypervisor = machine(
        root / "hypervisor",
        described,
        Role.HYPERVISOR,
        {**env, "B2CT_NODE": "hv01", "B2CT_ADDRESS": HYPERVISOR},
    )
    for made in (control, hypervisor):
        made.environment |= {"B2CT_SSH_PORT": str(port), "B2CT_ONE_USER": user()}
        made.environment["SSH_AUTH_SOCK"] = ""
    control.double("onehost", ONEHOST)
    control.double("onedatastore")
    control.path("/onehost.known").touch()
    return Room(control, hypervisor, port, catalogue.release(release).host_key_type)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[list[Room]]:
    made: list[Room] = []
    yield made
    for room in made:
        for name in list(room.running):
            room.stop(name)


def installed(rooms: list[Room], room: Room) -> Room:
    """Both machines up, with host keys, and the control node past its first boot."""
    rooms.append(room)
    for which in (room.control, room.hypervisor):
        if not list(which.path("/etc/ssh").glob("ssh_host_*_key")):
            make_host_key(which.root, room.kind)
    room.start("control")
    room.start("hypervisor")
    room.control.run(room.control.step("trust"))
    return room


def certified(room: Room) -> tuple[str, ...]:
    return ("-i", str(room.control.path(f"/var/lib/one/.ssh/id_{room.kind}")))


@pytest.mark.parametrize("release", ["el6", "el7", "el9", "el10"])
def test_the_certified_key_logs_in_and_no_other_does(
    release: str, rooms: list[Room], tmp_path: Path
) -> None:
    room = installed(rooms, build(tmp_path, release))
    assert room.log_in(*certified(room)).returncode != 0  # not trusted yet

    said = room.hypervisor.run(room.hypervisor.step("trust")).stdout

    assert "on first contact: SHA256:" in said
    done = room.log_in(*certified(room))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(room.hypervisor.path("/var/lib/one"))
    console = room.hypervisor.path("/dev/console").read_text()
    assert "trusts the control node one by its host key SHA256:" in console

    # The same key without its certificate, and a stranger's key with none.
    bare = tmp_path / "bare"
    shutil.copy(certified(room)[1], bare)
    assert room.log_in("-i", str(bare)).returncode != 0
    # A certificate of the right name that another machine's host key signed.
    other = tmp_path / "stranger"
    make_host_key(other, room.kind)
    signer = other / f"etc/ssh/ssh_host_{room.kind}_key"
    public = Path(f"{certified(room)[1]}.pub")
    stolen = tmp_path / "stolen"
    shutil.copy(certified(room)[1], stolen)
    shutil.copy(public, f"{stolen}.pub")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", signer, "-I", "x", "-n", "oneadmin", f"{stolen}.pub"], check=True
    )
    assert room.log_in("-i", str(stolen)).returncode != 0


def test_a_certificate_for_somebody_else_is_refused(rooms: list[Room], tmp_path: Path) -> None:
    """The host key may sign other things one day: only `oneadmin` counts for oneadmin."""
    room = installed(rooms, build(tmp_path))
    room.hypervisor.run(room.hypervisor.step("trust"))
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signer = room.control.path("/etc/ssh/ssh_host_ed25519_key")
    for principal, code in (("backup", 255), ("oneadmin", 0)):
        subprocess.run(
            ["ssh-keygen", "-q", "-s", signer, "-I", "x", "-n", principal, f"{key}.pub"], check=True
        )
        assert room.log_in("-i", str(key)).returncode == code


def test_nothing_secret_leaves_the_control_node(rooms: list[Room], tmp_path: Path) -> None:
    room = installed(rooms, build(tmp_path))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    assert room.register() == "hv01 registered"
    names = {path.name for path in room.hypervisor.path("/var/lib/one/.ssh").iterdir()}
    assert names == {"authorized_keys", "known_hosts", "config"}
    assert "PRIVATE" not in "".join(
        path.read_text(errors="replace")
        for path in room.hypervisor.root.rglob("*")
        if path.is_file() and "/etc/ssh/" not in str(path)
    )


def test_the_order_of_installation_does_not_matter(rooms: list[Room], tmp_path: Path) -> None:
    room = build(tmp_path)
    rooms.append(room)
    for which in (room.control, room.hypervisor):
        make_host_key(which.root, room.kind)
    # Nothing runs yet: the hypervisor waits for the control node.
    waits = room.hypervisor.run(room.hypervisor.step("trust"), check=False)
    assert waits.returncode == 75
    assert "the control node one (127.0.0.2) to answer ssh" in waits.stdout
    # The control node comes first, and finds no hypervisor.
    room.start("control")
    room.control.run(room.control.step("trust"))
    assert "hv01 waits: it does not answer ssh" in room.register()
    # An sshd answers, but it is not the finished hypervisor: nothing is pinned.
    room.start("hypervisor")
    assert "hv01 waits: it does not let oneadmin in yet" in room.register()
    assert not room.control.path("/var/lib/b2ct/hosts/hv01.key").exists()
    room.hypervisor.run(room.hypervisor.step("trust"))
    assert room.register() == "hv01 waits: OpenNebula does not answer yet"
    room.control.path("/oned.up").touch()
    for _ in range(3):
        assert room.register() == "hv01 registered"
    assert room.registered() == 1
    assert "create hv01 -i kvm -v kvm" in room.control.calls("onehost")
    # Quiet when nothing changes: each line was logged once.
    logged = room.control.calls("logger")
    assert len(logged) == len(set(logged)) == 4
    updates = [call for call in room.control.calls("onedatastore") if call.startswith("update")]
    assert [call.split()[1] for call in updates] == ["0", "1", "2"]


def test_all_know_all_host_keys_afterwards(rooms: list[Room], tmp_path: Path) -> None:
    room = installed(rooms, build(tmp_path))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    room.register()
    for which in (room.control, room.hypervisor):
        known = which.path("/var/lib/one/.ssh/known_hosts")
        for name in ("one", "hv01", CONTROL, HYPERVISOR):
            found = subprocess.run(
                ["ssh-keygen", "-F", f"[{name}]:{room.port}", "-f", known], check=False,
                capture_output=True,
            )  # fmt: skip
            assert found.returncode == 0, f"{which.root.name} does not know {name}"
        config = which.path("/var/lib/one/.ssh/config").read_text()
        assert "StrictHostKeyChecking yes" in config
    done = room.log_in(
        *certified(room), "-o", "StrictHostKeyChecking=yes", "-o",
        f"UserKnownHostsFile={room.control.path('/var/lib/one/.ssh/known_hosts')}",
    )  # fmt: skip
    # ssh takes the first value of an option, so this one is only shown to be acceptable.
    assert done.returncode == 0


def test_a_changed_hypervisor_is_refused_until_it_is_forgotten(
    rooms: list[Room], tmp_path: Path
) -> None:
    room = installed(rooms, build(tmp_path))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    assert room.register() == "hv01 registered"
    before = room.control.path("/var/lib/one/.ssh/known_hosts").read_text()
    # As where site.yaml pins it: forgotten is that one, too.
    listed = room.control.path("/etc/b2ct/hypervisors")
    key = room.control.path("/var/lib/b2ct/hosts/hv01.key").read_text().strip()
    words = [line.split()[:2] for line in listed.read_text().splitlines()]
    listed.write_text("".join(f"{' '.join(row)} {key}\n" for row in words if row[0] == "hv01"))

    room.stop("hypervisor")
    make_host_key(room.hypervisor.root, room.kind)
    room.start("hypervisor")
    state = room.register()
    assert "hv01 waits: it REFUSED: 127.0.0.3 offers the host key SHA256:" in state
    assert "b2ct-register --forget hv01" in state
    assert room.control.path("/var/lib/one/.ssh/known_hosts").read_text() == before

    done = room.control.run("/usr/sbin/b2ct-register", "--forget", "hv01")
    assert done.stdout.strip() == "hv01 registered"
    after = room.control.path("/var/lib/one/.ssh/known_hosts").read_text()
    assert after != before
    assert room.registered() == 1


def test_a_changed_control_node_is_refused_until_it_is_forgotten(
    rooms: list[Room], tmp_path: Path
) -> None:
    room = installed(rooms, build(tmp_path))
    room.hypervisor.run(room.hypervisor.step("trust"))
    trusted = room.hypervisor.path("/var/lib/one/.ssh/authorized_keys").read_text()
    room.stop("control")
    make_host_key(room.control.root, room.kind)
    room.start("control")
    done = room.hypervisor.run("/usr/sbin/b2ct-trust", check=False)
    assert done.returncode == 75
    assert "run b2ct-trust --forget" in done.stdout
    assert room.hypervisor.path("/var/lib/one/.ssh/authorized_keys").read_text() == trusted
    room.hypervisor.run("/usr/sbin/b2ct-trust", "--forget")
    room.control.run("/usr/libexec/b2ct/sign-oneadmin")
    assert room.log_in(*certified(room)).returncode == 0
    # The old line is gone: one control node is trusted, not two.
    lines = room.hypervisor.path("/var/lib/one/.ssh/authorized_keys").read_text().splitlines()
    assert len(lines) == 1


def test_a_pinned_control_node_needs_no_first_contact(rooms: list[Room], tmp_path: Path) -> None:
    key = make_host_key(tmp_path / "control", "ed25519")
    room = build(tmp_path, pinned={"control": f"{key} root@one"})
    rooms.append(room)
    # The control node is off, and still the right one is trusted.
    said = room.hypervisor.run(room.hypervisor.step("trust")).stdout
    assert "first contact" not in said
    assert key in room.hypervisor.path("/var/lib/one/.ssh/authorized_keys").read_text()
    room.control.run(room.control.step("trust"))
    make_host_key(room.hypervisor.root, "ed25519")
    room.start("hypervisor")
    assert room.log_in(*certified(room)).returncode == 0


def test_an_impostor_of_a_pinned_control_node_is_refused(rooms: list[Room], tmp_path: Path) -> None:
    key = make_host_key(tmp_path / "elsewhere", "ed25519")
    room = build(tmp_path, pinned={"control": key})
    rooms.append(room)
    make_host_key(room.control.root, "ed25519")
    room.start("control")
    done = room.hypervisor.run(room.hypervisor.step("trust"), check=False)
    assert done.returncode == 75
    assert "offers the host key SHA256:" in done.stdout
    assert not room.hypervisor.path("/var/lib/one/.ssh/authorized_keys").exists()
    # The control node itself says what is wrong, with the line for site.yaml.
    told = room.control.run(room.control.step("trust"), check=False)
    assert told.returncode == 75
    assert "that site.yaml pins for the control node" in told.stdout


def test_a_pinned_hypervisor_is_not_taken_on_first_contact(
    rooms: list[Room], tmp_path: Path
) -> None:
    key = make_host_key(tmp_path / "elsewhere", "ed25519")
    room = installed(rooms, build(tmp_path, pinned={"hypervisor": key}))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    assert "REFUSED" in room.register()
    assert room.registered() == 0


@pytest.mark.parametrize(("release", "version"), [("el6", "4.14"), ("el7", "5.8")])
def test_old_versions_get_the_key_pair_over_the_trusted_connection(
    release: str, version: str, rooms: list[Room], tmp_path: Path
) -> None:
    room = installed(rooms, build(tmp_path, release, version))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    assert room.register() == "hv01 registered"
    private = room.hypervisor.path(f"/var/lib/one/.ssh/id_{room.kind}")
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.with_name(f"id_{room.kind}-cert.pub").exists()


def test_a_hypervisor_that_does_not_know_its_control_node_asks_for_it(
    rooms: list[Room], tmp_path: Path
) -> None:
    room = installed(rooms, build(tmp_path))
    env = room.hypervisor.path("/etc/b2ct/node.env")
    env.write_text(env.read_text() + "B2CT_CONTROL=''\nB2CT_CONTROL_ADDRESS=''\n")
    done = room.hypervisor.run(room.hypervisor.step("trust"), check=False)
    assert (done.returncode, "b2ct-trust NAME ADDRESS" in done.stdout) == (75, True)
    room.hypervisor.run("/usr/sbin/b2ct-trust", "one", CONTROL)
    room.hypervisor.run(room.hypervisor.step("trust"))  # remembered
    assert room.log_in(*certified(room)).returncode == 0


def test_a_single_machine_registers_itself(rooms: list[Room], tmp_path: Path) -> None:
    """It is control node and hypervisor at once, and trusts itself in the same way."""
    node = {
        "name": "one",
        "role": "single",
        "interfaces": [{"network": "service", "address": CONTROL}],
    }
    described = site(networks={"service": {"cidr": "127.0.0.0/24"}}, nodes=[node])
    port = free_port(CONTROL, HYPERVISOR)
    made = machine(tmp_path / "one", described, Role.SINGLE, {"B2CT_ADDRESS": CONTROL})
    made.environment |= {"B2CT_SSH_PORT": str(port), "B2CT_ONE_USER": user()}
    made.double("onehost", ONEHOST)
    made.double("onedatastore")
    room = Room(made, made, port, "ed25519")
    rooms.append(room)
    make_host_key(made.root, "ed25519")
    room.start("control")
    made.run(made.step("trust"))
    for name in ("oned.up", "onehost.known"):
        made.path(name).touch()
    before = made.path("/var/lib/one/.ssh/known_hosts").read_text()
    for _ in range(2):
        assert room.register() == "one registered"
    assert room.registered() == 1
    assert before in made.path("/var/lib/one/.ssh/known_hosts").read_text()


def test_what_an_administrator_deletes_stays_deleted(rooms: list[Room], tmp_path: Path) -> None:
    room = installed(rooms, build(tmp_path))
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    room.register()
    room.control.path("/onehost.known").write_text("")
    room.register()
    assert room.registered() == 1


def test_names_are_known_without_a_name_server(tmp_path: Path) -> None:
    _, script = split_post(rendered(site(), Role.HYPERVISOR)["trust"].post)
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n10.9.9.9 one-old hv01.elsewhere.org\n")
    script = script.replace("/etc/hosts", str(hosts))
    env = "B2CT_DOMAIN=b2ct.example.org B2CT_CONTROL=ctl B2CT_CONTROL_ADDRESS=10.0.0.3\n"
    for _ in range(2):
        subprocess.run(["bash", "-euo", "pipefail", "-c", env + script], check=True)
    assert hosts.read_text().splitlines()[2:] == [
        "10.0.0.2 one.b2ct.example.org one",
        "10.0.0.11 hv01.b2ct.example.org hv01",
        "10.0.0.3 ctl.b2ct.example.org ctl",
    ]


def test_a_machine_that_site_yaml_does_not_name_is_registered_by_hand(
    rooms: list[Room], tmp_path: Path
) -> None:
    room = installed(rooms, build(tmp_path))
    room.control.path("/etc/b2ct/hypervisors").write_text("# none\n")
    room.hypervisor.run(room.hypervisor.step("trust"))
    room.control.path("/oned.up").touch()
    done = room.control.run("/usr/sbin/b2ct-register", "no-such-name", HYPERVISOR)
    # Nobody could resolve the name, so it is registered by its address.
    assert "127.0.0.3 registered" in done.stdout
    for bad in ("a b", "$(id)", "x;y", "-x"):
        assert room.control.run("/usr/sbin/b2ct-register", bad, check=False).returncode == 2
