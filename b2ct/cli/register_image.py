"""`b2ct register-image`: an image file becomes something that VMs start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from b2ct.cli import offer, one, options
from b2ct.cli.show import show_json
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError

if TYPE_CHECKING:
    from b2ct.cloud.register.content import Content
    from b2ct.cloud.register.decide import Plan
    from b2ct.cloud.register.outcome import Outcome
    from b2ct.cloud.register.request import Request
    from b2ct.cloud.vmtemplates import WorkerAbout
    from b2ct.papers.verify import Trust
    from b2ct.site.chosen import ChosenSite


@click.command("register-image")
@click.argument("image", type=options.FILE)
@click.option("--name", metavar="NAME", help="In OpenNebula. Left out: the definition's name.")
@click.option("--datastore", metavar="NAME|ID", help="Left out: the only one, or `default`.")
@one.access
@click.option(
    "--worker",
    metavar="NAME",
    help="The worker of site.yaml that starts from it.",
    shell_complete=offer.workers,
)
@click.option(
    "--template", metavar="NAME", help="Name of the VM template. Left out: that of the worker."
)
@click.option("--no-template", is_flag=True, help="Register the image alone.")
@click.option("--new-version", is_flag=True, help="Other content under this name: a new version.")
@click.option(
    "--replace", is_flag=True, help="Other content: take the place of an image nobody uses."
)
@click.option(
    "--thin", is_flag=True, help="The file must fit in the datastore, the whole disk need not."
)
@click.option(
    "--ssh",
    metavar="[USER@]HOST[:PORT]",
    help="Front-end, or its name in ~/.ssh/config. Left out: the endpoint's.",
)
@click.option("--identity", type=options.FILE, metavar="FILE", help="Private key for --ssh.")
@click.option("--known-hosts", type=options.FILE, metavar="FILE", help="Instead of the usual ones.")
@click.option("--ssh-config", type=options.FILE, metavar="FILE", help="Instead of ~/.ssh/config.")
@click.option("--jump", metavar="[USER@]HOST[:PORT]", help="Go there through this machine.")
@click.option("--folder", metavar="DIR", help="On the front-end. Left out: SAFE_DIRS' first.")
@click.option("--path", metavar="PATH", help="The file is on the front-end already, here.")
@click.option("--url", "source_url", metavar="URL", help="The front-end fetches the file itself.")
@click.option("--keep-upload", is_flag=True, help="Leave the copied file on the front-end.")
@click.option(
    "--allowed-signers", type=options.FILE, metavar="FILE", help="Whose signature it must have."
)
@click.option("--pgp-keys", type=options.FILE, metavar="FILE", help="Or these OpenPGP keys'.")
@click.option("--require-signature", is_flag=True, help="Refuse an image without a signature.")
@click.option("--unverified", is_flag=True, help="Take an image that has no manifest.")
@click.option("--wait/--no-wait", default=True, help="Until VMs can start from it (the default).")
@click.option(
    "--timeout", default=1800, type=click.IntRange(1), metavar="SECONDS", help="For that (1800)."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.as_json
def register_image(**said: Any) -> None:
    """Register an image in OpenNebula, and the VM template that starts from it.

    The image is checked against its manifest and signature, copied to the front-end over SFTP
    (an interrupted copy goes on where it was cut), registered, and waited for. Running it again
    changes nothing: what is there with the same content is used. Other content under the same name
    is refused, unless --new-version or --replace says what is meant.

    The VM template comes from a worker of site.yaml; without one only the image is registered.

    \b
    Examples:
      b2ct register-image debian-12-worker.qcow2
      b2ct register-image debian-12-worker.qcow2 --dry-run
      b2ct register-image debian-12-worker.qcow2 --new-version
      b2ct register-image w.qcow2 --name w --url http://images.example.org/w.qcow2
      b2ct register-image debian-12-worker.qcow2 --ssh front-end --jump gate.example.org

    Exit codes: 0 it is registered, or was already; 1 the image is not what its manifest says, or
    the server could not take it; 2 refused: what was done before, if anything, the next run uses.
    """
    made = _Registration(said)
    made.dry_run() if said["dry_run"] else made.do()


class _Registration:
    """One run of the verb."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said
        self.source = _source(said)
        self.choice = _choice(said)
        self.chosen = options.site_if_any(said["site_file"])
        content = _content(said)
        self.request = self._request(content)
        if self.chosen and self.request.worker and not said["dry_run"]:
            self.chosen.allow_files()
        where = one.endpoint_of(said["url"], said["auth_file"], said["ca_file"], self.chosen)
        from b2ct.one.client import Client

        self.one = Client(where)

    def _request(self, content: Content) -> Request:
        from b2ct.cloud.register.request import Request

        said = self.said
        name = said["name"] or content.plain_name
        return Request(
            content, name, said["datastore"], self.choice, self.source,
            site=self.chosen.site if self.chosen else None,
            worker=_worker(said, self.chosen, content, name), wait=said["wait"],
            deadline=said["timeout"], keep_upload=said["keep_upload"],
            thin=said["thin"],
        )  # fmt: skip

    def dry_run(self) -> None:
        """Print the plan."""
        from b2ct.cloud.register.decide import plan
        from b2ct.cloud.register.survey import survey

        made = plan(self.request, survey(self.one), self.one.endpoint)
        for remark in made.notes:
            note(f"note: {remark}")
        if self.said["as_json"]:
            show_json(_plan_json(made))
            return
        for line in made.lines():
            click.echo(line)
        click.echo("nothing to do" if made.nothing else "(dry run: nothing was done)")

    def do(self) -> None:
        """Carry it out, and print what there is."""
        from b2ct.cloud.register.carry_out import run
        from b2ct.cloud.register.progress import Listener

        listener = Listener(note, byte_progress, one.States())
        try:
            done = run(self.one, self.request, listener)
        except KeyboardInterrupt:
            raise one.StoppedError(
                "interrupted; what was done until then stays",
                hint="run the same command again: it goes on where this one was stopped",
            ) from None
        if self.said["as_json"]:
            show_json(done.as_json())
        else:
            click.echo(_summary(done))
        if done.uploaded:
            note(f"note: {done.uploaded} stays on the front-end")


