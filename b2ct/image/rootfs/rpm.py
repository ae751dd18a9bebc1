"""EL and its rebuilds: `dnf --installroot` of the host, with a configuration of its own.

dnf runs outside of the tree and the packages' scripts inside, so that the first package needs
nothing in the tree. dnf(8), dnf.conf(5), rpm(8).

The kernel's own scripts (kernel-install) put it into /boot; the initramfs is made afterwards, once,
when what the definition excludes is gone. dracut's default on EL is an initramfs for the machine
that it runs on, which here would be the one that builds: a file in /etc/dracut.conf.d makes it fit
all, now and at later updates of the kernel.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from b2ct.core import files
from b2ct.core.errors import B2ctError
from b2ct.core.run import CommandError, run, stream
from b2ct.image.model import Definition, Repository
from b2ct.image.rootfs import archive, dnfconf, dnfsaid, keys, rpmrows, rpmstate
from b2ct.image.rootfs.aptsaid import MirrorError
from b2ct.image.rootfs.bootstrap import DRIVERS, State
from b2ct.image.rootfs.cell import Cell
from b2ct.image.rootfs.workspace import Workspace
from b2ct.image.tree import Tree
from b2ct.papers.about import Package

_TIMEOUT = 3 * 3600.0
_FORMAT = 2
"""Part of the layers' keys: to be raised when the same inputs give other layers."""
DRACUT = "etc/dracut.conf.d/90-b2ct.conf"
_DRACUT_CONF = (
    "# From b2ct: an image does not know the machine that it will run on.\n"
    'hostonly="no"\nhostonly_cmdline="no"\nreproducible="yes"\n'
    f'add_drivers+=" {" ".join(DRIVERS)} "\n'
)
# kernel-install(8) would make the initramfs before drivers are left out, and a rescue one besides.
_MASKED = (
    "etc/kernel/install.d/50-dracut.install",
    "etc/kernel/install.d/51-dracut-rescue.install",
)
_CACHE = "var/cache/dnf"
_DATABASE = "rpmdb.sqlite"
_HEADERS = "tmp/b2ct-headers"
_BUILD_ID = "b2c70000" * 4
"""machine-id(5) while packages are installed: names of boot entries come from it."""
# What installing leaves behind: times, random numbers, downloads, locks, the host's names.
_LEFT = (
    *(f"{_CACHE}/*", "var/log/dnf*", "var/log/hawkey.log", "var/log/*.log", "var/lib/dnf/*"),
    *("var/cache/ldconfig/aux-cache", "etc/ssh/ssh_host_*", "var/lib/systemd/random-seed"),
    *("var/lib/rpm/.rpm.lock", "var/lib/rpm/__db.*", "usr/lib/sysimage/rpm/.rpm.lock"),
    *("run/*", "tmp/*", "var/tmp/*", "var/lib/systemd/catalog/database", "etc/resolv.conf.rpm*"),
)


