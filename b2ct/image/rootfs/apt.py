"""Debian and Ubuntu: the base system by mmdebstrap(1), the packages by apt-get(8) of the host.

apt runs outside of the tree and dpkg inside (`DPkg::Chroot-Directory`), so that the tree needs no
network, no certificates and no lists, and nothing of the building stays in it.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, need_tool, run, stream
from b2ct.image import repositories
from b2ct.image.model import Definition, Repository
from b2ct.image.rootfs import aptsaid, aptstate, archive, keys
from b2ct.image.rootfs.bootstrap import DRIVERS, State
from b2ct.image.rootfs.cell import Cell
from b2ct.image.rootfs.workspace import Workspace
from b2ct.image.tree import Tree
from b2ct.papers.about import Package

ARCHITECTURES = {"x86_64": "amd64"}
_TIMEOUT = 3 * 3600.0
_FROZEN_HOSTS = ("snapshot.debian.org", "snapshot.ubuntu.com")
"""Whose indices are as old as the snapshot: their Valid-Until has passed."""
_HOOKS = Path("/usr/share/mmdebstrap/hooks")
_EXCLUDES = "etc/dpkg/dpkg.cfg.d/b2ct-exclude"
_POLICY = "usr/sbin/policy-rc.d"
_NO_SERVICES = "#!/bin/sh\nexit 101\n"
"""What invoke-rc.d(8) asks before it starts anything."""
_QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "INITRD": "No",  # the kernel's hook makes none: it is made once, at the end
}
_FORMAT = 2
"""Part of the layers' keys: to be raised when the same inputs give other layers."""
_OPTIONS = (
    'Acquire::Languages "none"',
    'Acquire::Retries "3"',
    'Acquire::http::Timeout "30"',
    'Acquire::https::Timeout "30"',
    'APT::Install-Recommends "false"',
    'APT::Sandbox::User "root"',
    'APT::Update::Error-Mode "any"',
)
_INITRAMFS = {
    "etc/initramfs-tools/conf.d/b2ct": (
        "# From b2ct: the drivers of a VM's disks alone, which are in modules.d/b2ct.\n"
        "MODULES=list\nRESUME=none\n"
    ),
    "usr/share/initramfs-tools/modules.d/b2ct": "".join(f"{name}\n" for name in (*DRIVERS, "ext4")),
}
"""initramfs.conf(5): a third of what would drive any machine, and so much sooner unpacked."""
# What installing leaves behind: times, random numbers, inode numbers, lists.
_LEFT = (
    *("var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/ldconfig/aux-cache"),
    *("var/cache/debconf/*-old", "var/lib/dpkg/*-old", "var/log/apt/*", "var/log/*.log"),
    *("etc/ssh/ssh_host_*", "var/lib/systemd/random-seed", "var/lib/dbus/machine-id"),
    *("etc/apt/sources.list", "etc/apt/apt.conf.d/99mmdebstrap", "tmp/*", "var/tmp/*"),
    *("etc/dpkg/dpkg.cfg.d/99mmdebstrap", _POLICY, "run/*"),
)


