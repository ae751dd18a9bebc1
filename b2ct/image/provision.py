"""What a definition puts into a root file system, as files and scripts that both engines apply.

`plan` computes it; `bundle` writes it out beside a `provision.sh`, which applies it in a chroot of
the default engine and in a machine that Packer has started: the same bytes in both.
"""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from b2ct.core import files
from b2ct.core.data import data_folder
from b2ct.core.errors import B2ctError
from b2ct.image import repositories
from b2ct.image.model import MIB, Definition, File, User
from b2ct.image.repositories import Keys, RootFile

__all__ = ["Configuration", "Packages", "RootFile", "Script", "bundle", "packages", "plan"]


@dataclass(frozen=True)
class Script:
    """A script that runs as root inside the image; its first line names the interpreter."""

    name: str
    text: bytes


@dataclass(frozen=True)
class Configuration:
    """What is applied to a root file system, in the order of the fields."""

    before: tuple[Script, ...]
    """Run before the files are put in place: users, who may own files."""
    files: tuple[RootFile, ...]
    scripts: tuple[Script, ...]
    sysprep: tuple[Script, ...]
    """Remove the traces of the build."""
    environment: Mapping[str, str]
    """Of every script."""


@dataclass(frozen=True)
class Packages:
    """What an engine needs that starts from an installed system instead of from nothing."""

    script: Script
    """Adds the repositories and installs the packages."""
    files: tuple[RootFile, ...]
    passing: tuple[str, ...]
    """Paths of those files that are removed when the packages are there."""
    names: tuple[str, ...]


def plan(definition: Definition) -> Configuration:
    """What the definition puts into the image. Raises B2ctError for a file that cannot be read."""
    folder = data_folder("images") / "scripts"
    return Configuration(
        before=(_calls("users", folder, [_user(*item) for item in definition.users.items()]),),
        files=tuple(sorted(_files(definition), key=lambda file: file.path)),
        scripts=(
            *(Script(path.name, _read(path, "the script")) for path in definition.scripts),
            _calls("services", folder, map(_service, *_pairs(definition.services))),
            Script("accounts", _read(folder / "accounts.sh", "the script")),
        ),
        sysprep=tuple(
            Script(name, _read(folder / "sysprep" / f"{name}.sh", "the script"))
            for name in definition.sysprep
        ),
        environment={
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
            "B2CT_DISTRIBUTION": definition.system.distribution,
            "B2CT_RELEASE": definition.system.release,
        },
    )


# How apt-get(8) and dnf(8) take a package that is to be left out (`-NAME`).
_WITHOUT: Mapping[str, Callable[[str], str]] = {
    "apt": lambda name: f"{name[1:]}-" if name.startswith("-") else name,
    "rpm": lambda name: f"--exclude={name[1:]}" if name.startswith("-") else name,
}


def packages(definition: Definition, keys: Keys) -> Packages:
    """The repositories and packages of the definition, for a system that is installed already."""
    packaging = definition.system.packaging
    path = data_folder("images") / "scripts" / "packages" / f"{packaging}.sh"
    passing = repositories.passing(definition, keys)
    exclude = [f"path-exclude={path}" for path in definition.exclude]
    no_docs = RootFile("/etc/dpkg/dpkg.cfg.d/b2ct-exclude", _lines(exclude))
    return Packages(
        script=Script("packages.sh", _read(path, "the script")),
        files=(
            *repositories.configuration(definition, keys),
            *([no_docs] if exclude and packaging == "apt" else []),
        ),
        passing=tuple(file.path for file in passing),
        names=tuple(map(_WITHOUT[packaging], (*definition.packages, definition.boot.kernel))),
    )


def bundle(configuration: Configuration, target: Path, *, packages: Packages | None = None) -> None:
    """Write the configuration with its `provision.sh` into a new folder, or a tar named *.tar.

    The same configuration gives the same bytes. Raises B2ctError when the target folder exists or
    cannot be written.
    """
    contents = entries(configuration, packages)
    if target.suffix == ".tar":
        files.write(target, _tar(contents))
        return
    try:
        target.mkdir(parents=True)
        for name, data in contents.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as err:
        raise files.explain(err, f"write {target}") from err


