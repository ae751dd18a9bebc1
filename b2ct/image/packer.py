"""The Packer engine: the same definition and the same scripts, run in a VM that Packer starts.

The templates are in `packer/`. Packer 1.6.6 (Debian 12) and current Packer differ in where plugins
come from, and in nothing else that is used here.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files, proxy
from b2ct.core.archives import unpack
from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError
from b2ct.core.run import need_tool, run, stream
from b2ct.core.sshkey import OneTimeKey
from b2ct.firmware.accel import kvm_works
from b2ct.firmware.qemu import find_qemu
from b2ct.image import provision
from b2ct.image.disk.qcow2 import to_qcow2
from b2ct.image.model import MIB, Definition
from b2ct.image.provision import Configuration
from b2ct.image.repositories import Keys, addresses
from b2ct.image.rootfs import configure
from b2ct.image.rootfs.bootstrap import bootstrap_of
from b2ct.papers.about import Package
from b2ct.papers.header import need_plain

PLUGINS_SINCE = (1, 7)
"""Packer from here on knows the block `required_plugins`, and from 1.10 on needs it."""
_TIMEOUT = 6 * 3600.0
_VERSION = re.compile(r"Packer v(\d+)\.(\d+)")


@dataclass(frozen=True)
class Base:
    """What Packer starts from: a cloud image, or an installer ISO with our kickstart.

    `checksum` is as Packer writes it (`sha256:HEX`), or `none` for a local file.
    """

    place: str
    checksum: str = "none"

    @property
    def source(self) -> str:
        """The source of the template that fits."""
        return "netinstall" if self.place.lower().endswith(".iso") else "cloud"

    def check(self, *, offline: bool) -> None:
        """Raise B2ctError for a base that is not there, or that leads to other files.

        Packer's qemu-img guesses the format of a cloud image, and follows whatever it names.
        """
        remote = "://" in self.place
        if remote and offline:
            raise B2ctError(f"offline: {self.place} would be fetched", hint="name a local --base")
        if not remote and not Path(self.place).is_file():
            raise B2ctError(
                f"--base {self.place}: there is no such file",
                hint="name the distribution's cloud image, or its installer ISO",
            )
        if not remote and self.source == "cloud":
            need_plain(Path(self.place))


def version() -> tuple[int, int]:
    """Of this host's Packer. Raises B2ctError when there is none, or another program of that name.

    (cracklib has a `packer` as well.)
    """
    need_tool("packer")
    said = run(["packer", "version"], env=_ENVIRONMENT, timeout=60, check=False)
    found = _VERSION.search(said.stdout)
    if not found:
        raise B2ctError(
            "the program `packer` of this host is not HashiCorp's Packer",
            hint="Debian: apt-get install packer; or https://developer.hashicorp.com/packer",
        )
    return int(found[1]), int(found[2])


def build(
    definition: Definition,
    keys: Keys,
    base: Base,
    out: Path,
    *,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[Package, ...]:
    """Build the image at `out` in the private, empty `folder`, and return what is installed.

    Raises B2ctError when Packer or QEMU is missing, CommandError when the build fails.
    """
    release = version()
    _no_password(base)
    lay_out(definition, configure.wanted(definition, keys), keys, folder, release)
    told = json.dumps(variables(definition, base, folder))
    files.write(folder / "variables.pkrvars.json", told, mode=0o600)
    if release >= PLUGINS_SINCE:
        _run(["packer", "init", folder], folder, say)
    _run(
        [
            *("packer", "build", "-color=false", "-timestamp-ui", f"-only=qemu.{base.source}"),
            *(f"-var-file={folder / 'variables.pkrvars.json'}", folder),
        ],
        folder,
        say,
    )
    to_qcow2(folder / "output" / "disk.qcow2", out, definition.qcow2, source="qcow2")
    return _installed(definition, folder)


def lay_out(
    definition: Definition,
    configuration: Configuration,
    keys: Keys,
    folder: Path,
    release: tuple[int, int],
) -> None:
    """Put the templates, the bundle, a one-time key and the seed into `folder`.

    Raises B2ctError for what the operating system refuses.
    """
    key = OneTimeKey("b2ct-packer")
    http = folder / "http"
    templates = ["worker.pkr.hcl", *(["plugins.pkr.hcl"] if release >= PLUGINS_SINCE else [])]
    try:
        http.mkdir()
        for name in templates:
            shutil.copyfile(data_folder("packer") / name, folder / name)
        files.write(folder / "key", key.private, mode=0o600)
        for name, text in seed(definition, key.public).items():
            (http / name).write_text(text)
    except OSError as err:
        raise files.explain(err, f"write into {folder}") from err
    packages = provision.packages(definition, keys)
    provision.bundle(configuration, folder / "bundle.tar", packages=packages)


def variables(definition: Definition, base: Base, folder: Path) -> dict[str, str | list[str]]:
    """The template's variables."""
    environment = proxy.environment(addresses(definition))
    qemu = find_qemu()
    place = base.place if "://" in base.place else str(Path(base.place).absolute())
    return {
        "name": definition.title,
        "folder": str(folder),
        "output": str(folder / "output"),
        "base": place,
        "base_checksum": base.checksum,
        "disk_size": f"{definition.disk.size // MIB}M",
        "qemu": qemu,
        "accelerator": "kvm" if kvm_works(qemu) else "tcg",
        "environment": [f"{name}={value}" for name, value in environment.items()],
    }


