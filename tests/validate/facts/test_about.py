from __future__ import annotations

import subprocess

from b2ct.validate.facts import about, clock, room, sections, sshd


def test_a_real_machine_answers_all_that_it_can() -> None:
    done = subprocess.run(
        ["bash", "-c", sections.command(about._QUESTIONS)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = about.About({**dict.fromkeys(about._QUESTIONS, ""), **sections.parse(done.stdout)})
    assert set(sections.parse(done.stdout)) == set(about._QUESTIONS)
    assert found.os["ID"]
    assert found["kernel"]
    assert found.mounted("/") is not None
    assert found["now"].isdigit()


def test_mounts() -> None:
    text = (
        "systemd-1 /var/lib/one/datastores autofs rw,relatime 0 0\n"
        "nas:/a\\040b /var/lib/one/datastores nfs4 rw,vers=4.2 0 0\n"
        "broken\n"
    )
    found = about.About({"mounts": text}).mounted("/var/lib/one/datastores")
    assert found is not None
    assert (found.source, found.kind, "vers=4.2" in found.options) == ("nas:/a b", "nfs4", True)
    assert about.About({"mounts": text}).mounted("/") is None


def test_assignments() -> None:
    text = 'ID="almalinux"\nVERSION_ID=9.4\n# no=comment\nnonsense\nA B=c\n'
    assert about.assignments(text) == {"ID": "almalinux", "VERSION_ID": "9.4"}
    assert about.About({"os": 'ID=ubuntu\nID_LIKE="debian"'}).debian
    assert not about.About({"os": "ID=almalinux\nID_LIKE='rhel centos fedora'"}).debian


def test_unsigned_repositories_are_found_by_the_real_awk(tmp_path_factory: object) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.repo").write_text(
            "[good]\nenabled=1\ngpgcheck=1\n[bad]\nenabled = 1\ngpgcheck = 0\n"
            "[off]\nenabled=0\ngpgcheck=0\n[silent]\nname=x\n[last]\ngpgcheck=0\n"
        )
        command = about._QUESTIONS["unsigned"].replace("/etc/yum.repos.d", folder)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[bad]", "[last]"]


def test_chrony() -> None:
    text = "C0A80001,192.168.0.1,3,1700000000.1,0.000012,0,0,0,0,0,0,0,64.0,Normal\n"
    found = clock.parse(text)
    assert found is not None
    assert (found.source, found.stratum, found.offset, found.synchronised) == (
        "192.168.0.1", 3, 0.000012, True,
    )  # fmt: skip
    late = clock.parse(text.replace("0.000012", "-61.5").replace("Normal", "Not synchronised"))
    assert late is not None
    assert (late.offset, late.synchronised) == (61.5, False)
    assert clock.parse("506 Cannot talk to daemon") is None
    assert clock.parse("") is None


def test_room() -> None:
    text = (
        "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
        "/dev/a 1000 960 40 96% /\n/dev/a 1000 960 40 96% /\n/dev/b 10 0 10 0% /with blank\n"
        "df: nonsense\n"
    )
    first, second = room.parse(text)
    assert (first.place, round(first.used, 2), second.place) == ("/", 0.96, "/with blank")
    assert room.parse("") == ()


def test_sshd() -> None:
    said = sshd.parse("PermitRootLogin without-password\npermitrootlogin yes\nport 22\nempty\n")
    assert said == {"permitrootlogin": "without-password", "port": "22"}
    keys = sshd.keys(
        "# comment ssh-rsa AAAAno\nssh-rsa AAAAone me\n"
        'command="x ssh-rsa y",no-pty ssh-ed25519 AAAAtwo you\n\nnonsense\n'
    )
    assert keys == ("ssh-rsa AAAAone", "ssh-ed25519 AAAAtwo")
