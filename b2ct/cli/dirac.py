"""`b2ct dirac`: attach the site to a DIRAC server, and test that from its side."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from b2ct.cli import offer, one, options, trust
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.cli.show import show_json
from b2ct.core import files
from b2ct.core.console import note
from b2ct.core.errors import EXIT_VERDICT, B2ctError

if TYPE_CHECKING:
    from b2ct.dirac.check import Check
    from b2ct.dirac.resources import Place, Queue
    from b2ct.dirac.survey import Cloud
    from b2ct.one.client import Client
    from b2ct.one.endpoint import Endpoint
    from b2ct.site.chosen import ChosenSite
    from b2ct.site.gateway import Gateway

VERBS: Verbs = {
    "config": ("dirac", "config", "Write what a DIRAC server needs to use this site."),
    "check": ("dirac", "check", "Test from the DIRAC server what can be tested."),
}
CONFIGURATION = "resources.cfg"
AUTHORITY = "b2ct-ca.pem"
STEPS = "STEPS.txt"


@click.group(cls=LazyGroup, verbs=VERBS)
def dirac() -> None:
    """Attach this site to a DIRAC server.

    \b
    Example:
      b2ct dirac config -o for-dirac
    """


endpoint_option = click.option(
    "--endpoint", "url", metavar="URL", help="The cloud as DIRAC reaches it, such as a TLS proxy."
)
ca_option = click.option(
    "--ca-file",
    type=options.FILE,
    metavar="FILE",
    help="CA certificates (PEM) for the cloud's TLS.",
)


@click.command()
@options.site
@trust.in_clear_option
@endpoint_option
@ca_option
@click.option("--name", metavar="GRID.NAME.CC", help="DIRAC's name of the site: CLOUD.Torino.it.")
@click.option("--ce", metavar="HOST", help="Name of the CE. Left out: the cloud's host name.")
@click.option("--vo", default="belle", show_default=True, help="The VO whose pilots run here.")
@click.option(
    "--etc",
    default="/opt/dirac/etc",
    show_default=True,
    metavar="PATH",
    help="Where cloud.auth will be on the DIRAC server.",
)
@click.option("--max-vms", type=click.IntRange(1, 10**6), help="VMs of each worker at most.")
@click.option(
    "--auth",
    "auth_file",
    type=options.FILE,
    metavar="FILE",
    help="Credentials to ask the cloud with (`user:password`), not those for DIRAC.",
)
@click.option("--offline", is_flag=True, help="Do not ask the cloud how many VMs it has room for.")
@click.option(
    "--gateway/--no-gateway",
    default=None,
    help="DIRAC comes through the site's gateway, with TLS. Left out: where site.yaml has one.",
)
@click.option(
    "--stock",
    is_flag=True,
    help="For a DIRAC server without B2CT: DIRAC's own driver, through the gateway.",
)
@click.option("--legacy", is_flag=True, help="The form of VMDIRAC, for a DIRAC before 7.3.")
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="DIR",
    help="Write everything into this folder, the password too (mode 600).",
)
@click.option("--force", is_flag=True, help="Replace files that are in the folder already.")
@click.option("--show-password", is_flag=True, help="Print the password, too.")
@options.as_json
def config(
    *,
    site_file: Path | None,
    url: str | None,
    ca_file: Path | None,
    name: str | None,
    ce: str | None,
    vo: str,
    etc: str,
    max_vms: int | None,
    auth_file: Path | None,
    offline: bool,
    gateway: bool | None,
    stock: bool,
    legacy: bool,
    output: Path | None,
    force: bool,
    show_password: bool,
    as_json: bool,
) -> None:
    """Write the Resources section for this site, cloud.auth, and what to do with them.

    One queue for each worker of site.yaml. How many VMs there can be is asked from the cloud, where
    that is possible, and else taken from site.yaml; it is said which. Without -o the section is
    printed; the password is only printed with --show-password.

    \b
    Examples:
      b2ct dirac config -o for-dirac
      b2ct dirac config --stock -o for-dirac
      b2ct dirac config --endpoint https://one.example.org:2635 --gateway --name CLOUD.Torino.it
      b2ct dirac config --legacy --auth one_auth

    Exit codes: 0 written; 2 refused, nothing was written.
    """
    from b2ct.dirac import resources, survey
    from b2ct.site.chosen import STAND_IN

    chosen, user = _site_for_dirac(site_file)
    described = chosen.site
    if stock and (legacy or gateway is False):
        raise B2ctError(
            "DIRAC's own driver cannot see or end VMs without the gateway",
            hint="leave out --no-gateway and --legacy, or leave out --stock",
        )
    through = stock or (gateway if gateway is not None else bool(described.gateway and not url))
    address = _gateway(chosen, url) if through else _address(chosen, url)
    etc = etc.rstrip("/")
    place = resources.Place(
        site=resources.site_name(described, name), title=f"B2CT-{described.site.name}",
        ce=ce or resources.ce_name(described, address), vo=vo, url=address, user=user, etc=etc,
        ca_file=f"{etc}/{AUTHORITY}" if ca_file else "", cloudinit=output is not None,
        gateway=through, stock=stock,
    )  # fmt: skip
    cloud = None
    if not offline:
        # The gateway lets only DIRAC's user in, who cannot see the hypervisors.
        cloud = _asked(chosen, None if through else url, auth_file, ca_file, user)
    queues = survey.queues(described, _systems(chosen), cloud, max_vms)
    form = _legacy if legacy else _modern
    authority = _authority(ca_file)
    if output is not None:
        _refuse_written(output, (*form(place, queues, STAND_IN), *authority), force=force)
    # Last, after all that can be refused; who only looks needs no password.
    password = chosen.needed_secret("dirac_password") if output or show_password else None
    made = Made(
        shown=form(place, queues, password if show_password else None),
        written={**form(place, queues, password), **authority},
        notes=resources.notes(place, queues, legacy=legacy),
        steps=resources.legacy_steps(place) if legacy else resources.steps(place, queues),
    )
    if output is not None:
        _write(made, output)
    _show(made, output, as_json=as_json)


Texts = Mapping[str, tuple[str, int]]
"""File name -> text and mode."""


@dataclass(frozen=True)
class Made:
    """What there is to hand over."""

    shown: Texts
    written: Texts = field(repr=False)
    notes: tuple[str, ...]
    steps: tuple[str, ...]

    @property
    def numbered(self) -> list[str]:
        """The steps, counted."""
        return [f"{i}. {step}" for i, step in enumerate(self.steps, start=1)]


def _modern(place: Place, queues: Mapping[str, Queue], password: str | None) -> Texts:
    """Without a password: what may be shown."""
    from b2ct.core.data import data_folder
    from b2ct.dirac import cfg, cloudauth, resources

    comments = (f"{place.title}, made by b2ct: paste it into DIRAC's configuration",)
    section = cfg.render(resources.resources(place, queues), comments=comments)
    texts = {CONFIGURATION: (section, 0o644)}
    if password is not None:
        auth = cloudauth.text(place.ce, place.user, password)
        template = data_folder("templates") / "dirac" / "cloudinit.template"
        texts["cloud.auth"] = auth, cloudauth.MODE
        texts["b2ct-cloudinit.template"] = template.read_text(), 0o644
    return texts


def _legacy(place: Place, queues: Mapping[str, Queue], password: str | None) -> Texts:
    from b2ct.dirac import cfg, resources

    shown = "(add --show-password)" if password is None else password
    return {CONFIGURATION: (cfg.render(resources.legacy(place, queues, shown)), 0o600)}


def _authority(ca_file: Path | None) -> Texts:
    if ca_file is None:
        return {}
    try:
        return {AUTHORITY: (ca_file.read_text(), 0o644)}
    except (OSError, UnicodeDecodeError):
        raise B2ctError(
            f"{ca_file} cannot be read", hint="name a PEM file with --ca-file"
        ) from None


def _site_for_dirac(site_file: Path | None) -> tuple[ChosenSite, str]:
    """The site with its user for DIRAC, whose password is known."""
    chosen = options.needed_site(site_file, "what DIRAC shall use")
    return chosen, _diracs_user(chosen)


def _diracs_user(chosen: ChosenSite) -> str:
    """The name of DIRAC's user, whose password is known. Raises B2ctError."""
    user, wanted = chosen.site.cloud.dirac, chosen.site.secrets.dirac_password
    if user is None or wanted is None:
        raise B2ctError(
            "site.yaml names no user for DIRAC",
            hint="add `cloud: {dirac: {user: dirac}}` and `secrets: {dirac_password: {file: "
            "dirac-password.txt}}`; `b2ct apply` makes the user",
        )
    if wanted.generate:
        raise B2ctError(
            "the password of DIRAC's user is known to nobody",
            hint="name where it is in secrets.dirac_password: a file, env or command",
        )
    return user.user


