"""What several verbs share: the option --site, and the site that it leads to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from b2ct.cli import offer, trust
from b2ct.core.console import note
from b2ct.core.errors import B2ctError
from b2ct.site.catalogue import Role

if TYPE_CHECKING:
    from b2ct.site.chosen import ChosenSite

DEFAULT_FILE = Path("site.yaml")
Verb = TypeVar("Verb", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
_site = click.option(
    "--site",
    "site_file",
    type=FILE,
    metavar="FILE",
    help="The site file. Left out: site.yaml here.",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, for programs."
)


def site(command: Verb) -> Verb:
    """The option --site, and the one that says that the file may act."""
    return _site(trust.site_option(command))


roles = click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="Serve this role; repeatable.",
)
nodes = click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NAME",
    help="Give this node of site.yaml an entry of its own; repeatable.",
    shell_complete=offer.nodes,
)
output = click.option("-o", "--output", type=FILE, help="The image to write.")
_IMAGE = (
    click.option("--force", is_flag=True, help="Replace an existing output file."),
    click.option("--serial", metavar="ttyS0[,115200]", help="Also use this serial console."),
    click.option("--offline", is_flag=True, help="Never use the network."),
    click.option(
        "--without-b2ct",
        "without_program",
        is_flag=True,
        help="Leave B2CT itself (34 MB) out of a control node's medium.",
    ),
    click.option("--unverified", is_flag=True, help="Take an image that nothing vouches for."),
    click.option("--sha256", is_flag=True, help="Also print the image's SHA-256 (--json does)."),
    click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing."),
    as_json,
)


def of_an_image(command: Verb) -> Verb:
    """The options of every verb that makes an image from an installer."""
    for option in reversed(_IMAGE):
        command = option(command)
    return command


_SSH = (
    click.option("--user", metavar="NAME", help="Log in as NAME (root), and use sudo."),
    click.option("--port", type=click.IntRange(1, 65535), help="Of sshd (22)."),
    click.option("--identity", type=FILE, metavar="FILE", help="A private key to log in with."),
    click.option("--known-hosts", type=FILE, metavar="FILE", help="Instead of ~/.ssh/known_hosts."),
    click.option("--ssh-config", type=FILE, metavar="FILE", help="Instead of ~/.ssh/config."),
    click.option(
        "--accept-new", is_flag=True, help="Take and remember the host keys of new machines."
    ),
    click.option(
        "--jump",
        default="",
        metavar="[USER@]HOST[:PORT]",
        help="Go through this machine; several with commas.",
    ),
    click.option(
        "--connect-timeout",
        "connect_seconds",
        default=10.0,
        type=click.FloatRange(0.1, 600),
        metavar="SECONDS",
        help="For a node to let us in (10).",
    ),
    click.option(
        "--timeout",
        "command_seconds",
        default=30.0,
        type=click.FloatRange(0.1, 3600),
        metavar="SECONDS",
        help="For a command on a node (30).",
    ),
)


def of_ssh(command: Verb) -> Verb:
    """The options of every verb that logs in to nodes, named as `validate.access.Access` has it."""
    for option in reversed(_SSH):
        command = option(command)
    return command


def warn(chosen: ChosenSite) -> None:
    """Say what `b2ct check` warns of, before somebody drives to the machine room."""
    from b2ct.site import advice

    if chosen.origin is not None:  # without a file everything is asked
        for warning in advice.every(chosen.site, chosen.folder):
            note(f"warning: {warning}")


def load_site(site_file: Path | None) -> ChosenSite:
    """The site of --site, else of site.yaml in this folder, else one that leaves all open.

    Raises B2ctError for a file that is named but missing, and for all that is wrong in one.
    """
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.model import Site

    if (chosen := site_if_any(site_file)) is not None:
        return chosen
    note("note: there is no site.yaml here: everything is asked at the machine's console")
    return ChosenSite(Site(), Path.cwd())


def site_if_any(site_file: Path | None, *, asking: bool = True) -> ChosenSite | None:
    """The same; None where there is no site.yaml. Without `asking`, nobody is asked to trust it."""
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.load import load_read
    from b2ct.site.trust import Origin

    found = site_file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if found is None:
        return None
    read, text = load_read(found)
    return ChosenSite(
        read, found.absolute().parent, Origin(found, text), trust.consent(asking=asking)
    )


def needed_site(site_file: Path | None, what: str, *, instead: str = "") -> ChosenSite:
    """The same; B2ctError where there is no site.yaml: nothing says `what`.

    `instead` are options that do without one.
    """
    if (chosen := site_if_any(site_file)) is not None:
        return chosen
    raise B2ctError(
        f"there is no site.yaml here: nothing says {what}",
        hint="go to its folder, name it with --site, or let `b2ct init` write one"
        + (f"; or give {instead}" if instead else ""),
    )
