from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2ct.core.errors import B2ctError, InvalidFileError
from b2ct.image import definitions
from b2ct.image.model import GIB

KEY = "BF18AC2876178908D6E71267D36CB86CB86B3716"
BASE = f"""\
title: A worker
system:
  distribution: debian
  release: 12
  suite: bookworm
  packaging: apt
repositories:
  debian:
    url: http://mirror.example.org/debian
    base: true
    keys:
      - url: http://mirror.example.org/key.asc
        fingerprint: {KEY}
packages: [linux-image-amd64, sudo]
boot:
  kernel: linux-image-amd64
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    write("images/base.yaml", BASE)
    return tmp_path


def write(path: str, text: str) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def lines(name: str) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        definitions.load(name)
    return caught.value.lines()


def test_by_name_by_path_and_from_folders(here: Path) -> None:
    assert definitions.load("base").definition.title == "A worker"
    assert definitions.load("images/base.yaml").name == "base"
    write("other/base.yaml", BASE.replace("A worker", "Another"))
    assert definitions.load("base", folders=[Path("other")]).definition.title == "Another"
    assert definitions.load("base").definition.title == "A worker"
    assert definitions.load(str(here / "other" / "base.yaml")).definition.title == "Another"


def test_the_shipped_ones_are_found_from_anywhere() -> None:
    assert definitions.load("debian-12-worker").definition.system.suite == "bookworm"
    assert {"base", "debian-12-worker", "el9-worker"} <= set(definitions.available())


def test_names_that_there_are_not() -> None:
    with pytest.raises(B2ctError) as caught:
        definitions.load("debain-12-worker")
    assert caught.value.lines() == [
        '"debain-12-worker": there is no such definition of an image',
        "hint: did you mean debian-12-worker?",
    ]
    with pytest.raises(B2ctError) as caught:
        definitions.load("zzz")
    assert "there are base, " in caught.value.hint
    assert lines("./base.yaml") == [
        "base.yaml: there is no such file (hint: `b2ct image list` tells which there are)"
    ]


def test_extends_a_shipped_one() -> None:
    write(
        "images/mine.yaml",
        "extends: debian-12-worker\ntitle: Mine\npackages: [htop, -less]\n"
        "disk: {size: 40 GiB}\nrepositories: {debian: {url: http://mirror.example.org/debian}}\n",
    )
    mine, theirs = definitions.load("mine"), definitions.load("debian-12-worker").definition
    assert mine.definition.title == "Mine"
    assert set(mine.definition.packages) == {*theirs.packages, "htop"} - {"less"}
    assert mine.definition.disk.size == 40 * GIB
    assert mine.definition.repositories["debian"].url == "http://mirror.example.org/debian"
    assert mine.definition.repositories["debian"].keys == theirs.repositories["debian"].keys
    assert [file.name for file in mine.sources][-2:] == ["debian-12-worker.yaml", "mine.yaml"]


def test_one_of_the_same_name_means_the_next() -> None:
    write("images/debian-12-worker.yaml", "extends: debian-12-worker\ntitle: Mine")
    loaded = definitions.load("debian-12-worker")
    assert loaded.definition.title == "Mine"
    assert loaded.definition.system.suite == "bookworm"
    write("images/alone.yaml", "extends: alone")
    [line] = lines("alone")
    assert '1:10: extends: "alone": it extends itself' in line


def test_local_paths_are_absolute(here: Path) -> None:
    write("images/run.sh", "")
    write("images/sub/key.asc", "")
    write("images/sub/part.yaml", "repositories: {debian: {keys: ['-*', {file: key.asc}]}}")
    write(
        "images/mine.yaml",
        "extends: [base, sub/part.yaml]\nscripts: [run.sh]\nfiles: {/etc/x: {source: run.sh}}",
    )
    definition = definitions.load("mine").definition
    assert definition.scripts == (here / "images/run.sh",)
    assert definition.files["/etc/x"].source == here / "images/run.sh"
    assert definition.repositories["debian"].keys[0].file == here / "images/sub/key.asc"


def test_problems_across_files() -> None:
    write("images/part.yaml", "\n\nboot: {timeout: long}")
    write("images/mine.yaml", "extends: [base, part.yaml]\npackages: [-sduo]\ndisk: {sise: 1 GiB}")
    assert lines("mine") == [
        'images/mine.yaml:2:12: packages: "-sduo": there is no "sduo" to take out'
        " (hint: did you mean -sudo?)",
        'images/mine.yaml:3:8: disk: unknown key "sise" (hint: did you mean size?)',
        'images/part.yaml:3:17: boot.timeout: "long": expected a whole number from 0 to 60',
    ]


# What a definition adds to BASE -> a line that a person reads.
BAD = [
    ("extends: bsae", '1:10: extends: "bsae": there is no such definition (hint: did you mean'),
    ("extends: ./bas.yaml", 'there is no such file (hint: did you mean base.yaml?)'),
    ('extends: "a/\\0b"', "there is no such"),
    ('extends: "a\\0b/c"', "there is no such"),
    ('extends: "a\\0b"', "there is no such"),
    (f"extends: {'a' * 300}", "there is no such"),
    (f"extends: {'a' * 300}/b", "there is no such"),
    (f"scripts: [{'a' * 5000}]", "there is no such"),
    ('scripts: ["a\\nb"]', "without control characters"),
    ("scripts: ['']", "a path such as"),
    ("scripts: [no.sh]", '2:11: scripts[0]: "no.sh": there is no such file (hint: looked for /'),
    ("files: {/etc/x: {source: no}}", '.source: "no": there is no such file'),
    ("repositories: {debian: {keys: [{file: no.gpg}]}}", '"no.gpg": there is no such file'),
    ("files: {/etc/x: {}}", "exactly one of `source` or `text`"),
    ("files: {/etc/x: {text: a, source: images/base.yaml}}", "exactly one of `source` or `text`"),
    ("files: {/etc/x: {text: a, mode: 999}}", '"999": expected a file mode in octal, such as 0644'),
    ("files: {/proc/x: {text: a}}", "/proc/x\": nothing below /proc outlives a boot"),
    ("files: {/run/x: {text: a}}", "nothing below /run outlives a boot"),
    ("files: {/tmp/x/y: {text: a}}", "(hint: have /etc/tmpfiles.d/NAME.conf make it)"),
    ("files: {/etc/: {text: a}}", "expected the path of a file, not of a folder"),
    ("files: {/etc//x: {text: a}}", "expected it written as /etc/x"),
    ("files: {/etc/../x: {text: a}}", "expected it written as /x"),
    ("files: {'/etc/*': {text: a}}", "expected one path, without globs"),
    ("files: {/a/x: {text: a}, /a//x: {text: a}}", "the same file twice (line 2) (hint: "),
    ("files: {/a: {text: a}, /a/x: {text: a}}", "/a is a file, so there can be none below it"),
    ("files: {etc: {text: a}}", "expected an absolute path"),
    ("system: {suite: , -suite: }", "system.suite: is missing: APT needs a suite"),
    ("system: {packaging: rpm}", 'system.packaging: "rpm": expected `apt`, as debian has it'),
    ("system: {packaging: rpm}", 'system.suite: only APT has suites (hint: remove it)'),
    ("system: {distribution: debain}", "(hint: did you mean debian?)"),
    ("system: {end_of_life: never}", '"never": expected'),
    ("repositories: {-debian: }", "repositories: none has `base: true`"),
    ("repositories: {debian: {keys: ['-*']}}", "repositories.debian.keys: is missing: expected"),
    ("repositories: {x: {url: http://a.b/}}", "repositories.x.keys: is missing"),
    ("repositories: {debian: {url: mirror}}", "a URL such as"),
    ("repositories: {debian: {keys: [{url: http://a.b/k}]}}", "needs its `fingerprint`"),
    ("repositories: {debian: {keys: [{url: http://a.b/k, fingerprint: 12}]}}", "40 hexadecimal"),
    ("packages: [-linux-image-amd64]", 'boot.kernel: "linux-image-amd64": is not among `packages`'),
    ("boot: {kernel: linux-image-amd46}", "(hint: did you mean linux-image-amd64?)"),
    ("packages: ['@tools']", 'packages[2]: "@tools": APT has no groups or globs'),
    ("packages: ['a b']", "expected a package name"),
    ("cvmfs: {repositories: [belle.cern.ch]}", "there is no package `cvmfs`"),
    ("users: {root: {}}", "users.root: root is there, and is locked"),
    ("users: {a: {uid: 500}, b: {uid: 500}}", "another user has it"),
    ("disk: {size: 1 GiB}", "expected at least `esp` and 1 GiB: 1088 MiB"),
    ("disk: {size: 2000.5 MiB}", "expected a whole number of MiB"),
    ("disk: {esp: 1 MiB}", "a size of at least 33 MiB"),
    ("qcow2: {cluster: 3 KiB}", "a power of two from 512 bytes to 2 MiB"),
    ("qcow2: {cluster: 4 MiB}", "a power of two from 512 bytes to 2 MiB"),
    ("qcow2: {compression: xz}", "zstd, zlib or none"),
    ("sysprep: [everything]", "expected a thing to remove: machine-id"),
    ("services: {x.service: on}", "enabled, disabled or masked"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), BAD)
def test_what_is_wrong(text: str, line: str) -> None:
    extends = "" if text.startswith("extends") else "extends: base\n"
    write("images/mine.yaml", f"{extends}{text}\n")
    told = lines("mine")
    assert any(line in one for one in told), told
    assert all(one.startswith("images/") for one in told), told


def test_one_mistake_is_told_once() -> None:
    for text, count in (("disk: {size: 1 X}", 1), ("boot: {timeout: x}\ndisk: {size: 1 GiB}", 2)):
        write("images/mine.yaml", f"extends: base\n{text}\n")
        assert len(lines("mine")) == count


def test_an_rpm_repository_has_no_suites() -> None:
    write(
        "images/el.yaml",
        "extends: base\nsystem: {distribution: almalinux, packaging: rpm, -suite: }\n"
        "repositories: {debian: {suites: [a], components: [b]}}\npackages: ['@core']\n",
    )
    assert [line.split(": ", 1)[1] for line in lines("el")] == [
        "repositories.debian.suites: only APT has suites (hint: remove it)",
        "repositories.debian.components: only APT has components (hint: remove it)",
    ]


def test_a_part_is_no_image() -> None:
    part = write("images/parts/some.yaml", "packages: [tmux]")
    with pytest.raises(B2ctError, match="is a part that definitions extend, not an image"):
        definitions.load(str(part))
    assert definitions.check(part) is None
    assert "some" not in definitions.available()
    write("images/parts/some.yaml", "packages: [tmux]\nboot: {timeout: x}\nscripts: [no.sh]")
    with pytest.raises(InvalidFileError) as caught:
        definitions.check(part)
    assert [line.split(": ")[1] for line in caught.value.lines()] == ["boot.timeout", "scripts[0]"]


def test_check_takes_a_file_for_a_file() -> None:
    write("base", BASE)
    loaded = definitions.check(Path("base"))
    assert loaded is not None
    assert loaded.sources == (Path("base"),)


def test_an_empty_file_lacks_everything() -> None:
    write("images/mine.yaml", "")
    assert {line.split(": ")[1] for line in lines("mine")} == {"title", "system", "boot"}


def test_a_keyring_of_the_host_may_be_missing() -> None:
    """It is the building host's matter, not the definition's."""
    write(
        "images/mine.yaml",
        "extends: base\nrepositories: {debian: {keys: ['-*', {file: /no/such.gpg}]}}",
    )
    [key] = definitions.load("mine").definition.repositories["debian"].keys
    assert key.file == Path("/no/such.gpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_parent_that_may_not_be_read() -> None:
    write("images/closed.yaml", BASE).chmod(0)
    write("images/mine.yaml", "extends: closed")
    [line] = lines("mine")
    assert "cannot be read: permission denied" in line


PIECES = st.sampled_from(
    """\
