"""`--help` groups verbs by the stage of the work, and forgets none."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from b2ct.cli import image, main, usb
from b2ct.cli.lazy import LazyGroup


def sections(group: click.Command) -> dict[str, list[str]]:
    """Title -> verbs, as `--help` has them."""
    told = (
        CliRunner()
        .invoke(group, ["--help"])
        .output.partition("\nOptions:\n")[2]
        .partition("\n\n")[2]
    )
    blocks = re.findall(r"^(\S[^\n]*):\n((?:  [^\n]+\n)+)", told, re.MULTILINE)
    return {title: re.findall(r"^  (\S+)", rows, re.MULTILINE) for title, rows in blocks}


@pytest.mark.parametrize(
    ("group", "stages"),
    [(main.b2ct, main.STAGES), (image.image, image.STAGES), (usb.usb, usb.STAGES)],
)
def test_the_sections(group: click.Command, stages: dict[str, str]) -> None:
    assert isinstance(group, LazyGroup)
    found = sections(group)
    assert list(found) == list(stages.values())
    assert [verbs[0] for verbs in found.values()] == list(stages)
    assert [verb for verbs in found.values() for verb in verbs] == list(group.verbs)


def test_the_stages_of_the_work() -> None:
    assert list(sections(main.b2ct))[:6] == [
        "Describe the site", "Install the machines", "Build the cloud", "Bring in jobs",
        "Look after it", "Rehearse",
    ]  # fmt: skip
