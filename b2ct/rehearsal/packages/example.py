"""Example definitions beside the practice repositories, ready for `b2ct image build`."""

from __future__ import annotations

from pathlib import Path

README = """\
Practice repositories, made by `b2ct practice packages`.

Nothing in here is real: the CVMFS client mounts nothing, the EL base system is this host's shell
under the names of EL's packages. The formats, signatures and dependencies are real, so a build can
be rehearsed without the network.

  b2ct image build {first} -o practice.qcow2

practice-key.asc      the key that signed everything; its secret part exists no longer
apt/                  APT repository: cvmfs, cvmfs-config-default, cvmfs-libs
rpm/base, rpm/cvmfs   dnf repositories: an EL base system; the same CVMFS packages
"""

_APT = """\
# A worker like ours, but its CVMFS client comes from the practice repository beside this file.
# What Debian has still comes from Debian's mirror.
extends: debian-12-worker
title: Debian 12 worker (practice CVMFS client)
repositories:
  -cvmfs:
  cvmfs:
    url: {url}
    suites: [bookworm-prod]
    components: [main]
    keys:
      - file: {key}
        fingerprint: {fingerprint}
    packages: [cvmfs, cvmfs-*]
"""

_RPM = """\
# A worker like ours, but all of it is synthetic: nothing comes from the network, nothing boots.
extends: el9-worker
title: Practice EL9 worker (synthetic, cannot boot)
repositories:
  -*:
{repositories}"""

_REPOSITORY = """\
  {name}:
    url: {url}
    base: {base}
    keys:
      - file: {key}
        fingerprint: {fingerprint}
"""
_CVMFS = "    packages: [cvmfs, cvmfs-*]\n"


def definitions(
    folder: Path, fingerprint: str, key: str, *, apt: bool, rpm: bool
) -> dict[str, str]:
    """File name -> text. `folder` is where the repositories will be."""
    found: dict[str, str] = {}
    if apt:
        url = (folder / "apt").as_uri()
        found["practice-debian-12.yaml"] = _APT.format(url=url, key=key, fingerprint=fingerprint)
    if rpm:
        text = "".join(
            _REPOSITORY.format(
                name=name,
                url=(folder / "rpm" / name).as_uri(),
                base=str(name == "base").lower(),
                key=key,
                fingerprint=fingerprint,
            )
            for name in ("base", "cvmfs")
        )
        found["practice-el9.yaml"] = _RPM.format(repositories=text + _CVMFS)
    if found:
        found["README"] = README.format(first=list(found)[-1])
    return found