extends: base
extends: [base, a/b]
extends:
  - base
packages:
  - -sudo
  - '-*'
files:
  /etc/x:
    text: x
    source: base.yaml
  -/etc/x:
-boot:
boot: {}
boot: {kernel: sudo}
disk: {size: 2 GiB}
scripts: [base.yaml, -base.yaml]
repositories: {debian: {-keys: }}
system: ~
cvmfs: []
users: {a: , b: {uid: x}}
&a *a
{
]
'
? - x
\t
\0
""".splitlines(keepends=True)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40))
def test_any_text_gives_a_definition_or_problems(text: str) -> None:
    try:
        Path("images/any.yaml").write_text(text)
    except UnicodeEncodeError:
        return
    try:
        loaded = definitions.load("any")
    except InvalidFileError as err:
        told = err.lines()
    else:
        told = []
        assert loaded.definition.boot.kernel in loaded.definition.packages
    assert all(line.isprintable() and line.startswith("images/") for line in told)


def test_a_file_that_cannot_be_held_or_does_not_fit_is_refused(here: Path) -> None:
    write(
        "images/x.yaml",
        "extends: base\nfiles:\n  /opt/big.bin: {source: big.bin}\ndisk: {size: 20 GiB}\n",
    )
    (here / "images/big.bin").touch()
    os.truncate(here / "images/big.bin", 10 * GIB)
    (line,) = lines("x")
    assert line.startswith('images/x.yaml:3:26: files."/opt/big.bin".source: ')
    assert "has 10 GiB, more than the 1 GiB that a file of a definition may have" in line
    os.truncate(here / "images/big.bin", GIB)
    definitions.load("x")
    more = "files: {/opt/more: {source: base.yaml}}\n"
    write("images/y.yaml", f"extends: x\n{more}disk: {{size: 1088 MiB}}\n")
    (line,) = lines("y")
    assert 'files."/opt/big.bin": ' in line
    assert "more than the disk of 1088 MiB holds" in line


def test_a_script_with_line_ends_of_windows_is_refused_with_its_line(here: Path) -> None:
    write("images/x.yaml", "extends: base\nscripts: [good.sh, crlf.sh]\n")
    write("images/good.sh", "#!/bin/sh\nprintf 'a\\r\\n'\n")
    (here / "images/crlf.sh").write_bytes(b"#!/bin/sh\necho hi\r\n")
    (line,) = lines("x")
    assert line.startswith("images/x.yaml:2:20: scripts[1]: ")
    assert "line 2 of " in line
    assert "ends as on Windows (CR LF)" in line
    assert "sed -i 's/\\r$//' " in line