def _address(chosen: ChosenSite, url: str | None) -> str:
    from b2ct.cloud.access import of_site
    from b2ct.one import endpoint

    if url:
        return endpoint.checked_url(url, "--endpoint")
    access = of_site(chosen)
    if access is None:
        raise _nowhere()
    return access.url


def _nowhere() -> B2ctError:
    return B2ctError(
        "site.yaml has no control node: where is the cloud?",
        hint="name it with --endpoint https://HOST:PORT/RPC2",
    )


def _gateway(chosen: ChosenSite, url: str | None) -> str:
    """The address of the site's gateway. Raises B2ctError where nothing says it."""
    from b2ct.one import endpoint

    if url:
        return endpoint.checked_url(url, "--endpoint")
    if chosen.site.gateway is None:
        raise B2ctError(
            "site.yaml has no gateway for DIRAC",
            hint="add `gateway: {clients: [NETWORK-OF-THE-DIRAC-SERVER]}` (docs/gateway.md), or "
            "give its address with --endpoint https://HOST:PORT/RPC2",
        )
    user = chosen.site.cloud.dirac.user if chosen.site.cloud.dirac else None
    if chosen.site.gateway_user != user:
        raise B2ctError(
            f"the gateway of site.yaml lets {chosen.site.gateway_user} in, and not {user}",
            hint="leave out `gateway.user`, or give DIRAC's user that name",
        )
    return _gateway_url(chosen, chosen.site.gateway)


