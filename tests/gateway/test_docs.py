"""docs/gateway.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from b2ct.gateway import policy
from b2ct.gateway.settings import Limits, Settings, settings
from b2ct.site.load import load
from tests.gateway.test_stock_dirac import CONFIGURATION

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_site_of_the_page_is_one(tmp_path: Path) -> None:
    (tmp_path / "dirac-password.txt").write_text("secret\n")
    (tmp_path / "dirac-password.txt").chmod(0o600)
    (tmp_path / "site.yaml").write_text(blocks("yaml")[0])
    site = load(tmp_path / "site.yaml")
    assert site.gateway is not None
    assert site.gateway_user == "dirac"


def test_the_settings_of_the_page_are_all_there_are_with_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(blocks("yaml")[1])
    made = settings(tmp_path / "gateway.yaml", {})
    assert made.limits == Limits()
    told = yaml.safe_load(blocks("yaml")[1])
    assert told["limits"].keys() == Limits.model_fields.keys()
    assert told.keys() | {"oned_ca"} == Settings.model_fields.keys()
    for name in ("listen", "oned", "audit_size", "audit_files", "adapt_answers"):
        assert told[name] == Settings.model_fields[name].default


@pytest.mark.parametrize("method", policy.METHODS)
def test_every_call_that_is_let_through_is_on_the_page(method: str) -> None:
    assert f"`{method}`" in PAGE


def test_the_configuration_is_the_one_that_was_tried_with_dirac() -> None:
    """Option for option, but for names and addresses."""

    def options(text: str) -> list[str]:
        return re.findall(r"^ *(\w+) = ", text, re.MULTILINE)

    (pasted,) = re.findall(r"^```\n(Resources.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert options(pasted) == options(CONFIGURATION)
    kind = re.search(r"CloudType = (\S+)", CONFIGURATION)
    assert kind
    assert f"CloudType = {kind[1]}\n" in pasted
