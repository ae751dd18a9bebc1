"""The checks that ship, as a whole: their texts, their number, their page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from markdown_it import MarkdownIt

from b2ct.validate import reference, remedy
from b2ct.validate.check import Severity, Subject
from b2ct.validate.collect import collect
from tests.validate.sites import node, site

CHECKS = collect()
PAGE = Path(__file__).parents[3] / "docs" / "validate-checks.md"
_SEE = r"see ([a-z0-9]+(?:-[a-z0-9]+)+)(?: and ([a-z0-9-]+))?"
GROUPS = {
    "control node", "every node", "hypervisor", "network", "oneadmin", "security", "squid",
    "storage", "site", "cloud", "worker vms", "disks", "names",
}  # fmt: skip


def test_there_are_enough_of_them_in_every_group() -> None:
    assert len(CHECKS) >= 100
    count = Counter(check.group for check in CHECKS)
    assert set(count) == GROUPS
    assert min(count.values()) >= 4


def test_the_page_of_checks_is_made_of_them() -> None:
    assert PAGE.read_text() == reference.page(CHECKS), "python -m b2ct.validate.reference docs"


def test_remedies_can_be_pasted_from_the_page() -> None:
    """Markdown takes backslashes and stars out of what is not code."""
    tokens = MarkdownIt("commonmark").enable("table").parse(PAGE.read_text())
    shown = {
        "".join(part.content for part in token.children or ()).replace("`", "")
        for token in tokens
        if token.type == "inline"
    }
    assert [check.remedy for check in CHECKS if check.remedy.replace("`", "") not in shown] == []


def test_their_texts_are_lines_without_a_full_stop() -> None:
    bad = [
        (check.name, text)
        for check in CHECKS
        for text in (check.proves, check.why, check.remedy)
        if text != " ".join(text.split()) or text.endswith(".") or not 5 < len(text) < 220
    ]
    assert bad == []


def test_their_remedies_are_filled_for_a_site() -> None:
    described = site()
    for check in CHECKS:
        subject = node("hv1") if check.subject is Subject.NODE else None
        filled = remedy.filled(check.remedy, remedy.values(subject, described, "root"))
        assert not re.search(r"{(node|address|control|domain|user)}", filled), check.name
        if "{address}" in check.remedy:
            assert "10.0.0.11" in filled


def test_every_check_that_another_points_to_exists() -> None:
    """`see oned-runs` in a message must lead somewhere."""
    names = {check.name for check in CHECKS} | {"answers-ssh"}
    folder = Path(__file__).parents[3] / "b2ct" / "validate"
    files = [*folder.glob("suites/*.py"), *folder.glob("facts/*.py"), *folder.glob("trial/*.py")]
    files += [folder / "clouds.py", folder / "services.py"]
    told = {
        name
        for path in files
        for found in re.findall(
            r"see ([a-z0-9]+(?:-[a-z0-9]+)+)(?: and ([a-z0-9-]+))?", path.read_text()
        )
        for name in found
        if name
    }
    assert told - names == set()
    assert len(told) > 15


def test_the_manual_s_example_is_a_check(tmp_path: Path) -> None:
    manual = (PAGE.parent / "validate.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", manual, re.M | re.S)
    (tmp_path / "test_own.py").write_text(example)
    own = [check for check in collect([tmp_path]) if check.name == "scratch-is-mounted"]
    assert [check.group for check in own] == ["own"]


def test_the_manual_names_every_group() -> None:
    manual = (PAGE.parent / "validate.md").read_text()
    assert set(re.findall(r"^\| ([a-z ]+) \|", manual, re.M)) >= GROUPS


def test_needs_names_a_check_that_exists() -> None:
    names = {check.name for check in CHECKS}
    folder = Path(__file__).parents[3] / "b2ct" / "validate" / "suites"
    told = {
        found
        for path in folder.glob("*.py")
        for found in re.findall(r"services\.needs\([^)]*\"([a-z0-9-]+)\"\)", path.read_text())
    }
    assert told - names == set()
    assert len(told) > 5


def test_what_is_open_to_others_is_an_error() -> None:
    errors = {check.name for check in CHECKS if check.severity is Severity.ERROR}
    assert {
        "one-auth-is-closed", "squid-refuses-foreign-clients", "firewall-has-no-other-openings",
        "sshd-takes-no-passwords", "selinux-enforces", "inner-services-stay-inside",
    } <= errors  # fmt: skip
