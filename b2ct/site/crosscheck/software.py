"""What is installed: versions that go together, services that have a place, secrets that travel."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.document.finding import Finding, did_you_mean, either
from b2ct.site import catalogue
from b2ct.site.catalogue import Distribution
from b2ct.site.model import CloudApi, Site


def findings(site: Site) -> Iterator[Finding]:
    """What cannot work in the choice of software, squid, log-ins and secrets."""
    yield from _distribution(site)
    yield from _opennebula(site)
    yield from _rocci(site)
    yield from _squid(site)
    yield from _admins(site)
    yield from _secrets(site)


def distributions(release: str) -> list[str]:
    """The distributions of a release, the default first."""
    return [d.value for d in catalogue.release(release).distributions]


def _distribution(site: Site) -> Iterator[Finding]:
    release = site.release
    if release.distribution and release.distribution.value not in distributions(release.version):
        releases = [key for key in catalogue.RELEASES if release.distribution in _published(key)]
        yield Finding(
            ("release", "distribution"),
            f"there is no {release.distribution.value} {release.version}:"
            f" expected {either(distributions(release.version))}",
            f"{release.distribution.value} exists as {either(releases)}",
        )
    elif (
        release.distribution is Distribution.RHEL
        and site.installer.source == "network"
        and release.mirror is None
    ):
        yield Finding(
            ("release", "distribution"),
            "has no public package tree, and `installer.source` is network",
            "give `release.mirror` (a Satellite or a copied DVD, say) or install from the medium",
        )


def _published(key: str) -> tuple[Distribution, ...]:
    return catalogue.release(key).distributions


def _opennebula(site: Site) -> Iterator[Finding]:
    version, release = site.opennebula.version, site.release.version
    good = catalogue.release(release).opennebula
    if version is not None and version not in good:
        elsewhere = [key for key, row in catalogue.RELEASES.items() if version in row.opennebula]
        yield Finding(
            ("opennebula", "version"),
            f"OpenNebula {version} does not install on {release}: expected {either(good)}",
            f"it installs on {either(elsewhere)}",
        )


def _rocci(site: Site) -> Iterator[Finding]:
    if site.opennebula.cloud_api is not CloudApi.ROCCI:
        return
    if not catalogue.release(site.release.version).rocci:
        good = [key for key, row in catalogue.RELEASES.items() if row.rocci]
        yield Finding(
            ("opennebula", "cloud_api"),
            f"the rOCCI server does not install on {site.release.version},"
            f" only on {either(good)}: expected xmlrpc",
            "OpenNebula's own XML-RPC needs no further server",
        )
    if site.opennebula.rocci_repository is None:
        yield Finding(
            ("opennebula", "cloud_api"),
            "the rOCCI server has no public repository: expected `rocci_repository` beside it",
            "name the repository that holds the packages, or use xmlrpc",
        )


def _squid(site: Site) -> Iterator[Finding]:
    name = site.squid.node
    if name is None:
        return
    if site.nodes and site.node(name) is None:
        known = [node.name for node in site.nodes]
        hint = did_you_mean(name, known) or "name one of `nodes`, or leave it out: the control node"
        yield Finding(("squid", "node"), "there is no such node in `nodes`", hint)
    if site.squid.external:
        yield Finding(
            ("squid", "node"),
            "and `external` both stand here: expected one of them",
            "`external` names squids that exist, so that none is installed",
            other=("squid", "external"),
        )


def _admins(site: Site) -> Iterator[Finding]:
    unknown = catalogue.release(site.release.version).unknown_ssh_keys
    for i, admin in enumerate(site.admins):
        if all(key.startswith(unknown) for key in admin.ssh_keys) if unknown else False:
            yield Finding(
                ("admins", i, "ssh_keys"),
                f"the sshd of {site.release.version} knows none of these key types"
                f" ({', '.join(sorted({key.split()[0] for key in admin.ssh_keys}))}):"
                f" {admin.name} could not log in",
                "add an ssh-rsa key: ssh-keygen -t rsa -b 4096",
            )


def _secrets(site: Site) -> Iterator[Finding]:
    root, oneadmin = site.secrets.root_password, site.secrets.oneadmin_password
    if root is not None and root.generate:
        yield Finding(
            ("secrets", "root_password"),
            "a generated password of root would be known to nobody",
            "leave it out: root is then locked and administrators log in by key;"
            " or give a file, env or command",
        )
    if not oneadmin.generate and not oneadmin.on_medium:
        yield Finding(
            ("secrets", "oneadmin_password"),
            "would travel in the clear, readable by whoever finds the medium",
            "accept that with `on_medium: true`, or use `generate`: it is then made on the machine",
        )