def seed(definition: Definition, public_key: str) -> Mapping[str, str]:
    """What the VM reads over HTTP: cloud-init's seed, and the kickstart of an installer."""
    config = {
        "users": [{"name": "root"}],
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_authorized_keys": [public_key],
    }
    return {
        "user-data": "#cloud-config\n" + json.dumps(config, indent=2) + "\n",
        "meta-data": "instance-id: b2ct-packer\nlocal-hostname: b2ct-packer\n",
        **_kickstart(definition, public_key),
    }


def _kickstart(definition: Definition, public_key: str) -> Mapping[str, str]:
    """The smallest system that provision.sh can work in, for distributions with Anaconda."""
    if definition.system.packaging != "rpm":
        return {}
    from b2ct.core import templates

    template = templates.environment(data_folder("packer")).get_template("worker.ks.j2")
    base = [name for name, repository in definition.repositories.items() if repository.base]
    first, *others = [definition.repositories[name] for name in base]
    text = template.render(
        url=first.url,
        others={f"b2ct{at}": repository.url for at, repository in enumerate(others)},
        through={one.url: _through(one.url) for one in (first, *others)},
        key=public_key,
        label=definition.disk.label,
        esp=definition.disk.esp // MIB,
        arguments=" ".join(definition.boot.arguments),
    )
    return {"worker.ks": text}


def _through(url: str) -> str:
    """The proxy for a line of the kickstart; empty: none."""
    said = proxy.chosen()
    return said.url if said and said.takes(url) else ""


def _no_password(base: Base) -> None:
    """Refuse a proxy with a password: Packer serves the kickstart to whoever asks this host."""
    said = proxy.chosen()
    if said and said.user and base.source == "netinstall":
        raise B2ctError(
            f"the proxy {said.url} wants a password, and an installer that Packer starts would be "
            "told it where everybody can read it",
            hint="give a cloud image as --base, or leave out --engine packer",
        )


_ENVIRONMENT = {"CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}
"""Packer asks nobody whether there is a newer one."""
_CACHE = "PACKER_CACHE_DIR"
"""Where Packer keeps what it downloads; left out, in whatever folder the user is in."""


def _run(argv: list[str | Path], folder: Path, say: Callable[[str], None]) -> None:
    env = {**_ENVIRONMENT, **proxy.environment(), _CACHE: str(folder / "cache")}
    hint = "its last lines say why; the base has to boot and to take a NoCloud seed over HTTP"
    with closing(stream(argv, timeout=_TIMEOUT, env=env, hint=hint)) as lines:
        for line in lines:
            say(f"packer: {line}")


def _installed(definition: Definition, folder: Path) -> tuple[Package, ...]:
    """What the VM's own package database says."""
    tree = folder / "database"
    with tarfile.open(folder / "database.tar") as tar:
        unpack(tar, tree)
    return bootstrap_of(definition).installed(tree)