class Rpm:
    """The bootstrap of EL and its rebuilds."""

    def state(self, definition: Definition, cache: Path, *, offline: bool) -> State:
        """What the mirrors have now; see rpmstate.ask."""
        return rpmstate.ask(definition, cache, offline=offline)

    def base_inputs(self, definition: Definition) -> Mapping[str, Any]:
        """Release, base packages, what is left out, and the tools' versions."""
        return {
            "format": _FORMAT,
            "tools": [run([tool, "--version"]).stdout.splitlines()[0] for tool in ("dnf", "rpm")],
            "release": definition.system.release,
            "architecture": definition.system.architecture,
            "packages": list(rpmrows.base_packages(definition.system)),
            "exclude": list(definition.exclude),
            "repositories": _described(definition, base=True),
        }

    def packages_inputs(self, definition: Definition) -> Mapping[str, Any]:
        """Packages, kernel, and the repositories that they come from."""
        return {
            "packages": sorted(definition.packages),
            "kernel": definition.boot.kernel,
            "dracut": _DRACUT_CONF,
            "repositories": _described(definition, base=False),
        }

    def base(self, definition: Definition, out: Path, work: Workspace) -> None:
        """The base system: folders, users, shell, package manager, the distribution's files."""
        tree = work.folder / "base"
        tree.mkdir(mode=0o755)
        for name in ("proc", "sys"):
            Tree(tree).make_folder(name, 0o555)
        words = ["install", *rpmrows.base_packages(definition.system)]
        _dnf(definition, tree, work, words, doing="base layer", base=True)
        _leave_out(tree, definition.exclude)
        self._finish(tree, out, work)

    def packages(self, definition: Definition, base: Path, out: Path, work: Workspace) -> None:
        """Everything else, with the kernel and its initramfs."""
        tree = work.folder / "packages"
        archive.unpack(base, tree)
        door = Tree(tree)
        door.write(DRACUT, _DRACUT_CONF)
        for mask in _MASKED:
            door.link(mask, "/dev/null")
        words = ["install", definition.boot.kernel, *definition.packages]
        _dnf(definition, tree, work, words, doing="packages layer", base=False)
        for mask in _MASKED:
            door.remove(mask)
        _leave_out(tree, definition.exclude)
        _kernels(tree, definition, work)
        _own_database(tree, definition, work)
        self._finish(tree, out, work)

    def installed(self, root: Path) -> tuple[Package, ...]:
        """The packages of a tree, by the host's rpm or, where it cannot read them, the tree's."""
        fields = (
            *("%{NAME}", "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}", "%{ARCH}", "%{SOURCERPM}"),
            "%{LICENSE}",
        )
        words = ["-qa", "--qf", "\t".join(fields) + "\n"]
        door = Tree(root)
        for folder in rpmrows.DATABASES:
            if door.is_file(f"{folder}/{_DATABASE}"):
                # Reading leaves files of its own beside a database: let them be beside a copy.
                with _copied(door, folder) as copy:
                    told = run(["rpm", "--dbpath", copy, *words]).stdout
                break
        else:
            told = Cell("inside", root).run(["rpm", *words]).stdout
        rows = [line.split("\t") for line in told.splitlines()]
        found = [_installed(*row) for row in rows if len(row) == 5 and row[0] != "gpg-pubkey"]
        return tuple(sorted(found, key=lambda one: (one.name, one.version, one.architecture)))

    @staticmethod
    def _finish(tree: Path, out: Path, work: Workspace) -> None:
        _clean(tree)
        archive.pack(tree, out, work.epoch)
        shutil.rmtree(tree)


def _installed(
    name: str, version: str, architecture: str, source_file: str, license_: str
) -> Package:
    """A row of `rpm -qa`; the source is written as bash-5.1.8-6.el9.src.rpm."""
    source = source_file.rsplit("-", 2)[0] if source_file.count("-") >= 2 else ""
    return Package(name, version, architecture, "" if source == name else source, license_)


def _described(definition: Definition, *, base: bool) -> list[Mapping[str, Any]]:
    """What of the repositories decides the content: not their addresses, which may be mirrors."""
    return [
        {
            "name": name,
            "packages": list(repository.packages),
            "keys": [
                {"file": str(key.file or ""), "url": key.url, "fingerprint": key.fingerprint}
                for key in repository.keys
            ],
        }
        for name, repository in sorted(definition.repositories.items())
        if repository.base or not base
    ]


def _dnf(
    definition: Definition,
    tree: Path,
    work: Workspace,
    words: Sequence[str],
    *,
    doing: str,
    base: bool,
) -> None:
    """Run dnf on the tree: first it fetches, then, without a network, it installs."""
    if not any(one.base for one in definition.repositories.values()):
        raise B2ctError(
            "no repository of the definition has `base: true`",
            hint="say which one the distribution's base system comes from",
        )
    row = rpmrows.row_of(definition.system)
    folder = _configure(definition, work, base=base)
    downloads = work.folder / "dnf" / "cache"
    downloads.mkdir(exist_ok=True)
    door = Tree(tree)
    door.make_folder(_CACHE)
    door.write("etc/machine-id", f"{_BUILD_ID}\n")
    door.make_folder(row.folder)
    argv = [
        *("dnf", "--config", str(folder / "dnf.conf"), "--installroot", str(tree)),
        *("--releasever", rpmrows.major(definition.system), "--noplugins"),
        f"--setopt=reposdir={folder / 'repos'}",
        f"--setopt=varsdir={folder / 'vars'}",
        *(f"--exclude={word[1:]}" for word in words if word.startswith("-")),
        *(word for word in words if not word.startswith("-")),
    ]
    (work.folder / "cell").mkdir(exist_ok=True)
    cell = Cell(
        "beside",
        tree,
        chroots=True,  # rpm(8) runs the packages' scripts so
        root=work.folder / "cell",
        writable=(work.folder,),
        visible=tuple(_folders(definition, work)),
        # dnf keeps what it downloads in the tree; it is wanted beside it.
        binds={_CACHE: downloads},
    )
    for more, network in (("--downloadonly", True), ("--cacheonly", False)):
        command = replace(cell, network=network).command(
            [*argv, more], env={**work.environment, "HOME": str(folder)}
        )
        _watch(command, doing=doing, work=work)
    _unchanged(downloads, work)