class Apt:
    """The bootstrap of Debian and Ubuntu."""

    def state(self, definition: Definition, cache: Path, *, offline: bool) -> State:
        """What the mirrors have now; see aptstate.ask."""
        return aptstate.ask(definition, cache, offline=offline)

    def base_inputs(self, definition: Definition) -> Mapping[str, Any]:
        """Suite, architecture, what is left out, and the tool: a script, known by its content."""
        return {
            "format": _FORMAT,
            "tool": files.sha256(Path(need_tool("mmdebstrap"))),
            "suite": definition.system.suite,
            "architecture": definition.system.architecture,
            "exclude": list(definition.exclude),
            "repositories": _described(definition, base=True),
        }

    def packages_inputs(self, definition: Definition) -> Mapping[str, Any]:
        """Packages, kernel, and the repositories that they come from."""
        return {
            "packages": sorted(definition.packages),
            "kernel": definition.boot.kernel,
            "initramfs": _INITRAMFS,
            "repositories": _described(definition, base=False),
        }

    def base(self, definition: Definition, out: Path, work: Workspace) -> None:
        """Debian's `minbase`: essential and required packages, and apt.

        mmdebstrap unpacks the essential ones, so that they are programs; then each package is
        installed as all others are, its scripts in a cell.
        """
        tree = work.folder / "base"
        # /bin and the like are links from the start: the package usrmerge would bring perl along.
        merged = _HOOKS / "maybe-merged-usr"
        _extract(definition, tree, work, merged)
        _unchanged(tree, definition, work, base=True)
        Tree(tree).write(_POLICY, _NO_SERVICES, 0o755)
        _install_essential(tree, work)
        apt = _Apt(tree, _apt_config(definition, tree, work, base=True), work, "base layer")
        apt("update")
        also = ("usr-is-merged",) if merged.is_dir() else ()
        apt("--yes", "install", "?priority(required)", "apt", *also)
        _unchanged(tree, definition, work, base=True)
        _remove_excluded(tree, definition.exclude)
        _clean(tree)
        archive.pack(tree, out, work.epoch)
        shutil.rmtree(tree)

    def packages(self, definition: Definition, base: Path, out: Path, work: Workspace) -> None:
        """Everything else, with the kernel and its initramfs."""
        tree = work.folder / "packages"
        archive.unpack(base, tree)
        apt = _Apt(tree, _apt_config(definition, tree, work, base=False), work, "packages layer")
        Tree(tree).write(_POLICY, _NO_SERVICES, 0o755)
        apt("update")
        _unchanged(tree, definition, work, base=False)
        wanted = [_word(name) for name in (definition.boot.kernel, *definition.packages)]
        apt("--yes", "install", *wanted)
        apt("--yes", "dist-upgrade")
        _initramfs(tree, work)
        _clean(tree)
        archive.pack(tree, out, work.epoch)
        shutil.rmtree(tree)

    def installed(self, root: Path) -> tuple[Package, ...]:
        """The packages that dpkg says are installed."""
        fields = (
            *("${db:Status-Status}", "${binary:Package}", "${Version}", "${Architecture}"),
            "${source:Package}",
        )
        with tempfile.TemporaryDirectory(prefix="b2ct-dpkg-") as copy:
            Path(copy, "status").write_bytes(Tree(root).read("var/lib/dpkg/status"))
            form = f"--showformat={'|'.join(fields)}\\n"
            done = run(["dpkg-query", f"--admindir={copy}", "--show", form])
        rows = [line.split("|") for line in done.stdout.splitlines()]
        found = [
            Package(name.partition(":")[0], version, arch, "" if source == name else source)
            for status, name, version, arch, source in rows
            if status == "installed"
        ]
        return tuple(sorted(found, key=lambda package: (package.name, package.architecture)))


def _described(definition: Definition, *, base: bool) -> list[Mapping[str, Any]]:
    """What of the repositories decides the content: not their addresses, which may be mirrors."""
    return [
        {
            "name": name,
            "suites": list(aptstate.suites(definition, repository)),
            "components": list(repository.components),
            "packages": list(repository.packages),
            "keys": [
                {"file": str(key.file or ""), "url": key.url, "fingerprint": key.fingerprint}
                for key in repository.keys
            ],
        }
        for name, repository in sorted(definition.repositories.items())
        if repository.base or not base
    ]


def _sources(definition: Definition, work: Workspace, *, base: bool) -> Iterator[str]:
    """sources.list(5), one line a suite, with the keys as files beside the tree."""
    for name, repository in sorted(definition.repositories.items()):
        if base and not repository.base:
            continue
        keyring = ",".join(map(str, _keyrings(name, repository, work)))
        url = work.urls.get(name, repository.url)
        parts = urlsplit(url)
        architecture = ARCHITECTURES[definition.system.architecture]
        options = [f"arch={architecture}", f"signed-by={keyring}"]
        if parts.hostname in _FROZEN_HOSTS:
            options.append("check-valid-until=no")
        if parts.scheme == "file":  # file: leaves the packages where dpkg in the tree cannot see
            url = f"copy:{parts.path}"
        for suite in aptstate.suites(definition, repository):
            components = "" if suite.endswith("/") else " ".join(repository.components)
            yield f"deb [{' '.join(options)}] {url} {suite} {components}".rstrip()


def _keyrings(name: str, repository: Repository, work: Workspace) -> Iterator[Path]:
    folder = work.folder / "keys"
    folder.mkdir(exist_ok=True)
    if not repository.keys:
        raise B2ctError(
            f"repository {name} names no key, so nobody vouches for its packages",
            hint="add `keys:` with the `file` of its keyring, or `url` and `fingerprint`",
        )
    for number, key in enumerate(repository.keys):
        found = keys.load(name, key, work.cache)
        path = folder / f"{name}-{number}{found.suffix}"
        path.write_bytes(found.data)
        yield path


