"""The same checks under plain pytest with testinfra's own connections.

    pytest -p b2ct.validate.plugin --b2ct-site site.yaml --hosts=ssh://root@10.0.0.2 FILE...

For who writes checks, and for those who have a pytest of their own. It is slower than `b2ct
validate`: see benchmarks/validate.py. FILE is a module of b2ct/validate/suites, or of the
site's own.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from b2ct.core.errors import B2ctError
from b2ct.site import places
from b2ct.validate import given
from b2ct.validate.check import Check, NotApplicableError, Subject, of_function
from b2ct.validate.runner import concerns

if TYPE_CHECKING:
    from testinfra.host import Host

    from b2ct.site.model import Node, Site

_SITE = pytest.StashKey["Site"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--b2ct-site."""
    parser.getgroup("b2ct").addoption(
        "--b2ct-site", metavar="FILE", default="site.yaml", help="What was asked for (site.yaml)."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the site once."""
    from b2ct.site.load import load

    try:
        config.stash[_SITE] = load(Path(config.getoption("--b2ct-site")))
    except B2ctError as err:
        raise pytest.UsageError("\n".join(err.lines())) from err


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the checks that do not concern a node."""
    site = config.stash[_SITE]
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        (kept if _wanted(item, site) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """What does not apply is skipped."""
    try:
        return (yield)
    except NotApplicableError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Site:
    """The whole of site.yaml."""
    return request.config.stash[_SITE]


@pytest.fixture(scope="module")
def node(host: Host, site: Site) -> Node:
    """The node of site.yaml that the host is."""
    found = _node(host, site)
    if found is None:
        pytest.fail(f"site.yaml has no node with the address {host.backend.get_hostname()}")
    return found


@pytest.fixture(scope="session")
def options(request: pytest.FixtureRequest) -> given.Options:
    """The usual choices."""
    return given.Options(folder=Path(request.config.getoption("--b2ct-site")).absolute().parent)


@pytest.fixture(scope="session")
def hosts() -> given.Hosts:
    """Site-wide checks need all nodes at once."""
    _only_ours()


@pytest.fixture(scope="session")
def cloud() -> None:
    """Site-wide checks need the cloud."""
    _only_ours()


def _only_ours() -> NoReturn:
    pytest.skip("checks of the site as a whole run under `b2ct validate` only")


def _node(host: Host, site: Site) -> Node | None:
    name = host.backend.get_hostname()
    for one in site.nodes:
        if name in (one.name, one.address, places.reached(one, site)):
            return one
    return None


def _wanted(item: pytest.Item, site: Site) -> bool:
    check = _check(item)
    host = getattr(getattr(item, "callspec", None), "params", {}).get("_testinfra_host")
    if check is None or host is None or check.subject is Subject.SITE:
        return True
    found = _node(host, site)
    return found is None or concerns(check, found, site)


def _check(item: pytest.Item) -> Check | None:
    return of_function(item.function, "") if isinstance(item, pytest.Function) else None