def _folders(definition: Definition, work: Workspace) -> Iterator[Path]:
    """The repositories that are folders of this host."""
    for name, repository in definition.repositories.items():
        for url in (work.urls.get(name, ""), repository.url, *repository.mirrors):
            parts = urlsplit(rpmstate.expanded(url, definition.system))
            if parts.scheme == "file":
                yield Path(unquote(parts.path))


def _unchanged(downloads: Path, work: Workspace) -> None:
    """The indices that dnf has fetched are those that the layer's key was made from."""
    for name, wanted in work.identity.items():
        for index in downloads.glob(f"{name}-*/repodata/repomd.xml"):
            # The hash in dnf's folder names has 16 digits: `base-*` is not `base-more-*`.
            if len(index.parts[-3]) == len(name) + 17 and files.sha256(index) != wanted:
                raise MirrorError(
                    f"the repository {name} was updated while the image was being made",
                    hint="run the build again; finished layers are kept",
                )


def _configure(definition: Definition, work: Workspace, *, base: bool) -> Path:
    """Write dnf's configuration, which nothing of the host takes part in."""
    row = rpmrows.row_of(definition.system)
    folder = work.folder / "dnf"
    for name in ("repos", "vars", "keys"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rings = {
        name: list(_keyrings(name, repository, folder / "keys", work))
        for name, repository in definition.repositories.items()
        if repository.base or not base
    }
    (folder / "dnf.conf").write_text(dnfconf.main(row))
    (folder / ".rpmmacros").write_text(dnfconf.macros(row))
    text = dnfconf.repositories(definition, work.urls, rings, base=base)
    (folder / "repos" / "b2ct.repo").write_text(text)
    return folder


def _keyrings(name: str, repository: Repository, folder: Path, work: Workspace) -> Iterator[Path]:
    """The keys of a repository as files, each with the pinned key only."""
    if not repository.keys:
        raise B2ctError(
            f"repository {name} names no key, so nobody vouches for its packages",
            hint="add `keys:` with the `file` of its key, or `url` and `fingerprint`",
        )
    for number, key in enumerate(repository.keys):
        found = keys.load(name, key, work.cache)
        home = folder / f"{name}-{number}.gnupg"
        home.mkdir(mode=0o700, exist_ok=True)
        gpg: list[str | Path] = [
            "gpg",
            "--homedir",
            home,
            "--no-options",
            "--batch",
            "--no-tty",
            "--no-autostart",
        ]
        run([*gpg, "--import"], stdin=found.data, check=False)
        wanted = [key.fingerprint] if key.fingerprint else []
        path = folder / f"{name}-{number}.asc"
        path.write_text(run([*gpg, "--armor", "--export", *wanted]).stdout)
        yield path


def _kernels(tree: Path, definition: Definition, work: Workspace) -> None:
    """Every kernel gets its files in /boot: once, when what is left out is gone."""
    door = Tree(tree)
    for version in door.names("lib/modules"):
        kernel, shipped = f"boot/vmlinuz-{version}", f"lib/modules/{version}/vmlinuz"
        if not door.exists(kernel) and door.is_file(shipped):
            door.write(kernel, door.read(shipped), 0o755)
        if not door.exists(kernel):
            continue
        work.note(f"packages layer: making the initramfs of {version}")
        image = f"/boot/initramfs-{version}.img"
        words = [*rpmrows.row_of(definition.system).dracut, "--add-drivers", " ".join(DRIVERS)]
        cell = Cell("inside", tree, chroots=True)  # dracut calls ldconfig -r
        cell.run(["depmod", "-a", version], env=work.environment)
        cell.run(
            ["dracut", "--force", *words, image, version],
            env=work.environment,
            hint="is the package dracut in the image? EL's kernel needs it",
        )


def _own_database(tree: Path, definition: Definition, work: Workspace) -> None:
    """Give the image's rpm a database that it can read, where the host's rpm writes another."""
    row = rpmrows.row_of(definition.system)
    if row.database == "sqlite":
        return
    release = f"EL{rpmrows.major(definition.system)}"
    if not row.convertible:
        work.note(f"note: rpm of {release} cannot read the package database of this image: in the "
                  "image rpm and yum know no package")  # fmt: skip
        return
    door = Tree(tree)
    with _copied(door, row.folder) as copy:
        # A header list is not text: it goes from program to file.
        export = 'rpmdb --dbpath "$1" --exportdb >"$1/headers"'
        run(["sh", "-c", export, "sh", copy])
        door.write(_HEADERS, Path(copy, "headers").read_bytes())
    kept = str(Path(row.folder).with_name("b2ct-kept"))
    door.rename(row.folder, kept)
    door.make_folder(row.folder)
    script = f"rpmdb --initdb && rpmdb --importdb </{_HEADERS} && rpm -q rpm"
    done = Cell("inside", tree).run(["sh", "-c", script], env=work.environment, check=False)
    if done.code == 0:
        door.remove(kept)
    else:
        door.remove(row.folder)
        door.rename(kept, row.folder)
        work.note(f"note: rpm of {release} did not take over the package database: "
                  f"{done.stderr.strip() or done.stdout.strip()}")  # fmt: skip
    door.remove(_HEADERS)


def _leave_out(tree: Path, patterns: Sequence[str]) -> None:
    """Remove what the definition excludes. rpm cannot leave out by pattern while it installs.

    As in dpkg(1), a `*` stands for slashes, too, so a folder that matches goes with all in it.
    """
    _remove(Tree(tree), patterns)


def _clean(tree: Path) -> None:
    """Remove what a second build would have otherwise."""
    door = Tree(tree)
    for folder in rpmrows.DATABASES:
        if door.is_file(f"{folder}/{_DATABASE}"):
            _settle(door, folder)
    _remove(door, _LEFT)
    door.write("etc/machine-id", "")  # machine-id(5): made anew at the first boot


def _settle(door: Tree, folder: str) -> None:
    """Bring all into the database's one file; SQLite removes the others when it closes."""
    with _copied(door, folder) as copy:
        database = Path(copy, _DATABASE)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        door.write(f"{folder}/{_DATABASE}", database.read_bytes())
    _remove(door, (f"{folder}/{_DATABASE}-*",))


@contextmanager
def _copied(door: Tree, folder: str) -> Iterator[str]:
    """A folder with a copy of the package database's files, for programs of this host."""
    with tempfile.TemporaryDirectory(prefix="b2ct-rpm-") as copy:
        for name in door.names(folder):
            if door.is_file(f"{folder}/{name}"):
                Path(copy, name).write_bytes(door.read(f"{folder}/{name}"))
        yield copy


def _remove(door: Tree, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        for name in door.glob(pattern):
            door.remove(name)


def _watch(argv: Sequence[str], *, doing: str, work: Workspace) -> None:
    """Run dnf, pass on what is worth telling, and explain its failure."""
    said: deque[str] = deque(maxlen=80)
    scripts = None
    try:
        with closing(stream(argv, timeout=_TIMEOUT, env=work.environment)) as lines:
            for line in lines:
                if line.strip():
                    said.append(line)
                if text := _says(line):
                    work.note(f"{doing}: {text}")
                # dnf ends with 0 even when a script of a package has failed.
                if re.search(r"(?:error|Error|warning).{0,300}scriptlet failed", line):
                    scripts = line
    except CommandError as err:
        raise dnfsaid.explain(doing, list(said)) from err
    if scripts:
        work.note(f"{doing}: {scripts.strip()}")


def _says(line: str) -> str | None:
    """The milestones of dnf; None for the rest."""
    text = line.strip()
    if re.match(r"(Install +[0-9]+ Packages?|Total download size: |Total size: )", text):
        return re.sub(" +", " ", text)
    if re.match(r"Running scriptlet: kernel-core", text):
        return "installing the kernel and making its initramfs"
    return None