def _preferences(definition: Definition, work: Workspace) -> str:
    """From a repository with `packages` nothing else is taken, as in the image later."""
    return "\n".join(
        repositories.preferences(
            repository.packages,
            aptstate.pins(name, definition, work.urls.get(name, repository.url), work.cache),
        )
        for name, repository in sorted(definition.repositories.items())
        if repository.packages
    )


def _extract(definition: Definition, tree: Path, work: Workspace, merged: Path) -> None:
    """Fetch and unpack the essential packages; nothing of them runs."""
    # --dpkgopt=path-exclude would send every archive through a filter: ten seconds more.
    (work.folder / "exclude").write_text(_excludes(definition))
    temporary = work.folder / "tmp"  # /tmp is this host's
    temporary.mkdir(exist_ok=True)
    links = f'TMPDIR={temporary} {merged}/setup00.sh "$1"'
    place = f'mkdir -p "$1"/etc/dpkg/dpkg.cfg.d; cp {work.folder}/exclude "$1"/{_EXCLUDES}'
    argv = [
        *("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory"),
        f"--architectures={ARCHITECTURES[definition.system.architecture]}",
        *(f"--aptopt={option}" for option in _OPTIONS),
        *("--skip=cleanup/apt", "--include=?essential", f"--setup-hook={place}"),
        *((f"--setup-hook={links}",) if merged.is_dir() else ()),
        str(definition.system.suite),
        str(tree),
        *_sources(definition, work, base=True),
    ]
    cell = Cell("aside", tree, network=True, writable=(work.folder,))
    env = {**work.environment, "TMPDIR": str(temporary)}
    _watch(cell.command(argv, env=env), doing="base layer", work=work, told=_mmdebstrap_says)


def _install_essential(tree: Path, work: Workspace) -> None:
    """Install what is unpacked, in an order in which no dependency can help yet."""
    archives = Tree(tree).glob("var/cache/apt/archives/*.deb")
    # The users and groups of all others come first.
    archives.sort(key=lambda name: ("/base-passwd_" not in name, name))
    words = ["dpkg", "--force-unsafe-io", "--force-depends", "--install", *archives]
    env = {**work.environment, **_QUIET}
    argv = Cell("inside", tree).command(words, env=env)
    _watch(argv, doing="base layer", work=work, told=lambda _line: None)


def _apt_config(definition: Definition, tree: Path, work: Workspace, *, base: bool) -> Path:
    """apt.conf(5) for an apt-get of the host that works on the tree; sources and pins beside it."""
    folder = work.folder / "apt"
    folder.mkdir(exist_ok=True)
    sources, preferences, config = (
        folder / name for name in ("sources.list", "preferences", "apt.conf")
    )
    sources.write_text("".join(f"{line}\n" for line in _sources(definition, work, base=base)))
    preferences.write_text(_preferences(definition, work))
    architecture = ARCHITECTURES[definition.system.architecture]
    lines = (
        *_OPTIONS,
        f'APT::Architecture "{architecture}"',
        f'APT::Architectures {{ "{architecture}"; }}',
        f'Dir "{tree}"',
        f'Dir::State::Status "{tree}/var/lib/dpkg/status"',
        f'Dir::Etc::SourceList "{sources}"',
        'Dir::Etc::SourceParts "/dev/null"',
        f'Dir::Etc::Preferences "{preferences}"',
        'Dir::Etc::Trusted "/dev/null"',
        'Dir::Etc::TrustedParts "/dev/null"',
        # What the image's packages put there is configuration for its own apt, not for this one.
        'Dir::Etc::Main "/dev/null"',
        'Dir::Etc::Parts "/dev/null"',
        'Dir::Etc::PreferencesParts "/dev/null"',
        f'Dir::Bin::dpkg "{_dpkg(tree, folder)}"',
        'DPkg::Install::Recursive::Minimum "1000000"',  # no folder of links that dpkg could not see
        'DPkg::Use-Pty "0"',
        'DPkg::Options { "--force-unsafe-io"; "--force-confdef"; "--force-confold"; }',
    )
    config.write_text("".join(f"{line};\n" for line in lines))
    return config


def _word(name: str) -> str:
    """A package as apt-get(8) takes it: a leading minus becomes a trailing one."""
    if name.startswith("@"):
        raise B2ctError(
            f"'{name}' is a group of packages, which only rpm knows",
            hint="name the packages themselves in `packages`",
        )
    return f"{name[1:]}-" if name.startswith("-") else name