def _source(said: dict[str, Any]) -> Any:
    from b2ct.cloud.register.delivery import Source

    source = Source(
        said["path"], said["source_url"], said["ssh"], said["folder"], said["known_hosts"],
        said["identity"], said["jump"], said["ssh_config"],
    )  # fmt: skip
    source.check()
    return source


def _choice(said: dict[str, Any]) -> Any:
    from b2ct.cloud.register.images import Choice

    if said["replace"] and said["new_version"]:
        raise B2ctError(
            "--replace and --new-version contradict each other", hint="give one of them"
        )
    if said["no_template"] and (said["template"] or said["worker"]):
        raise B2ctError("--no-template contradicts --template and --worker", hint="leave one out")
    if said["replace"]:
        return Choice.REPLACE
    return Choice.NEW_VERSION if said["new_version"] else Choice.REFUSE


def _trust(said: dict[str, Any]) -> Trust:
    from b2ct.cli.image_verify import own_list
    from b2ct.papers.verify import Trust

    signers, pgp = said["allowed_signers"], said["pgp_keys"]
    required = said["require_signature"] or signers is not None or pgp is not None
    if signers is None and own_list().is_file():
        signers = own_list()
        note(f"note: allowed signers are those of {signers}")
    return Trust(signers, pgp, required)


def _content(said: dict[str, Any]) -> Content:
    from b2ct.cloud.register import content

    image = said["image"]
    trust = _trust(said)
    trust.check()
    with byte_progress(f"checking {image.name}", content.size(image)) as advance:
        found = content.read(image, trust, unverified=said["unverified"], advance=advance)
    if found.signer:
        note(f"{image.name}: as its manifest says, signed by {found.signer}")
    elif found.name:
        note(f"{image.name}: as its manifest says, which nobody signed")
    else:
        note(f"warning: nothing vouches for {image.name}")
    return found


def _worker(
    said: dict[str, Any], chosen: ChosenSite | None, content: Content, name: str
) -> WorkerAbout | None:
    """The worker whose template is wanted; None: the image alone."""
    if said["no_template"]:
        return None
    if chosen is None:
        if said["template"] or said["worker"]:
            raise B2ctError(
                "a VM template is made from a worker of site.yaml, and there is none here",
                hint="name the site with --site; `b2ct init` writes one to start from",
            )
        note("note: there is no site.yaml here: the image is registered without a VM template")
        return None
    from b2ct.cli.template import about_worker

    return about_worker(chosen, said["worker"], definition=content.name, name=said["template"],
                        family=name)  # fmt: skip


def _plan_json(made: Plan) -> dict[str, Any]:
    return {"nothing": made.nothing, "steps": list(made.lines()), "notes": list(made.notes)}


def _summary(done: Outcome) -> str:
    image = f"image {done.image.id} ({done.image.name})"
    changed = bool(done.moved) or done.template_action in ("created", "updated")
    if done.made:
        lines = [f"{image} is registered"]
    else:
        lines = [f"{image} has this content already" + ("" if changed else ": nothing to do")]
    if done.template:
        what = "is as it should be" if done.template_action == "nothing" else done.template_action
        lines.append(f"VM template {done.template_id} ({done.template}): {what}")
    lines += [f"VM template {name}: starts from {done.image.name} now" for name in done.moved]
    return "\n".join(lines)
