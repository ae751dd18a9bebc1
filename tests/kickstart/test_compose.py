"""Concerns become sections: what goes where, and what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from b2ct.core.data import data_folder
from b2ct.kickstart import compose
from b2ct.site.catalogue import Role


@pytest.fixture
def concern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of concerns in the place of the shipped one, with the concern `one`."""
    monkeypatch.setattr(compose, "data_folder", lambda _name: tmp_path)
    compose._environment.cache_clear()
    (tmp_path / "one").mkdir()
    yield tmp_path / "one"
    compose._environment.cache_clear()


def test_every_role_begins_with_the_installer_and_ends_with_the_marker() -> None:
    for role in Role:
        names = compose.concerns(role)
        assert names[0] == "installer"
        assert names[-1] == "finish"
        assert len(set(names)) == len(names)


def test_pre_runs_its_main_part_after_all_that_it_calls() -> None:
    for role in Role:
        names = [
            n
            for n in compose.concerns(role)
            if (data_folder("kickstart") / n / "pre.sh.j2").exists()
        ]
        assert names[-1] == "questions"


def test_a_concern_without_parts_gives_nothing(concern: Path) -> None:
    assert compose.parts("one", 1, {}) == compose.Parts("one", "", "", "", "", "", "")


def test_parts_of_white_space_are_left_out(concern: Path) -> None:
    (concern / "commands.ks.j2").write_text("\n  {% if false %}x{% endif %}\n")
    assert compose.parts("one", 1, {}).commands == ""


def test_all_parts(concern: Path) -> None:
    for name in ("static.ks", "commands.ks", "packages", "pre.sh", "nochroot.sh", "post.sh"):
        (concern / f"{name}.j2").write_text(f"from {{{{ value | sh }}}} {name}\n")
    made = compose.parts("one", 1, {"value": "a b"})
    assert made.static == "from 'a b' static.ks\n"
    text = compose.body([made, made])
    assert text.count("from 'a b' packages") == 1, "packages are named once"
    assert "%post --nochroot --interpreter=/bin/bash --erroronfail\nfrom 'a b' nochroot.sh" in text
    assert "--log=/var/log/b2ct-post-one.log" in text


def test_a_line_that_looks_like_a_section_is_refused(concern: Path) -> None:
    (concern / "post.sh.j2").write_text("echo\n%end\n")
    with pytest.raises(ValueError, match="line 2 of the script begins with '%'"):
        compose.parts("one", 1, {})


def test_a_forgotten_filter_is_an_error(concern: Path) -> None:
    (concern / "commands.ks.j2").write_text("lang {{ value }}\n")
    with pytest.raises(TypeError, match="without a filter"):
        compose.parts("one", 1, {"value": "it"})


def test_an_unknown_value_is_an_error(concern: Path) -> None:
    (concern / "commands.ks.j2").write_text("lang {{ valeu | sh }}\n")
    with pytest.raises(jinja2.UndefinedError):
        compose.parts("one", 1, {"value": "it"})


def test_an_include_that_does_not_exist_is_an_error(concern: Path) -> None:
    (concern / "commands.ks.j2").write_text("{% include 'one/nothing.j2' %}\n")
    with pytest.raises(jinja2.TemplateNotFound):
        compose.parts("one", 1, {})


def test_files_and_steps_are_installed(concern: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    source = concern / f"files{target}/etc/a.conf.j2"
    source.parent.mkdir(parents=True)
    source.write_text("x = {{ value | word }}\n%end\n")
    (concern / f"files{target}/run.j2").write_text("#!/bin/sh\necho {{ value | sh }}\n")
    made = compose.parts("one", 1, {"value": "v"})
    subprocess.run(["bash", "-e", "-c", made.post], check=True)
    assert (target / "etc/a.conf").read_text() == "x = v\n%end\n"
    assert (target / "etc/a.conf").stat().st_mode & 0o777 == 0o644
    assert (target / "run").stat().st_mode & 0o777 == 0o755


def test_a_first_boot_step_is_numbered_by_its_place(concern: Path) -> None:
    (concern / "firstboot.sh.j2").write_text("#!/bin/bash\ntrue\n")
    assert "/usr/libexec/b2ct/firstboot.d/07-one" in compose.parts("one", 7, {}).post