def _dpkg(tree: Path, folder: Path) -> Path:
    """A program that runs the tree's dpkg in a cell, for apt-get to call."""
    words = Cell("inside", tree, descriptors="--status-fd").command(["dpkg"])
    path = folder / "dpkg"
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class _Apt:
    """apt-get of this host, which works on a tree."""

    tree: Path
    config: Path
    work: Workspace
    doing: str

    def __call__(self, *words: str) -> None:
        """Run it; raises what aptsaid.explain makes of a failure."""
        env = {
            **self.work.environment,
            "APT_CONFIG": str(self.config),
            "TMPDIR": str(self.config.parent),
            **_QUIET,
        }
        cell = Cell("aside", self.tree, network=True, writable=(self.work.folder,))
        argv = cell.command(["apt-get", *words], env=env)
        _watch(argv, doing=self.doing, work=self.work, told=_apt_says)


def _unchanged(tree: Path, definition: Definition, work: Workspace, *, base: bool) -> None:
    """The indices that apt has fetched are those that the layer's key was made from."""
    door = Tree(tree)
    lists = door.glob("var/lib/apt/lists/*Release")
    found = {sha256(door.read(name)).hexdigest() for name in lists}
    for label, wanted in work.identity.items():
        name = label.split(" ")[0]
        if wanted not in found and (definition.repositories[name].base or not base):
            raise aptsaid.MirrorError(
                f"the repository {name} was updated while the image was being made",
                hint="run the build again; finished layers are kept",
            )


def _initramfs(tree: Path, work: Workspace) -> None:
    """One initramfs for each kernel; initramfs-tools keeps to SOURCE_DATE_EPOCH."""
    door = Tree(tree)
    if not door.exists("usr/sbin/update-initramfs"):
        return
    for name, text in _INITRAMFS.items():
        door.write(name, text)
    for kernel in door.glob("boot/vmlinuz-*"):
        version = kernel.removeprefix("/boot/vmlinuz-")
        work.note(f"packages layer: making the initramfs of {version}")
        cell = Cell("inside", tree, chroots=True)  # ldconfig -r
        cell.run(["update-initramfs", "-c", "-k", version], env=work.environment)


def _excludes(definition: Definition) -> str:
    """dpkg.cfg(5): what is never unpacked, now and by later upgrades."""
    return "".join(f"path-exclude={path}\n" for path in definition.exclude)


def _remove_excluded(tree: Path, patterns: Sequence[str]) -> None:
    """Remove what mmdebstrap has unpacked without asking dpkg. As there, `*` matches a slash."""
    wanted = re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
    door = Tree(tree)
    for folder, names, others in os.walk(tree, topdown=False):  # it follows no link
        where = folder.removeprefix(str(tree))
        for name in (*others, *names):
            if wanted.match(f"{where}/{name}"):
                door.remove_if_empty(f"{where}/{name}")


def _clean(tree: Path) -> None:
    """Remove what a second build would have otherwise."""
    door = Tree(tree)
    for pattern in _LEFT:
        for name in door.glob(pattern):
            door.remove(name)
    if door.exists("etc/machine-id"):
        door.write("etc/machine-id", "", 0o644)  # machine-id(5): made anew at the first boot


_Told = Callable[[str], str | None]


def _watch(argv: Sequence[str], *, doing: str, work: Workspace, told: _Told) -> None:
    """Run a tool, pass on what is worth telling, and explain its failure."""
    said: deque[str] = deque(maxlen=80)
    try:
        with closing(stream(argv, timeout=_TIMEOUT, env=work.environment)) as lines:
            for line in lines:
                said.append(line)
                if text := told(line):
                    work.note(f"{doing}: {text}")
    except CommandError as err:
        raise aptsaid.explain(doing, list(_worth(said))) from err


def _worth(said: Iterable[str]) -> Iterator[str]:
    """The lines without progress and blank ones."""
    for line in said:
        if line.strip() and not re.match(r"(Get|Hit|Ign):\d+ |Reading |Building |I: ", line):
            yield line


def _mmdebstrap_says(line: str) -> str | None:
    """The milestones of mmdebstrap; None for the rest."""
    milestone = re.match(r"I: (running apt-get|downloading|extracting|installing) ", line)
    return line.removeprefix("I: ").rstrip(".") if milestone else None


def _apt_says(line: str) -> str | None:
    """The milestones of apt-get; None for the rest."""
    if line.startswith("Need to get "):
        return line.rstrip(".").replace("Need to get", "downloading")
    if line.startswith("Unpacking linux-image"):
        return "unpacking"
    if re.match(r"Setting up (linux-image-\d|cloud-init |cvmfs )", line):
        return line.rstrip(" .")
    return None