def _gateway_url(chosen: ChosenSite, gateway: Gateway) -> str:
    """Where the site's gateway is, whoever may call it."""
    from b2ct.dirac import resources

    host = resources.ce_name(chosen.site, _address(chosen, None))
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{gateway.port}/RPC2"


def _asked(
    chosen: ChosenSite, url: str | None, auth_file: Path | None, ca_file: Path | None, user: str
) -> Cloud | None:
    """What the cloud says; None (and why) where it says nothing."""
    from b2ct.dirac import survey

    try:
        where = one.endpoint_of(url, auth_file, ca_file, chosen)
        from b2ct.one.client import Client

        found = survey.ask(Client(where, deadline=20), user)
    except B2ctError as err:
        if auth_file is not None:
            raise  # somebody wanted it to be asked
        note(f"note: the cloud was not asked, so numbers are those of site.yaml: {err.message}")
        return None
    if not found.hosts:
        note(f"note: user {where.user} sees no hypervisors, so their room is not counted")
    return found


def _systems(chosen: ChosenSite) -> dict[str, str]:
    """What DIRAC calls the distribution of each worker's image."""
    from b2ct.image import definitions

    found = {}
    folders = [chosen.folder / "images"]
    for name, worker in chosen.site.described_workers.items():
        system = definitions.load(
            worker.image, folders=[folder for folder in folders if folder.is_dir()]
        ).definition.system
        release = str(system.release)
        enterprise = system.packaging == "rpm"
        word = "EL" if enterprise else system.distribution.capitalize()
        found[name] = f"{word}{release.partition('.')[0] if enterprise else release}"
    return found


def _refuse_written(folder: Path, names: Iterable[str], *, force: bool) -> None:
    if not folder.parent.is_dir():
        missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        raise files.explain(missing, f"make the folder {folder}")
    for file in () if force else (*names, STEPS):
        files.refuse_existing(folder / file)


def _write(made: Made, folder: Path) -> None:
    texts = {**made.written, STEPS: ("\n".join(made.numbered) + "\n", 0o644)}
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as err:
        raise files.explain(err, f"make the folder {folder}") from err
    for file, (text, mode) in texts.items():
        files.write(folder / file, text, mode=mode)
        note(f"{folder / file} written (mode {mode:03o})")


def _show(made: Made, output: Path | None, *, as_json: bool) -> None:
    if as_json:
        answer = {
            "files": {file: text for file, (text, _) in made.shown.items()},
            "written": [str(output / file) for file in (*made.written, STEPS)] if output else [],
            "notes": made.notes,
            "steps": made.steps,
        }
        show_json(answer)
        return
    for remark in made.notes:
        note(f"note: {remark}")
    if output is None:
        for file in ("cloud.auth", CONFIGURATION):
            if file in made.shown:
                click.echo(made.shown[file][0], nl=False)
    for step in made.numbered:
        note(step)