def entries(configuration: Configuration, packages: Packages | None = None) -> dict[str, bytes]:
    """What a bundle holds: relative path and content."""
    return dict(_entries(configuration, packages))


def _entries(
    configuration: Configuration, packages: Packages | None
) -> Iterable[tuple[str, bytes]]:
    """The bundle's files: relative path and content."""
    folder = data_folder("images") / "scripts"
    for name in ("provision.sh", "put-files.sh"):
        yield name, _read(folder / name, "the script")
    yield "environment", _lines(f"{k}={v}" for k, v in configuration.environment.items())
    for phase, scripts in (
        ("before", configuration.before),
        ("scripts", configuration.scripts),
        ("sysprep", configuration.sysprep),
    ):
        for number, script in enumerate(scripts, 1):
            yield f"{phase}/{number:02}-{script.name}", script.text
    yield from _put("files", configuration.files)
    if packages is not None:
        yield packages.script.name, packages.script.text
        yield "packages.names", _lines(packages.names)
        yield "packages.passing", _lines(packages.passing)
        yield from _put("packages", packages.files)


def _put(name: str, root_files: Sequence[RootFile]) -> Iterable[tuple[str, bytes]]:
    """What put-files.sh reads: a list, and the contents by number."""
    yield (
        f"{name}.list",
        _lines(
            f"{file.mode:04o} {file.owner} {file.group} {number:04} {file.path}"
            for number, file in enumerate(root_files, 1)
        ),
    )
    for number, file in enumerate(root_files, 1):
        yield f"{name}/{number:04}", file.data


def _tar(entries: Mapping[str, bytes]) -> bytes:
    """A tar without times and owners: the same entries give the same bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(entries.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _files(definition: Definition) -> Iterable[RootFile]:
    """Those of the definition, those that follow from its other parts, and none twice."""
    derived = [*_sudoers(definition.users), *_cvmfs(definition)]
    yield from (file for file in derived if file.path not in definition.files)
    for path, file in definition.files.items():
        yield RootFile(path, _content(file), file.mode, file.owner, file.group)


def _content(file: File) -> bytes:
    if file.source is not None:
        return _read(file.source, "the file")
    return (file.text or "").encode()


def _sudoers(users: Mapping[str, User]) -> Iterable[RootFile]:
    for name, user in users.items():
        if user.sudo:
            rule = f"{name} ALL=(ALL:ALL) NOPASSWD: ALL"
            yield RootFile(f"/etc/sudoers.d/b2ct-{name}", _lines([rule]), 0o440)


def _cvmfs(definition: Definition) -> Iterable[RootFile]:
    """What the image mounts until a context says otherwise: proxies are found by WPAD, or not."""
    if definition.cvmfs.repositories:
        text = [
            "# Without a context: the site's WPAD server names the proxy, or there is none.",
            f"CVMFS_REPOSITORIES='{','.join(definition.cvmfs.repositories)}'",
            "CVMFS_HTTP_PROXY='auto;DIRECT'",
            "CVMFS_PAC_URLS='http://grid-wpad/wpad.dat;http://wpad/wpad.dat'",
            f"CVMFS_QUOTA_LIMIT={definition.cvmfs.quota // MIB}",
        ]
        yield RootFile("/etc/cvmfs/default.local", _lines(text))


def _user(name: str, user: User) -> str:
    words = [name, str(user.uid or ""), "yes" if user.system else "no", user.shell, *user.groups]
    return shlex.join(["user", *words])


def _service(unit: str, state: str) -> str:
    return shlex.join(["service", unit, state])


def _pairs(mapping: Mapping[str, str]) -> tuple[Sequence[str], Sequence[str]]:
    return tuple(mapping), tuple(mapping.values())


def _calls(name: str, folder: Path, calls: Iterable[str]) -> Script:
    """A script of `folder` with calls of its functions at its end."""
    return Script(name, _read(folder / f"{name}.sh", "the script") + b"\n" + _lines(calls))


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise B2ctError(
            f"cannot read {what} {path}: {(err.strerror or '').lower()}",
            hint="correct its path in the definition; `b2ct image check` says where it stands",
        ) from err
