"""`lint` finds what is wrong, and nothing in what is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.core.errors import B2ctError
from b2ct.kickstart import lint
from b2ct.kickstart.render import render
from b2ct.site.catalogue import Role
from tests.kickstart import sites

GOOD = 'text\n%pre\necho > "$W/a.ks"\n%end\n%include /tmp/b2ct/a.ks\n'


@pytest.mark.parametrize("release", ["el6", "el10"])
def test_what_is_rendered_is_good(release: str) -> None:
    for roles in ([Role.SINGLE], [Role.CONTROL, Role.HYPERVISOR]):
        assert lint.lint(render(sites.full(release), roles=roles).text, release) == []


@pytest.mark.parametrize(
    ("text", "release", "finding"),
    [
        ("txet\n", "el9", "ksvalidator (RHEL9): "),
        ("eula --agreed\n", "el6", "ksvalidator (RHEL6): "),
        ("timezone --isUtc UTC\n", "el9", "ksvalidator (RHEL9): "),
        ("%post\nif true; then\n%end\n", "el9", "line 2: %post: /"),
        ("%include /tmp/b2ct/x.ks\n", "el9", "line 1: nothing writes x.ks, which is included"),
        ("text\nclearpart --all\n", "el9", "line 2: 'clearpart --all' names disks before"),
    ],
)
def test_findings(text: str, release: str, finding: str) -> None:
    (found,) = lint.lint(text, release)
    assert found.startswith(finding)


def test_a_good_one() -> None:
    assert lint.lint(GOOD, "el9") == []


def test_scripts_with_the_lines_where_they_stand() -> None:
    (script,) = lint.scripts(GOOD)
    assert script == lint.Script("%pre", 3, 'echo > "$W/a.ks"\n')


def test_without_ksvalidator_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "find_tool", lambda _name: None)
    monkeypatch.setattr(lint, "executable", "/nowhere/python")
    with pytest.raises(B2ctError, match="needs ksvalidator") as caught:
        lint.lint(GOOD, "el9")
    assert "b2ct[lint]" in caught.value.hint


def test_the_package_never_imports_the_validator() -> None:
    """pykickstart is under the GPL; only its program is run."""
    package = Path(lint.__file__).parent.parent
    for file in package.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "import pykickstart" not in text, file
        assert "from pykickstart" not in text, file
