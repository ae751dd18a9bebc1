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


def _heard(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_PROXY] = value


_PROXY = "b2ct.proxy"
through = click.option(
    "--proxy",
    metavar="URL|none",
    expose_value=False,
    callback=_heard,
    help="Fetch through this proxy. Left out: that of site.yaml, else the environment's.",
)
"""For verbs that fetch: `load_site` and `go_out` hear of it."""

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
    through,
    click.option(
        "--without-b2ct",
        "without_program",
        is_flag=True,
        help="Leave B2CT itself (21 MB) out of a control node's medium.",
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
    chosen = ChosenSite(Site(), Path.cwd())
    go_out(chosen)
    return chosen


def site_if_any(site_file: Path | None, *, asking: bool = True) -> ChosenSite | None:
    """The same; None where there is no site.yaml. Without `asking`, nobody is asked to trust it."""
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.load import load_read
    from b2ct.site.trust import Origin

    found = site_file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if found is None:
        return None
    read, text = load_read(found)
    consent = trust.consent(asking=asking)
    chosen = ChosenSite(read, found.absolute().parent, Origin(found, text), consent)
    go_out(chosen)
    return chosen


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


def go_out_of(site_file: Path | None) -> None:
    """`go_out` for a verb that wants nothing else of the site, and does without one.

    Raises B2ctError as `load_site`.
    """
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.model import Site

    if site_if_any(site_file) is None:
        go_out(ChosenSite(Site(), Path.cwd()))


def go_out(chosen: ChosenSite) -> None:
    """From here on, downloads of this verb take the proxy of --proxy, else that of the site.

    Its password is looked up when something is fetched through it. Raises B2ctError for a --proxy
    that is none.
    """
    from functools import cache

    from b2ct.core import proxy
    from b2ct.site import outside

    context = click.get_current_context(silent=True)
    if context is None:
        return
    said, described = context.meta.get(_PROXY), chosen.site.proxy
    way: proxy.Proxy | None = None
    if said is not None:
        way = proxy.asked_for(said, outside.inside(chosen.site))
    elif described is not None:
        way = proxy.Proxy(
            described.url,
            outside.inside(chosen.site),
            described.user or "",
            cache(lambda: chosen.proxy_password(leaving=True)),
            "`proxy` of site.yaml",
        )
    context.with_resource(proxy.through(way))
