"""What a user asks to have registered, in the words of the command line, made a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from b2ct.cloud.about import about_worker
from b2ct.cloud.register import content
from b2ct.cloud.register.content import Content
from b2ct.cloud.register.delivery import Source
from b2ct.cloud.register.images import Choice
from b2ct.cloud.register.request import Request
from b2ct.cloud.vmtemplates import WorkerAbout
from b2ct.core.console import byte_progress, note
from b2ct.core.errors import B2ctError
from b2ct.papers.verify import trusted
from b2ct.site.chosen import ChosenSite


@dataclass(frozen=True)
class Asked:
    """The options of `b2ct register-image`, by their names; None: not said."""

    image: Path
    name: str | None
    datastore: str | None
    worker: str | None
    template: str | None
    no_template: bool
    new_version: bool
    replace: bool
    thin: bool
    ssh: str | None
    identity: Path | None
    known_hosts: Path | None
    jump: str | None
    ssh_config: Path | None
    folder: str | None
    path: str | None
    source_url: str | None
    keep_upload: bool
    allowed_signers: Path | None
    pgp_keys: Path | None
    require_signature: bool
    unverified: bool
    wait: bool
    timeout: float

    def check(self) -> None:
        """Raise B2ctError for what contradicts itself."""
        self._source().check()
        if self.replace and self.new_version:
            raise B2ctError(
                "--replace and --new-version contradict each other", hint="give one of them"
            )
        if self.no_template and (self.template or self.worker):
            raise B2ctError(
                "--no-template contradicts --template and --worker", hint="leave one out"
            )

    def request(self, chosen: ChosenSite | None) -> Request:
        """The request, after the image was checked. Raises B2ctError."""
        found = self._content()
        name = self.name or found.plain_name
        return Request(
            found, name, self.datastore, self._choice(), self._source(),
            site=chosen.site if chosen else None, worker=self._worker(chosen, found, name),
            wait=self.wait, deadline=self.timeout, keep_upload=self.keep_upload, thin=self.thin,
        )  # fmt: skip

    def _source(self) -> Source:
        return Source(
            self.path, self.source_url, self.ssh, self.folder, self.known_hosts, self.identity,
            self.jump, self.ssh_config,
        )  # fmt: skip

    def _choice(self) -> Choice:
        if self.replace:
            return Choice.REPLACE
        return Choice.NEW_VERSION if self.new_version else Choice.REFUSE

    def _content(self) -> Content:
        image = self.image
        trust = trusted(self.allowed_signers, self.pgp_keys, required=self.require_signature)
        with byte_progress(f"checking {image.name}", content.size(image)) as advance:
            found = content.read(image, trust, unverified=self.unverified, advance=advance)
        if found.signer:
            note(f"{image.name}: as its manifest says, signed by {found.signer}")
        elif found.name:
            note(f"{image.name}: as its manifest says, which nobody signed")
        else:
            note(f"warning: nothing vouches for {image.name}")
        return found

    def _worker(self, chosen: ChosenSite | None, found: Content, name: str) -> WorkerAbout | None:
        """The worker whose template is wanted; None: the image alone."""
        if self.no_template:
            return None
        if chosen is not None:
            return about_worker(
                chosen, self.worker, definition=found.name, name=self.template, family=name
            )
        if self.template or self.worker:
            raise B2ctError(
                "a VM template is made from a worker of site.yaml, and there is none here",
                hint="name the site with --site; `b2ct init` writes one to start from",
            )
        note("note: there is no site.yaml here: the image is registered without a VM template")
        return None
