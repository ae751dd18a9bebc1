"""The same as DIRAC does it: a VM by b2ct.dirac.driver, seen, ended and cleaned up."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from b2ct.core.errors import B2ctError
from b2ct.validate.advice import on_control
from b2ct.validate.check import fail, not_applicable

if TYPE_CHECKING:
    from b2ct.dirac.driver import OpenNebulaNodeDriver
    from b2ct.one.client import Client
    from b2ct.site.model import Site
    from b2ct.validate.given import Options

PILOT = "#cloud-config\nruncmd:\n  - [sh, -c, 'echo b2ct-validate > /run/b2ct-validate']\n"
PAUSE, GONE = 1.0, 60.0


def run(one: Client, site: Site, options: Options) -> None:
    """Fails, or ends without a verdict, as a check does. The VM is always removed.

    Raises B2ctError where the driver's library is missing or the password cannot be found.
    """
    dirac = site.cloud.dirac
    if dirac is None:
        not_applicable("site.yaml names no user of DIRAC")
    driver = _driver(one, dirac.user, options.dirac_password())
    workers = list(site.described_workers)
    sizes = {size.name: size for size in driver.list_sizes()}
    size = next((sizes[name] for name in workers if name in sizes), None)
    if size is None:
        fail(
            f"the user {dirac.user} sees none of the templates {', '.join(workers)}",
            "b2ct plan, then b2ct apply: it gives the user its rights",
        )
    # The reaper takes VMs of this prefix, should this computer lose its power in between.
    name = f"{site.reaper.prefixes[0]}b2ct-validate-{secrets.token_hex(3)}"
    try:
        node = driver.create_node(name, size, None, ex_userdata=PILOT)
        _seen(driver, str(node.id), options.vm_seconds)
    finally:
        try:
            _removed(driver, name)
        except KeyboardInterrupt:  # as in b2ct.validate.trial.vms
            _removed(driver, name)
            raise


def _driver(one: Client, user: str, password: str) -> OpenNebulaNodeDriver:
    try:
        from b2ct.dirac.driver import OpenNebulaNodeDriver
    except ImportError as err:
        raise B2ctError(
            "DIRAC's driver needs apache-libcloud", hint="pip install 'b2ct[dirac]'"
        ) from err
    place = urlsplit(one.endpoint.url)
    return OpenNebulaNodeDriver(
        user, password, host=place.hostname, port=place.port or 2633, path=place.path,
        secure=str(place.scheme == "https"),
    )  # fmt: skip


def _seen(driver: OpenNebulaNodeDriver, number: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    state = "nothing"
    while time.monotonic() < until:
        node = driver.ex_get_node_details(number)
        state = str(node.state) if node else "nothing"
        if node and state.lower().endswith("running"):
            return
        if node and state.lower().endswith("error"):
            break
        time.sleep(PAUSE)
    fail(
        f"the VM that DIRAC's driver started is {state} after {seconds:.0f} s",
        "see test-vms-run; b2ct dirac check",
    )


def _removed(driver: OpenNebulaNodeDriver, name: str) -> None:
    """End every VM of this name, however far it came, and wait until none is left."""
    until = time.monotonic() + GONE
    asked: set[str] = set()
    while left := [node for node in driver.list_nodes() if node.name == name]:
        for node in left:
            # In some states a VM cannot be ended yet: then it is tried again.
            if node.id not in asked and driver.destroy_node(node):
                asked.add(str(node.id))
        if time.monotonic() > until:
            fail(
                f"DIRAC's driver could not end the VM {left[0].id} ({name}) in {GONE:.0f} s",
                on_control(f"runuser -u oneadmin -- onevm terminate --hard {left[0].id}"),
            )
        time.sleep(PAUSE)