@click.command()
@options.site
@trust.in_clear_option
@endpoint_option
@ca_option
@click.option(
    "--cloud-auth",
    type=options.FILE,
    metavar="FILE",
    help="The cloud.auth of DIRAC. Left out: the user and password of site.yaml.",
)
@click.option(
    "--auth",
    "auth_file",
    type=options.FILE,
    metavar="FILE",
    help="A file with user:password instead. Left out: ONE_AUTH, if that is set.",
)
@click.option(
    "--ce", metavar="HOST", help="Section of cloud.auth. Left out: the cloud's host name."
)
@click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="NAME",
    help="A VM template that DIRAC uses; repeatable. Left out: the workers of site.yaml.",
    shell_complete=offer.workers,
)
@options.as_json
def check(
    *,
    site_file: Path | None,
    url: str | None,
    ca_file: Path | None,
    cloud_auth: Path | None,
    auth_file: Path | None,
    ce: str | None,
    templates: tuple[str, ...],
    as_json: bool,
) -> None:
    """Test as DIRAC's user whether DIRAC can use the cloud. No VM is started.

    Reachability and encryption, credentials, the VM templates with their images, networks and
    contexts, quota, and VMs of DIRAC that failed. On a DIRAC server there is no site.yaml: name the
    cloud, cloud.auth and the templates. ONE_XMLRPC and ONE_AUTH count before site.yaml, too.

    \b
    Examples:
      b2ct dirac check
      b2ct dirac check --endpoint https://one.example.org:2635 \\
          --cloud-auth /opt/dirac/etc/cloud.auth --template b2ct-worker

    Exit codes: 0 all is well (there may be warnings); 1 something failed; 2 refused.
    """
    from b2ct.dirac import check as checks

    one, names = _as_dirac(
        site_file, url, ca_file, ce=ce, templates=templates,
        credentials=_Credentials(cloud_auth, auth_file or _of_environment()),
    )  # fmt: skip
    found = []
    for made in checks.run(one, names):
        found.append(made)
        if not as_json:
            _line(made)
    if as_json:
        rows = [
            {"check": c.name, "verdict": c.verdict, "found": c.found, "remedy": c.remedy}
            for c in found
        ]
        show_json(rows)
    if any(made.verdict == checks.FAILED for made in found):
        raise SystemExit(EXIT_VERDICT)


def _line(made: Check) -> None:
    click.echo(f"{made.verdict:<8} {made.name:<13} {made.found}")
    if made.remedy:
        click.echo(f"{'':<8} {'':<13} -> {made.remedy}")


@dataclass(frozen=True)
class _Credentials:
    """Files that hold DIRAC's user and password; none: site.yaml says them."""

    cloud_auth: Path | None
    auth: Path | None


def _of_environment() -> Path | None:
    return Path(os.environ["ONE_AUTH"]) if os.environ.get("ONE_AUTH") else None


def _as_dirac(
    site_file: Path | None,
    url: str | None,
    ca_file: Path | None,
    *,
    credentials: _Credentials,
    ce: str | None,
    templates: tuple[str, ...],
) -> tuple[Client, tuple[str, ...]]:
    """A client with DIRAC's credentials, and the templates to look at."""
    from b2ct.one.client import Client

    known = (credentials.cloud_auth or credentials.auth) and (url or os.environ.get("ONE_XMLRPC"))
    chosen = (
        None
        if known and templates
        else options.needed_site(
            site_file, "what to test", instead="--endpoint, --cloud-auth and --template"
        )
    )
    if chosen and chosen.site.gateway and not url and not os.environ.get("ONE_XMLRPC"):
        way = _gateway_url(chosen, chosen.site.gateway)
        note(
            "note: this asks OpenNebula itself. DIRAC comes through the gateway: from a "
            f"machine that it lets in, --endpoint {way} asks that"
        )
    names = templates or tuple(chosen.site.described_workers if chosen else ())
    if credentials.auth and not credentials.cloud_auth:
        where = one.endpoint_of(url, credentials.auth, ca_file, chosen)
    else:
        where = _with_diracs(chosen, url, ca_file, credentials.cloud_auth, ce)
    return Client(where, deadline=20), names


def _with_diracs(
    chosen: ChosenSite | None,
    url: str | None,
    ca_file: Path | None,
    cloud_auth: Path | None,
    ce: str | None,
) -> Endpoint:
    """The cloud with the credentials of a cloud.auth, else with those of site.yaml."""
    from b2ct.cloud.access import of_site
    from b2ct.dirac import cloudauth
    from b2ct.one import bound, endpoint

    site = of_site(chosen) if chosen else None
    address, url_from = endpoint.where(url, site)
    if url_from == endpoint.BY_DEFAULT:
        raise _nowhere()
    if cloud_auth is not None:
        user, password = cloudauth.read(cloud_auth, ce or urlsplit(address).hostname or "")
        auth_from = str(cloud_auth)
    else:
        assert chosen  # noqa: S101 - without it there is a file
        user, password, auth_from = _diracs_user(chosen), "", endpoint.DIRAC_SECRET
    where = endpoint.Endpoint(
        address, f"{user}:{password}", ca_file=str(ca_file or ""), auth_from=auth_from,
        url_from=url_from,
    )  # fmt: skip
    bound.check(where, site, trust.consent())
    if chosen and cloud_auth is None:  # last, after all that can be refused
        password = chosen.needed_secret("dirac_password", leaving=bound.leaves(where))
        where = replace(where, auth=f"{user}:{password}")
    return where
