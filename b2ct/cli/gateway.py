"""`b2ct gateway`: a filter in front of oned for DIRAC servers."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.cli import options
from b2ct.core.console import note


@click.command()
@click.option(
    "--config",
    type=options.FILE,
    metavar="FILE",
    help="Settings (docs/gateway.md); the options below go before them.",
)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (default 0.0.0.0:2635).")
@click.option("--oned", metavar="URL", help="Where oned is (http://localhost:2633/RPC2).")
@click.option("--cert", type=options.FILE, metavar="FILE", help="Certificate and chain, PEM.")
@click.option("--key", type=options.FILE, metavar="FILE", help="Its key, PEM.")
@click.option("--user", metavar="NAME", help="The one user of OpenNebula who may call.")
@click.option(
    "--audit",
    type=options.FILE,
    metavar="FILE",
    help="Keep the audit log here (default: standard output).",
)
@click.option(
    "--check", "--dry-run", "check", is_flag=True, help="Say what would be served, and end."
)
def gateway(  # noqa: PLR0917 - click names them
    config: Path | None,
    listen: str | None,
    oned: str | None,
    cert: Path | None,
    key: Path | None,
    user: str | None,
    audit: Path | None,
    check: bool,
) -> None:
    """Let a DIRAC server without B2CT's driver fill this cloud.

    An XML-RPC filter in front of oned: TLS, one user, the few calls that start, watch and end
    VMs. DIRAC's own OpenNebula driver and VMDIRAC work through it; everything else is refused.
    It runs until SIGTERM; SIGHUP reads the certificate again.

    On a control node that B2CT installed it is the service b2ct-gateway (`gateway:` of site.yaml).

    \b
    Examples:
      b2ct gateway --config /etc/b2ct/gateway.yaml --check
      b2ct gateway --user dirac --cert host.pem --key host.key
      b2ct gateway --user dirac --listen 127.0.0.1:2635       behind a TLS server of your own
    """
    from b2ct.gateway import service as run
    from b2ct.gateway.settings import settings

    files = {"certificate": cert, "key": key, "audit": audit}
    paths = {name: str(path.absolute()) if path else None for name, path in files.items()}
    made = settings(config, {"listen": listen, "oned": oned, "user": user, **paths})
    if check:
        for line in run.check(made):
            click.echo(line)
        return
    run.serve(made, note)
